// The sums over all documents, for people.

import Foundation
import XMLTree

/// What came of all documents.
struct Figures {
  /// What the documents are: `domain`, `network`, `pool`.
  let kind: String
  /// The names of documents that are known not to hold.
  let known: Set<String>
  private var outcomes: [Outcome] = []

  init(kind: String, known: Set<String> = []) {
    self.kind = kind
    self.known = known
  }

  mutating func add(_ outcome: Outcome) { outcomes.append(outcome) }

  private var taken: [Outcome] { outcomes.filter { $0.refusal == nil } }

  /// Whether everything that is promised holds, but for what is known.
  var holds: Bool { taken.allSatisfy { $0.holds || known.contains($0.document.name) } }

  func text(left lines: Int) -> String {
    let taken = taken
    func rate(_ label: String, _ isMet: (Outcome) -> Bool) -> String {
      let count = taken.count(where: isMet)
      let percent = taken.isEmpty ? 100 : Double(count) * 100 / Double(taken.count)
      return
        "\(label.padded(to: 44)) \(String(count).padded(to: 5, left: true)) of \(taken.count)  \(percent.oneDigit) %\n"
    }
    var text = "\(kind)s: \(outcomes.count) documents, \(outcomes.count - taken.count) refused by this libvirt\n\n"
    text += rate("imported") { !$0.spec.isEmpty }
    text += rate("planned and taken over without a change") { !$0.spec.isEmpty && $0.phantoms.isEmpty }
    text += rate("adopted, no byte changed outside of metadata") { !$0.spec.isEmpty && $0.alterations.isEmpty }
    if kind == "domain" {
      let started = taken.filter(\.hasCommandLine)
      text += "adopted, QEMU's command line equal".padded(to: 44) + " "
      text += "\(started.count { $0.commandLineChanges.isEmpty })".padded(to: 5, left: true)
      text += " of \(started.count)  (libvirt has one for these, here)\n"
    }
    text += rate("in full detail") { !$0.importProblems.contains { $0.hasPrefix("less-detail") } }
    text += rate("lens laws hold") { $0.lawBreaches.isEmpty }
    text += rate("re-created on an empty host, equal") { !$0.spec.isEmpty && $0.differences.isEmpty }
    let coverage = taken.map(\.coverage).reduce(Coverage(), +)
    let share = coverage.total == 0 ? 100 : 100 - Double(coverage.left) * 100 / Double(coverage.total)
    text += "said with fields, of \(coverage.total) elements and attributes".padded(to: 44) + " \(share.oneDigit) %\n"
    text += rate("said with fields alone") { $0.coverage.left == 0 && !$0.spec.isEmpty }
    let better = taken.filter { $0.holds && known.contains($0.document.name) }.map(\.document.name)
    if !better.isEmpty { text += "\nknown not to hold, and hold here: \(better.joined(separator: ", "))\n" }
    for outcome in outcomes {
      if let refusal = outcome.refusal { text += "\nrefused: \(outcome.document.name)\n  \(refusal)\n" }
      let faults =
        outcome.importProblems + outcome.phantoms
        + outcome.alterations.map { "adopted, byte for byte: \($0)" }
        + outcome.commandLineChanges.map { "adopted, command line: \($0)" }
        + outcome.differences.map { "again: \($0)" }
        + outcome.lawBreaches
      guard !faults.isEmpty, outcome.refusal == nil else { continue }
      text +=
        "\n\(outcome.document.name)\(known.contains(outcome.document.name) ? " (known)" : "")\n"
        + faults.map { "  \($0)\n" }.joined()
    }
    let most = coverage.paths.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(lines)
    guard !most.isEmpty else { return text }
    text += "\nleft to libvirt's own XML, the most frequent first:\n"
    for (path, count) in most { text += "\(String(count).padded(to: 6, left: true))  \(path)\n" }
    return text
  }
}

extension Outcome {
  fileprivate var holds: Bool {
    !spec.isEmpty && phantoms.isEmpty && alterations.isEmpty && commandLineChanges.isEmpty && differences.isEmpty
      && lawBreaches.isEmpty
  }

  /// Keeps the definition, the spec, and what is wrong with it in a folder.
  func write(into folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let problems = importProblems + phantoms + alterations + commandLineChanges + differences + lawBreaches
    for (ending, text) in [
      (".yaml", spec), ("", stored?.serialised() ?? ""), (".problems", problems.joined(separator: "\n")),
    ] where !text.isEmpty {
      try text.write(toFile: "\(folder)/\(document.name)\(ending)", atomically: true, encoding: .utf8)
    }
  }
}

extension String {
  fileprivate func padded(to width: Int, left: Bool = false) -> String {
    let space = String(repeating: " ", count: max(0, width - count))
    return left ? space + self : self + space
  }
}

extension Double {
  fileprivate var oneDigit: String {
    let tenths = Int((self * 10).rounded(.down))
    return "\(tenths / 10).\(tenths % 10)"
  }
}
