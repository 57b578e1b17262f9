// What becomes of domains in the archive of removals: they are brought back, or discarded.

import BlockingWork
public import Inventory
public import Libvirt
public import Planner

/// Restores removed domains, and discards removals.
struct ArchiveActions: Sendable {
  let context: ApplyContext

  /// Defines a removed domain again, with all that it had. What could be in the way is looked at again first.
  func restore(_ archived: ArchivedDomain) async throws {
    let found = try await Restoration.look(for: archived, on: context.connection, context.files)
    if let (reasons, remedy) = found.refusal {
      throw ActionFailure(reasons.joined(separator: "; "), remedy: remedy)
    }
    try await DomainRestoring(removal: archived.removal, connection: context.connection)
      .restore(isBegun: found.isBegun)
  }

  /// Discards a removal: its domain cannot be restored afterwards.
  func discard(_ archived: ArchivedDomain) async throws {
    let archive = try RemovedDomains(of: context.connection)
    try await context.files.run { try archive.forget(archived) }
  }
}

extension Restoration {
  /// Looks at what a removed domain finds on the host. Nothing is changed.
  public static func look(for archived: ArchivedDomain, on connection: LibvirtConnection) async throws -> Restoration {
    try await look(for: archived, on: connection, BlockingPool(name: "removals", threads: 1))
  }

  fileprivate static func look(
    for archived: ArchivedDomain, on connection: LibvirtConnection, _ files: BlockingPool
  ) async throws -> Restoration {
    let removal = archived.removal
    let present = try await ObservedDomain.find(named: removal.name, uuid: removal.uuid, on: connection)
    return Restoration(archived, present: present, missing: try await files.run { removal.findMissingFiles() })
  }
}
