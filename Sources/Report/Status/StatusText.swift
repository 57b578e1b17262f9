// How the domains of a stack or a host stand, for people: a table, and a line that counts.

public import Planner

import Diagnostics
import Inventory

extension HostStatus {
  /// The status as text: a line for each domain, what is about none of them, and a count.
  public func text(_ style: TextStyle = TextStyle()) -> String {
    let uri = SafeText.clean(uri)
    var output = stack.map { "stack " + style.paint(SafeText.clean($0), .bold) + " on \(uri)\n" } ?? "\(uri)\n"
    output += domains.isEmpty ? "" : "\n" + table(style)
    let messages = NoteText(style: style).text(domains.flatMap(\.problems) + problems)
    if !messages.isEmpty { output += "\n" + messages }
    if !others.isEmpty {
      let names = NameList.ranges(others.map(\.description)).joined(separator: ", ")
      output += "\n" + paragraph("An apply would also create or change \(names).", style)
    }
    return output + "\n" + paragraph(summary, style)
  }

  private var titles: [String] { (stack == nil ? ["STACK"] : []) + ["DOMAIN", "STATE", "CONDITION"] }

  private func table(_ style: TextStyle) -> String {
    let cells = domains.map { domain in
      (stack == nil ? [SafeText.shorten(SafeText.clean(domain.stack), to: 20)] : [])
        + [SafeText.shorten(SafeText.clean(domain.name), to: max(12, style.width / 3)), domain.stateWord]
    }
    let columns = titles.dropLast().indices.map { column in
      ([titles[column]] + cells.map { $0[column] }).map(SafeText.width).max() ?? 0
    }
    let indent = columns.reduce(0) { $0 + $1 + 2 }
    var output = zip(titles, columns).map { SafeText.pad($0, to: $1) + "  " }.joined() + "CONDITION\n"
    for (domain, row) in zip(domains, cells) {
      let lead = zip(row, columns).map { SafeText.pad($0, to: $1) + "  " }.joined()
      // What is to be read has a place of its own where names are long.
      let margin = style.width - indent < 24 ? 4 : indent
      let lines = SafeText.wrap(words: domain.conditionWords, to: style.width - margin)
      for (number, line) in lines.enumerated() {
        var start = String(repeating: " ", count: margin)
        if number == 0 { start = margin == indent ? lead : lead + "\n" + start }
        let title = domain.condition.words
        let painted =
          number == 0 && line.hasPrefix(title)
          ? style.paint(title, domain.condition.ink) + line.dropFirst(title.count) : line
        output += start + painted + "\n"
      }
    }
    return output
  }

  /// `3 domains: 2 in sync, 1 drifted.`
  private var summary: String {
    let rest = unowned.isEmpty ? "" : " \(unowned.count) more \(unowned.count == 1 ? "belongs" : "belong") to no stack."
    guard !domains.isEmpty else {
      guard stack == nil else { return "The stack has no domains." }
      return switch unowned.count {
      case 0: "The host has no domains."
      case 1: "The host has 1 domain, which belongs to no stack."
      default: "The host has \(unowned.count) domains, none of which belongs to a stack."
      }
    }
    let counts = DomainStatus.Condition.allCases.reversed().compactMap { condition -> String? in
      let count = domains.count { $0.condition == condition }
      return count == 0 ? nil : "\(count) \(condition.words)"
    }
    return "\(domains.count) \(domains.count == 1 ? "domain" : "domains"): \(counts.joined(separator: ", "))." + rest
  }

  private func paragraph(_ text: String, _ style: TextStyle) -> String {
    SafeText.wrap(text, to: style.width).joined(separator: "\n") + "\n"
  }
}

extension DomainStatus {
  /// What the guest is doing, in a word.
  var stateWord: String {
    guard let state else { return "–" }
    return isSaved && state == .stopped ? "saved" : state.rawValue
  }

  /// The condition and the fields that it is about, in words that lines may be broken between.
  fileprivate var conditionWords: [String] {
    var parts: [(String, [String])] = []
    if !drifted.isEmpty { parts.append((Condition.drifted.words, drifted)) }
    if !toChange.isEmpty { parts.append((Condition.toChange.words, toChange)) }
    if !waiting.isEmpty { parts.append((Condition.waiting.words, waiting)) }
    if parts.first?.0 != condition.words { parts.insert((condition.words, []), at: 0) }
    var words: [String] = []
    for (index, (title, fields)) in parts.enumerated() {
      let end = index < parts.count - 1 ? ";" : ""
      guard !fields.isEmpty else {
        words.append(title + end)
        continue
      }
      words.append(title + ":")
      // More would hide the other domains; a plan has them all.
      let shown = fields.count > 6 ? Array(fields.prefix(5)) + ["\(fields.count - 5) more"] : fields
      words += shown.enumerated().map { SafeText.clean($1) + ($0 < shown.count - 1 ? "," : end) }
    }
    return words
  }
}

extension DomainStatus.Condition {
  /// The condition as people read it.
  var words: String {
    switch self {
    case .refused: "cannot be planned"
    case .missing: "missing"
    case .drifted: "drifted"
    case .toChange: "to be changed"
    case .toAdopt: "to be adopted"
    case .waiting: "waiting for a restart"
    case .inSync: "in sync"
    case .undeclared: "undeclared"
    }
  }

  var ink: TextStyle.Ink? {
    switch self {
    case .refused: .alarm
    case .missing, .toChange: .yellow
    case .drifted: .blue
    case .toAdopt: .cyan
    case .waiting: .magenta
    case .inSync: .green
    case .undeclared: .dim
    }
  }
}
