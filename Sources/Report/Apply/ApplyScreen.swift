// An apply that is under way, on a terminal: a few lines that are drawn again in place, the latest failures among them.

public import Applier
public import Planner

import Vocabulary

/// The moving picture of an apply.
///
/// A value: it takes events and gives the bytes of the next frame, and knows neither clock nor terminal. A frame
/// overwrites the one before line by line and never clears first, so that nothing flickers; each is meant to be written
/// at once.
public struct ApplyScreen: Sendable {
  private let plan: Plan
  private let color: Bool
  private var lines: ApplyLines
  /// Steps that run, in the order in which they were started, with the bytes that are done.
  private var running: [RunningStep] = []
  private var failed = 0
  private var skipped = 0
  /// Whether failures stay when the moving lines go, because the result, which says them well, is written elsewhere.
  private let keepsFailures: Bool
  /// Lines that have come since the last frame and that stay.
  private var lasting: [String] = []
  /// The latest failures, for as long as the moving lines are up.
  private var recent: [String] = []
  private static let mostRecent = 3
  /// Widths of the lines of the last frame: a narrower terminal has broken them now.
  private var drawn: [Int] = []
  private var isShown = false
  private var message: String?

  private struct RunningStep {
    let index: Int
    var done: UInt64 = 0
    var of: UInt64 = 0
    /// What it waits for.
    var reason: String?
  }

  private static let spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
  /// Shows the cursor again; to be written whenever the program ends while the screen is up.
  public static let restoration = "\u{1B}[?25h"

  /// - Parameter keepsFailures: whether each failure leaves a line, where the result goes elsewhere than to this terminal.
  public init(_ plan: Plan, color: Bool, keepsFailures: Bool = false) {
    self.keepsFailures = keepsFailures
    self.plan = plan
    self.color = color
    // Rows are cut and broken by their width, so that they hold no colours of their own.
    lines = ApplyLines(plan, style: TextStyle())
  }

  /// Takes note of an event. The next frame shows it.
  public mutating func handle(_ event: ApplyEvent) {
    let line = lines.line(for: event)
    switch event {
    case .started(let index): running.append(RunningStep(index: index))
    case .progressed(let index, let done, let total):
      guard let place = running.firstIndex(where: { $0.index == index }) else { return }
      (running[place].done, running[place].of) = (done, total)
    case .waiting(let index, let reason):
      guard let place = running.firstIndex(where: { $0.index == index }) else { return }
      running[place].reason = reason
    case .finished(let index, let outcome):
      running.removeAll { $0.index == index }
      switch outcome {
      case .done: break
      case .waits, .noted, .remarked: if let line, keepsFailures { lasting.append(line) }
      case .failed:
        failed += 1
        if let line {
          if keepsFailures { lasting.append(line) } else { recent = (recent + [line]).suffix(Self.mostRecent) }
        }
      case .blocked, .notStarted: skipped += 1
      }
    }
  }

  /// A line that stays under the moving ones, such as why it takes a while to stop.
  public mutating func say(_ text: String) { message = text }

  /// The bytes that draw the present state.
  ///
  /// - Parameters:
  ///   - tick: counts frames; it turns the spinner.
  ///   - width: the terminal's columns.
  ///   - height: the terminal's rows.
  public mutating func frame(tick: Int, width: Int, height: Int) -> String {
    let style = TextStyle(color: color, width: width)
    // The last column stays free: a character there makes some terminals move on.
    let columns = max(width - 1, 10)
    var rows = [counter(style, columns)]
    let room = max(1, min(height - 3 - recent.count, 12))
    let spinner = Self.spinner[tick % Self.spinner.count]
    let shown = running.count > room ? room - 1 : running.count
    for step in running.prefix(shown) { rows.append(row(step, spinner, style, columns)) }
    if running.count > shown { rows.append(("  … and \(running.count - shown) more", nil)) }
    for line in recent { rows.append((Self.plain(line, to: columns), .alarm)) }
    if let message { rows.append((SafeText.cut(message, to: columns), .bold)) }
    var output = isShown ? home(width: max(width, 1)) : "\u{1B}[?25l"
    isShown = true
    if !lasting.isEmpty {
      // Such a line may take several rows, each of which held something else.
      output += "\r\u{1B}[J" + lasting.map { Self.broken($0, to: columns) }.joined()
      lasting = []
    }
    for (text, ink) in rows { output += "\r" + style.paint(text, ink) + "\u{1B}[K\n" }
    drawn = rows.map { SafeText.width($0.0) }
    // What is left below belongs to a longer frame.
    return output + "\u{1B}[J"
  }

  /// The bytes that take the moving lines away and show the cursor again.
  public mutating func end(width: Int) -> String {
    var output = isShown ? home(width: max(width, 1)) + "\r\u{1B}[J" : ""
    for line in lasting { output += Self.broken(line, to: max(width - 1, 10)) }
    recent = []
    lasting = []
    let wasShown = isShown
    isShown = false
    drawn = []
    return wasShown ? output + Self.restoration : output
  }

  private func counter(_ style: TextStyle, _ columns: Int) -> (String, TextStyle.Ink?) {
    let total = plan.actions.count
    let finished = lines.finished
    let cells = 20
    let filled = total == 0 ? cells : cells * finished / total
    var text = "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: cells - filled) + "] "
    text += "\(finished)/\(total)"
    if failed > 0 { text += ", \(failed) failed" }
    if skipped > 0 { text += ", \(skipped) skipped" }
    return (SafeText.cut(text, to: columns), failed > 0 ? .alarm : .bold)
  }

  private func row(
    _ step: RunningStep, _ spinner: String, _ style: TextStyle, _ columns: Int
  ) -> (String, TextStyle.Ink?) {
    var amount = ""
    if step.of > 0 {
      let percent = Int(Double(min(step.done, step.of)) / Double(step.of) * 100)
      amount = "  \(percent) % of \(ByteCount.approximate(step.of))"
    }
    if let reason = step.reason {
      // What it waits for says what it is.
      let text = SafeText.clean("\(plan.actions[step.index].object): \(reason)")
      return (SafeText.cut("  \(spinner) " + SafeText.shorten(text, to: columns - 4), to: columns), nil)
    }
    let title = SafeText.shorten(plan.title(of: step.index), to: columns - 4 - SafeText.width(amount))
    return (SafeText.cut("  \(spinner) " + title + amount, to: columns), nil)
  }

  /// A failure's line in one row of the moving picture.
  private static func plain(_ line: String, to columns: Int) -> String {
    SafeText.cut("  " + line.dropLast(), to: columns)
  }

  /// A line that stays, broken to fit, further rows indented.
  private static func broken(_ line: String, to columns: Int) -> String {
    SafeText.wrap(String(line.dropLast()), to: columns - 4).enumerated().map { ($0 == 0 ? "" : "    ") + $1 + "\n" }
      .joined()
  }

  /// Moves to the first line of the last frame.
  private func home(width: Int) -> String {
    let rows = drawn.reduce(0) { $0 + max(1, ($1 + width - 1) / width) }
    return rows == 0 ? "\r" : "\r\u{1B}[\(rows)A"
  }
}
