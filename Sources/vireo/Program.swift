// Where the program starts: the command line is read, a command runs, and whatever it ends with becomes an exit code.

import ArgumentParser
import Diagnostics
import SystemCalls

@main
enum Program {
  static func main() async {
    EmbeddedCleaning.runIfAsked()
    // Writing to a closed pipe is an error of the write then, and not the end in the middle of an apply.
    Signals.ignore(Signals.brokenPipe)
    StandardStreams.occupyClosed()
    let arguments = Array(CommandLine.arguments.dropFirst())
    let (named, problem) = CommandWords.read(arguments, of: VireoCommand.self)
    if let problem { ThisProcess.end(Messages.asked(by: arguments).fail([problem]).rawValue) }
    do {
      var command = try VireoCommand.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      end(with: error, of: named, arguments)
    }
  }

  /// Ends the process as an error asks for: help goes to standard output, complaints to standard error.
  ///
  /// - Parameter command: the command that the command line names.
  private static func end(
    with error: any Error, of command: any ParsableCommand.Type, _ arguments: [String]
  ) -> Never {
    if let code = error as? ExitCode { ThisProcess.end(code.rawValue) }
    let text = VireoCommand.fullMessage(for: error)
    let isSuccess = VireoCommand.exitCode(for: error).isSuccess
    if isSuccess {
      guard Output.write(text.hasSuffix("\n") ? text : text + "\n", to: .output) else { ThisProcess.end(1) }
    } else {
      // In the form of all other messages; the usage stands below.
      let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
      let message = lines[0].hasPrefix("Error: ") ? lines[0].dropFirst(7) : lines[0]
      let messages = Messages.asked(by: arguments)
      let usage = lines.dropFirst().flatMap { $0.split(separator: "\n") }
      if messages.format == .text {
        messages.tell([Diagnostic("usage", String(message))])
      } else {
        let help = usage.map { $0.drop { $0 == " " } }.joined(separator: "\n")
        _ = messages.fail([Diagnostic("usage", String(message), suggestion: help.isEmpty ? nil : help)])
      }
      for line in messages.format == .text ? usage : [] {
        let columns = Output.error.isTerminal ? Output.error.size.width : nil
        Output.write(broken(String(line), to: columns, indent: "    ") + "\n", to: .error)
      }
    }
    // Every failure is 1, usage errors too: 2 is what `plan --detailed-exitcode` says of changes.
    ThisProcess.end(isSuccess ? 0 : (command as? any FailureCoding.Type)?.failure ?? 1)
  }
}

/// A command for which 1 is a result.
protocol FailureCoding: ParsableCommand {
  /// The exit code of what goes wrong.
  static var failure: Int32 { get }
}

/// The root of the command line.
struct VireoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vireo",
    abstract: "Configures a KVM host as a YAML file describes.",
    discussion: """
      Describe pools, images and domains in a file, look at the plan, then apply it:

        vireo init                  writes a first spec for this host
        vireo validate vireo.yaml   reports every mistake in it
        vireo plan vireo.yaml       shows what would change
        vireo apply vireo.yaml makes the changes
        vireo status vireo.yaml shows whether the host still matches

      To use Vireo without a daemon and without root privileges: --connect 'qemu:///embed?root=/some/folder'.

      Exit codes: 0 for success, 1 for any failure, 2 with --detailed-exitcode for pending changes (plan) or domains \
      that are not in sync (status), 3 for refused objects (plan, apply, destroy). image check and image compare have \
      more.
      """,
    version: "vireo \(Version.text)",
    subcommands: [
      InitCommand.self, ValidateCommand.self, PlanCommand.self, ApplyCommand.self, StatusCommand.self,
      ImportCommand.self, ExplainCommand.self, SchemaCommand.self, SnapshotCommand.self, DestroyCommand.self,
      RestoreCommand.self, GarbageCommand.self,
      ImageCommand.self,
    ]
  )
}

/// What `--version` prints.
enum Version {
  static let text = "0.1.0"
}
