// Where garbage is looked for, and what is known to need files beside the host itself: the question, and what is given up.

public import DiskImage
public import Inventory

/// Where to look for garbage, and what may go.
public struct GarbageScope: Sendable, Equatable, Codable {
  /// Folders to search beside those of storage pools and of the disks of removed domains.
  public var folders: [String] = []
  /// Files that are to go whoever has made them, as they were named.
  public var also: [String] = []
  /// What needs files, by its name: a spec.
  public var declared: [String: [FileReference]] = [:]
  /// Beginnings of paths: files of the folders that begin so are needed, too, by the same names.
  public var declaredBeginnings: [String: [String]] = [:]
  /// The stack that this is about: removals and files of others stay. Nil for all of them.
  public var stack: String?
  /// The removed domains that are given up.
  public var removals: [ArchivedDomain] = []

  /// A scope of the pools' folders that gives up nothing, of all stacks.
  public init() {}

  /// Gives up the removals of the archive that are old enough, and of the stack that this is about.
  ///
  /// - Parameters:
  ///   - age: seconds.
  ///   - now: seconds since 1970.
  public mutating func giveUp(_ entries: [ArchivedDomain], olderThan age: Int, at now: Int) {
    removals = entries.filter { entry in
      entry.removal.removed <= now - age && stack.map { entry.removal.stack == $0 } ?? true
    }
  }

  /// What to look at. Removals that are not given up need their files.
  ///
  /// - Parameter entries: what the archive has.
  public func request(with entries: [ArchivedDomain]) -> CensusRequest {
    var request = CensusRequest()
    request.folders = Set(folders)
    request.files = Set(also)
    (request.declared, request.declaredBeginnings) = (declared, declaredBeginnings)
    let given = Set(removals)
    for entry in entries + removals {
      for file in entry.removal.files where file.role == .disk { request.folders.insert(folder(of: file.path)) }
      if given.contains(entry) {
        request.files.formUnion(entry.removal.files.map(\.path))
      } else {
        request.removals.append(entry.removal)
      }
    }
    return request
  }

  /// What is to be decided on.
  ///
  /// - Parameter census: knows each file by one path.
  public func options(for census: FileCensus) -> CollectionOptions {
    var options = CollectionOptions()
    options.also = Set(also.map { census.names[$0] ?? $0 })
    options.removals = removals.map(\.removal)
    options.stack = stack
    return options
  }
}
