// What came of an apply, for people: what was done, what failed and why, what was not tried, and what to do.

public import Applier
public import Diagnostics
public import Planner
import Vocabulary

extension ApplyResult {
  /// The result as text. Steps that failed for the same reason are said once.
  public func text(of plan: Plan, _ style: TextStyle = TextStyle()) -> String {
    var output = ""
    for group in failures() { output += text(group, plan, style) }
    for (index, outcome) in outcomes.enumerated() {
      guard case .waits(let reason) = outcome, plan.actions.indices.contains(index) else { continue }
      output += paragraph("waits for a restart:", .yellow, "\(plan.actions[index].object): \(reason)", style)
    }
    for (index, outcome) in outcomes.enumerated() {
      guard case .remarked(let what) = outcome, plan.actions.indices.contains(index) else { continue }
      output += paragraph("note:", .yellow, "\(plan.actions[index].object): \(what)", style)
    }
    for (index, outcome) in outcomes.enumerated() {
      guard case .noted(let what) = outcome, plan.actions.indices.contains(index) else { continue }
      output += paragraph("not asked for:", .yellow, "\(plan.actions[index].object): \(what)", style)
    }
    let left = skipped(in: plan)
    if !left.isEmpty {
      output += paragraph("not tried:", .yellow, left, style)
    }
    if wasInterrupted {
      output += paragraph(
        "interrupted:", .yellow,
        "the steps in flight were finished, and the rest were not started; run the command again to continue", style)
    }
    let refused = plan.refused.map(\.object.description)
    if !refused.isEmpty {
      output += paragraph("refused:", .alarm, NameList.ranges(refused).joined(separator: ", "), style)
    }
    if !output.isEmpty { output += "\n" }
    let counts = counts
    guard !isComplete else {
      return output + style.paint("Applied", .bold)
        + ": \(counts.done) \(counts.done == 1 ? "step" : "steps") done\(freed(by: plan)).\n"
    }
    var parts = ["\(counts.done) of \(outcomes.count) steps done\(freed(by: plan))"]
    if counts.failed > 0 { parts.append("\(counts.failed) failed") }
    if counts.skipped > 0 { parts.append("\(counts.skipped) not tried") }
    return output + style.paint("Not complete", .alarm) + ": " + parts.joined(separator: ", ") + ".\n"
  }

  /// What the deleted garbage took up.
  private func freed(by plan: Plan) -> String {
    let sizes = zip(plan.actions, outcomes).compactMap { action, outcome -> UInt64? in
      guard outcome.isDone, case .deleteFile(_, _, _, let file?) = action.operation else { return nil }
      return file.file.bytes
    }
    return sizes.isEmpty ? "" : ", \(ByteCount.approximate(sizes.reduce(0, +))) deleted"
  }

  var counts: (done: Int, failed: Int, skipped: Int) {
    var (done, failed, skipped) = (0, 0, 0)
    for outcome in outcomes {
      switch outcome {
      case .done, .waits, .noted, .remarked: done += 1
      case .failed: failed += 1
      case .blocked, .notStarted: skipped += 1
      }
    }
    return (done, failed, skipped)
  }

  /// Failures with the steps that they hit, in the order of the first of each.
  private func failures() -> [(failure: ActionFailure, steps: [Int])] {
    var order: [ActionFailure] = []
    var steps: [ActionFailure: [Int]] = [:]
    for (index, outcome) in outcomes.enumerated() {
      guard case .failed(let failure) = outcome else { continue }
      if steps[failure] == nil { order.append(failure) }
      steps[failure, default: []].append(index)
    }
    return order.map { ($0, steps[$0] ?? []) }
  }

  private func text(_ group: (failure: ActionFailure, steps: [Int]), _ plan: Plan, _ style: TextStyle) -> String {
    var subject = group.steps.first.map(plan.title) ?? ""
    if group.steps.count > 1 { subject = "\(group.steps.count) steps: \(objects(group.steps, plan))" }
    let field = group.failure.field.map { " (\($0))" } ?? ""
    let place = group.steps.first.flatMap { plan.place(of: $0, group.failure.field) }.map { " [\($0.short)]" } ?? ""
    var output = paragraph(
      "failed:", .alarm, subject + field + place + ": " + group.failure.message, style)
    if let remedy = group.failure.remedy {
      for line in SafeText.wrap(SafeText.clean(remedy), to: style.width - 4) {
        output += "    " + style.paint(line, .green) + "\n"
      }
    }
    return output
  }

  /// The steps that were never tried, by what was in the way.
  private func skipped(in plan: Plan) -> String {
    var own: [Int] = []
    var order: [Int] = []
    var others: [Int: [Int]] = [:]
    for (index, outcome) in outcomes.enumerated() {
      guard case .blocked(let cause) = outcome, plan.actions.indices.contains(index),
        plan.actions.indices.contains(cause)
      else { continue }
      if plan.actions[index].object == plan.actions[cause].object {
        own.append(index)
      } else {
        if others[cause] == nil { order.append(cause) }
        others[cause, default: []].append(index)
      }
    }
    func steps(_ steps: [Int]) -> String {
      "\(steps.count) \(steps.count == 1 ? "step" : "steps") of \(objects(steps, plan))"
    }
    var parts = own.isEmpty ? [] : [steps(own) + ", because an earlier step of the same object failed"]
    for cause in order { parts.append(steps(others[cause] ?? []) + ", because of \(plan.shortTitle(of: cause))") }
    return parts.joined(separator: "; ")
  }

  /// `domain web-1, domain web-2`, each once; many are counted.
  private func objects(_ steps: [Int], _ plan: Plan) -> String {
    var names: [String] = []
    var seen: Set<ObjectReference> = []
    for step in steps where plan.actions.indices.contains(step) {
      let object = plan.actions[step].object
      if seen.insert(object).inserted { names.append(object.description) }
    }
    guard names.count > 6 else { return NameList.ranges(names).joined(separator: ", ") }
    let ranges = NameList.ranges(names)
    return ranges.count <= 6 ? ranges.joined(separator: ", ") : ranges.prefix(5).joined(separator: ", ") + " and more"
  }

  private func paragraph(_ label: String, _ ink: TextStyle.Ink, _ text: String, _ style: TextStyle) -> String {
    let lines = SafeText.wrap(label + " " + SafeText.clean(text), to: style.width - 2)
    var output = ""
    for (index, line) in lines.enumerated() {
      output += index == 0 ? style.paint(label, ink) + line.dropFirst(label.count) : "  " + line
      output += "\n"
    }
    return output
  }
}

extension ApplyResult {
  /// What failed, and whether the rest was left, as messages: for programs that get another document where all went well.
  ///
  /// - Parameter rule: the rule that the messages name.
  public func failureMessages(of plan: Plan, rule: String) -> [Diagnostic] {
    var messages = zip(plan.actions, outcomes).compactMap { action, outcome -> Diagnostic? in
      guard case .failed(let failure) = outcome else { return nil }
      return Diagnostic(rule, failure.message, subject: action.object.description, suggestion: failure.remedy)
    }
    if wasInterrupted {
      messages.append(
        Diagnostic("interrupted", "not all steps were started", suggestion: "run the command again to continue"))
    }
    return messages
  }
}

extension Plan {
  /// Where the spec says what a step is about: the field that is known to be at fault, or the object.
  fileprivate func place(of step: Int, _ field: String?) -> SourceRange? {
    guard actions.indices.contains(step), let object = objects.first(where: { $0.object == actions[step].object })
    else {
      return nil
    }
    let change = field.flatMap { field in
      object.changes.first { $0.field == field } ?? object.changes.first { field.hasPrefix($0.field + ".") }
    }
    return change?.range ?? object.range
  }
}
