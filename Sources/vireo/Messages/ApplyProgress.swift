// News of an apply on standard error: a moving picture on a terminal, plain lines elsewhere.

import Applier
import Planner
import Report
import Synchronization

/// Shows how far an apply is. Safe to use from any task.
final class ApplyProgress: Sendable {
  private struct State {
    var screen: ApplyScreen
    var lines: ApplyLines
    var tick = 0
    var isEnded = false
  }

  /// Whether standard error is a terminal that lines can be drawn again on.
  let isLive: Bool
  private let state: Mutex<State>

  /// - Parameter isToldAgain: whether the result of the apply is written for people, and to a terminal.
  init(_ plan: Plan, color: ColorOptions.Choice, isToldAgain: Bool) {
    let style = Output.error.style(color)
    isLive = Output.error.canMoveCursor
    let screen = ApplyScreen(plan, color: style.color, keepsFailures: !isToldAgain)
    state = Mutex(State(screen: screen, lines: ApplyLines(plan, style: style)))
  }

  /// Takes an event: it is drawn with the next frame, or written at once as a line.
  func report(_ event: ApplyEvent) {
    state.withLock { state in
      if isLive {
        state.screen.handle(event)
      } else if let line = state.lines.line(for: event) {
        Output.write(line, to: .error)
      }
    }
  }

  /// Shows a sentence until the end.
  func say(_ text: String) {
    state.withLock { state in
      if isLive { state.screen.say(text) } else { Output.write(text + "\n", to: .error) }
    }
  }

  /// Draws ten frames a second until the task is cancelled.
  func draw() async {
    guard isLive else { return }
    while !Task.isCancelled {
      state.withLock { state in
        guard !state.isEnded else { return }
        let size = Output.error.size
        Output.write(state.screen.frame(tick: state.tick, width: size.width, height: size.height), to: .error)
        state.tick += 1
      }
      try? await Task.sleep(for: .milliseconds(100))
    }
  }

  /// Takes the moving lines away; failures stay where nothing else tells them.
  func end() {
    state.withLock { state in
      state.isEnded = true
      if isLive { Output.write(state.screen.end(width: Output.error.size.width), to: .error) }
    }
  }
}
