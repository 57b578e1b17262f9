// What planning one object returns. The builder of the plan puts these values together, and nothing else does.

import Diagnostics

/// One object's part of a plan.
struct PlanPart: Sendable {
  /// What becomes of the object; nil where that is refused, or where there is nothing to say.
  var plan: ObjectPlan?
  var steps = Steps()
  var findings: Findings
  /// Texts of the object that nothing may show.
  var secrets = KnownSecrets()

  init(_ object: ObjectReference) {
    findings = Findings(about: object)
  }

  var object: ObjectReference { findings.object }
}
