// Renaming a stopped domain with all that it has. libvirt's own rename leaves the file of UEFI variables under the old
// name, where the renamed domain would not find it: it would start with a factory-new firmware.

import DiskImage
import Failpoints
import Libvirt
import Planner
import SystemCalls
import Vocabulary
import XMLTree

/// Renames domains.
struct RenamingActions: Sendable {
  let context: ApplyContext
  private var connection: LibvirtConnection { context.connection }

  /// Gives a stopped domain another name. One that has it already counts as renamed.
  func rename(_ identity: DomainIdentity, to name: String) async throws {
    if let renamed = try await connection.domainIfAny(named: name) {
      guard renamed.uuid == identity.uuid else {
        throw ActionFailure("domain \(name) now exists with another UUID", remedy: planAgain)
      }
      return try await moveVariables(of: renamed, from: identity.name)
    }
    let domain = try await connection.domain(identity)
    let definition = try await connection.storedDefinition(of: domain)
    if let owner = OwnershipRecord(in: definition)?.stack, owner != context.stack {
      throw ActionFailure(
        "domain \(identity.name) now belongs to the stack \(owner)", remedy: "give the domain here another name")
    }
    // Under both names until the domain has its new one: whenever this is cut off, the domain finds them.
    if let (old, new) = namedVariables(definition, from: identity.name, to: name) {
      try await context.files.run {
        do throws(ImageError) {
          let (from, to) = (try FilePlace(old), try FilePlace(new))
          try Failpoint.around("link \(new)") { () throws(ImageError) in try from.folder.link(from.name, to: to) }
        } catch .notFound {
          // There are none yet.
        } catch {
          guard !isOneFile(old, new) else { return }
          guard case .alreadyExists = error else { throw error }
          throw ActionFailure(
            "\(new) has the UEFI variables of an earlier domain \(name)",
            remedy: "move the file away, then apply again")
        }
      }
    }
    try await domain.rename(to: name)
    guard let renamed = try await connection.domainIfAny(named: name), renamed.uuid == identity.uuid else {
      throw ActionFailure("libvirt did not rename domain \(identity.name)")
    }
    try await moveVariables(of: renamed, from: identity.name)
  }

  /// Takes the old name from the variables of a domain that is renamed.
  private func moveVariables(of domain: LibvirtDomain, from name: String) async throws {
    let definition = try await connection.storedDefinition(of: domain)
    guard let (old, new) = namedVariables(definition, from: name, to: domain.name) else { return }
    try await context.files.run {
      if isOneFile(old, new) {
        let place = try FilePlace(old)
        try Failpoint.around("delete \(old)") { () throws(ImageError) in try place.folder.remove(place.name) }
      }
    }
  }

  /// The files of a domain's UEFI variables by the old and the new name; nil where the definition says itself where
  /// they are, and for a domain without any.
  private func namedVariables(
    _ definition: XMLElement, from old: String, to new: String
  ) -> (old: String, new: String)? {
    guard definition.variablesFile == nil, let before = connection.variablesFile(of: definition, named: old),
      let after = connection.variablesFile(of: definition, named: new)
    else { return nil }
    return (before, after)
  }
}

/// Whether two paths lead to one file.
func isOneFile(_ a: String, _ b: String) -> Bool {
  FileStatus.areOne(a, b)
}
