// Snapshots of domains that a plan asks for, reverts to, or that leave it.

import Inventory
import Libvirt
import Planner

/// Takes, deletes and reverts to snapshots of domains.
struct SnapshotActions: Sendable {
  let context: ApplyContext

  /// Takes a snapshot; one of the name that is there is the one.
  func take(of identity: DomainIdentity, _ creation: SnapshotCreation) async throws {
    let snapshots = try await snapshots(of: identity)
    if let found = try await snapshots.list().first(where: { $0.name == creation.name }) {
      // A run that was cut off may have left its overlays as libvirt made them.
      if found.kind == .external { try await snapshots.keepPrivate(creation.name) }
      return
    }
    do {
      try await snapshots.take(creation)
    } catch let refusal as SnapshotRefusal {
      throw ActionFailure(refusal.message, remedy: refusal.remedy, field: "snapshots.\(creation.name)")
    }
  }

  /// Deletes a snapshot. One that is gone counts as done.
  ///
  /// - Returns: what the reader should know; nil for nothing.
  func delete(of identity: DomainIdentity, _ name: String) async throws -> String? {
    let snapshots = try await snapshots(of: identity)
    guard try await snapshots.list().contains(where: { $0.name == name }) else { return nil }
    return try await snapshots.delete(name).map { "\($0) stays: nothing shows that it is the memory of this snapshot" }
  }

  /// Makes a domain what it was when a snapshot was taken.
  func revert(_ identity: DomainIdentity, to name: String) async throws {
    try await snapshots(of: identity).revert(to: name)
  }

  private func snapshots(of identity: DomainIdentity) async throws -> DomainSnapshots {
    let connection = context.connection
    return DomainSnapshots(of: try await connection.domain(identity), on: connection, patience: context.patience)
  }
}
