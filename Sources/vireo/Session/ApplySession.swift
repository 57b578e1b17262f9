// From a plan to a host that is as it says: shown, agreed to, carried out, told. For all commands that change a host by a plan.

import Applier
import ArgumentParser
import Diagnostics
import Libvirt
import Planner
import Report
import Spec
import XMLTree

/// A run of a command that carries out a plan.
struct ApplySession {
  let session: Session
  /// Whether consent was given on the command line.
  let isConfirmed: Bool
  let jobs: Int
  let lock: LockOptions
  var disruptions: Int?
  /// Whether the rest is done where objects are refused; nil where a command has no such choice.
  var keepsGoing: Bool?
  var question = "Apply these changes?"

  func run(_ connection: String?) async throws {
    try await session.with(connection) { stack, messages, connection in
      try await apply(stack, on: connection, messages: messages)
    }
  }

  private func apply(
    _ stack: StackSpec, on connection: LibvirtConnection, messages: [Diagnostic]
  ) async throws {
    // Taken before the host is looked at: no other apply of the stack can make the plan old while it is read.
    let held = try await StackLock.take(stack.name, on: connection, patience: lock.ofStacks)
    defer { withExtendedLifetime(held) {} }
    let plan = try await session.plan(stack, on: connection, messages: messages)
    let style = Output.output.style(session.messages.color)
    if session.format == .text { try Output.result(plan.text(style)) }
    if !plan.refused.isEmpty, !(keepsGoing ?? false) {
      let remedy = keepsGoing == nil ? nil : "fix the refused objects, or apply the rest with `--keep-going`"
      throw session.messages.fail(plan.refusalMessages(remedy: remedy), code: .refused)
    }
    guard !plan.isEmpty else {
      if session.format == .json { try Output.result(ApplyResult(outcomes: [], wasInterrupted: false).json(of: plan)) }
      if !plan.refused.isEmpty { throw ExitCode.refused }
      return
    }
    try confirm(plan)
    let progress = ApplyProgress(
      plan, color: session.messages.color, isToldAgain: session.format == .text && Output.output.isTerminal)
    let result = await InterruptibleApply(
      connection: connection, jobs: jobs, disruptions: disruptions, patience: lock.ofFolders
    ).apply(
      plan, showing: progress)
    // What was done is done, whether or not anybody still reads about it.
    Output.write(session.format == .json ? result.json(of: plan) : "\n" + result.text(of: plan, style), to: .output)
    if session.format == .text { explainRefusals(result, of: plan, stack) }
    if !result.isComplete { throw ExitCode(1) }
    if !plan.refused.isEmpty { throw ExitCode.refused }
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
    session.messages.tell(problems.filter { $0.subject.map(refused.contains) ?? false })
  }

  /// Asks for consent, unless it was given on the command line.
  private func confirm(_ plan: Plan) throws(ExitCode) {
    guard !isConfirmed else { return }
    if let obstacle = Consent.obstacle(needsOutput: session.format == .text) { throw session.messages.fail([obstacle]) }
    if session.format == .json { Output.write(plan.text(Output.error.style(session.messages.color)), to: .error) }
    guard Consent.ask(question) else { throw ExitCode(1) }
  }
}
