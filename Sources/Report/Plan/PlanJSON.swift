// A plan for programs: everything that it holds, under names that stay.

public import Planner

import Diagnostics
import Vocabulary

extension Plan {
  /// The plan as a JSON document: `{"format": "vireo-plan", "version": 1, …}`.
  ///
  /// Sizes are numbers of bytes and times numbers of seconds, and say so in `unit`. Members that do not apply are left
  /// out; `old` and `new` are always there, null where there is no value.
  public func json() -> String {
    let counts = PlanCounts(self)
    let effects = Dictionary(actions.map { ($0.object, $0.effect) }, uniquingKeysWith: max)
    return JSON.object([
      ("format", .string("vireo-plan")),
      ("version", .integer(1)),
      ("stack", stack.map(JSON.string) ?? .null),
      ("uri", .string(uri)),
      ("objects", .array(objects.map { $0.json(with: effects[$0.object]) })),
      ("actions", .array(actions.map { $0.json(hiding: secrets) })),
      ("notes", .array(notes.map { JSON($0) })),
      (
        "summary",
        .object([
          ("create", .integer(counts.create)), ("update", .integer(counts.update)),
          ("adopt", .integer(counts.adopt)), ("delete", .integer(counts.delete)),
          ("refused", .integer(counts.refused)), ("unchanged", .integer(counts.unchanged)),
          ("actions", .integer(actions.count)),
          ("effect", actions.map(\.effect).max().map { .string($0.rawValue) }),
        ])
      ),
    ]).serialised()
  }
}

extension ObjectReference {
  var json: JSON { .object([("kind", .string(kind.rawValue)), ("name", .string(name))]) }
}

extension ObjectPlan {
  /// - Parameter stepEffect: the most disruptive effect among the object's steps.
  fileprivate func json(with stepEffect: Effect?) -> JSON {
    .object([
      ("kind", .string(object.kind.rawValue)),
      ("name", .string(object.name)),
      ("verb", .string(verb.rawValue)),
      ("effect", [effect, stepEffect].compactMap(\.self).max().map { .string($0.rawValue) }),
      ("changes", .array(changes.map(\.json))),
      ("pending", .array(pending.map(\.json))),
      ("problems", verb == .refused ? .array(problems.map { JSON($0) }) : nil),
      ("place", JSON(range)),
    ])
  }
}

extension FieldChange {
  fileprivate var json: JSON {
    .object([
      ("field", .string(field)),
      ("old", old.map { JSON($0) } ?? .null),
      ("new", new.map { JSON($0) } ?? .null),
      ("unit", ((new ?? old)?.unit).map(JSON.string)),
      ("effect", .string(effect.rawValue)),
      ("reason", .string(reason.rawValue)),
      ("detail", detail.map(JSON.string)),
      ("place", JSON(range)),
    ])
  }
}

extension PendingValue {
  fileprivate var json: JSON {
    .object([
      ("field", .string(field)),
      ("running", running.map { JSON($0) } ?? .null),
      ("stored", stored.map { JSON($0) } ?? .null),
      ("unit", ((stored ?? running)?.unit).map(JSON.string)),
    ])
  }
}

extension Value {
  /// What a number counts, where that is not plain.
  fileprivate var unit: String? {
    switch self {
    case .bytes: "bytes"
    case .seconds: "seconds"
    default: nil
    }
  }
}
