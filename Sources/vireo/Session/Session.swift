// The way from the command line to a plan, in one place: spec, connection, inventory, plan; and its messages.

import Applier
import ArgumentParser
import Diagnostics
import Inventory
import Libvirt
import Planner
import Report
import Spec
import SystemCalls
import Vocabulary

/// One run of a command that works on a spec.
struct Session {
  let options: SpecOptions
  let messages: Messages
  var maxEffect: Effect?
  /// What may leave the host.
  var deletions = DeletionOptions()
  /// Whether the saved memory of stopped guests is given up.
  var discardsSavedStates = false

  var format: ReportFormat { messages.format }
  private var notice: WaitNotice { WaitNotice(for: format) }

  // MARK: Spec

  /// Reads the spec.
  ///
  /// - Returns: the stack, and messages that are not errors.
  /// - Throws: an exit code, after the messages were written.
  private func loadSpec() throws(ExitCode) -> (stack: StackSpec, messages: [Diagnostic]) {
    let loaded = SpecInput.load(options.files, options.variables)
    guard let stack = loaded.stack, !loaded.diagnostics.hasErrors else { throw messages.fail(loaded.diagnostics) }
    if format == .text { messages.tell(loaded.diagnostics) }
    return (stack, loaded.diagnostics)
  }

  // MARK: Connection and plan

  /// Reads the spec, opens the connection that the options, the environment or the spec ask for, does something with the
  /// two, and closes the connection. Both are read at the same time where it does not take the spec to know which.
  ///
  /// - Parameter work: gets the stack, messages of its spec that are not errors, and the connection.
  func with<Result>(
    _ option: String?, _ work: (StackSpec, [Diagnostic], LibvirtConnection) async throws -> Result
  ) async throws(ExitCode) -> Result {
    let environment = ThisProcess.environment
    let early = ConnectionChoice.given(option: option, environment: environment)
      .flatMap { uri in ConnectionChoice.isRemote(uri) ? nil : Task { try await HostConnection.open(uri) } }
    let (stack, said, connection): (StackSpec, [Diagnostic], LibvirtConnection)
    do throws(ExitCode) {
      (stack, said) = try loadSpec()
      let uri = ConnectionChoice.uri(
        option: option, environment: environment, spec: stack.connect, isRoot: ThisProcess.isRoot)
      connection = try await connect(to: uri, early, for: stack)
    } catch {
      // A process must not end while libvirt is at work in it.
      if case .success(let connection)? = await early?.result { await connection.close() }
      throw error
    }
    do {
      return try await connection.closing { try await work(stack, said, $0) }
    } catch {
      throw messages.fail(error, uri: connection.uri)
    }
  }

  private func connect(
    to uri: String, _ early: Task<LibvirtConnection, any Error>?, for stack: StackSpec
  ) async throws(ExitCode) -> LibvirtConnection {
    // Images are made and read as files of this machine: on another host's behalf they would be the wrong ones.
    guard !ConnectionChoice.isRemote(uri) || !stack.usesFiles else {
      throw messages.fail([
        Diagnostic(
          "remote-connection", "\(uri) is another host, whose disk images cannot be reached from here",
          suggestion: "run vireo on that host")
      ])
    }
    do {
      guard let early else { return try await HostConnection.open(uri, notice) }
      return try await HostConnection.wait(for: uri, notice) { try await early.value }
    } catch {
      throw messages.fail([FailureMessage.diagnostic(for: error, uri: uri)])
    }
  }

  /// Looks at the host and works out what is to be done.
  ///
  /// - Parameter said: what was said of the spec; for programs it goes with the plan.
  func plan(
    _ stack: StackSpec, on connection: LibvirtConnection, messages said: [Diagnostic]
  ) async throws -> Plan {
    let request = InventoryRequest(for: stack, deleting: deletions)
    var inventory = try await HostConnection.read(request, from: connection, notice)
    if deletions.includesDisks {
      inventory.forgotten = try RemovedDomains(of: connection).forgottenFiles(of: stack.name)
    }
    var plan = try Plan(
      for: stack, on: inventory, maxEffect: maxEffect, deleting: deletions, discardsSavedStates: discardsSavedStates,
      schemas: ConnectionChoice.isRemote(connection.uri) ? nil : DefinitionSchemas.installed, refusingObjects: true)
    if format == .json { plan.notes = said + plan.notes }
    return plan
  }
}

extension ExitCode {
  /// What the host has forbids what the spec says of some objects; the rest can be done.
  static let refused = ExitCode(3)
}

extension Plan {
  /// Why objects are refused, with their names, and what can be done about the rest.
  ///
  /// - Parameter remedy: how the rest is done all the same.
  func refusalMessages(remedy: String?) -> [Diagnostic] {
    let names = refused.map(\.object.description)
    let summary = Diagnostic(
      "refused",
      "\(names.count) \(names.count == 1 ? "object is" : "objects are") refused, and nothing was changed: "
        + names.joined(separator: ", "), suggestion: actions.isEmpty ? nil : remedy)
    return refusalReasons + [summary]
  }

  /// Why objects are refused, with their names.
  var refusalReasons: [Diagnostic] {
    refused.flatMap { object in
      object.problems.map { problem in
        var problem = problem
        // A place in a file says nothing of which of the objects it is that it stands for.
        if problem.range != nil { problem.message = "\(object.object): \(problem.message)" }
        return problem
      }
    }
  }
}
