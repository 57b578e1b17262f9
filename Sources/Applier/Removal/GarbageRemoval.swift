// Carrying out a garbage collection: the host is looked at again, each file is proved and locked, and then it goes.

import BlockingWork
public import DiskImage
public import Inventory
public import Libvirt
public import Planner
import SystemCalls

/// What is to be looked for, and what may be given up.
public struct GarbageRequest: Sendable {
  /// What to look at; the archive's removals are added to it.
  public var census = CensusRequest()
  /// Files that are to go whoever has made them.
  public var also: Set<String> = []
  /// Removals at least this old are given up: seconds.
  public var minimumAge = 0
  /// The stack that this is about: removals and files of others stay. Nil for all of them.
  public var stack: String?

  /// A request that looks at the pools' folders and gives up every removal, of all stacks.
  public init() {}
}

/// What came of it.
public struct GarbageResult: Sendable {
  /// Something that could not be deleted or forgotten; the rest is done all the same.
  public struct Failure: Sendable, Hashable {
    /// A path, or what else it is about.
    public var subject: String
    /// Why not, and what to do.
    public var failure: ActionFailure
  }

  /// The files that were deleted, in the order in which they went.
  public var deleted: [GarbageCollection.File] = []
  /// The removed domains whose place in the archive was given up; they can no longer be restored.
  public var forgotten: [RemovedDomain] = []
  /// What could not be done.
  public var failures: [Failure] = []

  /// A result in which nothing has happened yet.
  public init() {}
}

/// Finds and removes what nobody needs.
public struct GarbageCollector: Sendable {
  let connection: LibvirtConnection
  let archive: RemovedDomains
  let request: GarbageRequest
  private let stackPatience: LockPatience
  private let removal: FileRemoval
  /// For tests: what happens while copies of base images are read.
  var afterHashing: (@Sendable () async -> Void)?

  /// - Parameter patience: how long to wait for stacks and folders that other processes have locked; nil for not at all,
  ///   and a minute.
  public init(
    connection: LibvirtConnection, request: GarbageRequest, patience: LockPatience? = nil
  ) throws(ActionFailure) {
    self.connection = connection
    self.request = request
    stackPatience = patience ?? .none
    removal = FileRemoval(connection, patience: patience ?? .ofFolders)
    archive = try RemovedDomains(of: connection)
  }

  /// Looks at the host, and works out what may go. Nothing is changed.
  public func look() async throws -> GarbageCollection {
    var (census, options, _, failures) = try request(entries: nil)
    var found = try await FileCensus.take(census, from: connection)
    found.failures += failures
    options.also = Set(request.also.map { found.names[$0] ?? $0 })
    return GarbageCollection(found, options)
  }

  /// What to look at, what may be given up, and what of the archive cannot be read.
  ///
  /// - Parameter entries: the removals that may be given up; nil for all that are old enough, and of the stack that is asked
  ///   for. Others are kept.
  private func request(
    entries allowed: Set<RemovedDomain>?
  ) throws -> (
    census: CensusRequest, options: CollectionOptions, given: [RemovedDomains.Entry], failures: [Inventory.Failure]
  ) {
    let (entries, failures) = try archive.list()
    let now = SystemClock.now
    var census = request.census
    var given: [RemovedDomains.Entry] = []
    for entry in entries {
      for file in entry.removal.files where file.role == .disk { census.folders.insert(folder(of: file.path)) }
      let isOld = entry.removal.removed <= now - request.minimumAge
      let isChosen = request.stack.map { entry.removal.stack == $0 } ?? true
      if isOld, isChosen, allowed?.contains(entry.removal) ?? true {
        given.append(entry)
        census.files.formUnion(entry.removal.files.map(\.path))
      } else {
        census.removals.append(entry.removal)
      }
    }
    census.files.formUnion(request.also)
    var options = CollectionOptions()
    options.removals = given.map(\.removal)
    options.stack = request.stack
    return (census, options, given, failures)
  }

  /// Deletes what was shown, as far as it may still go.
  ///
  /// The stacks whose files these are, and those that have domains, are not applied meanwhile: an image that was just made
  /// belongs to no domain yet. Copies of base images have to have the checksum in their name; that takes time, so the host is
  /// looked at again after it, while nobody can make or refer to files. A file goes only when nobody has it open. One that
  /// does not go keeps what it stands on.
  ///
  /// - Throws: ``ActionFailure`` before anything is deleted: a stack that is being applied, something that cannot be read
  ///   now. `LibvirtError`.
  public func remove(_ shown: GarbageCollection) async throws -> GarbageResult {
    let locks = try await StackLock.take(stacks(of: shown), on: connection, patience: stackPatience)
    defer { withExtendedLifetime(locks) {} }
    var result = GarbageResult()
    let files = BlockingPool(name: "vireo-files", threads: 1)

    // What is not what its name says is somebody's, and so is what it stands on.
    var refuted: [String: ActionFailure] = [:]
    for file in shown.deletions {
      guard case .baseImage(let sha256) = file.evidence else { continue }
      do {
        if try await files.run({ try FileChecksum.sha256(of: OpenImage(at: FilePlace(file.path, links: .own))) })
          != sha256
        {
          refuted[file.path] = ActionFailure("the content does not match the checksum in the name")
        }
      } catch {
        refuted[file.path] = ActionFailure(error)
      }
    }
    let unproved = refuted
    await afterHashing?()

    let wanted = Dictionary(shown.deletions.map { ($0.file, $0) }, uniquingKeysWith: { first, _ in first })
    let deletions = shown.deletions.map { file in
      var deletion = FileDeletion(path: file.path, identity: file.file.identity)
      deletion.requiresClosed = file.evidence == .leftover
      return deletion
    }
    let (request, options, given, _) = try request(entries: Set(shown.removals))
    let outcome = try await removal.remove(deletions, request) { census in
      var options = options
      options.also = Set(self.request.also.map { census.names[$0] ?? $0 })
      options.refuted = Set(unproved.keys)
      let collection = GarbageCollection(census, options)
      if let problem = collection.problems.first {
        throw ActionFailure("\(problem.subject): \(problem.message)", remedy: "nothing was deleted; look again")
      }
      let free = Set(collection.deletions.filter { wanted[$0.file] != nil }.map(\.path))
      var obstacles = unproved
      for path in deletions.map(\.path) where !free.contains(path) && obstacles[path] == nil {
        let needs = collection.needs(census.names[path] ?? path)
        obstacles[path] =
          needs.isEmpty
          ? ActionFailure("it is now another file", remedy: "look again")
          : ActionFailure("it stays: \(needs[0]) needs it: \(needs.joined(separator: " → "))", remedy: "look again")
      }
      return obstacles
    }
    for file in shown.deletions {
      guard let failure = outcome[file.path] ?? nil else {
        result.deleted.append(file)
        continue
      }
      // What somebody else has removed meanwhile is gone, as it was to be.
      if fileStatus(file.path) != nil { result.fail(file.path, failure) }
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
      guard let origin = file.file.origin, collection.census.hostKeys.contains(origin.connection) else { continue }
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
