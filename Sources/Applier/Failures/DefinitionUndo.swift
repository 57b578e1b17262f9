// Taking back definitions of networks and storage pools.

import Libvirt
import Planner

extension ApplyRun {
  /// Takes back a definition that did not become what it should: the old one again, or none.
  ///
  /// - Parameters:
  ///   - words: what the object is called in messages, and in the names of virsh's commands.
  ///   - putBack: stores the XML of the old definition.
  /// - Returns: `failure` with what was done.
  func undo<Kind>(
    _ definition: ObjectDefinition, on object: HostObject<Kind>, called words: (noun: String, command: String),
    because failure: ActionFailure, putBack: (String) async throws -> Void
  ) async -> ActionFailure {
    if failure.isConnectionLost { return failure }
    var failure = failure
    do {
      if let old = definition.replacing {
        try await putBack(old.serialised())
        failure.message += "; the old definition was put back"
      } else {
        try await object.undefine()
        failure.message += "; the new \(words.noun) was undefined again"
      }
    } catch {
      failure.message += "; the stored definition could not be taken back: \(ActionFailure(error).message)"
      failure.remedy = "look at it with `virsh \(words.command)-dumpxml --inactive \(object.name)`, then plan again"
    }
    return failure
  }
}
