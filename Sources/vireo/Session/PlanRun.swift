// From a plan to a host that is as it says: shown, agreed to, carried out, reported. All commands that change a host by a
// plan go this way.

import Applier
import ArgumentParser
import DiskImage
import Libvirt
import Planner
import Report

/// The way of a plan to the host.
struct PlanRun {
  let connection: LibvirtConnection
  let messages: Messages
  /// What is asked before anything changes, unless consent was given on the command line; nil for a command that does not
  /// ask.
  let question: String?
  /// Whether consent was given on the command line.
  let isConfirmed: Bool
  var jobs = 1
  var disruptions: Int?
  /// How long to wait for folders that other processes have locked.
  let patience: LockPatience

  private var style: TextStyle { Output.output.style(messages.color) }

  /// Shows a plan, asks, carries it out and reports what came of it.
  ///
  /// - Parameter document: the result for programs.
  /// - Throws: an exit code where it was not agreed to, or where not all was done.
  func perform(
    _ plan: Plan, document: (ApplyResult, Plan) -> String = { $0.json(of: $1) }
  ) async throws(ExitCode) {
    try show(plan)
    try confirm(plan)
    let result = await carryOut(plan)
    tell(result, of: plan, document: document)
    if !result.isComplete { throw ExitCode(1) }
  }

  /// Writes a plan for people; programs get the result alone.
  func show(_ plan: Plan) throws(ExitCode) {
    if messages.format == .text { try Output.result(plan.text(style)) }
  }

  /// Asks for consent.
  func confirm(_ plan: Plan) throws(ExitCode) {
    guard let question, !isConfirmed else { return }
    if let obstacle = Consent.obstacle(needsOutput: messages.format == .text) { throw messages.fail([obstacle]) }
    if messages.format == .json { Output.write(plan.text(Output.error.style(messages.color)), to: .error) }
    guard Consent.ask(question) else { throw ExitCode(1) }
  }

  /// Carries a plan out, and shows how far it is.
  func carryOut(_ plan: Plan) async -> ApplyResult {
    let progress = ApplyProgress(
      plan, color: messages.color, isToldAgain: messages.format == .text && Output.output.isTerminal)
    return await InterruptibleApply(
      connection: connection, jobs: jobs, disruptions: disruptions, patience: patience
    ).apply(plan, showing: progress)
  }

  /// Writes what came of it. What was done is done, whether or not anybody still reads about it.
  func tell(
    _ result: ApplyResult, of plan: Plan, document: (ApplyResult, Plan) -> String = { $0.json(of: $1) }
  ) {
    Output.write(messages.format == .json ? document(result, plan) : "\n" + result.text(of: plan, style), to: .output)
  }
}
