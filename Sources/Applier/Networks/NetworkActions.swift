// Networks: definitions stored and read back, what can be changed while they run, and whether they run.

import Libvirt
import Planner
import Vocabulary
import XMLTree

/// Defines, changes, starts, stops and removes networks.
struct NetworkActions: Sendable {
  let connection: LibvirtConnection
  /// Definitions to be stored, one after the other.
  private let definitions: Batches<ObjectDefinition>

  init(connection: LibvirtConnection) {
    self.connection = connection
    definitions = Batches { await connection.store(networks: $0) }
  }

  /// Stores a definition, new or changed. A running network goes on as it is.
  func define(_ definition: ObjectDefinition) async throws {
    let name = definition.name
    if let seen = definition.replacing {
      let network = try await network(name)
      let moved = difference(seen, try await connection.storedDefinition(of: network))
      if let first = moved.first {
        throw ActionFailure("network \(name) changed since it was planned (\(first.path))", remedy: planAgain)
      }
    } else if let other = try await connection.networkIfAny(named: name) {
      throw ActionFailure("network \(name) now exists (UUID \(other.uuid))", remedy: planAgain)
    }
    try await connection.requireOwn(network: definition)

    try await definitions.add(definition)
    let network = try await network(name)
    do {
      try definition.check(try await connection.storedDefinition(of: network))
    } catch {
      let undo = DefinitionUndo(kind: "network", name: name, printing: "net-dumpxml", old: definition.replacing)
      throw await undo.carryOut(because: ActionFailure(error)) { old in
        try await connection.defineNetwork(old, named: name, checksSchema: false)
      } undefine: {
        try await network.undefine()
      }
    }
  }

  /// Sets whether a network starts with the host.
  func setAutostart(of name: String, _ value: Bool) async throws {
    let network = try await network(name)
    if try await network.autostart() == value { return }
    try await network.setAutostart(value)
    guard try await network.autostart() == value else {
      throw ActionFailure("libvirt did not keep the autostart setting of network \(name)", field: "autostart")
    }
  }

  /// Starts a network. One that is active counts as started.
  func start(_ name: String) async throws {
    let network = try await network(name)
    if try await network.isActive() { return }
    do {
      try await network.start()
    } catch let error as LibvirtError where !error.isConnectionLost && error.unreachableDaemon == nil {
      // Somebody else was faster.
      if error.code == .operationInvalid, try await network.isActive() { return }
      throw ActionFailure(
        "cannot start network \(name): \(plainMessage(error))", remedy: FailureCause(error.message)?.remedy)
    }
    guard try await network.isActive() else { throw ActionFailure("network \(name) is not active after its start") }
  }

  /// Stops a network. One that is not active counts as stopped.
  func stop(_ name: String) async throws {
    let network = try await network(name)
    guard try await network.isActive() else { return }
    try await network.destroy()
    guard try await !network.isActive() else { throw ActionFailure("network \(name) is still active") }
  }

  /// Removes the stored definition of a network. One that is gone counts as done.
  func undefine(_ name: String) async throws {
    guard let network = try await connection.networkIfAny(named: name) else { return }
    try await network.undefine()
  }

  // MARK: What runs

  /// Gives a running network fields of its stored definition.
  ///
  /// - Returns: why it has not all of them; nil when it has. What it has not it gets when it is next started.
  func update(_ name: String, _ fields: [Field]) async throws -> String? {
    let network = try await network(name)
    let stored = try await connection.storedDefinition(of: network)
    // One that is not active now has them when it starts.
    guard try await network.isActive() else { return nil }
    for update in NetworkUpdate.all(
      from: try await connection.runningDefinition(of: network), to: stored, fields: Set(fields))
    {
      do {
        try await network.update(update.command, update.section, parent: update.parent, xml: update.xml.serialised())
      } catch let error as LibvirtError where !error.isConnectionLost {
        let names = fields.map { "`\($0.name)`" }.joined(separator: ", ")
        return "\(names) cannot be changed while the network runs (\(plainMessage(error)))"
      }
    }
    let running = try await connection.runningDefinition(of: network)
    for field in fields {
      guard let lens = field.lens, let wanted = lens.get(stored) else {
        continue
      }
      guard !field.matches(desired: wanted, stored: lens.get(running)) else { continue }
      return "the running network has not accepted `\(field.name)`"
    }
    return nil
  }

  // MARK: What is stored

  private func network(_ name: String) async throws -> LibvirtNetwork {
    guard let network = try await connection.networkIfAny(named: name) else {
      throw ActionFailure("network \(name) no longer exists", remedy: planAgain)
    }
    return network
  }
}
