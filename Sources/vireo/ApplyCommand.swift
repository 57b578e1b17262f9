// vireo apply: shows the plan, asks, and carries it out.

import Applier
import ArgumentParser
import Diagnostics
import Libvirt
import Planner
import Report
import Spec
import Vocabulary
import XMLTree

struct ApplyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Makes the host look like the spec says.",
    usage: "vireo apply [options] <file> ...",
    discussion: """
      Shows the plan and asks before anything is changed. Interrupted with Ctrl-C, the steps in flight are finished and \
      no more are started; a second Ctrl-C ends at once. Either way the next apply goes on from there.

      Exit codes: 0 when the host is as the spec says, 1 on any failure, refusal or interruption.
      """)

  @OptionGroup var spec: SpecOptions
  @OptionGroup var connection: ConnectionOptions

  @Flag(name: [.customLong("yes"), .customShort("y")], help: "Applies without asking.")
  var isConfirmed = false

  @Option(help: ArgumentHelp("How many steps may run side by side.", valueName: "number"))
  var jobs: Int = 4

  @Option(
    name: .customLong("max-disruption"),
    help: ArgumentHelp("How many guests may be stopped or restarted at once.", valueName: "number"))
  var maxDisruption: Int?

  @Option(
    name: .customLong("max-effect"),
    help: ArgumentHelp(
      "The most disruptive effect that a change may have; with one that goes further nothing is done at all.",
      valueName: "effect"))
  var maxEffect: Effect?

  @Option(help: "The form of the result.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  func validate() throws {
    guard (1...64).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 64.") }
    guard maxDisruption ?? 1 >= 1 else { throw ValidationError("--max-disruption takes a number from 1.") }
  }

  func run() async throws {
    let session = Session(options: spec, format: format, color: color.color, maxEffect: maxEffect)
    let (stack, messages, connection) = try await session.open(connection.connect)
    do {
      try await apply(stack, on: connection, messages: messages, in: session)
    } catch {
      await connection.close()
      throw error
    }
    await connection.close()
  }

  private func apply(
    _ stack: StackSpec, on connection: LibvirtConnection, messages: [Diagnostic], in session: Session
  ) async throws {
    // Taken before the host is looked at: no other apply of the stack can make the plan old while it is read.
    let lock: StackLock
    do {
      lock = try StackLock(stack: stack.name, uri: connection.uri)
    } catch {
      throw session.fail([FailureMessage.diagnostic(for: error, uri: connection.uri)])
    }
    defer { withExtendedLifetime(lock) {} }
    let plan = try await session.plan(stack, on: connection, messages: messages)
    let style = Output.output.style(color.color)
    if format == .text { try Output.result(plan.text(style)) }
    guard !plan.isEmpty else {
      if format == .json { try Output.result(ApplyResult(outcomes: [], wasInterrupted: false).json(of: plan)) }
      return
    }
    try confirm(plan, in: session)
    let progress = ApplyProgress(plan, color: color.color)
    let result = await InterruptibleApply(connection: connection, jobs: jobs, disruptions: maxDisruption).apply(
      plan, showing: progress)
    // What was done is done, whether or not anybody still reads about it.
    Output.write(format == .json ? result.json(of: plan) : "\n" + result.text(of: plan, style), to: .output)
    if format == .text { explainRefusals(result, of: plan, stack) }
    if !result.isComplete { throw ExitCode(1) }
  }

  /// libvirt's own words for what its schema refuses name little more than the domain: the field is found here.
  private func explainRefusals(_ result: ApplyResult, of plan: Plan, _ stack: StackSpec) {
    var refused: Set<String> = []
    for (action, outcome) in zip(plan.actions, result.outcomes) {
      if case .failed = outcome, case .defineDomain = action.operation { refused.insert(action.object.description) }
    }
    guard !refused.isEmpty, let schema = try? XMLSchema(path: SchemaCheck.installedFolder + "/domain.rng"),
      let problems = try? SchemaCheck(schema).problems(of: stack)
    else { return }
    let style = Output.error.style(color.color)
    let told = problems.filter { $0.subject.map(refused.contains) ?? false }
    Output.write(DiagnosticFormat.render(told, as: .text(color: style.color, width: style.width)), to: .error)
  }

  /// Asks for consent, unless it was given on the command line.
  private func confirm(_ plan: Plan, in session: Session) throws(ExitCode) {
    guard !isConfirmed else { return }
    if let obstacle = Consent.obstacle(needsOutput: format == .text) { throw session.fail([obstacle]) }
    if format == .json { Output.write(plan.text(Output.error.style(color.color)), to: .error) }
    guard Consent.ask("Apply these changes?") else { throw ExitCode(1) }
  }
}
