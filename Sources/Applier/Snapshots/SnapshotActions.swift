// Snapshots of domains that a plan asks for, or that leave it.

import Inventory
import Libvirt
import Planner

/// Takes and deletes snapshots of domains.
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
  func delete(of identity: DomainIdentity, _ name: String) async throws {
    let snapshots = try await snapshots(of: identity)
    guard try await snapshots.list().contains(where: { $0.name == name }) else { return }
    try await snapshots.delete(name)
  }

  private func snapshots(of identity: DomainIdentity) async throws -> DomainSnapshots {
    let connection = context.connection
    return DomainSnapshots(of: try await connection.domain(identity), on: connection, patience: context.patience)
  }
}
