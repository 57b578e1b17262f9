// vireo plan: shows what would change, and changes nothing.

import ArgumentParser
import Planner
import Report

struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Shows what an apply would change, and changes nothing.",
    usage: "vireo plan [options] <file> ...",
    discussion: """
      An object that a state of the host forbids to be as the spec says, such as a disk that would shrink, or with a change \
      beyond --max-effect, is refused with what depends on it, and shown with the reason; the rest is planned.

      Exit codes: 0 when the plan was made, 1 on any failure, 3 when it refuses objects. With --detailed-exitcode a plan \
      that has something to do and refuses nothing ends with 2.
      """)

  @OptionGroup var spec: SpecOptions
  @OptionGroup var connection: ConnectionOptions

  @OptionGroup var limits: LimitOptions

  @Option(help: "The form of the plan.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  @Flag(name: .customLong("detailed-exitcode"), help: "Ends with 2 when changes are pending.")
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
