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
    guard list || domain != nil else { throw ValidationError("name a domain, or say --list") }
  }

  func run() async throws {
    let messages = color.messages(for: format)
    try await HostConnection.with(connection, messages) { connection in
      do {
        try await perform(on: connection)
      } catch {
        if let code = error as? ExitCode { throw code }
        throw messages.fail(self.messages(for: error, connection.uri))
      }
    }
  }

  private func perform(on connection: LibvirtConnection) async throws {
    let archive = try RemovedDomains(of: connection)
    let (entries, failures) = try archive.list()
    let chosen = entries.filter(isChosen)
    let warnings = failures.map {
      Diagnostic(.warning, "unreadable-removal", "\($0.subject): \($0.message)")
    }
    color.messages().tell(warnings)
    if list {
      let found = (domain == nil && removed == nil ? entries : chosen).map(archive.find)
      return try Output.result(
        format == .json
          ? RemovedDomains.Found.json(found)
          : RemovedDomains.Found.table(found, of: connection.uri, Output.output.style(color.color)))
    }
    guard let entry = chosen.first else {
      throw Diagnostic(
        "unknown-removal",
        "no removal of \(domain ?? "") \(removed.map { "at \($0) " } ?? "")is kept for \(connection.uri)",
        suggestion: "run `vireo restore --list` to see the removed domains")
    }
    let removal = entry.removal
    let held = try await StackLock.take(
      [removal.stack].compactMap(\.self), on: connection, patience: lock.ofStacks)
    defer { withExtendedLifetime(held) {} }
    let notes = try await archive.restore(entry, on: connection, patience: lock.ofFolders)
    guard format == .text else { return try Output.result(removal.restoredJSON(notes: notes)) }
    color.messages().tell(
      notes.map {
        Diagnostic(.warning, "missing-file", $0, subject: ObjectReference(.domain, removal.name).description)
      })
    let kept = removal.snapshots.isEmpty ? "" : " with \(count(removal.snapshots.count, "snapshot"))"
    try Output.result("domain \(removal.name) is defined again\(kept), as it was; it does not run\n")
  }

  private func isChosen(_ entry: RemovedDomains.Entry) -> Bool {
    let removal = entry.removal
    guard domain == nil || removal.name == domain || removal.uuid == domain?.lowercased() else { return false }
    guard let removed else { return true }
    let digits = { (text: String) in text.filter(\.isNumber) }
    return digits(RemovedDomain.text(ofMoment: removal.removed)).hasPrefix(digits(removed))
  }

  private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

  private func messages(for error: any Error, _ uri: String) -> [Diagnostic] {
    let subject = domain.map { ObjectReference(.domain, $0).description }
    switch error {
    case let message as Diagnostic: return [message]
    case let refusal as RestoreRefusal:
      return refusal.reasons.enumerated().map { index, reason in
        Diagnostic(
          "restore", reason, subject: subject, suggestion: index == refusal.reasons.count - 1 ? refusal.remedy : nil)
      }
    default: return [FailureMessage.diagnostic(for: error, uri: uri)]
    }
  }
}
