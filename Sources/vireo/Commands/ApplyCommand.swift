// vireo apply: shows the plan, asks, and carries it out.

import ArgumentParser
import Planner

struct ApplyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Makes the host look like the spec says.",
    usage: "vireo apply [options] <file> ...",
    discussion: """
      Shows the plan and asks before anything is changed. Interrupted with Ctrl-C, the steps in flight are finished and \
      no more are started; a second Ctrl-C ends at once. Either way the next apply goes on from there.

      Where a state of the host forbids what the spec says of an object, such as a disk that would shrink, or a change goes \
      beyond --max-effect, nothing is done at all; with --keep-going all is done that neither is refused nor depends on what \
      is.

      Exit codes: 0 when the host is as the spec says, 1 on any failure or interruption, 3 when objects are refused and \
      nothing failed.
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

  @Flag(
    name: .customLong("keep-going"),
    help: "Applies the rest where objects are refused, by the host or by a limit on effects.")
  var keepsGoing = false

  @OptionGroup var limits: LimitOptions
  @OptionGroup var lock: LockOptions

  @Option(help: "The form of the result.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  func validate() throws {
    guard (1...64).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 64.") }
    guard maxDisruption ?? 1 >= 1 else { throw ValidationError("--max-disruption takes a number from 1.") }
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
