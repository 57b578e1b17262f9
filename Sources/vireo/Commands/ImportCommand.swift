// vireo import: writes specs for what a host has.

import ArgumentParser
import Diagnostics
import Importer
import Inventory
import Libvirt
import Planner
import Report
import YAMLTree

struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Writes specs for existing objects, and proves them.",
    usage: "vireo import [options] [<domain> ...]",
    discussion: """
      Import first plans the specs against the same host: they may change nothing but the owner of the objects. It \
      writes fields where they exist, and libvirt's own XML under `xml` for the rest. It leaves out what libvirt adds \
      by itself. Then adopt the domains with

        vireo apply DIR

      which records their owner and does not touch a running guest.

      Exit codes: 0 if everything was written, 1 for any failure.
      """)

  @Argument(help: ArgumentHelp("The domains.", valueName: "domain"))
  var domains: [String] = []

  @Option(
    name: .customLong("network"), parsing: .singleValue,
    help: ArgumentHelp("Also imports a network. Can be given several times.", valueName: "name"))
  var networks: [String] = []

  @Option(
    name: .customLong("pool"), parsing: .singleValue,
    help: ArgumentHelp("Also imports a storage pool. Can be given several times.", valueName: "name"))
  var pools: [String] = []

  @Flag(help: "Imports every domain, network and storage pool of the host.")
  var all = false

  @Option(
    help: ArgumentHelp(
      "Writes a file for each domain, and one that names the stack, into this folder.", valueName: "dir"),
    completion: .directory)
  var output: String?

  @Option(help: ArgumentHelp("The name of the stack.", valueName: "name"))
  var stack = "imported"

  @Flag(help: "Replaces existing files.")
  var force = false

  @Flag(name: .customLong("include-passwords"), help: "Also writes passwords of displays, in plain text.")
  var includesPasswords = false

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var color: ColorOptions

  func validate() throws {
    let names = domains + networks + pools
    guard all || !names.isEmpty else { throw ValidationError("name what to import, or give --all") }
    guard !all || names.isEmpty else { throw ValidationError("--all imports everything: leave out the names") }
    if let output, let word = HostConnection.shellWord(in: output) {
      throw ValidationError("`\(word)` is not expanded in --output: write the whole path, or leave a space before it")
    }
  }

  func run() async throws {
    let messages = color.messages()
    let (inventory, uri) = try await HostConnection.with(connection, messages) { connection in
      let request = InventoryRequest(importing: all ? nil : named)
      return (try await HostConnection.read(request, from: connection, WaitNotice(for: .text)), connection.uri)
    }
    let importer = Importer(stack: stack, includesSecrets: includesPasswords)
    var result = importer.read(objects(of: inventory), from: inventory)
    result.messages += inventory.failures.map { Diagnostic("unreadable-object", "\($0.subject): \($0.message)") }
    if let output {
      let folder = SpecFolder(
        path: output, replaces: force, mode: includesPasswords || result.isConfidential ? 0o600 : 0o644)
      result.messages += folder.write(
        result.documents.map { ($0.object.kind.rawValue + "s", $0.object.name, $0.document) }, head: importer.head)
    } else if !result.documents.isEmpty {
      try Output.result(importer.head.serialised() + Importer.merged(result.documents).serialised())
    }
    if all, result.documents.isEmpty, result.messages.isEmpty {
      result.messages = [
        Diagnostic(.note, "nothing-to-import", "\(uri) has no domain, network or storage pool to import")
      ]
    }
    // What was asked for by name and is left out is a failure; of all that the host has, some may belong to other stacks.
    let left = named.filter { object in !result.documents.contains { $0.object == object } }
    for index in result.messages.indices where result.messages[index].severity == .warning {
      guard left.contains(where: { $0.description == result.messages[index].subject }) else { continue }
      result.messages[index].severity = .error
    }
    messages.tell(result.messages)
    if result.messages.hasErrors || !left.isEmpty { throw ExitCode(1) }
  }

  /// The objects that the command line names.
  private var named: [ObjectReference] {
    [(ObjectReference.Kind.pool, pools), (.network, networks), (.domain, domains)].flatMap { kind, names in
      names.map { ObjectReference(kind, $0) }
    }
  }

  private func objects(of inventory: Inventory) -> [ObjectReference] {
    guard all else { return named }
    let found = [
      (ObjectReference.Kind.pool, (inventory.pools ?? [:]).keys.sorted()),
      (.network, (inventory.networks ?? [:]).keys.sorted()), (.domain, inventory.domains.keys.sorted()),
    ]
    return found.flatMap { kind, names in names.map { ObjectReference(kind, $0) } }
  }
}
