// What came of an apply, for programs.

public import Applier
public import Planner

extension ApplyResult {
  /// The result as a JSON document: `{"format": "vireo-apply", "version": 1, …}`, one outcome an action, at the
  /// action's place in the plan.
  public func json(of plan: Plan) -> String {
    let counts = counts
    let actions = zip(plan.actions, outcomes).map { action, outcome in
      JSON.object(
        [
          ("operation", .string(action.operation.name)), ("object", action.object.json),
          ("path", action.operation.path.map(JSON.string)),
        ] + outcome.json)
    }
    return JSON.object([
      ("format", .string("vireo-apply")),
      ("version", .integer(1)),
      ("stack", plan.stack.map(JSON.string) ?? .null),
      ("uri", .string(plan.uri)),
      ("complete", .boolean(isComplete && plan.refused.isEmpty)),
      ("interrupted", .boolean(wasInterrupted)),
      ("actions", .array(actions)),
      ("refused", .array(plan.refused.map(\.object.json))),
      (
        "summary",
        .object([
          ("done", .integer(counts.done)), ("failed", .integer(counts.failed)),
          ("not-tried", .integer(counts.skipped)), ("refused", .integer(plan.refused.count)),
        ])
      ),
    ]).serialised()
  }
}

extension ActionOutcome {
  fileprivate var json: [(String, JSON?)] {
    switch self {
    case .done: [("outcome", .string("done"))]
    case .waits(let reason): [("outcome", .string("waits-for-restart")), ("message", .string(reason))]
    case .noted(let what), .remarked(let what): [("outcome", .string("done")), ("message", .string(what))]
    case .failed(let failure):
      [
        ("outcome", .string("failed")), ("message", .string(failure.message)),
        ("remedy", failure.remedy.map(JSON.string)), ("field", failure.field.map(JSON.string)),
      ]
    case .blocked(let cause): [("outcome", .string("blocked")), ("blocked-by", .integer(cause))]
    case .notStarted: [("outcome", .string("not-started"))]
    }
  }
}
