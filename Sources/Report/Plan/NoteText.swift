// The notes of a plan: one paragraph a message, said once however many objects it is about.

import Diagnostics

/// Writes messages that go with a plan.
struct NoteText {
  let style: TextStyle

  func text(_ notes: [Diagnostic]) -> String {
    var order: [Message] = []
    var subjects: [Message: [String]] = [:]
    for note in notes {
      let message = Message(note)
      if subjects[message] == nil { order.append(message) }
      subjects[message, default: []] += note.subject.map { [$0] } ?? []
    }
    return order.map { paragraph($0, subjects[$0] ?? []) }.joined()
  }

  /// A message without what it is about.
  private struct Message: Hashable {
    let severity: Severity
    let text: String
    let suggestion: String?
    let range: SourceRange?

    init(_ diagnostic: Diagnostic) {
      severity = diagnostic.severity
      text = diagnostic.message
      suggestion = diagnostic.suggestion
      range = diagnostic.range
    }
  }

  private func paragraph(_ message: Message, _ subjects: [String]) -> String {
    var words: [String] = []
    if !subjects.isEmpty { words += (list(subjects) + ":").split(separator: " ").map(String.init) }
    words += SafeText.clean(message.text).split(separator: " ").map(String.init)
    if let suggestion = message.suggestion, let last = words.popLast() {
      words += [last + ";"] + SafeText.clean(suggestion).split(separator: " ").map(String.init)
    }
    if let range = message.range { words.append("(\(range.short))") }
    let label = message.severity.rawValue + ":"
    let lines = SafeText.wrap(words: [label] + words, to: style.width - 2)
    var output = ""
    for (index, line) in lines.enumerated() {
      let painted =
        index == 0 && line.hasPrefix(label)
        ? style.paint(label, message.severity.ink) + line.dropFirst(label.count) : "  " + line
      output += painted + "\n"
    }
    return output
  }

  /// `domain web-1`, or `domains web-1 … web-9`.
  private func list(_ subjects: [String]) -> String {
    guard subjects.count > 1 else { return SafeText.clean(subjects[0]) }
    let kinds = Set(subjects.map { $0.prefix { $0 != " " } })
    guard kinds.count == 1, let kind = kinds.first, subjects.allSatisfy({ $0.contains(" ") }) else {
      return NameList.ranges(subjects).joined(separator: ", ")
    }
    let ranges = NameList.ranges(subjects.map { String($0.dropFirst(kind.count + 1)) })
    let rest = ranges.count > 8 ? " and \(subjects.count) in all" : ""
    return "\(kind)s " + ranges.prefix(8).joined(separator: ", ") + rest
  }
}

extension Severity {
  var ink: TextStyle.Ink {
    switch self {
    case .error: .alarm
    case .warning: .yellow
    case .note: .cyan
    }
  }
}
