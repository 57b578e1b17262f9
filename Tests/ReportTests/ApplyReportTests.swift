// The report of an apply: the lines while it goes on, the moving picture on a terminal, the result.

import Applier
import Planner
import TestSupport
import Testing

@testable import Report

@Suite("apply report")
struct ApplyReportTests {
  @Test("the result is what the golden file shows", arguments: [false, true])
  func golden(color: Bool) throws {
    let (plan, result) = SamplePlans.failed
    try expectGolden(
      result.text(of: plan, TextStyle(color: color, width: 80)), color ? "apply-failed-color.txt" : "apply-failed.txt")
  }

  @Test("a complete result is one line")
  func complete() {
    let plan = SamplePlans.creation(count: 1)
    let result = ApplyResult(outcomes: plan.actions.map { _ in .done }, wasInterrupted: false)
    #expect(result.text(of: plan) == "Applied: \(plan.actions.count) steps done.\n")
  }

  @Test("what libvirt stored beside what it was asked for is told everywhere, and the step is done")
  func unasked() throws {
    let plan = SamplePlans.creation(count: 1)
    let what = "libvirt added devices/watchdog"
    let outcomes = plan.actions.indices.map { $0 == 0 ? ActionOutcome.noted(what) : .done }
    let result = ApplyResult(outcomes: outcomes, wasInterrupted: false)
    #expect(result.isComplete)
    let text = result.text(of: plan, TextStyle(color: false, width: 120))
    #expect(text.contains("not asked for: \(plan.actions[0].object): \(what)"))
    #expect(text.hasSuffix("Applied: \(plan.actions.count) steps done.\n"))
    var lines = ApplyLines(plan)
    #expect(lines.line(for: .finished(0, .noted(what)))?.contains(what) == true)
    #expect(result.json(of: plan).contains(what))
  }

  @Test("every finished step is a line with its number")
  func lines() throws {
    let (plan, result) = SamplePlans.failed
    var lines = ApplyLines(plan)
    var text = ""
    for (index, outcome) in result.outcomes.enumerated() {
      #expect(lines.line(for: .started(index)) == nil)
      #expect(lines.line(for: .progressed(index, done: 1, of: 2)) == nil)
      text += lines.line(for: .finished(index, outcome)) ?? ""
    }
    #expect(lines.line(for: .finished(1000, .done)) == nil)
    try expectGolden(text, "apply-lines.txt")
  }

  @Test(
    "frames on a terminal leave nothing, where the result follows there, and otherwise the failures, broken into lines",
    arguments: [(80, 24), (40, 6), (20, 3)], [false, true])
  func screen(size: (width: Int, height: Int), keepsFailures: Bool) {
    let (width, height) = size
    let (plan, result) = SamplePlans.failed
    var terminal = FakeTerminal(width: width)
    var screen = ApplyScreen(plan, color: true, keepsFailures: keepsFailures)
    for (index, outcome) in result.outcomes.enumerated() {
      screen.handle(.started(index))
      screen.handle(.progressed(index, done: 3 << 20, of: 10 << 20))
      terminal.write(screen.frame(tick: index, width: width, height: height))
      #expect(terminal.isCursorHidden)
      if index % 2 == 0 { terminal.write(screen.frame(tick: index, width: width, height: height)) }
      screen.handle(.finished(index, outcome))
    }
    let moving = terminal.lines.joined(separator: "\n")
    #expect(moving.contains("11/12") || width < 40)
    #expect(width < 80 || moving.contains("30 % of 10 MiB"))
    #expect(width < 80 || moving.contains(/failed +domain web-1/), "\(moving)")
    terminal.write(screen.end(width: width))
    #expect(!terminal.isCursorHidden)
    var lines = ApplyLines(plan)
    var expected = ""
    for (index, outcome) in result.outcomes.enumerated() {
      let line = lines.line(for: .finished(index, outcome)) ?? ""
      if case .failed = outcome, keepsFailures { expected += line }
    }
    let words = { (text: String) in text.split { $0 == " " || $0 == "\n" } }
    let shown = words(terminal.lines.joined(separator: "\n"))
    // Names that are wider than the terminal are shortened.
    if width >= 40 { #expect(shown == words(expected)) } else { #expect(shown.isEmpty == expected.isEmpty) }
    for line in terminal.lines { #expect(line.count <= width) }
  }

  @Test("what a step waits for is said once in a log, and shown as it changes on a terminal")
  func waiting() {
    let plan = SamplePlans.creation(count: 1)
    var lines = ApplyLines(plan)
    #expect(lines.line(for: .waiting(0, for: "its agent does not answer, 1 of 300 s"))?.hasPrefix("waits   ") == true)
    #expect(lines.line(for: .waiting(0, for: "its agent does not answer, 2 of 300 s")) == nil)
    var terminal = FakeTerminal(width: 80)
    var screen = ApplyScreen(plan, color: false)
    screen.handle(.started(0))
    for second in 1...2 {
      screen.handle(.waiting(0, for: "its agent does not answer, \(second) of 300 s"))
      terminal.write(screen.frame(tick: second, width: 80, height: 24))
      #expect(terminal.lines.contains { $0.contains("agent does not answer, \(second) of") && $0.count < 80 })
    }
  }

  @Test("more running steps than rows are counted")
  func manyRunning() {
    let plan = SamplePlans.creation(count: 20)
    var terminal = FakeTerminal(width: 80)
    var screen = ApplyScreen(plan, color: false)
    for index in 0..<30 { screen.handle(.started(index)) }
    terminal.write(screen.frame(tick: 0, width: 80, height: 10))
    #expect(terminal.lines.contains("  … and 24 more"))
    #expect(terminal.lines.filter { !$0.isEmpty }.count == 8)
  }
}

/// As much of a terminal as the screen uses: lines that break at the width, the cursor's row, erasing.
private struct FakeTerminal {
  let width: Int
  private var rows: [[Character]] = [[]]
  private var row = 0
  private var column = 0
  private(set) var isCursorHidden = false

  init(width: Int) { self.width = width }

  var lines: [String] { rows.map { String($0) } }

  mutating func write(_ text: String) {
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "\r": column = 0
      case "\n": newLine()
      case "\u{1B}":
        rest.removeFirst()
        let parameters = rest.prefix { !$0.isLetter }
        rest = rest.dropFirst(parameters.count)
        act(rest.popFirst() ?? " ", String(parameters))
      default:
        if column == width { newLine() }
        while rows[row].count <= column { rows[row].append(" ") }
        rows[row][column] = character
        column += 1
      }
    }
  }

  private mutating func newLine() {
    row += 1
    column = 0
    if row == rows.count { rows.append([]) }
  }

  private mutating func act(_ command: Character, _ parameters: String) {
    switch command {
    case "A": row = max(0, row - (Int(parameters) ?? 1))
    case "K": rows[row] = Array(rows[row].prefix(column))
    case "J":
      rows[row] = Array(rows[row].prefix(column))
      rows.removeSubrange((row + 1)...)
    case "l" where parameters == "?25": isCursorHidden = true
    case "h" where parameters == "?25": isCursorHidden = false
    case "m": break
    default: Issue.record("an unknown sequence: \(parameters)\(command)")
    }
  }
}
