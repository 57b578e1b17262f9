// vireo plan: shows what would change, and changes nothing.

import ArgumentParser
import Planner
import Report

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Shows what an apply would change.",
    usage: "vireo plan [options] <file> ...",
    discussion: """
      Changes nothing. An object is refused if the host forbids a change, such as a disk that would shrink, or if a \
      change goes beyond --max-effect. The plan shows the object and its dependents as refused, with the reason, and \
      plans the rest.

      Exit codes: 0 for success, 1 for any failure, 3 if the plan refuses objects, and with --detailed-exitcode 2 if \
      it has changes and refuses nothing.
      """)

  @OptionGroup var spec: SpecOptions
  @OptionGroup var connection: ConnectionOptions

  @OptionGroup var limits: LimitOptions

  @Option(help: "The format of the plan.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  @Flag(name: .customLong("detailed-exitcode"), help: "Exits with 2 if changes are pending.")
  var detailedExitCode = false

  func run() async throws {
    let session = Session(
      options: spec, messages: color.messages(for: format), maxEffect: limits.maxEffect,
      deletions: limits.deletions, discardsSavedStates: limits.discardsSavedStates)
    let plan = try await session.with(connection.connect) { stack, messages, connection in
      try await session.plan(stack, on: connection, messages: messages)
    }
    try Output.result(format == .json ? plan.json() : plan.text(Output.output.style(color.color)))
    if !plan.refused.isEmpty {
      if format == .text { session.messages.tell(plan.refusalReasons) }
      throw ExitCode.refused
    }
    if detailedExitCode, !plan.isEmpty { throw ExitCode(2) }
  }
}
