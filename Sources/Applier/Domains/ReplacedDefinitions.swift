// What a run replaced and stopped, kept so that a domain that will not start with its new definition gets its old one back.

import Libvirt
import Planner
import Vocabulary
import XMLTree

/// A definition that was replaced in this run.
struct ReplacedDefinition: Sendable {
  let old: XMLElement
  /// As it was read back.
  let new: XMLElement
}

/// The definitions that a run replaced, the guests that it stopped, and the UEFI variables that they had, by the domain's
/// UUID.
actor ReplacedDefinitions {
  private var definitions: [String: ReplacedDefinition] = [:]
  private var stopped: Set<String> = []
  /// Where guests that were stopped had their variables, which a stored definition need not say.
  private var variableFiles: [String: String] = [:]
  private var variables: [String: UEFIVariables] = [:]

  func note(_ uuid: String, _ definition: ReplacedDefinition) {
    // With several in a run, the first is the one that is known to have worked.
    definitions[uuid] = ReplacedDefinition(old: definitions[uuid]?.old ?? definition.old, new: definition.new)
  }

  func noteStopped(_ uuid: String) { stopped.insert(uuid) }
  func forgetStopped(_ uuid: String) { stopped.remove(uuid) }
  func wasStopped(_ uuid: String) -> Bool { stopped.contains(uuid) }
  func has(_ uuid: String) -> Bool { definitions[uuid] != nil }

  func noteVariables(_ running: XMLElement, of uuid: String) { variableFiles[uuid] = running.variablesFile }

  /// The file with the UEFI variables of a guest that starts with a definition of this run, where they are not kept yet.
  func variablesToKeep(of domain: LibvirtDomain, _ connection: LibvirtConnection) -> String? {
    guard let definition = definitions[domain.uuid], variables[domain.uuid] == nil else { return nil }
    return variableFiles[domain.uuid] ?? connection.variablesFile(of: definition.new, named: domain.name)
  }

  func keep(_ kept: UEFIVariables, of uuid: String) { variables[uuid] = kept }

  /// Hands out what is known about a domain, once.
  func take(
    _ uuid: String
  ) -> (definition: ReplacedDefinition?, wasStopped: Bool, variables: UEFIVariables?) {
    (definitions.removeValue(forKey: uuid), stopped.remove(uuid) != nil, variables.removeValue(forKey: uuid))
  }
}

extension ApplyRun {
  /// Keeps the UEFI variables that a guest has before it starts with a definition of this run.
  func keepVariables(of domain: LibvirtDomain) async {
    guard let path = await replaced.variablesToKeep(of: domain, connection),
      let kept = try? await files.run({ try UEFIVariables(at: path) })
    else { return }
    await replaced.keep(kept, of: domain.uuid)
  }

  /// Puts the old definition of a domain back that does not start with its new one, and starts it with that where this
  /// run had stopped it.
  ///
  /// - Returns: `failure` with what was done.
  func putBack(_ domain: LibvirtDomain, because failure: ActionFailure) async -> ActionFailure {
    let (definition, wasStopped, variables) = await replaced.take(domain.uuid)
    guard let definition, !failure.isConnectionLost else { return failure }
    var failure = failure
    do {
      try await requireUnmoved(domain, definition.new)
      try await connection.defineDomain(definition.old.serialised(), named: domain.name)
      failure.message += "; its old definition was put back"
    } catch {
      failure.message += "; its old definition could not be put back: \(ActionFailure(error).message)"
      return failure
    }
    do {
      if try await files.run({ try variables?.putBack() ?? false }) {
        failure.message += wasStopped ? ", its UEFI variables too" : " with its UEFI variables"
      }
    } catch {
      failure.message += "; its UEFI variables could not be put back: \(ActionFailure(error).message)"
    }
    guard wasStopped else { return failure }
    do {
      try await start(domain)
      failure.message += " and the guest was started with it"
    } catch {
      failure.message += ", and the guest does not start with it either"
    }
    return failure
  }
}
