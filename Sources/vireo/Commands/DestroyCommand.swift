// vireo destroy: takes a whole stack away.

import ArgumentParser
import Planner
import Report
import Vocabulary

struct DestroyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "destroy",
    abstract: "Stops and undefines all domains and networks of a stack.",
    usage: "vireo destroy [options] <file> ...",
    discussion: """
      Deletes every domain and network that an apply of the stack created or adopted, whether it is still in the spec \
      or not. Shows what is deleted and what stays, and asks before it changes anything.

      Disks, UEFI variables and the state of TPMs stay. --delete-disks deletes the disks that Vireo created. It never \
      deletes other files, base images, or files that another domain of the host uses. If a domain has `protect: \
      true`, nothing is deleted.

      A running guest is asked to shut down, and has the time in `shutdown.timeout` (by default 120 s). A guest that \
      does not shut down keeps running and keeps its domain, unless its spec has `shutdown.force-off: true` or you \
      give --force.

      Exit codes: 0 for success, 1 for any failure or interruption, 3 if an object is refused.
      """)

  @OptionGroup var spec: SpecOptions
  @OptionGroup var connection: ConnectionOptions

  @Flag(name: [.customLong("yes"), .customShort("y")], help: "Does not ask.")
  var isConfirmed = false

  @Flag(name: .customLong("delete-disks"), help: "Also deletes the disks that Vireo created.")
  var deletesDisks = false

  @Flag(help: "Forces off guests that do not shut down in time.")
  var force = false

  @Option(
    name: .customLong("max-deletes"),
    help: ArgumentHelp("The maximum number of objects to delete.", valueName: "number"))
  var maxDeletes: Int?

  @Option(help: ArgumentHelp("How many steps may run at the same time.", valueName: "number"))
  var jobs: Int = 4

  @OptionGroup var lock: LockOptions

  @Option(help: "The format of the result.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  func validate() throws {
    guard (1...64).contains(jobs) else { throw ValidationError("--jobs requires a number from 1 to 64.") }
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
