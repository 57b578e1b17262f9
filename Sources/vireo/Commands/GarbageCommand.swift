// vireo gc: deletes what nobody on the host needs any more, and shows why that is so.

import Applier
import ArgumentParser
import Diagnostics
import DiskImage
import SystemCalls
import Inventory
import Libvirt
import Planner
import Report
import Spec
import Vocabulary

struct GarbageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gc",
    abstract: "Deletes unused files, and discards removed domains.",
    usage: "vireo gc [--plan] [options] [<file> ...]",
    discussion: """
      Keeps every file that a domain of the connection refers to, stored, running or saved, in a snapshot or a \
      checkpoint, and its backing files. Also keeps what the given specs declare, and the backing files of files that \
      Vireo did not create. Of the other files, gc deletes only those that Vireo can prove it created, and those that \
      you name with --also. It shows the whole list and asks first.

      Searches the folders of active storage pools, of the pools in the given specs, of removed domains, and those \
      given with --folder, but not their subfolders. gc does not know the domains of other connections: use a \
      connection that shows all domains.

      With specs, deletes only files and removed domains of their stack; --all-stacks collects those of all stacks, as \
      without a spec.

      With --older-than, newer removed domains can still be restored. Without it, all are discarded.

      Exit codes: 0 for success, 1 if something could not be read or deleted.
      """)

  @Argument(
    help: ArgumentHelp(
      "Spec files of the stack to collect for: its disks and images stay, its pools are searched.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  var files: [String] = []

  @Flag(name: .customLong("all-stacks"), help: "Collects for all stacks, not only for the stack of the given specs.")
  var isForAllStacks = false

  @Flag(help: "Shows what would be deleted. Changes nothing.")
  var plan = false

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp("Also searches this folder. Can be given several times.", valueName: "dir"),
    completion: .directory, transform: Self.path)
  var folder: [String] = []

  @Option(
    name: .customLong("older-than"),
    help: ArgumentHelp(
      "Discards only removed domains that are at least this old, such as 7d, 12h or 30min.", valueName: "time"),
    transform: Self.age)
  var olderThan: Int?

  @Option(
    parsing: .singleValue,
    help: ArgumentHelp(
      "Also deletes this file, even if Vireo did not create it. Refused if anything refers to it. Can be given several times.",
      valueName: "path"),
    completion: .file(), transform: Self.path)
  var also: [String] = []

  @Flag(name: [.customLong("yes"), .customShort("y")], help: "Does not ask.")
  var isConfirmed = false

  @OptionGroup var variables: VariableOptions
  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var lock: LockOptions

  @Option(help: "The format of the list and the result.")
  var format: ReportFormat = .text

  @OptionGroup var color: ColorOptions

  func validate() throws { try SpecOptions.validate(files) }

  func run() async throws {
    var messages: [Diagnostic] = []
    for path in folder where !FileStatus.isFolder(path) {
      messages.append(Diagnostic("no-folder", "--folder \(path) is not a folder"))
    }
    // A folder may be named by a link, a file may not: what it leads to would go, and the link stay.
    for path in also where (try? FileStatus(of: path, followingLinks: false))?.kind != .regularFile {
      messages.append(
        Diagnostic("no-file", "--also \(path) is not a regular file", suggestion: "name each file to delete"))
    }
    guard messages.isEmpty else { throw self.messages.fail(messages) }
    let stack = try spec()
    let connection = try await connect(stack)
    do {
      try await connection.closing { try await collect(stack, on: $0) }
    } catch {
      throw self.messages.fail(error, uri: connection.uri)
    }
  }

  private var notice: WaitNotice { WaitNotice(for: format) }
  private var messages: Messages { color.messages(for: format) }

  // MARK: The way

  private func collect(_ stack: StackSpec?, on connection: LibvirtConnection) async throws {
    var request = GarbageRequest()
    request.census.folders = Set(folder)
    request.also = Set(also)
    request.minimumAge = olderThan ?? 0
    request.stack = isForAllStacks ? nil : stack?.name
    if let stack { try await declare(stack, in: &request.census, on: connection) }
    let collector = try GarbageCollector(connection: connection, request: request, patience: lock.patience)
    let shown = try await notice.during("looking for files that nothing refers to") { _ in try await collector.look() }
    let style = Output.output.style(color.color)
    let obstacles = obstacles(of: shown)
    if format == .text { try Output.result(shown.text(style)) }
    guard !plan, obstacles.isEmpty, !shown.deletions.isEmpty || !shown.removals.isEmpty else {
      if format == .json { try Output.result(shown.json()) }
      if format == .text, shown.census.folders.isEmpty, also.isEmpty {
        messages.tell([
          Diagnostic(
            .note, "nothing-searched", "no folder was searched: this connection has no storage pools",
            suggestion: "name the specs, or folders with --folder")
        ])
      }
      if !obstacles.isEmpty { throw messages.failOnStandardError(obstacles) }
      return
    }
    try confirm(shown)
    let result = try await collector.remove(shown)
    // What was done is done, whether or not anybody still reads about it.
    Output.write(format == .json ? shown.json(result) : "\n" + result.text(style), to: .output)
    guard result.failures.isEmpty else {
      throw messages.failOnStandardError(
        result.failures.map { Diagnostic("gc", $0.failure.message, subject: $0.subject, suggestion: $0.failure.remedy) }
      )
    }
  }

  /// Why nothing may be deleted.
  private func obstacles(of shown: GarbageCollection) -> [Diagnostic] {
    shown.problems.map { problem in
      Diagnostic(
        "unreadable", "nothing can be deleted: \(problem.message)", subject: problem.subject,
        suggestion: "what cannot be read might need any file: see to it first")
    }
      + shown.refusals.map { refusal in
        Diagnostic(
          "needed", "\(refusal.path) is needed: \(refusal.proof.joined(separator: " → "))",
          suggestion: "take it out of what refers to it first")
      }
  }

  private func confirm(_ shown: GarbageCollection) throws(ExitCode) {
    guard !isConfirmed else { return }
    if let obstacle = Consent.obstacle(needsOutput: format == .text) { throw messages.fail([obstacle]) }
    if format == .json { Output.write(shown.text(Output.error.style(color.color)), to: .error) }
    guard Consent.ask("Delete all of this permanently?") else { throw ExitCode(1) }
  }

  // MARK: Spec and connection

  private func spec() throws(ExitCode) -> StackSpec? {
    guard !files.isEmpty else { return nil }
    let loaded = SpecInput.load(files, variables)
    guard let stack = loaded.stack, !loaded.diagnostics.hasErrors else { throw messages.fail(loaded.diagnostics) }
    messages.tell(loaded.diagnostics)
    return stack
  }

  private func connect(_ stack: StackSpec?) async throws(ExitCode) -> LibvirtConnection {
    let uri = ConnectionChoice.uri(
      option: connection.connect, environment: ThisProcess.environment, spec: stack?.connect,
      isRoot: ThisProcess.isRoot)
    guard !ConnectionChoice.isRemote(uri) else {
      throw messages.fail([
        Diagnostic(
          "remote-connection", "\(uri) is another host, whose files are out of reach from here",
          suggestion: "run vireo on that host")
      ])
    }
    do {
      return try await HostConnection.open(uri, notice)
    } catch {
      throw messages.fail([FailureMessage.diagnostic(for: error, uri: uri)])
    }
  }

  /// What a spec declares is needed, whether a domain has it now or not.
  private func declare(
    _ stack: StackSpec, in census: inout CensusRequest, on connection: LibvirtConnection
  ) async throws {
    let subject = "spec of the stack \(stack.name)"
    let request = InventoryRequest(for: stack)
    var files = request.files.compactMap { path, format in
      format.map { FileReference(path, format: $0.rawValue) }
    }
    for pool in stack.pools where pool.holdsFiles {
      if let path = pool[.path] { census.folders.insert(path) }
    }
    let inventory = try await HostConnection.read(request, from: connection, notice)
    for (image, observed) in inventory.baseImages {
      files.append(FileReference(image.source, format: image.format?.rawValue))
      guard let copy = image.copy else { continue }
      if let path = observed.copy {
        files.append(FileReference(path, format: nil))
      } else if observed.sha256 == nil {
        // Without the source it is not known which of the copies it is.
        census.declaredBeginnings[subject, default: []].append("\(copy.folder)/\(copy.name)-")
      }
    }
    census.declared[subject] = files
  }

  // MARK: Words and values

  /// An absolute path, as the files of a folder are named.
  private static func path(_ text: String) throws -> String {
    guard !text.isEmpty else { throw ValidationError("a path is empty") }
    var path = text
    if !path.hasPrefix("/") {
      guard let folder = try? FileNames.currentFolder() else { throw ValidationError("the current folder is gone") }
      path = folder + "/" + path
    }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  private static func age(_ text: String) throws -> Int {
    do throws(ValueProblem) {
      return try ValueType.duration.parse(text).seconds ?? 0
    } catch {
      throw ValidationError("--older-than: \(error.message); write a number and a unit, such as 7d, 12h or 30min.")
    }
  }
}
