// What commands have to say for people, and how those without a spec reach a hypervisor.

import ArgumentParser
import Diagnostics
import Glibc
import Libvirt

extension ColorOptions.Choice {
  /// How messages are written to standard error: broken into lines only where it is a terminal.
  var messageFormat: DiagnosticFormat {
    let style = Output.error.style(self)
    return .text(color: style.color, width: Output.error.isTerminal ? style.width : nil)
  }

  /// Writes messages to standard error.
  ///
  /// - Returns: the exit code for those among them that are errors.
  @discardableResult
  func tell(_ messages: [Diagnostic]) -> ExitCode {
    Output.write(DiagnosticFormat.render(messages, as: messageFormat), to: .error)
    return ExitCode(1)
  }
}

extension ConnectionOptions {
  /// Opens the connection that the option or the environment asks for, or the user's own; a failure is reported.
  ///
  /// - Parameter format: whom the command reports to.
  func open(
    telling messages: ColorOptions, for format: ReportFormat = .text
  ) async throws(ExitCode) -> LibvirtConnection {
    let uri = ConnectionChoice.uri(
      option: connect, environment: { getenv($0).map { String(cString: $0) } }, spec: nil, isRoot: geteuid() == 0)
    do {
      return try await HostConnection.open(uri, WaitNotice(for: format))
    } catch {
      throw messages.color.tell([FailureMessage.diagnostic(for: error, uri: uri)])
    }
  }
}
