// Opening a connection, for every command: what a URI must not hold is said before libvirt makes folders of it.

import ArgumentParser
import Diagnostics
import SystemCalls
import Inventory
import Libvirt
import Spec

enum HostConnection {
  /// Opens a connection, and says on a terminal when that takes long.
  static func open(_ uri: String, _ notice: WaitNotice) async throws -> LibvirtConnection {
    try await wait(for: uri, notice) { try await open(uri) }
  }

  /// Waits for a connection that is being opened.
  static func wait(
    for uri: String, _ notice: WaitNotice, _ opening: () async throws -> LibvirtConnection
  ) async throws -> LibvirtConnection {
    try await notice.during(words("connecting to \(uri)", uri)) { _ in try await opening() }
  }

  /// Looks at a host, and says on a terminal when that takes long.
  static func read(
    _ request: InventoryRequest, from connection: LibvirtConnection, _ notice: WaitNotice
  ) async throws -> Inventory {
    try await notice.during(words("reading the host", connection.uri)) { report in
      try await Inventory.read(request, from: connection, report: report)
    }
  }

  /// What is being done, with the reason where libvirt takes its time.
  private static func words(_ what: String, _ uri: String) -> String {
    LibvirtConnection.asksQEMUFirst(uri: uri)
      ? "\(what): libvirt asks QEMU for its capabilities, once for each new root" : what
  }

  /// Opens the connection that the option or the environment asks for, or the user's own, does something with it, and
  /// closes it.
  ///
  /// - Parameter messages: where a failure is reported.
  static func with<Result>(
    _ options: ConnectionOptions, _ messages: Messages, _ work: (LibvirtConnection) async throws -> Result
  ) async throws(ExitCode) -> Result {
    let uri = ConnectionChoice.uri(
      option: options.connect, environment: ThisProcess.environment, spec: nil,
      isRoot: ThisProcess.isRoot)
    do {
      return try await open(uri, WaitNotice(for: messages.format)).closing(after: work)
    } catch {
      throw messages.fail(error, uri: uri)
    }
  }

  /// Opens a connection.
  static func open(_ uri: String) async throws -> LibvirtConnection {
    if let problem = problem(of: uri) { throw problem }
    if let root = LibvirtConnection.embeddedRoot(of: uri) { EmbeddedCleaning.watch(root) }
    return try await LibvirtConnection.open(uri: uri)
  }

  /// What keeps a URI from meaning what was meant: nobody expands `~` or `$HOME` in it. `%24` is a dollar.
  static func problem(of uri: String) -> Diagnostic? {
    guard uri.hasPrefix("qemu:///embed?"), let query = uri.split(separator: "?", maxSplits: 1).last else { return nil }
    for field in query.split(whereSeparator: { $0 == "&" || $0 == ";" }) where field.hasPrefix("root=") {
      guard let variable = shellWord(in: String(field.dropFirst("root=".count))) else { continue }
      return Diagnostic(
        "bad-root", "`\(variable)` is not expanded in the root of \(uri)",
        suggestion: "write the whole path; in double quotes the shell replaces $HOME: \"qemu:///embed?root=$HOME/vms\"")
    }
    return nil
  }

  /// What a shell would have expanded in a path: `~` at its beginning, `$HOME` anywhere.
  static func shellWord(in path: String) -> String? { path.hasPrefix("~") ? "~" : SpecLoader.shellVariable(in: path) }
}

extension LibvirtConnection {
  /// Does something with the connection, and closes it: a process must not end while libvirt is at work in it.
  func closing<Result>(after work: (LibvirtConnection) async throws -> Result) async throws -> Result {
    do {
      let result = try await work(self)
      await close()
      return result
    } catch {
      await close()
      throw error
    }
  }
}
