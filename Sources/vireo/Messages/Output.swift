// Standard output and standard error: writing whole texts, and what kind of place they are.

import ArgumentParser
import Report
import SystemCalls
import SystemPackage

/// One of the process's output streams.
enum Output: Int32 {
  case output = 1
  case error = 2

  private var stream: FileDescriptor { FileDescriptor(rawValue: rawValue) }

  var isTerminal: Bool { stream.isTerminal }

  /// Writes a text with as few calls as it takes.
  ///
  /// - Returns: whether all of it was written; not, for one, when the reader has gone.
  @discardableResult
  static func write(_ text: String, to stream: Output) -> Bool {
    (try? stream.stream.writeAll(Array(text.utf8))) != nil
  }

  /// Writes a command's result. A result that nobody gets is a failure: without a word when the reader has gone, as
  /// with `vireo plan | head`.
  static func result(_ text: String) throws(ExitCode) {
    do throws(Errno) {
      try Output.output.stream.writeAll(Array(text.utf8))
    } catch {
      if error != .brokenPipe { write("error: cannot write the result: \(error)\n", to: .error) }
      throw ExitCode(1)
    }
  }

  /// The looks of texts on this stream.
  func style(_ color: ColorOptions.Choice) -> TextStyle {
    TextStyle(
      color: Self.usesColor(color, isTerminal: isTerminal, environment: ThisProcess.environment),
      // Places stand at the right edge; on a very wide terminal nobody would find them.
      width: isTerminal ? min(size.width, 120) : 80)
  }

  static func usesColor(
    _ choice: ColorOptions.Choice, isTerminal: Bool, environment: (String) -> String?
  ) -> Bool {
    switch choice {
    case .always: true
    case .never: false
    case .auto: isTerminal && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
    }
  }

  /// Whether moving pictures work here.
  var canMoveCursor: Bool {
    guard isTerminal, let term = ThisProcess.environment("TERM") else { return false }
    return term != "dumb"
  }

  /// Columns and rows of the terminal; 80 and 24 where it does not say.
  var size: (width: Int, height: Int) { stream.terminalSize ?? (80, 24) }
}
