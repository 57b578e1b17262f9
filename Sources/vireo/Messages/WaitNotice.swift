// What a command waits for before it has anything to show: said on a terminal after a second, and taken away again.

import Inventory
import Report
import Synchronization

/// Says what is being done where that takes longer than a second. Nothing is said where nobody watches: in a pipe, and to a
/// program.
struct WaitNotice: Sendable {
  private let isShown: Bool

  /// - Parameter format: whom the command reports to.
  init(for format: ReportFormat) {
    isShown = format == .text && Output.error.canMoveCursor
  }

  /// Does something that may take long.
  ///
  /// - Parameters:
  ///   - what: what is being done: `reading the host`.
  ///   - work: gets a function that hears of what takes long within it.
  func during<Result>(
    _ what: String, _ work: (@escaping @Sendable (ReadingProgress) -> Void) async throws -> Result
  ) async throws -> Result {
    guard isShown else { return try await work { _ in } }
    let line = WaitLine(what)
    let drawing = Task { await line.draw() }
    do {
      let result = try await work { line.report($0) }
      await line.end(drawing)
      return result
    } catch {
      await line.end(drawing)
      throw error
    }
  }
}

/// One line on standard error, drawn again as its text changes.
private final class WaitLine: Sendable {
  private struct State {
    var text: WaitText
    var isEnded = false
    /// What stands on the terminal.
    var drawn = ""
  }

  private let state: Mutex<State>

  init(_ what: String) {
    state = Mutex(State(text: WaitText(what)))
  }

  func report(_ progress: ReadingProgress) { state.withLock { $0.text.report(progress) } }

  func draw() async {
    try? await Task.sleep(for: .seconds(1))
    while !Task.isCancelled {
      state.withLock { state in
        guard !state.isEnded else { return }
        // The last column stays free: some terminals wrap there.
        let line = state.text.line(width: Output.error.size.width - 1)
        guard line != state.drawn else { return }
        Output.write("\r\(line)\u{1B}[K", to: .error)
        state.drawn = line
      }
      try? await Task.sleep(for: .milliseconds(200))
    }
  }

  func end(_ drawing: Task<Void, Never>) async {
    drawing.cancel()
    state.withLock { state in
      state.isEnded = true
      if !state.drawn.isEmpty { Output.write("\r\u{1B}[K", to: .error) }
    }
    await drawing.value
  }
}
