// The libvirt that documents are tried on: one object at a time, defined and undefined, never started.

import Applier
import Importer
import Inventory
import Libvirt
import Planner
import Vocabulary
import XMLTree

/// A host without objects of its own.
struct ScratchHost {
  let connection: LibvirtConnection
  private let capabilities: Capabilities

  init(_ connection: LibvirtConnection) async throws {
    self.connection = connection
    capabilities = Capabilities(try XMLElement.parse(try await connection.capabilities()))
  }

  /// An object that is defined here.
  struct Object {
    var reference: ObjectReference
    /// The stored definition as libvirt writes it.
    var text: String
    var stored: XMLElement
    fileprivate var handle: Handle
  }

  fileprivate enum Handle {
    case domain(LibvirtDomain)
    case network(LibvirtNetwork)
    case pool(LibvirtStoragePool)
  }

  /// Defines a document as libvirt itself would take it.
  func define(_ document: Document) async throws -> Object {
    switch document.root.name {
    case "network": try await object(try await connection.defineNetwork(document.text, checksSchema: false))
    case "pool": try await object(try await connection.defineStoragePool(document.text))
    default: try await object(try await connection.defineDomain(document.text, checksSchema: false))
    }
  }

  /// Stores what a step of a plan says, as an apply does; nil for a step that stores nothing.
  func store(_ operation: Operation) async throws -> Object? {
    switch operation {
    case .defineDomain(let definition): try await object(try await connection.store(definition).domain)
    case .defineNetwork(let definition): try await object(try await connection.store(network: definition))
    case .definePool(let pool):
      try await object(
        try await connection.defineStoragePool(pool.definition.xml.serialised(), named: pool.definition.name))
    default: nil
    }
  }

  /// Stores a domain's definition as it was.
  @discardableResult
  func reset(_ object: Object) async throws -> Object {
    try await self.object(
      try await connection.defineDomain(object.text, named: object.reference.name, checksSchema: false))
  }

  func undefine(_ object: Object) async {
    switch object.handle {
    case .domain(let domain): try? await domain.undefine([.nvram, .snapshotsMetadata, .managedSave])
    case .network(let network): try? await network.undefine()
    case .pool(let pool): try? await pool.undefine()
    }
  }

  private func object(_ domain: LibvirtDomain) async throws -> Object {
    let text = try await domain.xml([.inactive, .secure])
    return Object(
      reference: ObjectReference(.domain, domain.name), text: text, stored: try XMLElement.parse(text),
      handle: .domain(domain))
  }

  private func object(_ network: LibvirtNetwork) async throws -> Object {
    let text = try await network.xml(inactive: true)
    return Object(
      reference: ObjectReference(.network, network.name), text: text, stored: try XMLElement.parse(text),
      handle: .network(network))
  }

  private func object(_ pool: LibvirtStoragePool) async throws -> Object {
    let text = try await pool.xml(inactive: true)
    return Object(
      reference: ObjectReference(.pool, pool.name), text: text, stored: try XMLElement.parse(text),
      handle: .pool(pool))
  }

  /// The host as a reading for the request would find it: with the object given, and every file that is looked at.
  ///
  /// - Parameter isRunning: whether a domain is taken for a running guest, whose devices all have aliases.
  func inventory(_ object: Object?, for request: InventoryRequest, isRunning: Bool = false) -> Inventory {
    var inventory = Inventory.supposed(for: request, with: [])
    inventory.host = .init(
      uri: connection.uri, libvirtVersion: connection.libvirtVersion, capabilities: capabilities)
    (inventory.networks, inventory.pools) = ([:], [:])
    if let object { add(object, to: &inventory) }
    if isRunning, let name = object?.reference.name, let stored = inventory.domains[name]?.inactive {
      inventory.domains[name]?.isActive = true
      inventory.domains[name]?.state = .running
      inventory.domains[name]?.running = stored.asRunning
    }
    inventory.supposeFiles(for: request)
    return inventory
  }

  private func add(_ object: Object, to inventory: inout Inventory) {
    let (name, stored) = (object.reference.name, object.stored)
    let uuid = stored.value(at: .uuid) ?? ""
    switch object.handle {
    case .domain:
      inventory.domains[name] = ObservedDomain(
        name: name, uuid: uuid, state: .stopped, isActive: false, inactive: stored)
    case .network:
      inventory.networks?[name] = ObservedNetwork(name: name, uuid: uuid, isActive: false, inactive: stored)
    case .pool:
      // As the pools of a host are; nothing is started here.
      inventory.pools?[name] = ObservedPool(name: name, isActive: true, autostart: true, inactive: stored)
    }
  }
}

extension XMLElement {
  /// A domain as libvirt shows it when its guest runs: each device has an alias, made up where it had none.
  fileprivate var asRunning: XMLElement {
    var result = self
    result.update("devices", create: false) { devices in
      for kind in Set(devices.elements.map(\.name)).subtracting(["emulator"]) {
        var number = 0
        devices.updateAll(kind) { device in
          if !device.exists(at: "alias") { device.set("\(kind)\(number)", at: .alias) }
          number += 1
        }
      }
    }
    return result
  }
}
