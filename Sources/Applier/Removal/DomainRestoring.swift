// Defining a removed domain again: its definition, its snapshots and checkpoints, whether it starts with the host.

import Inventory
import Libvirt
import Planner
import XMLTree

/// A removed domain on its way back.
struct DomainRestoring: Sendable {
  let removal: RemovedDomain
  let connection: LibvirtConnection

  /// Defines the domain with all that it had; it is not started. What cannot be made whole is undefined again.
  ///
  /// - Parameter isBegun: whether an earlier run has defined it already, in the same form.
  func restore(isBegun: Bool) async throws {
    let domain = isBegun ? try await connection.domain(uuid: removal.uuid) : try await define()
    do {
      try await complete(domain)
    } catch {
      guard !isBegun else { throw error }
      throw await undo(domain, because: ActionFailure(error))
    }
  }

  private func define() async throws -> LibvirtDomain {
    var definition = DomainDefinition(
      identity: DomainIdentity(name: removal.name, uuid: removal.uuid), xml: removal.definition, replacing: nil,
      expectations: [])
    // libvirt held it, whatever its schema says.
    definition.isOfAnotherHost = true
    let (domain, stored): (LibvirtDomain, XMLElement)
    do {
      (domain, stored) = try await connection.store(definition)
    } catch let dropped as DroppedDefinition {
      throw definitionFailure(dropped.refusal)
    } catch let error as LibvirtError where !error.isConnectionLost {
      throw definitionFailure(error)
    }
    if let first = definitionDifference(removal.definition, stored).first {
      let failure = ActionFailure(
        "libvirt did not store the definition unchanged (\(first.path))",
        remedy: "define it by hand from the archive")
      throw await undo(domain, because: failure)
    }
    return domain
  }

  /// What is beside the definition: each is read back.
  private func complete(_ domain: LibvirtDomain) async throws {
    let snapshots = Set(try await domain.snapshots().map(\.name))
    for document in removal.snapshots {
      guard let name = document.value(at: "name"), !snapshots.contains(name) else { continue }
      try await domain.takeSnapshot(
        document.serialised(), name == removal.currentSnapshot ? [.redefine, .current] : .redefine)
    }
    let checkpoints = Set(try await domain.checkpoints().map(\.name))
    for document in removal.checkpoints {
      guard let name = document.value(at: "name"), !checkpoints.contains(name) else { continue }
      try await domain.redefineCheckpoint(document.serialised())
    }
    if try await domain.autostart() != removal.autostart { try await domain.setAutostart(removal.autostart) }

    let kept = try await domain.snapshots()
    let lost = removal.snapshots.compactMap { $0.value(at: "name") }.filter { name in
      !kept.contains { $0.name == name }
    }
    guard lost.isEmpty else { throw ActionFailure("libvirt did not keep the snapshot \(lost.joined(separator: ", "))") }
    guard removal.currentSnapshot == nil || kept.contains(where: { $0.isCurrent && $0.name == removal.currentSnapshot })
    else { throw ActionFailure("libvirt did not make \(removal.currentSnapshot ?? "") the current snapshot") }
    guard try await domain.autostart() == removal.autostart else {
      throw ActionFailure("libvirt did not keep whether the domain starts with the host")
    }
  }

  /// Undefines again what could not be made whole; the removal stays in the archive.
  private func undo(_ domain: LibvirtDomain, because failure: ActionFailure) async -> ActionFailure {
    if failure.isConnectionLost { return failure }
    var failure = failure
    var options: DomainUndefineOptions = [.keepNVRAM, .snapshotsMetadata, .checkpointsMetadata]
    if removal.definition.exists(at: "devices/tpm/backend") { options.insert(.keepTPM) }
    do {
      try await domain.undefine(options)
      failure.message += "; the domain was undefined again"
    } catch {
      failure.message += "; it could not be undefined again: \(ActionFailure(error).message)"
    }
    return failure
  }
}
