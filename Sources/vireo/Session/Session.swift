// The way from the command line to a plan, in one place: spec, connection, inventory, plan; and its messages.

import Applier
import ArgumentParser
import Diagnostics
import Glibc
import Inventory
import Libvirt
import Planner
import Report
import Spec
import Vocabulary

/// One run of a command that works on a spec.
struct Session {
  let options: SpecOptions
  let format: ReportFormat
  let color: ColorOptions.Choice
  var maxEffect: Effect?
  /// What may leave the host.
  var deletions = DeletionOptions()
  /// Whether the saved memory of stopped guests is given up.
  var discardsSavedStates = false

  private var notice: WaitNotice { WaitNotice(for: format) }

  // MARK: Spec

  /// Reads the spec.
  ///
  /// - Returns: the stack, and messages that are not errors.
  /// - Throws: an exit code, after the messages were written.
  private func loadSpec() throws(ExitCode) -> (stack: StackSpec, messages: [Diagnostic]) {
    let loaded = SpecInput.load(options.files, options.variables)
    guard let stack = loaded.stack, !loaded.diagnostics.hasErrors else { throw fail(loaded.diagnostics) }
    if format == .text { color.tell(loaded.diagnostics) }
    return (stack, loaded.diagnostics)
  }

  // MARK: Connection and plan

  /// Reads the spec, and opens the connection that the options, the environment or the spec ask for: at the same time
  /// where it does not take the spec to know which.
  ///
  /// - Returns: the stack, messages that are not errors, and the connection.
  func open(
    _ option: String?
  ) async throws(ExitCode) -> (stack: StackSpec, messages: [Diagnostic], connection: LibvirtConnection) {
    let environment = { (name: String) in getenv(name).map { String(cString: $0) } }
    let early = ConnectionChoice.given(option: option, environment: environment)
      .flatMap { uri in ConnectionChoice.isRemote(uri) ? nil : Task { try await HostConnection.open(uri) } }
    do throws(ExitCode) {
      let (stack, messages) = try loadSpec()
      let uri = ConnectionChoice.uri(
        option: option, environment: environment, spec: stack.connect, isRoot: geteuid() == 0)
      return (stack, messages, try await connect(to: uri, early, for: stack))
    } catch {
      // A process must not end while libvirt is at work in it.
      if case .success(let connection)? = await early?.result { await connection.close() }
      throw error
    }
  }

  private func connect(
    to uri: String, _ early: Task<LibvirtConnection, any Error>?, for stack: StackSpec
  ) async throws(ExitCode) -> LibvirtConnection {
    // Images are made and read as files of this machine: on another host's behalf they would be the wrong ones.
    guard !ConnectionChoice.isRemote(uri) || !stack.usesFiles else {
      throw fail([
        Diagnostic(
          "remote-connection", "\(uri) is another host, whose disk images are out of reach from here",
          suggestion: "run vireo on that host")
      ])
    }
    do {
      guard let early else { return try await HostConnection.open(uri, notice) }
      return try await HostConnection.wait(for: uri, notice) { try await early.value }
    } catch {
      throw fail([FailureMessage.diagnostic(for: error, uri: uri)])
    }
  }

  /// Looks at the host and works out what is to be done.
  ///
  /// - Parameter messages: what was said of the spec; for programs it goes with the plan.
  func plan(
    _ stack: StackSpec, on connection: LibvirtConnection, messages: [Diagnostic]
  ) async throws(ExitCode) -> Plan {
    do {
      let request = InventoryRequest(for: stack, deleting: deletions)
      var inventory = try await HostConnection.read(request, from: connection, notice)
      if deletions.includesDisks {
        inventory.forgotten = try RemovedDomains(of: connection).forgottenFiles(of: stack.name)
      }
      var plan = try Plan(
        for: stack, on: inventory, maxEffect: maxEffect, deleting: deletions, discardsSavedStates: discardsSavedStates,
        refusingObjects: true)
      if format == .json { plan.notes = messages + plan.notes }
      return plan
    } catch let error as DiagnosticsError {
      throw fail(error.diagnostics)
    } catch {
      throw fail([FailureMessage.diagnostic(for: error, uri: connection.uri)])
    }
  }

  // MARK: Messages

  /// Writes messages that end the run.
  func fail(_ messages: [Diagnostic], code: ExitCode = ExitCode(1)) -> ExitCode {
    switch format {
    case .json: Output.write(DiagnosticFormat.render(messages, as: .json), to: .output)
    case .text:
      color.tell(messages)
      if messages.count > 1, let summary = DiagnosticFormat.summary(of: messages) {
        Output.write(summary + "\n", to: .error)
      }
    }
    return code
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
