// Deleting garbage: the host is looked at again, each file is proved and locked, and then it goes.

import BlockingWork
import DiskImage
import Inventory
public import Libvirt
public import Planner
import SystemCalls

/// Deletes files that nobody needs. One look at the host serves all who wait for it.
///
/// A copy of a base image has to have the checksum in its name. That takes time, so the host is looked at after it, while
/// nobody can make or refer to files. A file goes only when nobody has it open.
struct GarbageDesk: Sendable {
  private let context: ApplyContext
  private let waiting: Batches<GarbageCollection.File>

  init(scope: GarbageScope, context: ApplyContext) {
    self.context = context
    let (connection, patience) = (context.connection, context.patience)
    waiting = Batches { await Self.perform($0, scope, connection, patience) }
  }

  /// Deletes a file, unless something has come to need it, or its proof no longer holds. One that is gone counts as done.
  func delete(_ file: GarbageCollection.File) async throws {
    if case .baseImage(let sha256) = file.evidence, fileStatus(file.path) != nil {
      let found = try await context.files.run {
        try FileChecksum.sha256(of: OpenImage(at: FilePlace(file.path, links: .own)))
      }
      guard found == sha256 else {
        // It is somebody's, and so is what it stands on.
        throw ActionFailure(
          "the content does not match the checksum in the name", remedy: "look at the file, and delete it by hand")
      }
      if context.stop.isMade { throw ActionFailure.interrupted }
    }
    try await waiting.add(file)
  }

  private static func perform(
    _ batch: [GarbageCollection.File], _ scope: GarbageScope, _ connection: LibvirtConnection,
    _ patience: LockPatience
  ) async -> [ActionFailure?] {
    let deletions = batch.map { file in
      var deletion = FileDeletion(path: file.path, identity: file.file.identity)
      deletion.requiresClosed = file.evidence == .leftover
      return deletion
    }
    let wanted = Set(batch.map(\.file))
    do {
      let (entries, failures) = try RemovedDomains(of: connection).list()
      let removal = FileRemoval(connection, patience: patience)
      let outcome = try await removal.remove(deletions, scope.request(with: entries)) { census in
        var census = census
        census.failures += failures
        let collection = GarbageCollection(census, scope.options(for: census))
        if let problem = collection.problems.first {
          throw ActionFailure("it is kept: \(problem.subject): \(problem.message)", remedy: again)
        }
        let free = Set(collection.deletions.map(\.file)).intersection(wanted)
        var obstacles: [String: ActionFailure] = [:]
        for file in batch where !free.contains(file.file) {
          let needs = collection.needs(census.names[file.path] ?? file.path)
          obstacles[file.path] =
            needs.isEmpty
            ? ActionFailure("it is now another file", remedy: again)
            : ActionFailure("it is kept: \(needs[0]) needs it: \(needs.joined(separator: " → "))", remedy: again)
        }
        return obstacles
      }
      return batch.map { file in
        // What somebody else has removed meanwhile is gone, as it was to be.
        fileStatus(file.path) == nil ? nil : outcome[file.path] ?? nil
      }
    } catch {
      return batch.map { _ in ActionFailure(error) }
    }
  }

  private static let again = "run `vireo gc` again"
}

extension GarbageScope {
  /// Looks at a host for what nobody needs. Nothing is changed.
  ///
  /// - Parameter age: removed domains that are at least this old are given up: seconds.
  /// - Returns: what was found, and the scope with the removals that are given up.
  /// - Throws: ``ActionFailure`` where the archive of removed domains cannot be read, `LibvirtError`.
  public func look(
    on connection: LibvirtConnection, givingUpOlderThan age: Int
  ) async throws -> (collection: GarbageCollection, scope: GarbageScope) {
    let (entries, failures) = try RemovedDomains(of: connection).list()
    var scope = self
    scope.giveUp(entries, olderThan: age, at: SystemClock.now)
    var census = try await FileCensus.take(scope.request(with: entries), from: connection)
    census.failures += failures
    return (GarbageCollection(census, scope.options(for: census)), scope)
  }
}
