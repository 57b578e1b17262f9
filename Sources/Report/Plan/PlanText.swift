// A plan for people: what differs, what it takes, and what will be done, on as few lines as that needs.

public import Planner

import Diagnostics
import Vocabulary

extension Plan {
  /// The plan as text.
  ///
  /// Files that nobody needs are a table for each folder. Then one block an object that changes or waits; neighbours that
  /// change alike share one. Objects that are as the spec
  /// says only count. What does not fit the width is broken into lines or shortened in the middle; the JSON form
  /// (``json()``) has everything.
  public func text(_ style: TextStyle = TextStyle()) -> String {
    let subject = stack.map { "stack " + style.paint(SafeText.clean($0), .bold) + " on " } ?? "connection "
    var output = subject + SafeText.clean(uri) + "\n"
    let steps = Dictionary(grouping: actions, by: \.object)
    let shown = objects.filter { ($0.verb != .none || !$0.pending.isEmpty) && $0.object.kind != .file }
    output += FileTable(self, style: style).text
    var said: [String: String] = [:]
    for group in AlikeObjects.grouped(shown, steps: steps) {
      let block = PlanBlock(group, steps: steps[group.first.object] ?? [], style: style, earlier: said)
      output += "\n" + block.text
      said.merge(block.said) { first, _ in first }
    }
    let messages = NoteText(style: style).text(notes)
    if !messages.isEmpty { output += "\n" + messages }
    return output + "\n" + summary(style)
  }

  /// The lines that end the plan's text: `Plan: 3 to create, 1 to update, 0 to adopt, 96 unchanged.`
  func summary(_ style: TextStyle) -> String {
    let counts = PlanCounts(self)
    if isEmpty, counts.refused == 0 {
      let lines = SafeText.wrap("No changes: " + emptiness, to: style.width).joined(separator: "\n") + "\n"
      return style.paint("No changes", .bold) + lines.dropFirst("No changes".count)
    }
    let numbers =
      purpose == .garbage
      ? garbageSummary + "."
      : "\(counts.create) to create, \(counts.update) to update, \(counts.adopt) to adopt, "
        + (counts.delete > 0 ? "\(counts.delete) to delete, " : "")
        + (counts.refused > 0 ? "\(counts.refused) refused, " : "") + "\(counts.unchanged) unchanged."
    let lines = SafeText.wrap("Plan: " + numbers, to: style.width).joined(separator: "\n") + "\n"
    var text = style.paint("Plan", .bold) + lines.dropFirst(4)
    // Up to `live` nothing happens that anyone would have to prepare for.
    if let effect = actions.map(\.effect).max(), effect > .live {
      let sentence = "The most disruptive effect is \(effect.rawValue): \(effect.explanation)."
      let lines = SafeText.wrap(sentence, to: style.width).joined(separator: "\n") + "\n"
      text += lines.replacing(
        effect.rawValue + ":", with: style.paint(effect.rawValue, effect.ink) + ":", maxReplacements: 1)
    }
    return text
  }
}

extension Plan {
  /// What a plan without steps says of the host, in a sentence.
  fileprivate var emptiness: String {
    let stack = SafeText.clean(stack ?? "")
    switch purpose {
    // Of what is to go there is nothing; whether the host is as the spec says is another question.
    case .destruction: return "the host has no domain and no network of the stack \(stack)."
    case .request: return "there is nothing to do."
    case .garbage:
      return (["nothing to delete"] + [garbageSummary].filter { !$0.isEmpty }).joined(separator: "; ") + "."
    case .spec: break
    }
    guard !objects.isEmpty else { return "the spec of the stack \(stack) declares nothing." }
    let waiting = objects.filter { !$0.pending.isEmpty }.map(\.object.description)
    guard !waiting.isEmpty else { return "the host matches the spec." }
    let names = NameList.ranges(waiting)
    let listed = names.count > 6 ? names.prefix(5).joined(separator: ", ") + " and more" : names.joined(separator: ", ")
    return "the stored definitions match the spec; waiting for a restart: \(listed)."
  }
}

/// How many objects a plan creates, updates, adopts, deletes, refuses and leaves.
struct PlanCounts {
  var create = 0
  var update = 0
  var adopt = 0
  var delete = 0
  var refused = 0
  var unchanged = 0

  init(_ plan: Plan) {
    for object in plan.objects {
      switch object.verb {
      case .create: create += 1
      case .update: update += 1
      case .adopt: adopt += 1
      case .delete: delete += 1
      case .refused: refused += 1
      case .none: unchanged += 1
      }
    }
  }
}

extension ObjectPlan.Verb {
  var symbol: String {
    switch self {
    case .create: "+"
    case .update: "~"
    case .adopt: "="
    case .delete: "-"
    case .refused: "!"
    case .none: " "
    }
  }

  var ink: TextStyle.Ink? {
    switch self {
    case .create: .green
    case .update: .yellow
    case .adopt: .cyan
    case .delete, .refused: .alarm
    case .none: nil
    }
  }
}

extension Effect {
  var ink: TextStyle.Ink? {
    switch self {
    case .define: nil
    case .live: .green
    case .nextBoot: .yellow
    case .restart, .offline: .magenta
    case .replace, .delete, .dataLoss: .alarm
    }
  }
}

extension FieldChange.Reason {
  /// No effect has the colour of drift: what a change costs and where it comes from are two things.
  var ink: TextStyle.Ink? {
    switch self {
    case .spec, .dropped: nil
    case .drift: .blue
    case .default: .dim
    }
  }
}
