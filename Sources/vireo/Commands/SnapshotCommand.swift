// vireo snapshot: the snapshots of a domain.

import Applier
import ArgumentParser
import Diagnostics
import Inventory
import Libvirt
import Planner
import Report

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

    /// The domain with its snapshots.
    ///
    /// - Parameter withImages: whether the images of its disks are looked at, too.
    func read(
      from connection: LibvirtConnection, withImages: Bool = false
    ) async throws -> (domain: ObservedDomain, host: Inventory) {
      let host = try await Inventory.read(domain: domain, withImages: withImages, from: connection)
      guard let found = host.domains[domain] else {
        throw Diagnostic("unknown-domain", "\(connection.uri) has no domain \(domain)")
      }
      return (found, host)
    }

    /// Plans a change of the domain's snapshots and carries it out. Nobody applies the domain's stack meanwhile.
    ///
    /// - Parameter question: what is asked first, unless consent was given on the command line; nil for nothing.
    func change(
      _ change: SnapshotChange, _ options: ChangeOptions, asking question: String? = nil, isConfirmed: Bool = true
    ) async throws {
      let messages = color.messages(for: options.format)
      try await HostConnection.with(connection, messages) { connection in
        let stack = OwnershipRecord(in: try await read(from: connection).domain.inactive)?.stack
        let held = try await StackLock.take(
          [stack].compactMap(\.self), on: connection, patience: options.lock.ofStacks)
        defer { withExtendedLifetime(held) {} }
        let (domain, host) = try await read(
          from: connection, withImages: !ConnectionChoice.isRemote(connection.uri))
        let run = PlanRun(
          connection: connection, messages: messages, question: question, isConfirmed: isConfirmed,
          patience: options.lock.ofFolders)
        let plan: Plan
        do throws(SnapshotRefusal) {
          plan = try Plan(change, of: domain, on: host)
        } catch {
          throw Diagnostic(
            "snapshot", error.message, subject: ObjectReference(.domain, domain.name).description,
            suggestion: error.remedy)
        }
        guard plan.refused.isEmpty else {
          // What an earlier run has left to do for it.
          if !plan.isEmpty { _ = await run.carryOut(plan) }
          throw messages.fail(plan.refusalReasons)
        }
        try await run.perform(plan)
      }
    }
  }

  /// Options of the commands that change something.
  struct ChangeOptions: ParsableArguments {
    @OptionGroup var lock: LockOptions

    @Option(help: "The format of the result.")
    var format: ReportFormat = .text
  }

  /// A snapshot, and consent to what is done with it.
  struct Decision: ParsableArguments {
    @Argument(help: ArgumentHelp("The snapshot's name.", valueName: "snapshot"))
    var name: String

    @Flag(name: [.customLong("yes"), .customShort("y")], help: "Does not ask.")
    var isConfirmed = false
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the snapshots of a domain, parents before their children.",
      usage: "vireo snapshot list [options] <domain>")

    @OptionGroup var target: Target

    @Option(help: "The format of the list.")
    var format: ReportFormat = .text

    func run() async throws {
      let snapshots = try await HostConnection.with(target.connection, target.color.messages(for: format)) {
        try await target.read(from: $0).domain.snapshots ?? []
      }
      try Output.result(
        format == .json ? ObservedSnapshot.json(snapshots) : ObservedSnapshot.table(snapshots, of: target.domain))
    }
  }

  struct Take: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes a snapshot.",
      usage: "vireo snapshot take [options] <domain> <snapshot>",
      discussion: """
        Without --internal or --external, the kind is that of the domain's other snapshots. The first one is internal if \
        all disks are qcow2 and the domain has no UEFI, and external otherwise.
        """)

    @OptionGroup var target: Target
    @OptionGroup var options: ChangeOptions

    @Argument(help: ArgumentHelp("The snapshot's name.", valueName: "snapshot"))
    var name: String

    @Option(help: ArgumentHelp("What it is for.", valueName: "text"))
    var description: String?

    @Flag(help: "Where the content of the disks is kept.")
    var kind: Kind?

    @Flag(inversion: .prefixedNo, help: "Also keeps the memory of a running guest.")
    var memory: Bool?

    @Flag(help: "Asks the guest's agent to freeze its file systems for the snapshot.")
    var quiesce = false

    enum Kind: String, EnumerableFlag {
      case `internal`, external
    }

    func run() async throws {
      let creation = SnapshotCreation(
        name: name, description: description, kind: kind.flatMap { SnapshotKind(rawValue: $0.rawValue) },
        memory: memory, quiesce: quiesce)
      try await target.change(.take(creation), options)
    }
  }

  struct Revert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Restores the disks, the memory (if saved) and the definition of a domain.",
      usage: "vireo snapshot revert [options] <domain> <snapshot>",
      discussion: "Data written since then is lost, unless another snapshot contains it.")

    @OptionGroup var target: Target
    @OptionGroup var options: ChangeOptions
    @OptionGroup var decision: Decision

    func run() async throws {
      try await target.change(
        .revert(to: decision.name), options,
        asking: "Revert domain \(target.domain) to \(decision.name), and lose the data written since then?",
        isConfirmed: decision.isConfirmed)
    }
  }

  struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Deletes a snapshot. The domain does not change.",
      usage: "vireo snapshot delete [options] <domain> <snapshot>")

    @OptionGroup var target: Target
    @OptionGroup var options: ChangeOptions
    @OptionGroup var decision: Decision

    func run() async throws {
      try await target.change(
        .delete(decision.name), options,
        asking: "Delete the snapshot \(decision.name) of domain \(target.domain)?",
        isConfirmed: decision.isConfirmed)
    }
  }
}
