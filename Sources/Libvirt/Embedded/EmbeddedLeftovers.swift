// What a process leaves in an embedded root when it is killed while libvirt's driver in it is at work: QEMU processes that
// the driver asks what they can do, guests of which it has written down that they start, but not yet which process they are,
// and notes about work on a disk that QEMU has finished. The driver never looks at either again (measured with libvirt 9.0), so they are cleared away
// before it is opened, while nobody has the root.

import Synchronization
import SystemCalls

/// The leftovers of an embedded root.
package struct EmbeddedLeftovers: Sendable {
  /// The root's folder.
  let root: String

  /// Names the root by the path of its folder; nothing is read before ``clear()``.
  package init(root: String) { self.root = root }

  /// Roots that this process has opened: their lock would be lost by looking at it again (fcntl(2), F_SETLK).
  private static let opened = Mutex<Set<String>>([])

  /// Clears away what killed processes have left, unless some process has the root open.
  package func clear() {
    guard Self.opened.withLock({ $0.insert(root).inserted }) else { return }
    let (probes, starts) = (probeFolders(), unfinishedStarts())
    let isClear = probes.isEmpty && starts.isEmpty && statuses().isEmpty && halfWritten().isEmpty
    guard !isClear else { return }
    // The lock that the driver takes, held meanwhile.
    let path = "\(root)/run/qemu/\(EmbeddedRoot.pidFileName)"
    guard let lock = try? OpenFile(path, .readWrite, .create, mode: 0o644), lock.descriptor.lockForProcess() else {
      return
    }
    endProbes()
    for name in unfinishedStarts() { endStart(of: name) }
    for status in statuses() { correct(status) }
    for file in halfWritten() { Self.remove(file) }
    withExtendedLifetime(lock) {}
  }

  /// The files in which the driver writes a definition before it has its name.
  private func halfWritten() -> [String] {
    let folder = "\(root)/etc/qemu"
    return FileNames.names(in: folder).filter { $0.hasSuffix(".xml.new") }.map { "\(folder)/\($0)" }
  }

  // MARK: Work on the disks of running guests

  /// The status files that note work on a disk.
  private func statuses() -> [(file: String, status: EmbeddedStatus)] {
    FileNames.names(in: runFolder).filter { $0.hasSuffix(".xml") }.compactMap { name in
      let file = "\(runFolder)/\(name)"
      guard let text = Self.beginning(of: file, limit: EmbeddedStatus.longest), let status = EmbeddedStatus(text)
      else { return nil }
      return (file, status)
    }
  }

  private func correct(_ noted: (file: String, status: EmbeddedStatus)) {
    var status = noted.status
    let jobs = status.monitor.flatMap { EmbeddedMonitor(socket: $0)?.jobs() }
    status.correct(by: jobs)
    if status.text != noted.status.text { status.replace(noted.file) }
  }

  // MARK: QEMU that is asked what it can do

  /// Ends the QEMU processes of this root that libvirt started only to probe them, and removes their folders.
  ///
  /// They are reported by the socket on their command line, which lies in the root's own folder.
  package func endProbes() {
    let folders = probeFolders()
    guard !folders.isEmpty else { return }
    for process in Self.processes() where isProbe(process.arguments) { Self.end(process.id) }
    for folder in folders {
      for name in ["qmp.monitor", "qmp.pid"] { Self.remove("\(folder)/\(name)") }
      try? FileNames.removeFolder(folder)
    }
  }

  private var libFolder: String { "\(root)/lib/qemu" }

  private func probeFolders() -> [String] {
    FileNames.names(in: libFolder).filter { $0.hasPrefix("qmp-") }.map { "\(libFolder)/\($0)" }
  }

  private func isProbe(_ arguments: [String]) -> Bool {
    guard let machine = Self.value(of: "-machine", in: arguments), machine.split(separator: ",").first == "none",
      let monitor = Self.value(of: "-qmp", in: arguments), monitor.hasPrefix("unix:"),
      let path = monitor.dropFirst(5).split(separator: ",").first, path.hasSuffix("/qmp.monitor")
    else { return false }
    let folder = path.dropLast("/qmp.monitor".count)
    guard let slash = folder.lastIndex(of: "/"), folder[folder.index(after: slash)...].hasPrefix("qmp-") else {
      return false
    }
    return FileStatus.areOne(String(folder[..<slash]), libFolder)
  }

  // MARK: Guests of which nobody knows the process

  private var runFolder: String { "\(root)/run/qemu" }

  /// The names of guests whose status says that they start, and no process: the driver takes such a guest for one that runs,
  /// and can neither reach it nor end it.
  package func unfinishedStarts() -> [String] {
    FileNames.names(in: runFolder).compactMap { file in
      guard file.hasSuffix(".xml"), let text = Self.beginning(of: "\(runFolder)/\(file)"),
        let element = Self.rootElement(in: text)
      else { return nil }
      guard element.contains(" state='paused'"), element.contains(" reason='starting up'"), element.contains(" pid='0'")
      else { return nil }
      return String(file.dropLast(4))
    }
  }

  private static func rootElement(in text: String) -> Substring? {
    for part in text.split(separator: "<") where part.hasPrefix("domstatus ") {
      return part.prefix { $0 != ">" }
    }
    return nil
  }

  /// Ends the QEMU process of a guest that was being started, if there is one, and what says that the guest runs. Its
  /// processors have never run: the driver writes the process down long before it lets them.
  private func endStart(of name: String) {
    for process in Self.processes() where isGuest(process.arguments, name) { Self.end(process.id) }
    for file in ["\(name).xml", "\(name).xml.new", "\(name).pid"] { Self.remove("\(runFolder)/\(file)") }
  }

  private func isGuest(_ arguments: [String], _ name: String) -> Bool {
    // `-name guest=NAME,debug-threads=on`, in which a comma is doubled, and a folder of the root.
    let written = name.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    guard let value = Self.value(of: "-name", in: arguments),
      value == "guest=\(written)" || value.hasPrefix("guest=\(written),"), arguments.contains("-S")
    else { return false }
    return arguments.contains { $0.contains("\(libFolder)/domain-") }
  }

  // MARK: Processes and files

  /// Ends a process, and waits until it is gone.
  private static func end(_ process: Int32) { OtherProcess.end(process, milliseconds: 5000) }

  private static func remove(_ path: String) { _ = try? FileNames.remove(path) }

  private static func processes() -> [(id: Int32, arguments: [String])] {
    FileNames.names(in: "/proc").compactMap { name in
      guard let id = Int32(name), id != ThisProcess.id,
        let text = beginning(of: "/proc/\(name)/cmdline", limit: 1 << 17)
      else { return nil }
      let arguments = text.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
      guard arguments.first?.contains("qemu") == true else { return nil }
      return (id, arguments)
    }
  }

  private static func value(of option: String, in arguments: [String]) -> String? {
    guard let place = arguments.firstIndex(of: option), place + 1 < arguments.count else { return nil }
    return arguments[place + 1]
  }

  private static func beginning(of path: String, limit: Int = 8 << 10) -> String? {
    SmallFile.text(path, limit: limit, [.noFollow, .nonBlocking])
  }
}
