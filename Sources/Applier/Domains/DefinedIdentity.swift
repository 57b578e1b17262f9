// Who a definition is about, checked right before it is stored: libvirt goes by the name and the UUID in the XML, and would
// replace another one's definition.

import Libvirt
import Planner
import Vocabulary
import XMLTree

/// Whom a definition is of: the name and the UUID that its XML has, and the stack that it records.
struct DefinedIdentity {
  /// The kind of object: `domain`.
  let kind: String
  let name: String
  let uuid: String?
  private let stack: String?

  /// - Throws: where the definition names another object than the one that the step is about.
  init(of xml: XMLElement, kind: String, name: String, uuid: String? = nil) throws(ActionFailure) {
    (self.kind, self.name) = (kind, name)
    stack = OwnershipRecord(in: xml)?.stack
    self.uuid = xml.value(at: .uuid)?.lowercased()
    let named = xml.all("name").map(\.text)
    guard named == [name] else {
      throw ActionFailure(
        "the definition of \(kind) \(name) names \(named.isEmpty ? "none" : named.joined(separator: ", "))",
        remedy: "remove the name from `xml`")
    }
    guard xml.all("uuid").count <= 1, uuid == nil || self.uuid == uuid?.lowercased() else {
      throw ActionFailure(
        "the definition of \(kind) \(name) has the UUID \(self.uuid ?? "of none"), not \(uuid ?? "that of its plan")",
        remedy: "remove the UUID from `xml`, or write `uuid:`")
    }
  }

  /// What libvirt holds under a name or a UUID.
  struct Held {
    var name: String
    var uuid: String
    /// The stack that the stored definition records; nil for one without an owner.
    var stack: String?
  }

  /// Throws unless what libvirt holds under the name and under the UUID is nothing, or the very object that is meant: of the
  /// same name, UUID and stack.
  ///
  /// - Parameters:
  ///   - held: what libvirt holds under either.
  ///   - isNew: whether there must be nothing.
  func require(_ held: [Held], isNew: Bool) throws(ActionFailure) {
    for other in held {
      if let owner = other.stack, owner != stack {
        throw ActionFailure(
          "\(kind) \(other.name) (UUID \(other.uuid)) belongs to the stack \(owner)",
          remedy: "give this \(kind) another name and another UUID")
      }
      guard other.name == name else {
        throw ActionFailure(
          "\(kind) \(other.name) has the UUID \(other.uuid) that \(kind) \(name) would get", remedy: planAgain)
      }
      guard uuid == nil || other.uuid == uuid else {
        throw ActionFailure("\(kind) \(name) now exists (UUID \(other.uuid))", remedy: planAgain)
      }
      guard !isNew else {
        throw ActionFailure("\(kind) \(name) now exists (UUID \(other.uuid))", remedy: planAgain)
      }
    }
  }
}

extension LibvirtConnection {
  /// Throws unless a domain's definition is about a domain that is not there, or that is ours.
  func requireOwn(_ definition: DomainDefinition) async throws {
    let identity = try DefinedIdentity(
      of: definition.xml, kind: "domain", name: definition.identity.name, uuid: definition.identity.uuid)
    let held = try await held(identity, named: domain(named:), withUUID: domain(uuid:)) { domain in
      let record = OwnershipRecord(in: try await storedDefinition(of: domain))
      return .init(name: domain.name, uuid: domain.uuid, stack: record?.stack)
    }
    try identity.require(held, isNew: definition.replacing == nil)
  }

  /// Throws unless a network's definition is about a network that is not there, or that is ours.
  func requireOwn(network definition: ObjectDefinition) async throws {
    let identity = try DefinedIdentity(of: definition.xml, kind: "network", name: definition.name)
    let held = try await held(identity, named: network(named:), withUUID: network(uuid:)) { network in
      let record = OwnershipRecord(in: try await storedDefinition(of: network))
      return .init(name: network.name, uuid: network.uuid, stack: record?.stack)
    }
    try identity.require(held, isNew: definition.replacing == nil)
  }

  /// Throws unless a pool's definition is about a pool that is not there, or that is the same: pools record nobody.
  func requireOwn(pool definition: ObjectDefinition) async throws {
    let identity = try DefinedIdentity(of: definition.xml, kind: "pool", name: definition.name)
    let held = try await held(identity, named: storagePool(named:), withUUID: storagePool(uuid:)) { pool in
      .init(name: pool.name, uuid: pool.uuid)
    }
    try identity.require(held, isNew: definition.replacing == nil)
  }

  /// What libvirt holds under the name and under the UUID of a definition: nothing, one object, or two. Only these are looked
  /// up, however many objects the host has.
  private func held<Object>(
    _ identity: DefinedIdentity, named: (String) async throws -> Object, withUUID: (String) async throws -> Object,
    as describe: (Object) async throws -> DefinedIdentity.Held
  ) async throws -> [DefinedIdentity.Held] {
    var held: [DefinedIdentity.Held] = []
    if let object = try await ifAny({ try await named(identity.name) }) { held.append(try await describe(object)) }
    if let uuid = identity.uuid, held.first?.uuid != uuid, let object = try await ifAny({ try await withUUID(uuid) }) {
      held.append(try await describe(object))
    }
    return held
  }
}
