// What a run replaced and stopped, kept so that a domain that will not start with its new definition gets its old one back.

import Libvirt
import Planner
import XMLTree

/// A definition that was replaced in this run.
struct ReplacedDefinition: Sendable {
  let old: XMLElement
  /// As it was read back.
  let new: XMLElement
}

/// The definitions that a run replaced, and the guests that it stopped, by the domain's UUID.
actor ReplacedDefinitions {
  private var definitions: [String: ReplacedDefinition] = [:]
  private var stopped: Set<String> = []

  func note(_ uuid: String, _ definition: ReplacedDefinition) {
    // With several in a run, the first is the one that is known to have worked.
    definitions[uuid] = ReplacedDefinition(old: definitions[uuid]?.old ?? definition.old, new: definition.new)
  }

  func noteStopped(_ uuid: String) { stopped.insert(uuid) }

  /// Hands out what is known about a domain, once.
  func take(_ uuid: String) -> (definition: ReplacedDefinition?, wasStopped: Bool) {
    (definitions.removeValue(forKey: uuid), stopped.remove(uuid) != nil)
  }
}

extension ApplyRun {
  /// Puts the old definition of a domain back that does not start with its new one, and starts it with that where this
  /// run had stopped it.
  ///
  /// - Returns: `failure` with what was done.
  func putBack(_ domain: LibvirtDomain, because failure: ActionFailure) async -> ActionFailure {
    let (definition, wasStopped) = await replaced.take(domain.uuid)
    guard let definition, failure != .connectionLost else { return failure }
    var failure = failure
    do {
      try await requireUnmoved(domain, definition.new)
      try await connection.defineDomain(definition.old.serialised(), named: domain.name)
      failure.message += "; its old definition was put back"
    } catch {
      failure.message += "; its old definition could not be put back: \(ActionFailure(error).message)"
      return failure
    }
    guard wasStopped else { return failure }
    do {
      try await domain.start()
      failure.message += " and the guest was started with it"
    } catch {
      failure.message += ", and the guest does not start with it either"
    }
    return failure
  }
}
