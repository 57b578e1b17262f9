// What came of an apply: one outcome an action, and the events on the way there.

import Diagnostics

/// What came of carrying out a plan.
public struct ApplyResult: Sendable {
  /// One outcome an action, at the action's place in the plan.
  public var outcomes: [ActionOutcome]
  /// Whether the run was asked to stop before all actions were started.
  public var wasInterrupted: Bool

  /// The outcomes of a plan's actions, in the plan's order.
  public init(outcomes: [ActionOutcome], wasInterrupted: Bool) {
    self.outcomes = outcomes
    self.wasInterrupted = wasInterrupted
  }

  /// Whether everything was done.
  public var isComplete: Bool { outcomes.allSatisfy(\.isDone) }
}

/// What came of one action.
public enum ActionOutcome: Sendable, Hashable {
  /// Done, and found to be so when it was read back.
  case done
  /// Stored, and the running guest has not all of it: why. It waits for the guest's next start.
  case waits(String)
  /// Done, and libvirt stored something beside what was asked for: what.
  case noted(String)
  /// Done, with something that the reader should know: what.
  case remarked(String)
  /// Not done; what it had begun is undone or finished by the next run.
  case failed(ActionFailure)
  /// A step that it depends on failed: the index of the first such action in the plan.
  case blocked(by: Int)
  /// The run was asked to stop before the action was started, or before anything of it was there.
  case notStarted
}

extension ActionOutcome {
  /// Whether what depends on the action can go on.
  public var isDone: Bool {
    switch self {
    case .done, .waits, .noted, .remarked: true
    case .failed, .blocked, .notStarted: false
    }
  }
}

/// Why an action failed, and what to do.
public struct ActionFailure: Error, Sendable, Hashable {
  /// What went wrong, in a sentence without a full stop.
  public var message: String
  /// What the user can do about it.
  public var remedy: String?
  /// The field of the spec that it is about, where one is known: `disks.root.bus`.
  public var field: String?
  /// Whether it is that another process has a file open.
  var isFileInUse = false

  /// A failure, by default without a remedy and about no single field.
  public init(_ message: String, remedy: String? = nil, field: String? = nil) {
    self.message = message
    self.remedy = remedy
    self.field = field
  }
}

extension ActionFailure {
  /// The failure without secrets.
  func redacted(_ secrets: KnownSecrets) -> ActionFailure {
    var failure = self
    failure.message = secrets.redacted(message)
    failure.remedy = remedy.map(secrets.redacted)
    return failure
  }
}

extension ActionOutcome {
  /// The outcome without secrets.
  func redacted(_ secrets: KnownSecrets) -> ActionOutcome {
    switch self {
    case .waits(let reason): .waits(secrets.redacted(reason))
    case .noted(let remark): .noted(secrets.redacted(remark))
    case .remarked(let remark): .remarked(secrets.redacted(remark))
    case .failed(let failure): .failed(failure.redacted(secrets))
    case .done, .blocked, .notStarted: self
    }
  }
}

/// News of an apply that is under way. Actions are named by their index in the plan.
public enum ApplyEvent: Sendable, Hashable {
  /// An action was begun.
  case started(Int)
  /// Bytes done of bytes in all, for actions that move data.
  case progressed(Int, done: UInt64, of: UInt64)
  /// What an action waits for that is not in its hands, such as `its agent does not answer, 12 of 300 s`.
  case waiting(Int, for: String)
  /// An action has come to its end. Actions that are never begun end, too: blocked, or not started.
  case finished(Int, ActionOutcome)
}
