// vireo destroy: takes a whole stack away.

import ArgumentParser
import Planner
import Report
import Vocabulary

struct DestroyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "destroy",
    abstract: "Stops and undefines everything that a stack has on the host.",
    usage: "vireo destroy [options] <file> ...",
    discussion: """
      Every domain and network that an apply of the stack has made or adopted goes, whether the spec still has it or not. \
      What goes and what stays is shown, and asked about, before anything is touched.

      Disks stay, with UEFI variables and the state of TPMs. With --delete-disks those go that Vireo has made; files of \
      others, base images, and whatever another domain of the host stands on stay in any case. A domain with \
      `protect: true` refuses the whole.

      A guest that runs is asked to shut down, and has the time that its `shutdown.timeout` gives it (120 s). One that does \
      not listen keeps running, and its domain stays, unless its spec has `shutdown.force-off: true` or --force is given.

      Exit codes: 0 when all of it is gone, 1 on any failure or interruption, 3 when something is refused.
      """)

  @OptionGroup var spec: SpecOptions
  @OptionGroup var connection: ConnectionOptions

  @Flag(name: [.customLong("yes"), .customShort("y")], help: "Goes on without asking.")
  var isConfirmed = false

  @Flag(name: .customLong("delete-disks"), help: "Deletes the disks that Vireo has made, too.")
  var deletesDisks = false

  @Flag(help: "Forces off guests that do not shut down in time.")
  var force = false

  @Option(
    name: .customLong("max-deletes"),
    help: ArgumentHelp("The most objects that may be deleted.", valueName: "number"))
  var maxDeletes: Int?

  @Option(help: ArgumentHelp("How many steps may run side by side.", valueName: "number"))
  var jobs: Int = 4

  @OptionGroup var lock: LockOptions

  @Option(help: "The form of the result.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  func validate() throws {
    guard (1...64).contains(jobs) else { throw ValidationError("--jobs takes a number from 1 to 64.") }
  }

  func run() async throws {
    let session = Session(
      options: spec, messages: color.messages(for: format),
      deletions: DeletionOptions(
        .everything, most: maxDeletes, includesDisks: deletesDisks, forcesOff: force))
    try await ApplySession(
      session: session, isConfirmed: isConfirmed, jobs: jobs, lock: lock,
      question: deletesDisks ? "Destroy all of this, and the disks?" : "Destroy all of this?"
    ).run(connection.connect)
  }
}
