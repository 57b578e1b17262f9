// One object of a plan, or several that change alike, as a block of text.

import Diagnostics
import Planner
import Vocabulary

/// The block of one group of objects.
struct PlanBlock {
  private let group: AlikeObjects
  let plan: ObjectPlan
  private let steps: [Action]
  let effect: Effect?
  let style: TextStyle
  /// What an earlier block says of the same kind of things, and the object that it says it of.
  let earlier: [String: String]
  static let margin = "    "

  init(_ group: AlikeObjects, steps: [Action], style: TextStyle, earlier: [String: String] = [:]) {
    self.group = group
    plan = group.first
    self.steps = steps
    effect = (plan.changes.map(\.effect) + steps.map(\.effect)).max()
    self.style = style
    self.earlier = earlier
  }

  var text: String {
    var output = heading()
    if plan.verb == .refused { return output + reasons() + others() }
    if [.update, .delete].contains(plan.verb) {
      output += changedFields() + givenValues()
    } else {
      output += newFields()
    }
    output += pending()
    output += doing()
    return output + others()
  }

  /// Why an object is refused, and what to do.
  private func reasons() -> String {
    plan.problems.map { problem in
      var output = ""
      let lines = SafeText.wrap(SafeText.clean(problem.message), to: style.width - Self.margin.count - 2)
      for (index, line) in lines.enumerated() {
        let isLast = index == lines.count - 1
        output += Self.margin + (index == 0 ? "" : "  ") + line
        let used = Self.margin.count + (index == 0 ? 0 : 2) + SafeText.width(line)
        output +=
          (isLast && problem.range?.start.line != plan.range?.start.line ? place(problem.range, used: used) : "") + "\n"
      }
      guard let suggestion = problem.suggestion else { return output }
      for line in SafeText.wrap(SafeText.clean(suggestion), to: style.width - Self.margin.count - 2) {
        output += Self.margin + "  " + style.paint(line, .green) + "\n"
      }
      return output
    }.joined()
  }

  /// The objects that change alike, by name.
  private func others() -> String {
    guard !group.others.isEmpty else { return "" }
    let own = [group.hasNumbers ? "numbers" : nil, group.hasDerivedValues ? "identities" : nil].compactMap(\.self)
    let ending = ": the same" + (own.isEmpty ? "" : ", with their own " + own.joined(separator: " and "))
    var words = NameList.words(group.others, kind: plan.object.kind.title)
    words[words.count - 1] += ending.prefix { $0 != " " }
    words += ending.split(separator: " ").dropFirst().map(String.init)
    var output = ""
    for (index, line) in SafeText.wrap(words: words, to: style.width - 4).enumerated() {
      output += (index == 0 ? style.paint(plan.verb.symbol, plan.verb.ink) + " " : "    ") + line + "\n"
    }
    return output
  }

  // MARK: Heading

  /// `~ domain db: update, next-boot`. That something new is stored, or starts, goes without saying.
  private func heading() -> String {
    let name = SafeText.shorten(SafeText.clean(plan.object.description), to: style.width - 24)
    let verb = plan.verb == .none ? "waits for a restart" : plan.verb.rawValue
    var used = 4 + SafeText.width(name) + SafeText.width(verb)
    var line = style.paint(plan.verb.symbol, plan.verb.ink) + " " + style.paint(name, .bold) + ": " + verb
    if let effect, plan.verb != .none, effect > (plan.verb == .create ? .live : .define),
      !(plan.verb == .delete && effect == .delete)
    {
      line += ", " + style.paint(effect.rawValue, effect.ink)
      used += 2 + effect.rawValue.utf8.count
    }
    return line + place(plan.range, used: used) + "\n"
  }

  /// The place in the spec at the right edge; nothing where there is no room.
  private func place(_ range: SourceRange?, used: Int) -> String {
    guard let range else { return "" }
    let text = SafeText.shorten(range.short, to: style.width / 3)
    let gap = style.width - used - SafeText.width(text)
    return gap < 2 ? "" : String(repeating: " ", count: gap) + style.paint(text, .dim)
  }

  private func placeWidth(_ range: SourceRange?) -> Int {
    range.map { 2 + min(SafeText.width($0.short), style.width / 3) } ?? 0
  }

  // MARK: Fields of an object that exists

  private func changedFields() -> String {
    let changes = plan.changes.filter { !$0.isGiven && !repeatsAnother($0) }
    let names = changes.map { SafeText.clean($0.field) }
    let column = min(names.map(SafeText.width).max() ?? 0, 28, style.width / 3)
    var output = ""
    for (change, name) in zip(changes, names) {
      // Of what goes, that there is nothing instead need not be said each time.
      var words = plan.verb == .delete ? change.oldWords : change.valueWords(both: true)
      if let detail = shownDetail(change) { words += ("(" + detail + ")").split(separator: " ").map(String.init) }
      let remark = remark(change)
      let indent = Self.margin.count + column + 2
      var lines = SafeText.wrap(words: words, to: style.width - indent)
      let label = SafeText.pad(SafeText.shorten(name, to: column), to: column)
      let first = lines.isEmpty ? "" : lines.removeFirst()
      var line = Self.margin + label + "  " + first
      var used = indent + SafeText.width(first)
      let space = String(repeating: " ", count: indent)
      let isBroken = !lines.isEmpty
      for next in lines {
        output += line + "\n"
        line = space + next
        used = indent + SafeText.width(next)
      }
      if let remark {
        let rest = 2 + SafeText.width(remark.plain) + placeWidth(change.range)
        if isBroken || used + rest > style.width {
          output += line + "\n"
          // A terminal this narrow has no column for remarks.
          let margin = indent + rest > style.width ? Self.margin + "  " : space
          line = margin + remark.painted
          used = SafeText.width(margin) + SafeText.width(remark.plain)
        } else {
          line += "  " + remark.painted
          used += 2 + SafeText.width(remark.plain)
        }
      }
      output += line + place(change.range, used: used) + "\n"
    }
    return output
  }

  /// The effect where it is another than the object's, and the reason where it is not the spec.
  private func remark(_ change: FieldChange) -> (plain: String, painted: String)? {
    var parts: [(String, TextStyle.Ink?)] = []
    if change.effect != effect { parts.append((change.effect.rawValue, change.effect.ink)) }
    switch change.reason {
    case .spec: break
    case .drift: parts.append(("drift: " + change.driftText, change.reason.ink))
    case .dropped: parts.append(("no longer in the spec", change.reason.ink))
    case .default: parts.append(("default", change.reason.ink))
    }
    guard !parts.isEmpty else { return nil }
    // A drifted value can be of any length, and the row shows it as the new one already.
    parts = parts.map { (SafeText.shorten($0.0, to: style.width / 2 - 6), $0.1) }
    return (
      parts.map(\.0).joined(separator: ", "), parts.map { style.paint($0.0, $0.1) }.joined(separator: ", ")
    )
  }

  // MARK: Fields of an object that is new

  private func newFields() -> String {
    // An object that is taken over has everything already: what is recorded is what the spec says.
    if plan.verb == .adopt {
      let sentence = "ownership is recorded; nothing else changes"
      let recorded = plan.changes.filter { $0.old != $0.new }
      return paragraph("", [sentence.split(separator: " ").map(String.init)], separator: "")
        + paragraph(
          "recorded:", recorded.map { [$0.field] + $0.valueWords(both: $0.old != nil) }, separator: ",")
    }
    let said = plan.changes.filter { $0.reason != .default }
    var output = ""
    for (owner, changes) in owners(said) {
      output += paragraph(owner.isEmpty ? "" : owner + ":", changes.map { pair($0, owner: owner) }, separator: ",")
    }
    return output + givenValues()
  }

  /// The changes by the device that they are about, in the order in which they come.
  func owners(_ changes: [FieldChange]) -> [(String, [FieldChange])] {
    var result: [(String, [FieldChange])] = []
    for change in changes {
      let owner = change.owner(in: plan.object.kind)
      if let index = result.firstIndex(where: { $0.0 == owner }) {
        result[index].1.append(change)
      } else {
        result.append((owner, [change]))
      }
    }
    return result
  }

  func pair(_ change: FieldChange, owner: String) -> [String] {
    let member = owner.isEmpty ? change.field : String(change.field.dropFirst(owner.count + 1))
    var words = [member].filter { !$0.isEmpty } + change.valueWords(both: change.old != nil)
    if let detail = shownDetail(change) { words += ("(" + detail + ")").split(separator: " ").map(String.init) }
    // Short pairs stay on one line.
    let joined = SafeText.clean(words.joined(separator: " "))
    return SafeText.width(joined) <= min(48, style.width - 8) ? [joined] : words.map(SafeText.clean)
  }

  // MARK: What else there is to say

  private func pending() -> String {
    guard !plan.pending.isEmpty else { return "" }
    let values = plan.pending.map { value in
      [
        value.field + " " + (value.running?.shown ?? "nothing")
          + (value.isSaved ? " in the saved state," : " running,"),
        (value.stored?.shown ?? "nothing") + " stored",
      ]
    }
    return paragraph(plan.verb == .none ? "" : "stored, waiting for a restart:", values, separator: ";", ink: nil)
  }

  private func doing() -> String {
    paragraph("steps:", steps.map { $0.operation.words }, separator: ";")
  }

  /// A detail says nothing new where a step says it too.
  private func shownDetail(_ change: FieldChange) -> String? {
    guard let detail = change.detail.map({ SafeText.clean($0).withShortChecksum }) else { return nil }
    return steps.contains { $0.operation.phrase.contains(detail) } ? nil : detail
  }

  /// Items after a label, broken into lines; later lines are indented further.
  func paragraph(
    _ label: String, _ items: [[String]], separator: String, ink: TextStyle.Ink? = nil, margin: String = margin
  ) -> String {
    guard !items.isEmpty else { return "" }
    let words = label.split(separator: " ").map(String.init) + Self.joined(items, separator: separator)
    let lines = SafeText.wrap(words: words.map(SafeText.clean), to: style.width - margin.count - 2)
    var output = ""
    for (index, line) in lines.enumerated() {
      output += margin + (index == 0 ? "" : "  ") + style.paint(line, ink) + "\n"
    }
    return output
  }

  static func joined(_ items: [[String]], separator: String) -> [String] {
    var words: [String] = []
    for (index, item) in items.enumerated() {
      words += item
      if index < items.count - 1, let last = words.popLast() { words.append(last + separator) }
    }
    return words
  }
}

extension FieldChange {
  /// What happened behind Vireo's back.
  fileprivate var driftText: String {
    guard let new else { return "changed on the host" }
    // A device has no value that could be repeated: its row says what it is.
    let isDevice = old == nil && field.split(separator: ".").count == 2 && !owner(in: .domain).isEmpty
    return isDevice ? "removed on the host" : "last applied \(new.shown)"
  }

  /// The device that the field belongs to, as `disks.root`; empty for the object's own fields.
  func owner(in kind: ObjectReference.Kind) -> String {
    guard kind == .domain else { return "" }
    let parts = field.split(separator: ".", maxSplits: 2)
    guard parts.count >= 2, Vocabulary.domain.collection(String(parts[0])) != nil else { return "" }
    return "\(parts[0]).\(parts[1])"
  }

  /// `1 GiB → 2 GiB`, or the new value alone.
  func valueWords(both: Bool) -> [String] {
    // Of two tables only the entries that differ are news.
    if both, let old, let new, let pair = old.differences(from: new) {
      return FieldChange.words(pair.old) + ["→"] + FieldChange.words(pair.new)
    }
    let new = self.new.map { $0.shown.split(separator: " ").map(String.init) }
    guard both else { return new ?? [] }
    let old = self.old.map { $0.shown.split(separator: " ").map(String.init) } ?? ["not", "set"]
    if self.old == nil, self.new == nil { return [] }
    return old + ["→"] + (new ?? ["not", "set"])
  }

  /// The old value, as words.
  var oldWords: [String] { old.map(FieldChange.words) ?? [] }

  static func words(_ value: Value) -> [String] { value.shown.split(separator: " ").map(String.init) }
}

extension Value {
  /// Two tables without the entries in which they agree, at any depth; nil for other values, and for equal ones.
  fileprivate func differences(from other: Value) -> (old: Value, new: Value)? {
    guard case .table(var old) = self, case .table(var new) = other, old != new else { return nil }
    for (key, value) in old {
      guard let counterpart = new[key] else { continue }
      if value == counterpart {
        (old[key], new[key]) = (nil, nil)
      } else if let inner = value.differences(from: counterpart) {
        (old[key], new[key]) = (inner.old, inner.new)
      }
    }
    return (.table(old), .table(new))
  }

  /// The value as the spec writes it, made harmless; texts with blanks at an end, and empty ones, in quotes.
  var shown: String {
    let text = SafeText.clean(description)
    guard case .string = self, text.isEmpty || text.first == " " || text.last == " " else { return text }
    return "\"" + text + "\""
  }
}

extension SourceRange {
  /// `lab.yaml:12`.
  var short: String { SafeText.clean("\(file.path):\(start.line)") }
}
