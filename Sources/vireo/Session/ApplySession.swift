// The plan of a spec on its way to the host: for the commands that carry out what a spec says.

import Applier
import ArgumentParser
import Diagnostics
import Libvirt
import Planner
import Report
import Spec

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
    let run = PlanRun(
      connection: connection, messages: session.messages, question: question, isConfirmed: isConfirmed, jobs: jobs,
      disruptions: disruptions, patience: lock.ofFolders)
    try run.show(plan)
    if !plan.refused.isEmpty, !(keepsGoing ?? false) {
      let remedy = keepsGoing == nil ? nil : "fix the refused objects, or apply the rest with `--keep-going`"
      throw session.messages.fail(plan.refusalMessages(remedy: remedy), code: .refused)
    }
    guard !plan.isEmpty else {
      if session.format == .json { try Output.result(ApplyResult(outcomes: [], wasInterrupted: false).json(of: plan)) }
      if !plan.refused.isEmpty { throw ExitCode.refused }
      return
    }
    try run.confirm(plan)
    let result = await run.carryOut(plan)
    run.tell(result, of: plan)
    if !result.isComplete { throw ExitCode(1) }
    if !plan.refused.isEmpty { throw ExitCode.refused }
  }
}
