// An apply that is under way, as plain lines: one a finished step, for pipes and logs.

public import Applier
public import Planner

/// Turns the events of an apply into lines.
public struct ApplyLines: Sendable {
  private let plan: Plan
  private let style: TextStyle
  private(set) var finished = 0

  public init(_ plan: Plan, style: TextStyle = TextStyle()) {
    self.plan = plan
    self.style = style
  }

  /// The line for an event, with its line break; nil for events that are no news here.
  public mutating func line(for event: ApplyEvent) -> String? {
    guard case .finished(let index, let outcome) = event, plan.actions.indices.contains(index) else { return nil }
    finished += 1
    let total = String(plan.actions.count)
    let number = String(repeating: " ", count: max(0, total.count - String(finished).count)) + String(finished)
    return "[\(number)/\(total)] " + Self.text(outcome, index: index, plan: plan, style: style) + "\n"
  }

  /// `done    domain web-1: define`, on one line of any length.
  static func text(_ outcome: ActionOutcome, index: Int, plan: Plan, style: TextStyle) -> String {
    let title = plan.title(of: index)
    switch outcome {
    case .done: return style.paint("done", .green) + "    " + title
    case .waits(let reason): return style.paint("stored", .yellow) + "  " + title + ": " + SafeText.clean(reason)
    case .failed(let failure):
      return style.paint("failed", .alarm) + "  " + title + ": " + SafeText.clean(failure.message)
    case .blocked(let cause):
      return style.paint("skipped", .yellow) + " \(title): needs \(plan.shortTitle(of: cause)), which failed"
    case .notStarted: return style.paint("skipped", .yellow) + " \(title): interrupted before it was started"
    }
  }
}

extension Plan {
  /// What a step is called: `domain web-1: define`.
  func title(of index: Int) -> String {
    guard actions.indices.contains(index) else { return "step \(index)" }
    return SafeText.clean(actions[index].object.description) + ": " + actions[index].operation.phrase
  }

  /// The same without file names: `domain web-1: make the disk image`.
  func shortTitle(of index: Int) -> String {
    guard actions.indices.contains(index) else { return "step \(index)" }
    return SafeText.clean(actions[index].object.description) + ": " + actions[index].operation.shortPhrase
  }
}
