// Taking things away: only what the plan has shown, and nothing that moved since.

import DiskImage
import Inventory
import Libvirt
import Planner
import SystemCalls
import XMLTree

/// Undefines domains and deletes files.
struct RemovalActions: Sendable {
  private let context: ApplyContext
  private let desk: RemovalDesk
  /// Nil in a plan that has looked for no garbage.
  private let garbage: GarbageDesk?

  /// - Parameter garbage: where the plan has looked for garbage.
  init(context: ApplyContext, garbage: GarbageScope?) {
    self.context = context
    self.garbage = garbage.map { GarbageDesk(scope: $0, context: context) }
    desk = RemovalDesk(connection: context.connection, patience: context.patience)
  }

  /// Undefines a stopped domain that is still what the plan saw. One that is gone counts as done.
  ///
  /// What is required to define it again is kept first: see ``RemovedDomains``.
  func undefine(_ identity: DomainIdentity, _ undefinition: Undefinition) async throws {
    let connection = context.connection
    guard let domain = try await connection.domainIfAny(named: identity.name), domain.uuid == identity.uuid else {
      return
    }
    guard try await !domain.isActive() else {
      throw ActionFailure("domain \(domain.name) runs, but the plan saw it stopped", remedy: planAgain)
    }
    try await connection.requireUnmoved(domain, undefinition.seen)
    var options: DomainUndefineOptions = undefinition.keepsNVRAM ? .keepNVRAM : .nvram
    if undefinition.hasTPM { options.insert(undefinition.keepsNVRAM ? .keepTPM : .tpm) }
    if undefinition.discardsSavedState { options.insert(.managedSave) }
    if undefinition.forgetsSnapshots { options.insert(.snapshotsMetadata) }
    if undefinition.forgetsCheckpoints { options.insert(.checkpointsMetadata) }
    for file in undefinition.files where file.role == .nvram && file.isDeleted {
      // libvirt deletes it, and does not look whether another domain has it as well.
      try await desk.require(file.path, of: FileOwner(identity, undefinition.seen))
    }
    let archive = try RemovedDomains(of: connection)
    let removal = try await connection.removal(of: domain, undefinition)
    let kept = try await context.files.run { try archive.begin(removal.findingFiles()) }
    do {
      try await domain.undefine(options)
    } catch {
      guard let error = error as? LibvirtError, !error.isConnectionLost else { throw error }
      // It is still there, and no removal.
      try? await context.files.run { try archive.forget(kept) }
      guard error.code == .operationInvalid else { throw error }
      throw ActionFailure(
        "domain \(domain.name) now has parts that the plan did not show: \(plainMessage(error))",
        remedy: planAgain)
    }
    _ = try await context.files.run { try archive.settle(kept) }
  }

  /// Deletes a file that a garbage collection has found. One that is gone counts as done.
  func delete(_ unneeded: GarbageCollection.File) async throws {
    guard let garbage else {
      throw ActionFailure("\(unneeded.path) stays: the plan does not say where it has looked", remedy: planAgain)
    }
    try await garbage.delete(unneeded)
  }

  /// Deletes an image that nobody uses. One that is gone counts as done.
  ///
  /// - Parameter owner: the domain that it belongs to, which is removed after its files: a run that is cut off in between
  ///   leaves the domain, so the next one knows what is left to do.
  func deleteFile(_ path: String, of owner: FileOwner?) async throws {
    if let owner, !context.connection.isRemote {
      // The name of an overlay or of a guest's memory may be anybody's.
      let proof = SnapshotProof(domain: owner.identity.name, uuid: owner.identity.uuid, definitions: [owner.seen])
      guard try await context.files.run({ proof.mayGo(path) }) else {
        throw ActionFailure(
          "\(path) stays: nothing shows that it belongs to domain \(owner.identity.name)",
          remedy: "look at the file, and delete it by hand if it is not needed")
      }
    }
    try await desk.delete(path, of: owner)
  }
}

extension LibvirtConnection {
  /// What a domain is right before it is undefined.
  @inline(never)
  func removal(of domain: LibvirtDomain, _ undefinition: Undefinition) async throws -> RemovedDomain {
    let autostart = try await domain.autostart()
    let snapshots = try await domain.snapshots(secure: true)
    let checkpoints = try await domain.checkpoints(secure: true)
    return RemovedDomain(
      uri: uri, stack: undefinition.stack, name: domain.name, uuid: domain.uuid, autostart: autostart,
      removed: SystemClock.now, definition: undefinition.seen,
      snapshots: try XMLElement.parse(all: snapshots.map(\.xml)),
      currentSnapshot: snapshots.first(where: \.isCurrent)?.name,
      checkpoints: try XMLElement.parse(all: checkpoints.map(\.xml)),
      files: undefinition.files)
  }
}

extension RemovedDomain {
  /// With the inode numbers that its files have now.
  fileprivate func findingFiles() -> RemovedDomain {
    var result = self
    for index in result.files.indices {
      guard let status = fileStatus(result.files[index].path), status.isRegular else { continue }
      result.files[index].inode = status.identity.inode
    }
    return result
  }
}
