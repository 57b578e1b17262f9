// vireo snapshot: the snapshots of a domain.

import Applier
import ArgumentParser
import Diagnostics
import Inventory
import Libvirt
import Planner
import Report
import XMLTree

struct SnapshotCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Lists, takes, reverts to and deletes snapshots of a domain.",
    discussion: """
      An internal snapshot is stored inside the domain's qcow2 images, with the memory of a running guest. An external \
      snapshot keeps the files of the disks and creates overlays on them. A domain cannot have both kinds, because \
      libvirt can neither revert nor merge such a chain.

        vireo snapshot take web before-upgrade
        vireo snapshot revert web before-upgrade

      To declare snapshots in a spec, use `snapshots` of a domain. For images that no domain uses, see vireo image \
      snapshot.

      Exit codes: 0 for success, 1 otherwise.
      """,
    subcommands: [List.self, Take.self, Revert.self, Delete.self])

  func run() throws { throw subcommandMissing(Self.self, "vireo snapshot") }

  /// The domain that a subcommand is about.
  struct Target: ParsableArguments {
    @Argument(help: ArgumentHelp("The domain.", valueName: "domain"))
    var domain: String

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var color: ColorOptions

    /// Does something with the domain's snapshots; a failure is reported.
    ///
    /// - Parameter lock: for what changes the domain: nobody applies its stack meanwhile.
    func perform<Result>(
      for format: ReportFormat = .text, _ lock: LockOptions? = nil, _ work: (DomainSnapshots) async throws -> Result
    ) async throws(ExitCode) -> Result {
      let messages = color.messages(for: format)
      return try await HostConnection.with(connection, messages) { connection in
        do {
          let handle = try await connection.domain(named: domain)
          var held: [StackLock] = []
          if let lock {
            let stack = OwnershipRecord(in: try XMLElement.parse(try await handle.xml([.inactive])))?.stack
            held = try await StackLock.take([stack].compactMap(\.self), on: connection, patience: lock.ofStacks)
          }
          defer { withExtendedLifetime(held) {} }
          return try await work(DomainSnapshots(of: handle, on: connection, patience: lock?.ofFolders ?? .ofFolders))
        } catch {
          throw messages.fail([diagnostic(for: error, connection.uri)])
        }
      }
    }

    private func diagnostic(for error: any Error, _ uri: String) -> Diagnostic {
      let subject = ObjectReference(.domain, domain).description
      switch error {
      case let refusal as SnapshotRefusal:
        return Diagnostic("snapshot", refusal.message, subject: subject, suggestion: refusal.remedy)
      case let error as LibvirtError where error.isNotFound:
        return Diagnostic("unknown-domain", "\(uri) has no domain \(domain)")
      default: return FailureMessage.diagnostic(for: error, uri: uri)
      }
    }
  }

  /// A snapshot, and consent to what is done with it.
  struct Decision: ParsableArguments {
    @Argument(help: ArgumentHelp("The snapshot's name.", valueName: "snapshot"))
    var name: String

    @Flag(name: [.customLong("yes"), .customShort("y")], help: "Does not ask.")
    var isConfirmed = false

    /// Asks, unless consent was given on the command line.
    func confirm(_ question: String, for target: Target) throws(ExitCode) {
      guard !isConfirmed else { return }
      if let obstacle = Consent.obstacle(needsOutput: false) { throw target.color.messages().fail([obstacle]) }
      guard Consent.ask(question) else { throw ExitCode(1) }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the snapshots of a domain, parents before their children.",
      usage: "vireo snapshot list [options] <domain>")

    @OptionGroup var target: Target

    @Option(help: "The format of the list.")
    var format: ReportFormat = .text

    func run() async throws {
      let snapshots = try await target.perform(for: format) { try await $0.list() }
      try Output.result(
        format == .json ? ObservedSnapshot.json(snapshots) : ObservedSnapshot.table(snapshots, of: target.domain))
    }
  }

  struct Take: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes a snapshot.",
      usage: "vireo snapshot take [options] <domain> <snapshot>",
      discussion: """
        Without --internal or --external the domain's other snapshots decide; else it is internal where all disks are qcow2 \
        and there is no UEFI, and external otherwise.
        """)

    @OptionGroup var target: Target
    @OptionGroup var lock: LockOptions

    @Argument(help: ArgumentHelp("The snapshot's name.", valueName: "snapshot"))
    var name: String

    @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
    var description: String?

    @Flag(help: "Where what the disks hold is kept.")
    var kind: Kind?

    @Flag(inversion: .prefixedNo, help: "Keeps the memory of a guest that runs, too.")
    var memory: Bool?

    @Flag(help: "Has the guest's agent freeze its file systems meanwhile.")
    var quiesce = false

    enum Kind: String, EnumerableFlag {
      case `internal`, external
    }

    func run() async throws {
      let creation = SnapshotCreation(
        name: name, description: description, kind: kind.flatMap { SnapshotKind(rawValue: $0.rawValue) },
        memory: memory,
        quiesce: quiesce)
      let choice = try await target.perform(lock) { try await $0.take(creation) }
      try Output.result("took the \(choice.kind.rawValue) snapshot \(name)\(choice.hasMemory ? ", with memory" : "")\n")
    }
  }

  struct Revert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Restores the disks, the memory (if saved) and the definition of a domain.",
      usage: "vireo snapshot revert [options] <domain> <snapshot>",
      discussion: "What was written since is lost, unless another snapshot holds it.")

    @OptionGroup var target: Target
    @OptionGroup var lock: LockOptions
    @OptionGroup var decision: Decision

    func run() async throws {
      try decision.confirm(
        "Revert domain \(target.domain) to \(decision.name), and lose what was written since?", for: target)
      try await target.perform(lock) { try await $0.revert(to: decision.name) }
      try Output.result("domain \(target.domain) was reverted to the snapshot \(decision.name)\n")
    }
  }

  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Deletes a snapshot. The domain does not change.",
      usage: "vireo snapshot delete [options] <domain> <snapshot>")

    @OptionGroup var target: Target
    @OptionGroup var lock: LockOptions
    @OptionGroup var decision: Decision

    func run() async throws {
      try decision.confirm("Delete the snapshot \(decision.name) of domain \(target.domain)?", for: target)
      let kept = try await target.perform(lock) { try await $0.delete(decision.name) }
      let note = kept.map { "; \($0) stays: nothing shows that it is the memory of this snapshot" } ?? ""
      try Output.result("deleted the snapshot \(decision.name)\(note)\n")
    }
  }
}
