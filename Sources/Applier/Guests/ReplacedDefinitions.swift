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
