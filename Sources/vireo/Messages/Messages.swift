// What commands have to say for people and, as JSON, for programs.

import ArgumentParser
import Diagnostics

/// Where a command's messages go: to standard error, or for programs as JSON to standard output.
struct Messages {
  let color: ColorOptions.Choice
  var format: ReportFormat = .text

  /// The messages of commands that have no options for them, and of the time before there is a command.
  static let plain = Messages(color: .auto)

  /// Those of a command line that cannot be read: as JSON where it asks for that.
  static func asked(by arguments: [String]) -> Messages {
    let isJSON =
      arguments.contains("--format=json")
      || zip(arguments, arguments.dropFirst()).contains { $0 == ("--format", "json") }
    return Messages(color: .auto, format: isJSON ? .json : .text)
  }

  /// How messages are written to standard error: broken into lines only where it is a terminal.
  var style: DiagnosticFormat {
    let style = Output.error.style(color)
    return .text(color: style.color, width: Output.error.isTerminal ? style.width : nil)
  }

  /// Writes messages to standard error.
  func tell(_ messages: [Diagnostic]) {
    Output.write(DiagnosticFormat.render(messages, as: style), to: .error)
  }

  /// Writes messages that end the run.
  ///
  /// - Returns: the exit code.
  func fail(_ messages: [Diagnostic], code: ExitCode = ExitCode(1)) -> ExitCode {
    switch format {
    case .json: Output.write(DiagnosticFormat.render(messages, as: .json), to: .output)
    case .text:
      tell(messages)
      if messages.count > 1, let summary = DiagnosticFormat.summary(of: messages) {
        Output.write(summary + "\n", to: .error)
      }
    }
    return code
  }

  /// Writes messages that end the run to standard error, whatever the format: a result is on standard output already.
  ///
  /// - Returns: the exit code.
  func failOnStandardError(_ messages: [Diagnostic]) -> ExitCode {
    tell(messages)
    return ExitCode(1)
  }

  /// The exit code for an error that a host or its connection met with, after it was written; an exit code has been.
  ///
  /// - Parameter uri: the connection.
  func fail(_ error: any Error, uri: String) -> ExitCode {
    switch error {
    case let code as ExitCode: code
    case let error as DiagnosticsError: fail(error.diagnostics)
    default: fail([FailureMessage.diagnostic(for: error, uri: uri)])
    }
  }
}

extension ColorOptions {
  /// Where the messages of a command with this option go.
  func messages(for format: ReportFormat = .text) -> Messages { Messages(color: color, format: format) }
}
