// How the domains of a stack or a host stand, for programs.

public import Planner

import Diagnostics
import Inventory

extension HostStatus {
  /// The status as a JSON document: `{"format": "vireo-status", "version": 1, …}`.
  public func json() -> String {
    JSON.object([
      ("format", .string("vireo-status")),
      ("version", .integer(1)),
      ("uri", .string(uri)),
      ("stack", JSON(stack)),
      ("settled", .boolean(isSettled)),
      ("domains", .array(domains.map(\.json))),
      ("others", .array(others.map(\.json))),
      ("problems", .array(problems.map { JSON($0) })),
      ("unowned", .array(unowned.map(JSON.string))),
      (
        "summary",
        .object(
          DomainStatus.Condition.allCases.reversed().map { condition in
            (condition.rawValue, .integer(domains.count { $0.condition == condition }))
          })
      ),
    ]).serialised()
  }
}

extension DomainStatus {
  fileprivate var json: JSON {
    .object([
      ("name", .string(name)), ("stack", .string(stack)), ("state", JSON(state?.rawValue)),
      ("saved", .boolean(isSaved)), ("condition", .string(condition.rawValue)),
      ("drifted", .array(drifted.map(JSON.string))), ("to-change", .array(toChange.map(JSON.string))),
      ("waiting", .array(waiting.map(JSON.string))), ("problems", .array(problems.map { JSON($0) })),
    ])
  }
}
