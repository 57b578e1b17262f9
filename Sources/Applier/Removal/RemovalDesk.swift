// Deletions of a run that belong to domains which are removed: proved and done together.

import DiskImage
import Inventory
import Libvirt
import Planner

/// Deletes files of domains that are removed. One look at the host serves all who wait for it.
struct RemovalDesk: Sendable {
  private struct Request: Sendable {
    var deletion: FileDeletion
    /// Whether the file goes, or only must be needed by nobody else.
    var isDeleted: Bool
    var owner: FileOwner?
  }

  private let waiting: Batches<Request>

  init(connection: LibvirtConnection, patience: LockPatience) {
    waiting = Batches { await Self.perform($0, connection, patience) }
  }

  /// Deletes a file, unless something but its owner leads to it.
  func delete(_ path: String, of owner: FileOwner?) async throws(ActionFailure) {
    try await waiting.add(Request(deletion: FileDeletion(path: path), isDeleted: true, owner: owner))
  }

  /// Throws where something but its owner leads to a file.
  func require(_ path: String, of owner: FileOwner) async throws(ActionFailure) {
    try await waiting.add(Request(deletion: FileDeletion(path: path), isDeleted: false, owner: owner))
  }

  private static func perform(
    _ batch: [Request], _ connection: LibvirtConnection, _ patience: LockPatience
  ) async -> [ActionFailure?] {
    var request = CensusRequest()
    request.leaving = Set(batch.compactMap { $0.owner?.identity.uuid })
    let all = batch.map(\.deletion)
    do {
      let outcome = try await FileRemoval(connection, patience: patience).remove(all, request) { census in
        var obstacles = try FileRemoval.needs(all, census)
        for one in batch {
          do {
            try await require(one.owner, connection)
          } catch {
            obstacles[one.deletion.path] = ActionFailure(error)
          }
          // Not a failure: it stays because that was all that was asked.
          if !one.isDeleted { obstacles[one.deletion.path] = obstacles[one.deletion.path] ?? checked }
        }
        return obstacles
      }
      return batch.map { one in
        let failure = outcome[one.deletion.path] ?? nil
        return failure == checked ? nil : failure
      }
    } catch {
      return batch.map { _ in ActionFailure(error) }
    }
  }

  private static let checked = ActionFailure("")

  /// Throws unless a domain is stopped and what the plan saw, or gone.
  private static func require(_ owner: FileOwner?, _ connection: LibvirtConnection) async throws {
    guard let owner else { return }
    do {
      let domain = try await connection.domain(named: owner.identity.name)
      guard domain.uuid == owner.identity.uuid else {
        throw ActionFailure("domain \(owner.identity.name) has changed", remedy: planAgain)
      }
      guard try await !domain.isActive() else {
        throw ActionFailure("domain \(domain.name) runs, but the plan saw it stopped", remedy: planAgain)
      }
      try await connection.requireUnmoved(domain, owner.seen)
    } catch let error as LibvirtError where error.isNotFound {
      return
    }
  }
}
