// Asking before something is done.

import Diagnostics
import SystemCalls
import SystemPackage

enum Consent {
  /// Why nobody can be asked; nil where there is a terminal to ask on.
  ///
  /// - Parameter needsOutput: whether what is agreed to is shown on standard output.
  static func obstacle(needsOutput: Bool) -> Diagnostic? {
    if FileDescriptor.standardInput.isTerminal, Output.error.isTerminal, !needsOutput || Output.output.isTerminal {
      return nil
    }
    return Diagnostic(
      "no-consent", "nothing was changed: there is no terminal to ask for consent",
      suggestion: "give --yes to continue without being asked")
  }

  /// Asks, and takes nothing but a yes for one.
  static func ask(_ question: String) -> Bool {
    Output.write("\n\(question) [y/N] ", to: .error)
    let answer = readLine()?.lowercased() ?? ""
    if answer == "y" || answer == "yes" { return true }
    Output.write("Nothing was changed.\n", to: .error)
    return false
  }
}
