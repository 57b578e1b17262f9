// The steps of one object, as its planning returns them: numbered within the object, until the plan is put together.

import Vocabulary

/// What a step waits for.
enum Prerequisite: Sendable, Hashable {
  /// Another step of the same object, by its number there.
  case step(Int)
  /// The step after which another object can be used, if the plan has one.
  case object(ObjectReference)
}

/// A step of an object.
struct Step: Sendable {
  var operation: Operation
  var after: [Prerequisite] = []
  var effect = Effect.define
}

/// The steps of an object, each after those that it waits for.
struct Steps: Sendable {
  private(set) var list: [Step] = []
  /// The number of the step after which others can use the object; nil where they need not wait.
  private(set) var ready: Int?

  /// Adds a step.
  ///
  /// - Returns: the step, for others to wait for.
  @discardableResult
  mutating func add(_ operation: Operation, after: [Prerequisite] = [], effect: Effect = .define) -> Prerequisite {
    add(Step(operation: operation, after: after, effect: effect))
  }

  /// Adds a step that another subject has planned, which waits for steps that are here already.
  @discardableResult
  mutating func add(_ step: Step) -> Prerequisite {
    list.append(step)
    return .step(list.count - 1)
  }

  /// Makes others that need the object wait for a step of it.
  mutating func setReady(after step: Prerequisite) {
    if case .step(let number) = step { ready = number }
  }
}
