// Taking back a definition that did not become what it should.

import XMLTree

/// A definition that was stored and is not what it should be.
struct DefinitionUndo {
  /// What the object is called: `network`.
  let kind: String
  let name: String
  /// The command of virsh that prints the definition.
  let printing: String
  /// The definition that there was before; nil for none.
  let old: XMLElement?

  /// Stores the old definition again, or removes the new one.
  ///
  /// - Parameter putBack: stores the XML of the old definition.
  /// - Returns: `failure` with what was done.
  func carryOut(
    because failure: ActionFailure, putBack: (String) async throws -> Void, undefine: () async throws -> Void
  ) async -> ActionFailure {
    if failure.isConnectionLost { return failure }
    var failure = failure
    do {
      if let old {
        try await putBack(old.serialised())
        failure.message += "; the old definition was put back"
      } else {
        try await undefine()
        failure.message += "; the new \(kind) was undefined again"
      }
    } catch {
      failure.message += "; the stored definition could not be taken back: \(ActionFailure(error).message)"
      failure.remedy = "look at it with `virsh \(printing) --inactive \(name)`, then plan again"
    }
    return failure
  }
}
