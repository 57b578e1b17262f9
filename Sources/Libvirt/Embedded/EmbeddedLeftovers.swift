// What a process leaves in an embedded root when it is killed while libvirt's driver in it is at work: QEMU processes that
// the driver asks what they can do, guests of which it has written down that they start, but not yet which process they are,
// and notes about work on a disk that QEMU has finished. The driver never looks at either again (measured with libvirt 9.0), so they are cleared away
// before it is opened, while nobody has the root.

import Glibc
import Synchronization

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
    let descriptor = open("\(root)/run/qemu/\(EmbeddedRoot.pidFileName)", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var lock = flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    lock.l_len = 1
    guard fcntl(descriptor, F_SETLK, &lock) == 0 else { return }
    endProbes()
    for name in unfinishedStarts() { endStart(of: name) }
    for status in statuses() { correct(status) }
    for file in halfWritten() { unlink(file) }
  }

  /// The files in which the driver writes a definition before it has its name.
  private func halfWritten() -> [String] {
    let folder = "\(root)/etc/qemu"
    return Self.names(in: folder).filter { $0.hasSuffix(".xml.new") }.map { "\(folder)/\($0)" }
  }

  // MARK: Work on the disks of running guests

  /// The status files that note work on a disk.
  private func statuses() -> [(file: String, status: EmbeddedStatus)] {
    Self.names(in: runFolder).filter { $0.hasSuffix(".xml") }.compactMap { name in
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
    for process in Self.processes() where isProbe(process.arguments) { end(process.id) }
    for folder in folders {
      for name in ["qmp.monitor", "qmp.pid"] { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
  }

  private var libFolder: String { "\(root)/lib/qemu" }

  private func probeFolders() -> [String] {
    Self.names(in: libFolder).filter { $0.hasPrefix("qmp-") }.map { "\(libFolder)/\($0)" }
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
    return Self.isOne(String(folder[..<slash]), libFolder)
  }

  // MARK: Guests of which nobody knows the process

  private var runFolder: String { "\(root)/run/qemu" }

  /// The names of guests whose status says that they start, and no process: the driver takes such a guest for one that runs,
  /// and can neither reach it nor end it.
  package func unfinishedStarts() -> [String] {
    Self.names(in: runFolder).compactMap { file in
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
    for process in Self.processes() where isGuest(process.arguments, name) { end(process.id) }
    for file in ["\(name).xml", "\(name).xml.new", "\(name).pid"] { unlink("\(runFolder)/\(file)") }
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
  private func end(_ process: pid_t) {
    guard kill(process, SIGKILL) == 0 else { return }
    for _ in 0..<500 where kill(process, 0) == 0 { usleep(10_000) }
  }

  private static func processes() -> [(id: pid_t, arguments: [String])] {
    names(in: "/proc").compactMap { name in
      guard let id = pid_t(name), id != getpid(), let text = beginning(of: "/proc/\(name)/cmdline", limit: 1 << 17)
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

  private static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
    return names
  }

  private static func beginning(of path: String, limit: Int = 8 << 10) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    // What /proc shows has no length.
    let limit = status.st_size > 0 ? min(limit, Int(status.st_size)) : limit
    var bytes = [UInt8](repeating: 0, count: limit)
    var done = 0
    while done < limit {
      let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + done, limit - done) }
      guard count > 0 else { break }
      done += count
    }
    return String(decoding: bytes[..<done], as: UTF8.self)
  }

  private static func isOne(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_ino == second.st_ino
      && first.st_dev == second.st_dev
  }
}
