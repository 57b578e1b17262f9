// A host of a test's own: an embedded libvirt below a temporary folder, a folder for images, and vireo and virsh on both.

import Foundation
import TestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Whether this machine can run what the suites here need.
enum Machine {
  static let runsGuests = ["/usr/bin/qemu-system-x86_64", "/usr/bin/virsh", "/usr/bin/qemu-img"]
    .allSatisfy(FileManager.default.isExecutableFile(atPath:))
  /// Whether there is UEFI firmware for guests.
  static let hasUEFI = FileManager.default.fileExists(atPath: "/usr/share/OVMF/OVMF_CODE_4M.fd")
  static let needsGuests: Comment = "needs qemu-system-x86, libvirt-clients and qemu-utils"
}

/// A host of one test. Each call of vireo and virsh is a process of its own, so the root is never open twice.
struct ScratchHost {
  let folder: TemporaryFolder
  /// What the host is, where it is not an embedded one.
  var daemon: SystemDaemon?

  var root: String { folder.path("host") }
  var uri: String { daemon == nil ? "qemu:///embed?root=\(root)" : "qemu:///system" }
  /// The folder that specs use as their pool.
  var pool: String { folder.path("pool") }

  /// Makes a host for `body`; whatever it started is stopped, and whatever it made is removed.
  static func with<R>(_ body: (ScratchHost) throws -> R) throws -> R {
    try TemporaryFolder.with { folder in
      let host = ScratchHost(folder: folder)
      defer { host.stopGuests() }
      // Looking at QEMU costs seconds, once a root. The result is a file that another root can have.
      try FileManager.default.createDirectory(atPath: host.root, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: try knownQEMU.get(), toPath: host.root + "/cache")
      return try body(host)
    }
  }

  /// Makes a host for `body` that has a daemon of its own.
  static func withDaemon<R>(_ body: (ScratchHost) throws -> R) throws -> R {
    try TemporaryFolder.with { folder in
      // QEMU's user has to get to the images.
      try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: folder.root)
      return try body(ScratchHost(folder: folder, daemon: SystemDaemon()))
    }
  }

  /// A copy of what libvirt finds out about QEMU, for all hosts of this run.
  static let knownQEMU: Result<String, any Error> = Result {
    let folder = try TemporaryFolder()
    let host = ScratchHost(folder: folder)
    atexit {
      guard let cache = try? ScratchHost.knownQEMU.get() else { return }
      try? FileManager.default.removeItem(at: URL(fileURLWithPath: cache).deletingLastPathComponent())
    }
    try host.apply("stack: warm\ndomains: { guest: { type: qemu, memory: 16 MiB } }\n")
    try FileManager.default.moveItem(atPath: host.root + "/cache", toPath: folder.path("cache"))
    try FileManager.default.removeItem(atPath: host.root)
    return folder.path("cache")
  }

  /// Ends QEMU processes whose command line names this host's folder, which is nobody else's.
  func stopGuests() {
    let groups = Set(guestProcesses.flatMap(Self.controlGroups))
    for process in guestProcesses { kill(process, SIGKILL) }
    for _ in 0..<500 where !guestProcesses.isEmpty { usleep(10_000) }
    if !guestProcesses.isEmpty { Issue.record("guests of \(root) do not end") }
    // libvirt removes a guest's control groups, which are folders without files to delete, when it stops the guest.
    if !groups.isEmpty {
      _ = try? run(["find"] + groups + ["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"])
    }
  }

  /// The folders that libvirt made for a guest below the machine's control groups.
  private static func controlGroups(of process: Int32) -> [String] {
    let text = fileText("/proc/\(process)/cgroup") ?? ""
    let names = text.split(separator: "\n").compactMap { line in
      line.split(separator: "/").first { $0.hasPrefix("qemu-embed-") && $0.hasSuffix(".libvirt-qemu") }
    }
    let hierarchies = (try? FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup")) ?? []
    return Set(names).flatMap { name in
      (["machine"] + hierarchies.map { $0 + "/machine" }).map { "/sys/fs/cgroup/\($0)/\(name)" }
    }.filter(FileManager.default.fileExists(atPath:))
  }

  /// The QEMU processes of this host.
  var guestProcesses: [Int32] {
    processes { $0[0].contains("qemu") && $0.dropFirst().contains { $0.contains(folder.root + "/") } }
  }

  // MARK: Programs

  /// A running `vireo COMMAND --connect … FILE`, with the spec in a file.
  func start(_ command: [String], _ spec: String, file: String = "spec.yaml") throws -> ChildProcess {
    try folder.write(spec, to: file)
    let whole = try [programPath()] + command + ["--connect", uri, folder.path(file)]
    return try ChildProcess(daemon?.inside(whole) ?? whole)
  }

  func vireo(_ command: [String], _ spec: String) throws -> Run { try start(command, spec).wait() }

  /// Applies a spec, which has to succeed.
  @discardableResult
  func apply(_ spec: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Run {
    let run = try vireo(["apply", "--yes"], spec)
    try #require(run.status == 0, "\(run.output)\(run.errors)", sourceLocation: sourceLocation)
    return run
  }

  /// Applies a spec, which the host has to refuse with a message before anything is touched.
  func refused(_ spec: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Run {
    try failed(spec, status: 3, sourceLocation: sourceLocation)
  }

  /// Applies a spec, of which a step has to fail.
  func failed(
    _ spec: String, status: Int32 = 1, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Run {
    let run = try vireo(["apply", "--yes"], spec)
    #expect(run.status == status, "\(run.output)\(run.errors)", sourceLocation: sourceLocation)
    return run
  }

  /// A plan with `--detailed-exitcode`.
  func plan(_ spec: String) throws -> Run { try vireo(["plan", "--detailed-exitcode"], spec) }

  /// The plan has nothing to do.
  func expectNoChanges(_ spec: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let run = try plan(spec)
    #expect(run.status == 0, "\(run.output)\(run.errors)", sourceLocation: sourceLocation)
    #expect(run.output.contains("No changes: "), sourceLocation: sourceLocation)
  }

  /// Runs virsh, which has to succeed. It can crash when it is done already, while the embedded driver in it still takes
  /// up its guests (libvirt 9.0): what it said counts.
  @discardableResult
  func virsh(_ arguments: String...) throws -> String {
    let whole = ["virsh", "--connect", uri] + arguments
    let run = try run(daemon?.inside(whole) ?? whole)
    let isDone = run.status >= 128 && !run.output.isEmpty && !run.errors.contains("error:")
    guard run.status == 0 || isDone else {
      throw TestError("virsh \(arguments): status \(run.status): \(run.output)\(run.errors)")
    }
    return run.output
  }

  // MARK: Definitions

  /// The stored definition.
  func definition(_ name: String) throws -> Definition {
    try Definition(text: virsh("dumpxml", "--inactive", name))
  }

  /// The running definition.
  func running(_ name: String) throws -> Definition { try Definition(text: virsh("dumpxml", name)) }

  /// Changes a stored definition as `virsh edit` does: every occurrence of a text, of which there must be one.
  func edit(_ name: String, _ changes: (old: String, new: String)...) throws {
    var text = try virsh("dumpxml", "--inactive", name)
    for (old, new) in changes {
      guard text.contains(old) else { throw TestError("no \(old) in \(text)") }
      text = text.replacingOccurrences(of: old, with: new)
    }
    try folder.write(text, to: "edited.xml")
    try virsh("define", folder.path("edited.xml"))
  }

  func state(_ name: String) throws -> String {
    try virsh("domstate", name).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  // MARK: Images

  /// A small base image with some data.
  @discardableResult
  func makeBase(_ name: String = "base.qcow2", format: String = "qcow2", size: String = "16M") throws -> String {
    let path = folder.path(name)
    try output(of: "qemu-img", "create", "-q", "-f", format, path, size)
    try output(of: "qemu-io", "-f", format, "-c", "write -q -P 0x76 0 64k", path)
    return path
  }

  /// What `qemu-img info` says, also of an image that a guest has open.
  func imageInfo(_ path: String) throws -> [String: Any] {
    let text = try output(of: "qemu-img", "info", "--force-share", "--output=json", path)
    return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  func virtualSize(_ path: String) throws -> Int { try #require(try imageInfo(path)["virtual-size"] as? Int) }

  /// Every qcow2 file in the pool is sound, and there is no file in it but those named and copies of base images.
  func expectSoundPool(_ names: Set<String>, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let found = try FileManager.default.contentsOfDirectory(atPath: pool)
    for name in found {
      if name.hasSuffix(".qcow2") {
        let check = try run(["qemu-img", "check", "--force-share", "-q", "-f", "qcow2", pool + "/" + name])
        #expect(check.status == 0, "\(name): \(check.output)\(check.errors)", sourceLocation: sourceLocation)
      }
    }
    let disks = Set(found.filter { !$0.hasPrefix("base-") })
    #expect(disks == names, sourceLocation: sourceLocation)
  }

  /// The files of the host's definitions and of its pool.
  func footprint() -> Footprint { Footprint([root + "/etc", pool]) }
}

/// A domain's XML, to be asked with XPath.
struct Definition {
  let text: String
  private let document: XMLDocument

  init(text: String) throws {
    self.text = text
    document = try XMLDocument(xmlString: text)
  }

  /// The values that an XPath finds.
  func all(_ path: String) throws -> [String] { try document.nodes(forXPath: path).map { $0.stringValue ?? "" } }

  /// The first value that an XPath finds.
  func callAsFunction(_ path: String) throws -> String? { try all(path).first }

  /// The PCI addresses of all devices that have one, by the device's alias, or kind and number.
  func addresses() throws -> [String: String] {
    var result: [String: String] = [:]
    for node in try document.nodes(forXPath: "/domain/devices/*[address/@type='pci']") {
      guard let element = node as? XMLElement, let address = element.elements(forName: "address").first else {
        continue
      }
      let alias = element.elements(forName: "alias").first?.attribute(forName: "name")?.stringValue
      let index = element.attribute(forName: "index")?.stringValue ?? ""
      let kind = element.attribute(forName: "type")?.stringValue ?? ""
      let parts = ["domain", "bus", "slot", "function"].map { address.attribute(forName: $0)?.stringValue ?? "" }
      result[alias ?? "\(element.name ?? "") \(kind) \(index)"] = parts.joined(separator: ":")
    }
    return result
  }
}

/// What files there are and whether they were written: a file that is written again has another inode or another time.
struct Footprint: Equatable {
  private let files: [String: [Int]]

  init(_ folders: [String]) {
    var files: [String: [Int]] = [:]
    for folder in folders {
      let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
      for path in [folder] + names.map({ folder + "/" + $0 }) {
        var status = stat()
        guard lstat(path, &status) == 0 else { continue }
        files[path] = [
          Int(status.st_ino), Int(status.st_mode), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
          status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
        ]
      }
    }
    self.files = files
  }

  var paths: Set<String> { Set(files.keys) }

  /// The files that were made, written or removed since.
  func differences(from other: Footprint) -> [String] {
    paths.union(other.paths).filter { files[$0] != other.files[$0] }.sorted()
  }
}

/// Waits for something that another process does.
func waitUntil(_ what: String, seconds: Double = 300, _ isSo: () throws -> Bool) throws {
  let deadline = Date(timeIntervalSinceNow: seconds)
  while try !isSo() {
    guard Date() < deadline else { throw TestError("still not so: \(what)") }
    usleep(2_000)
  }
}

/// A definition without Vireo's record and whatever else stands in its metadata.
func withoutMetadata(_ text: String) -> String {
  guard let start = text.firstRange(of: "  <metadata"), let end = text.firstRange(of: "</metadata>\n") else {
    return text
  }
  return String(text[..<start.lowerBound] + text[end.upperBound...])
}
