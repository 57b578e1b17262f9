// vireo status: how each domain stands, on a line.

import ArgumentParser
import Diagnostics
import Inventory
import Libvirt
import Planner
import Report

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows the state of each domain, and whether it matches the spec.",
    usage: "vireo status [options] [<file> ...]",
    discussion: """
      With a spec, shows the domains of its stack: in sync, drifted (changed on the host since the last apply), to be \
      changed (the spec changed), to be adopted, waiting for a restart, missing, or undeclared (in the stack but not \
      in the spec). `vireo plan` shows the values.

      Without a spec, shows the domains of all stacks on the host, compared with the record of the last apply.

      Exit codes: 0 for success, 1 for any failure, and with --detailed-exitcode 2 if a domain is neither "in sync" \
      nor "undeclared".
      """)

  @Argument(
    help: ArgumentHelp(
      "Spec files. A folder means the .yaml and .yml files in it, `-` means standard input.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  var files: [String] = []

  @OptionGroup var variables: VariableOptions
  @OptionGroup var connection: ConnectionOptions

  @Option(help: "The format of the status.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  @Flag(name: .customLong("detailed-exitcode"), help: "Exits with 2 if a domain is not in sync.")
  var detailedExitCode = false

  func validate() throws {
    try SpecOptions.validate(files)
    guard !files.isEmpty || variables.assignments.isEmpty && variables.files.isEmpty else {
      throw ValidationError("Variables require a spec; name its file.")
    }
  }

  func run() async throws {
    let status = try await files.isEmpty ? recorded() : specified()
    try Output.result(format == .json ? status.json() : status.text(Output.output.style(color.color)))
    if detailedExitCode, !status.isSettled { throw ExitCode(2) }
  }

  private var notice: WaitNotice { WaitNotice(for: format) }

  /// How the domains of the spec stand.
  private func specified() async throws -> HostStatus {
    var options = SpecOptions()
    options.files = files
    options.variables = variables
    let session = Session(options: options, messages: color.messages(for: format))
    return try await session.with(connection.connect) { stack, _, connection in
      HostStatus(
        of: stack, on: try await HostConnection.read(InventoryRequest(for: stack), from: connection, notice))
    }
  }

  /// How the domains of all stacks on the host stand.
  private func recorded() async throws -> HostStatus {
    try await HostConnection.with(connection, color.messages(for: format)) { connection in
      // Which files matter is known once the domains are.
      let domains = try await HostConnection.read(InventoryRequest(), from: connection, notice)
      let request = RecordedStack.request(for: domains)
      return HostStatus(recordedOn: try await HostConnection.read(request, from: connection, notice))
    }
  }
}
