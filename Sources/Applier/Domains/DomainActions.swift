// Domain definitions: compared with what the plan saw, stored, read back, and put back where libvirt did not keep them.

import Libvirt
import Planner
import Vocabulary
import XMLTree

/// Stores definitions of domains.
struct DomainActions: Sendable {
  let connection: LibvirtConnection
  let replaced: ReplacedDefinitions

  /// Stores a definition, new or changed.
  ///
  /// - Returns: what libvirt stored beside it that nobody asked for; nil for nothing.
  func define(_ definition: DomainDefinition) async throws -> String? {
    let name = definition.identity.name
    if let seen = definition.replacing {
      let domain = try await connection.domain(definition.identity)
      try await connection.requireUnmoved(domain, seen)
    } else if let other = try await connection.domainIfAny(named: name) {
      throw ActionFailure("domain \(name) now exists (UUID \(other.uuid))", remedy: planAgain)
    }
    try await connection.requireOwn(definition)

    let (domain, stored): (LibvirtDomain, XMLElement)
    do {
      (domain, stored) = try await connection.store(definition)
    } catch let dropped as DroppedDefinition {
      var failure = definitionFailure(dropped.refusal)
      failure.message += "; it does not know \(dropped.place), or not with that value"
      throw failure
    } catch let error as LibvirtError where !error.isConnectionLost {
      var failure = definitionFailure(error)
      failure.field = faultyField(error.message, in: definition.xml)
      throw failure
    }
    let unasked = UnaskedChange.all(in: stored, asked: definition.xml, replacing: definition.replacing)
    do {
      try definition.check(stored)
      try throwSubstance(of: unasked)
    } catch {
      let undo = DefinitionUndo(kind: "domain", name: name, printing: "dumpxml", old: definition.replacing)
      throw await undo.carryOut(because: ActionFailure(error)) { old in
        try await connection.defineDomain(old, named: name)
      } undefine: {
        // UEFI variables may be there from an earlier domain of the name; they are not this step's to delete.
        try await domain.undefine(.keepNVRAM)
      }
    }
    if let old = definition.replacing {
      await replaced.note(domain.uuid, ReplacedDefinition(old: old, new: stored))
    }
    return unasked.isEmpty ? nil : "libvirt " + unasked.map(\.description).joined(separator: "; ")
  }

  /// What makes another machine of the guest is not stored.
  private func throwSubstance(of changes: [UnaskedChange]) throws(ActionFailure) {
    let found = changes.filter(\.isSubstance)
    guard !found.isEmpty else { return }
    throw ActionFailure(
      "libvirt \(found.map(\.description).joined(separator: "; ")), which the spec does not ask for",
      remedy: "set the value in the spec")
  }
}
