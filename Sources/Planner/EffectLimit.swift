// How far a plan may go: changes that cost more than is allowed, each named, before anything is touched.

import Diagnostics
import Spec
import Vocabulary

extension PlanBuilder {
  /// Refuses every change that goes beyond what the run or its own domain allows.
  ///
  /// - Parameter runLimit: the most disruptive effect that any change may have; nil for no limit.
  func enforce(_ runLimit: Effect?) {
    var limits: [ObjectReference: Effect] = [:]
    for domain in spec.domains {
      if let own = domain["max-effect"]?.string.flatMap(Effect.init) {
        limits[ObjectReference(.domain, domain.name)] = own
      }
    }
    for object in parts.objects {
      let own = limits[object.object]
      guard let limit = [runLimit, own].compactMap(\.self).min() else { continue }
      for change in object.changes where change.effect > limit {
        let asked = limit == own ? "the domain's `max-effect: \(limit.rawValue)`" : "`--max-effect \(limit.rawValue)`"
        fail(
          "beyond-max-effect",
          "\(change.effect == .delete ? "deleting \(object.object)" : change.summary) takes `\(change.effect.rawValue)`, which is beyond \(asked)",
          at: change.range, subject: object.object,
          suggestion: "allow `\(change.effect.rawValue)`: \(change.effect.explanation)")
      }
    }
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
