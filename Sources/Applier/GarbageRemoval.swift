// Carrying out a garbage collection: the host is looked at again, each file is proved and locked, and then it goes.

import BlockingWork
import DiskImage
import Glibc
public import Inventory
public import Libvirt
public import Planner

/// What is to be looked for, and what may be given up.
public struct GarbageRequest: Sendable {
  /// What to look at; the archive's removals are added to it.
  public var census = CensusRequest()
  /// Files that are to go whoever has made them.
  public var also: Set<String> = []
  /// Removals at least this old are given up: seconds.
  public var minimumAge = 0

  public init() {}
}

/// What came of it.
public struct GarbageResult: Sendable {
  public struct Failure: Sendable, Hashable {
    /// A path, or what else it is about.
    public var subject: String
    public var failure: ActionFailure
  }

  public var deleted: [GarbageCollection.File] = []
  public var forgotten: [RemovedDomain] = []
  public var failures: [Failure] = []

  public init() {}
}

/// Finds and removes what nobody needs.
public struct GarbageCollector: Sendable {
  let connection: LibvirtConnection
  let archive: RemovedDomains
  let request: GarbageRequest

  public init(connection: LibvirtConnection, request: GarbageRequest) throws(ActionFailure) {
    self.connection = connection
    self.request = request
    archive = try RemovedDomains(of: connection)
  }

  /// Looks at the host, and works out what may go. Nothing is changed.
  public func look() async throws -> GarbageCollection { try await look(entries: nil).collection }

  /// - Parameter entries: the removals that may be given up; nil for all that are old enough. Others are kept.
  private func look(
    entries allowed: Set<RemovedDomain>?
  ) async throws -> (collection: GarbageCollection, options: CollectionOptions, given: [RemovedDomains.Entry]) {
    let (entries, failures) = try archive.list()
    let now = time(nil)
    var census = request.census
    var given: [RemovedDomains.Entry] = []
    for entry in entries {
      for file in entry.removal.files where file.role == .disk { census.folders.insert(folder(of: file.path)) }
      let isOld = entry.removal.removed <= now - request.minimumAge
      if isOld, allowed?.contains(entry.removal) ?? true {
        given.append(entry)
        census.files.formUnion(entry.removal.files.map(\.path))
      } else {
        census.removals.append(entry.removal)
      }
    }
    census.files.formUnion(request.also)
    var found = try await FileCensus.take(census, from: connection)
    found.failures += failures
    var options = CollectionOptions()
    options.removals = given.map(\.removal)
    options.also = Set(request.also.map { found.names[$0] ?? $0 })
    return (GarbageCollection(found, options), options, given)
  }

  /// Deletes what was shown, as far as it may still go.
  ///
  /// The stacks whose files these are, and those that have domains, are not applied meanwhile: an image that was just made
  /// belongs to no domain yet. The host is looked at again, copies of base images have to have the checksum in their name,
  /// and a file goes only when nobody has it open. A file that does not go keeps what it stands on.
  ///
  /// - Throws: ``ActionFailure`` before anything is deleted: a stack that is being applied, something that cannot be read by
  ///   now. `LibvirtError`.
  public func remove(_ shown: GarbageCollection) async throws -> GarbageResult {
    let locks = try stacks(of: shown).map { try StackLock(stack: $0, uri: connection.uri) }
    defer { withExtendedLifetime(locks) {} }
    var (collection, options, given) = try await look(entries: Set(shown.removals))
    if let problem = collection.problems.first {
      throw ActionFailure("\(problem.subject): \(problem.message)", remedy: "nothing was deleted; look again")
    }
    var result = GarbageResult()
    let wanted = Set(shown.deletions.map(\.file))
    let files = BlockingPool(name: "vireo-files", threads: 1)

    // What is not what its name says is somebody's, and so is what it stands on.
    for file in collection.deletions where wanted.contains(file.file) {
      guard case .baseImage(let sha256) = file.evidence else { continue }
      do {
        guard try await files.run({ try FileChecksum.sha256(of: file.path, followsLinks: false) }) != sha256 else {
          continue
        }
        result.fail(file.path, ActionFailure("the content has not the checksum of the name: it is no copy of Vireo's"))
      } catch {
        result.fail(file.path, ActionFailure(error))
      }
      options.refuted.insert(file.path)
    }
    if !options.refuted.isEmpty { collection = GarbageCollection(collection.census, options) }

    let deletions = collection.deletions.filter { wanted.contains($0.file) }
    for path in Set(wanted.map(\.path)).subtracting(deletions.map(\.path)).subtracting(options.refuted).sorted() {
      result.fail(path, ActionFailure("it is needed by now, or another file", remedy: "look again"))
    }
    var stays: Set<String> = []
    for file in deletions {
      if stays.contains(file.path) {
        result.fail(file.path, ActionFailure("a file that could not be deleted stands on it"))
        continue
      }
      do {
        var deletion = FileDeletion(path: file.path, identity: file.file.identity)
        deletion.requiresClosed = file.evidence == .leftover
        let ready = deletion
        _ = try await files.run { try ready.delete() }
        result.deleted.append(file)
      } catch {
        result.fail(file.path, ActionFailure(error))
        stays.formUnion(collection.census.everything(below: file.path))
      }
    }
    for folder in Set(result.deleted.map { folder(of: $0.path) }).sorted() {
      do {
        try await files.run { try ImageCreation.syncDirectory(folder) }
      } catch {
        result.fail(folder, ActionFailure(error))
      }
    }
    let failed = Set(result.failures.map(\.subject))
    for entry in given where !entry.removal.files.contains(where: { failed.contains($0.path) }) {
      do {
        try archive.forget(entry)
        result.forgotten.append(entry.removal)
      } catch {
        result.fail("removed domain \(entry.removal.name)", error)
      }
    }
    return result
  }

  /// The stacks that must not be applied meanwhile.
  private func stacks(of collection: GarbageCollection) -> [String] {
    var stacks: Set<String> = []
    for file in collection.files {
      guard let origin = file.file.origin, origin.connection == FileOrigin.key(of: connection.uri) else { continue }
      stacks.insert(origin.stack)
    }
    stacks.formUnion(collection.removals.compactMap(\.stack))
    stacks.formUnion(collection.census.domains.compactMap { OwnershipRecord(in: $0.inactive)?.stack })
    return stacks.sorted()
  }
}

extension GarbageResult {
  fileprivate mutating func fail(_ subject: String, _ failure: ActionFailure) {
    failures.append(Failure(subject: subject, failure: failure))
  }
}

extension FileCensus {
  /// All that a file stands on, near and far.
  fileprivate func everything(below path: String) -> Set<String> {
    var (found, waiting) = (Set<String>(), [path])
    while let next = waiting.popLast() {
      for below in links[next]?.files ?? [] where found.insert(below).inserted { waiting.append(below) }
    }
    return found
  }
}
