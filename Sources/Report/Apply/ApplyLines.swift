// An apply that is under way, as plain lines: one a finished step, for pipes and logs.

public import Applier
public import Planner

/// Turns the events of an apply into lines.
public struct ApplyLines: Sendable {
  private let plan: Plan
  private let style: TextStyle
  private(set) var finished = 0
  /// Steps that have said that they wait: a log needs to hear it once.
  private var waits: Set<Int> = []

  /// Lines for the actions of a plan, in the order in which they end; without colour unless the style has it.
  public init(_ plan: Plan, style: TextStyle = TextStyle()) {
    self.plan = plan
    self.style = style
  }

  /// The line for an event, with its line break; nil for events that are not news here.
  public mutating func line(for event: ApplyEvent) -> String? {
    if case .waiting(let index, let reason) = event { return waiting(index, reason) }
    guard case .finished(let index, let outcome) = event, plan.actions.indices.contains(index) else { return nil }
    finished += 1
    let total = String(plan.actions.count)
    let number = String(repeating: " ", count: max(0, total.count - String(finished).count)) + String(finished)
    return "[\(number)/\(total)] " + Self.text(outcome, index: index, plan: plan, style: style) + "\n"
  }

  private mutating func waiting(_ index: Int, _ reason: String) -> String? {
    guard waits.insert(index).inserted else { return nil }
    return style.paint("waits", .yellow) + "   " + plan.title(of: index) + ": " + SafeText.clean(reason) + "\n"
  }

  /// `done    domain web-1: define`, on one line of any length.
  static func text(_ outcome: ActionOutcome, index: Int, plan: Plan, style: TextStyle) -> String {
    let title = plan.title(of: index)
    switch outcome {
    case .done: return style.paint("done", .green) + "    " + title
    case .waits(let reason): return style.paint("stored", .yellow) + "  " + title + ": " + SafeText.clean(reason)
    case .noted(let what): return style.paint("stored", .yellow) + "  " + title + ": " + SafeText.clean(what)
    case .remarked(let what): return style.paint("done", .green) + "    " + title + ": " + SafeText.clean(what)
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

  /// The same without file names: `domain web-1: make disks.root`.
  func shortTitle(of index: Int) -> String {
    guard actions.indices.contains(index) else { return "step \(index)" }
    return SafeText.clean(actions[index].object.description) + ": " + actions[index].operation.shortPhrase
  }
}
