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
        Diagnostic(
          "no-file", "--also \(path) is not a regular file", suggestion: "name each file that you want to delete"))
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
    var wanted = GarbageScope()
    (wanted.folders, wanted.also) = (folder, also)
    wanted.stack = isForAllStacks ? nil : stack?.name
    if let stack { try await declare(stack, in: &wanted, on: connection) }
    let asked = wanted
    let (collection, scope) = try await notice.during("looking for files that nothing refers to") { _ in
      try await asked.look(on: connection, givingUpOlderThan: olderThan ?? 0)
    }
    let plan = Plan(collection, in: scope)
    let run = PlanRun(
      connection: connection, messages: messages, question: "Delete all of this permanently?",
      isConfirmed: isConfirmed, jobs: 4, patience: lock.ofFolders)
    try run.show(plan)
    guard !self.plan, !plan.isEmpty else {
      if format == .json { try Output.result(collection.json()) }
      let obstacles = collection.obstacles
      if !obstacles.isEmpty { throw messages.failOnStandardError(obstacles) }
      return
    }
    try run.confirm(plan)
    // Nobody applies the stacks while their files go; that an answer takes its time keeps nobody waiting.
    let held = try await StackLock.take(collection.stacks, on: connection, patience: lock.ofStacks)
    defer { withExtendedLifetime(held) {} }
    let result = await run.carryOut(plan)
    run.tell(result, of: plan) { collection.json(($0, $1)) }
    if !result.isComplete { throw ExitCode(1) }
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
          "remote-connection", "\(uri) is another host, whose files cannot be reached from here",
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
    _ stack: StackSpec, in scope: inout GarbageScope, on connection: LibvirtConnection
  ) async throws {
    let subject = "spec of the stack \(stack.name)"
    let request = InventoryRequest(for: stack)
    var files = request.files.compactMap { path, format in
      format.map { FileReference(path, format: $0.rawValue) }
    }
    for pool in stack.pools where pool.holdsFiles {
      if let path = pool[.path] { scope.folders.append(path) }
    }
    let inventory = try await HostConnection.read(request, from: connection, notice)
    for (image, observed) in inventory.baseImages {
      files.append(FileReference(image.source, format: image.format?.rawValue))
      guard let copy = image.copy else { continue }
      if let path = observed.copy {
        files.append(FileReference(path, format: nil))
      } else if observed.sha256 == nil {
        // Without the source it is not known which of the copies it is.
        scope.declaredBeginnings[subject, default: []].append("\(copy.folder)/\(copy.name)-")
      }
    }
    scope.declared[subject] = files
  }

  // MARK: Words and values

  /// An absolute path, as the files of a folder are named.
  private static func path(_ text: String) throws -> String {
    guard !text.isEmpty else { throw ValidationError("a path is empty") }
    var path = text
    if !path.hasPrefix("/") {
      guard let folder = try? FileNames.currentFolder() else {
        throw ValidationError("the current folder does not exist")
      }
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
