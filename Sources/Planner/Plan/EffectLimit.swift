// How far a plan may go: an object with a change that costs more than is allowed is refused by name, before anything is
// touched, like one that a state of the host forbids.

import Diagnostics
import Spec
import Vocabulary

extension PlanBuilder {
  /// Refuses every object with a change that goes beyond what the run or the domain itself allows.
  ///
  /// - Parameter runLimit: the most disruptive effect that any change may have; nil for no limit.
  mutating func enforce(_ runLimit: Effect?) {
    let declared = Dictionary(spec.domains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for object in objects {
      let own = object.object.kind == .domain ? ownLimit(of: object.object.name, declared[object.object.name]) : nil
      guard let limit = [runLimit, own].compactMap(\.self).min() else { continue }
      let beyond = object.changes.filter { $0.effect > limit }
      // What another change takes along is that change's doing.
      let causes = beyond.filter { $0.reason != .default }
      for change in causes.isEmpty ? beyond : causes {
        let isOwn = limit == own
        let asked = isOwn ? "the domain's `max-effect: \(limit.rawValue)`" : "`--max-effect \(limit.rawValue)`"
        let needed = change.effect.rawValue
        refuse(
          "beyond-max-effect",
          "\(change.effect == .delete ? "deleting it" : change.summary) requires `\(needed)`, which is beyond \(asked)",
          at: change.range, subject: object.object,
          suggestion:
            "to allow it, write `\(isOwn ? "max-effect: " : "--max-effect ")\(needed)`: \(change.effect.explanation)")
      }
    }
  }

  /// The limit that a domain has of its own: what the spec says, and what is recorded with one that the spec no longer has.
  private func ownLimit(of name: String, _ declared: ObjectSpec?) -> Effect? {
    if let declared { return declared[.maxEffect] }
    let record = (inventory.domains[name]?.inactive).flatMap { OwnershipRecord(in: $0) }
    return record?.content(of: .maxEffect)
  }
}

extension FieldChange {
  /// The change in a few words: `memory from 1 GiB to 2 GiB`.
  fileprivate var summary: String {
    switch (old, new) {
    case (let old?, let new?): "\(field) from \(old) to \(new)"
    case (nil, let new?): "\(field) becoming \(new)"
    case (let old?, nil): "\(field) losing \(old)"
    case (nil, nil): field
    }
  }
}
