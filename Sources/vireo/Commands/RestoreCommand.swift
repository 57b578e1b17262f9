// vireo restore: brings back a domain that was undefined.

import Applier
import ArgumentParser
import Diagnostics
import Inventory
import Libvirt
import Planner
import Report

struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Restores a domain that Vireo has undefined.",
    usage: "vireo restore [options] <name or UUID>\nvireo restore --list",
    discussion: """
      Before Vireo undefines a domain, it saves the definition, with snapshots, checkpoints and autostart. Disks stay, \
      unless you gave --delete-disks. `restore` defines all of it again under the same UUID. It does not start the \
      guest. You can restore a domain until `vireo gc` discards it.

      A domain is refused if one of its disks was deleted, or if another domain has its name or UUID. If a name was \
      removed several times, restore uses the latest removal; --removed chooses another.

      Exit codes: 0 for success, 1 otherwise.
      """)

  @Argument(help: ArgumentHelp("The domain's name or UUID.", valueName: "name or UUID"))
  var domain: String?

  @Flag(help: "Lists what can be restored, the latest first, with the required files.")
  var list = false

  @Option(
    help: ArgumentHelp(
      "Uses the removal of this time, or the latest of this day: as --list shows it, or its beginning.",
      valueName: "time"))
  var removed: String?

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var lock: LockOptions

  @Option(help: "The format of the list and the result.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  func validate() throws {
    guard list || domain != nil else { throw ValidationError("name a domain, or give --list") }
  }

  func run() async throws {
    let messages = color.messages(for: format)
    try await HostConnection.with(connection, messages) { connection in
      let archive = try RemovedDomains(of: connection)
      let (entries, failures) = try archive.list()
      color.messages().tell(
        failures.map { Diagnostic(.warning, "unreadable-removal", "\($0.subject): \($0.message)") })
      if list {
        let found = (domain == nil && removed == nil ? entries : entries.filter(isChosen)).map(archive.find)
        return try Output.result(
          format == .json
            ? RemovedDomains.Found.json(found)
            : RemovedDomains.Found.table(found, of: connection.uri, Output.output.style(color.color)))
      }
      let stack = try choose(from: entries, connection.uri).removal.stack
      let held = try await StackLock.take([stack].compactMap(\.self), on: connection, patience: lock.ofStacks)
      defer { withExtendedLifetime(held) {} }
      // Another process may have restored it meanwhile.
      let archived = try choose(from: try archive.list().entries, connection.uri)
      let plan = Plan(try await Restoration.look(for: archived, on: connection), on: connection.uri)
      guard plan.refused.isEmpty else { throw messages.fail(plan.refusalReasons) }
      try await carryOut(plan, on: connection, messages)
    }
  }

  private func carryOut(_ plan: Plan, on connection: LibvirtConnection, _ messages: Messages) async throws {
    let run = PlanRun(
      connection: connection, messages: messages, question: nil, isConfirmed: true, patience: lock.ofFolders)
    try run.show(plan)
    let result = await run.carryOut(plan)
    guard result.isComplete || format == .text else {
      throw messages.fail(result.failureMessages(of: plan, rule: "restore"))
    }
    run.tell(result, of: plan) { _, plan in plan.restoredJSON() }
    if !result.isComplete { throw ExitCode(1) }
  }

  /// The latest removal that was asked for.
  private func choose(from entries: [ArchivedDomain], _ uri: String) throws(Diagnostic) -> ArchivedDomain {
    if let chosen = entries.first(where: isChosen) { return chosen }
    throw Diagnostic(
      "unknown-removal",
      "no removal of \(domain ?? "") \(removed.map { "at \($0) " } ?? "")is kept for \(uri)",
      suggestion: "run `vireo restore --list` to see the removed domains")
  }

  private func isChosen(_ entry: ArchivedDomain) -> Bool {
    let removal = entry.removal
    guard domain == nil || removal.name == domain || removal.uuid == domain?.lowercased() else { return false }
    guard let removed else { return true }
    let digits = { (text: String) in text.filter(\.isNumber) }
    return digits(RemovedDomain.text(ofMoment: removal.removed)).hasPrefix(digits(removed))
  }
}
