// The archive of domains that were undefined, one file a removal. It is for `restore` and `gc` alone: no plan reads it.

import DiskImage
import Failpoints
public import Inventory
public import Libvirt
import Planner
import SystemCalls
import SystemPackage
import Vocabulary
import XMLTree

/// The archive of a connection.
///
/// A file appears in it whole or not at all, and is for its owner's eyes only: definitions have passwords in them.
public struct RemovedDomains: Sendable {
  /// The folder; it may not exist yet.
  public let folder: String
  /// Folders where earlier versions of Vireo kept removals, by the text of the connection's URI.
  private let formerFolders: [String]

  /// The archive's place: in an embedded root itself, so that it goes with it; else the system's for root, or the user's own
  /// (XDG Base Directory Specification).
  ///
  /// - Throws: ``ActionFailure`` where the user has no folder.
  public init(of connection: LibvirtConnection) throws(ActionFailure) {
    try self.init(
      uri: connection.uri, embeddedRoot: connection.embeddedRoot, host: HostIdentity(of: connection),
      isRoot: ThisProcess.isRoot, environment: ThisProcess.environment)
  }

  init(
    uri: String, embeddedRoot: String?, host: HostIdentity, isRoot: Bool, environment: (String) -> String?
  ) throws(ActionFailure) {
    if let embeddedRoot {
      folder = embeddedRoot + "/lib/vireo/removed"
      formerFolders = []
      return
    }
    func folders(in base: String) -> (now: String, former: [String]) {
      ("\(base)/removed/\(host.key)", host.formerKeys.sorted().map { "\(base)/removed/\($0)" })
    }
    let isSystem = isRoot && !uri.contains("/session")
    guard let base = StateFolder.path(isSystem: isSystem, environment: environment) else {
      throw ActionFailure(
        "there is no folder for removed domains", remedy: "set HOME or XDG_STATE_HOME to one of your folders")
    }
    (folder, formerFolders) = folders(in: base)
  }

  init(folder: String) {
    self.folder = folder
    formerFolders = []
  }

  /// The removals that there are, the latest first; and files that are not removals, with the reason.
  public func list() throws(ActionFailure) -> (entries: [ArchivedDomain], failures: [Inventory.Failure]) {
    var (entries, failures) = ([ArchivedDomain](), [Inventory.Failure]())
    for folder in [folder] + formerFolders {
      let found = try Self.list(folder)
      entries += found.entries
      failures += found.failures
    }
    return (
      entries.sorted {
        ($1.removal.removed, $0.removal.name, $0.path) < ($0.removal.removed, $1.removal.name, $1.path)
      },
      failures
    )
  }

  /// The files of removed domains of a stack that were to go with them, and are still there.
  public func forgottenFiles(of stack: String) throws(ActionFailure) -> [RemovedDomain] {
    try list().entries.map(\.removal).filter { $0.stack == stack }.compactMap { removal in
      var removal = removal
      removal.files.removeAll { file in
        guard file.isDeleted, file.role != .nvram, let status = fileStatus(file.path) else { return true }
        return file.inode != status.identity.inode
      }
      return removal.files.isEmpty ? nil : removal
    }
  }

  private static func list(
    _ folder: String
  ) throws(ActionFailure) -> (entries: [ArchivedDomain], failures: [Inventory.Failure]) {
    // A file that goes while the archive is read was discarded, or has another name now that was not read: a look without
    // such a change has all of them.
    for _ in 1..<100 {
      let look = try look(into: folder)
      if look.failures.allSatisfy({ FileNames.exists($0.subject) }) { return look }
    }
    return try look(into: folder)
  }

  private static func look(
    into folder: String
  ) throws(ActionFailure) -> (entries: [ArchivedDomain], failures: [Inventory.Failure]) {
    let found: [FolderEntry]
    do throws(Errno) {
      found = try FileNames.entries(of: folder)
    } catch {
      if error == .noSuchFileOrDirectory { return ([], []) }
      throw ActionFailure(SystemError("look into", folder, error))
    }
    let names = found.map(\.name).filter { name in
      (name.hasSuffix(".xml") || name.hasSuffix(Self.pending)) && !name.hasPrefix(".")
    }
    var (entries, failures) = ([ArchivedDomain](), [Inventory.Failure]())
    for name in names.sorted() {
      let path = "\(folder)/\(name)"
      do {
        entries.append(ArchivedDomain(path: path, removal: try Self.read(path)))
      } catch let failure as ActionFailure {
        failures.append(.init(subject: path, message: failure.message))
      } catch {
        failures.append(.init(subject: path, message: "\(error)"))
      }
    }
    return (entries, failures)
  }

  /// Keeps a removal that is about to happen: durable when this returns. It is listed already, for the domain may be gone
  /// before that is reported. One that a run left which was cut off is replaced.
  ///
  /// - Returns: the file, for ``settle(_:)`` or ``forget(_:)-(String)``.
  func begin(_ removal: RemovedDomain) throws -> String {
    try makeFolder()
    // A name is a file's name wherever it can be: the document has it in full.
    let safe = removal.name.utf8.prefix(100).map { $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
    let stem =
      "\(folder)/\(removal.name.hasPrefix(".") ? "_" : "")\(String(decoding: safe, as: UTF8.self))-\(removal.uuid)"
    let path = stem + Self.pending
    if var earlier = try? Self.read(path) {
      earlier.removed = removal.removed
      // The domain was undefined then, and is another one now.
      if earlier != removal { try settle(path) }
    }
    do throws(ImageError) {
      try WholeFile.publish(
        Array(removal.xml.serialised(declaration: true).utf8), as: path, access: FileAccess(mode: 0o600),
        replacing: true)
    } catch {
      throw ActionFailure(error)
    }
    return path
  }

  /// Gives a removal that has happened its name for good.
  ///
  /// - Returns: the file.
  @discardableResult
  func settle(_ path: String) throws -> String {
    let removal = try Self.read(path)
    let stem = String(path.dropLast(Self.pending.count))
    let moment = RemovedDomain.text(ofMoment: removal.removed).filter { $0 != "-" && $0 != ":" }
    for suffix in [""] + ["-\(moment)"] + (2...99).map({ "-\(moment)-\($0)" }) {
      let name = stem + suffix + ".xml"
      // Nobody else undefines a domain of this UUID meanwhile.
      guard fileStatus(name) == nil else { continue }
      try Failpoint.around("rename \(path)") { () throws(ActionFailure) in
        try fileCall("rename", path, FileNames.rename(path, to: name))
      }
      do throws(ImageError) {
        try flushFolder(folder)
      } catch {
        throw ActionFailure(error)
      }
      return name
    }
    throw ActionFailure("\(folder) has too many removals of \(removal.name)", remedy: "see `vireo gc --plan`")
  }

  /// Keeps a removal: durable when this returns.
  ///
  /// - Returns: the file.
  func add(_ removal: RemovedDomain) throws -> String { try settle(try begin(removal)) }

  /// How the names end of removals that may not have happened yet.
  private static let pending = ".pending"

  private static func read(_ path: String) throws -> RemovedDomain {
    try RemovedDomain(
      XMLElement.parse(bytes: try contents(path), limits: XMLLimits(bytes: mostBytes, nodes: 5_000_000)))
  }

  /// Forgets a removal that is still what was seen of it; one that is gone is forgotten.
  func forget(_ seen: ArchivedDomain) throws(ActionFailure) {
    guard ([folder] + formerFolders).contains(DiskImage.folder(of: seen.path)) else {
      throw ActionFailure("\(seen.path) is not a file of this archive", remedy: planAgain)
    }
    guard fileStatus(seen.path) != nil else { return }
    guard let present = try? Self.read(seen.path), present == seen.removal else {
      throw ActionFailure("\(seen.path) changed since it was planned", remedy: planAgain)
    }
    try forget(seen.path)
  }

  func forget(_ path: String) throws(ActionFailure) {
    Failpoint.pass("delete \(path)")
    try fileCall("delete", path, FileNames.remove(path))
    do throws(ImageError) {
      try flushFolder(DiskImage.folder(of: path))
    } catch {
      throw ActionFailure(error)
    }
  }

  // MARK: Files

  private func makeFolder() throws(ActionFailure) {
    var present = ""
    let parts = folder.split(separator: "/")
    for (index, part) in parts.enumerated() {
      let parent = present.isEmpty ? "/" : present
      present += "/\(part)"
      Failpoint.pass("make the folder \(present)")
      // The archive itself is for its owner alone.
      let mode: UInt32 = index == parts.count - 1 ? 0o700 : 0o755
      if try fileCall("make the folder", present, FileNames.makeFolder(present, mode: mode)) {
        do throws(ImageError) {
          try flushFolder(parent)
        } catch {
          throw ActionFailure(error)
        }
      }
    }
    guard let status = fileStatus(folder), status.kind == .directory, status.owner == ThisProcess.user else {
      throw ActionFailure("\(folder) is not a folder of this user", remedy: "move it away")
    }
    if status.mode & 0o077 != 0 { try fileCall("set the mode of", folder, FileNames.setMode(0o700, of: folder)) }
  }

  /// More than any removal takes.
  private static let mostBytes = 64 << 20

  private static func contents(_ path: String) throws(ActionFailure) -> [UInt8] {
    let file = try fileCall("open", path, OpenFile(path, .readOnly, [.noFollow, .nonBlocking]))
    guard let status = try? FileStatus(file.descriptor), status.isRegular, status.owner == ThisProcess.user else {
      throw ActionFailure("this user does not own the file")
    }
    guard status.length <= mostBytes else { throw ActionFailure("it is larger than 64 MiB") }
    return try fileCall("read", path, file.descriptor.content(limit: mostBytes))
  }
}

extension RemovedDomains {
  /// A removal with those of its files that exist.
  public struct Found: Sendable {
    /// The file of the archive.
    public var path: String
    /// What the archive says of the domain.
    public var removal: RemovedDomain
    /// The files that the domain needs, those among them that no longer exist.
    public var files: [FoundFile]
  }

  /// A file that a removed domain needs.
  public struct FoundFile: Sendable {
    /// The absolute path at the time of the removal.
    public var path: String
    /// What it takes up on its file system; nil for none that could be found.
    public var bytes: UInt64?
    /// Whether it was to be deleted with the domain.
    public var isDeleted: Bool
    /// Whether Vireo has made it, or libvirt for the domain alone.
    public var isVireos: Bool
  }

  /// Looks for the files of a removal: its disks, and what was the domain's alone.
  public func find(_ entry: ArchivedDomain) -> Found {
    let removal = entry.removal
    let own = Dictionary(removal.files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    let sources = removal.definition.devices(Vocabulary.disk).compactMap(DiskSource.path)
    var seen: Set<String> = []
    let files = (sources + removal.files.map(\.path)).filter { seen.insert($0).inserted }.map { path in
      FoundFile(
        path: path, bytes: (try? FileStatus(of: path))?.bytesOnDisk, isDeleted: own[path]?.isDeleted ?? false,
        isVireos: own[path] != nil)
    }
    return Found(path: entry.path, removal: removal, files: files)
  }
}
