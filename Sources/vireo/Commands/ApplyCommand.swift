// vireo apply: shows the plan, asks, and carries it out.

import ArgumentParser
import Planner

struct ApplyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Changes the host to match the spec.",
    usage: "vireo apply [options] <file> ...",
    discussion: """
      Shows the plan and asks before it changes anything. After Ctrl-C, apply finishes the running steps and starts no \
      more; a second Ctrl-C ends it at once. In both cases the next apply continues from there.

      Objects are refused if the host forbids a change, such as a disk that would shrink, or if a change goes beyond \
      --max-effect. Apply then changes nothing; with --keep-going it applies everything that does not depend on a \
      refused object.

      Exit codes: 0 for success, 1 for any failure or interruption, 3 if objects are refused and nothing failed.
      """)

  @OptionGroup var spec: SpecOptions
  @OptionGroup var connection: ConnectionOptions

  @Flag(name: [.customLong("yes"), .customShort("y")], help: "Does not ask.")
  var isConfirmed = false

  @Option(help: ArgumentHelp("How many steps may run at the same time.", valueName: "number"))
  var jobs: Int = 4

  @Option(
    name: .customLong("max-disruption"),
    help: ArgumentHelp("How many guests may be stopped or restarted at the same time.", valueName: "number"))
  var maxDisruption: Int?

  @Flag(
    name: .customLong("keep-going"),
    help: "Applies the rest of the plan if objects are refused.")
  var keepsGoing = false

  @OptionGroup var limits: LimitOptions
  @OptionGroup var lock: LockOptions

  @Option(help: "The format of the result.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  func validate() throws {
    guard (1...64).contains(jobs) else { throw ValidationError("--jobs requires a number from 1 to 64.") }
    guard maxDisruption ?? 1 >= 1 else { throw ValidationError("--max-disruption requires a number of at least 1.") }
  }

  func run() async throws {
    let session = Session(
      options: spec, messages: color.messages(for: format), maxEffect: limits.maxEffect,
      deletions: limits.deletions, discardsSavedStates: limits.discardsSavedStates)
    try await ApplySession(
      session: session, isConfirmed: isConfirmed, jobs: jobs, lock: lock, disruptions: maxDisruption,
      keepsGoing: keepsGoing
    )
    .run(connection.connect)
  }
}
