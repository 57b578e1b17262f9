// Handing a definition to libvirt, and reading back what became of it.

public import Libvirt
public import Planner
import Vocabulary
public import XMLTree

extension LibvirtConnection {
  /// Stores a definition, checked by libvirt's schema, and reads it back.
  ///
  /// libvirt's schema refuses, here and there, what libvirt itself holds and writes: a guest with such a definition could
  /// never be changed, nor be made again elsewhere. Such a one is stored unchecked, and then everything that it says must
  /// be found again; if not, what was there before is put back, and the schema's refusal stands.
  ///
  /// Where nothing differs but the record of whose the domain is, the record alone is stored: libvirt keeps every other
  /// byte then, where a definition has its controllers sorted and its consoles counted again.
  ///
  /// - Throws: ``LibvirtError``; ``DroppedDefinition`` with the place that libvirt does not know.
  public func store(_ definition: DomainDefinition) async throws -> (domain: LibvirtDomain, stored: XMLElement) {
    if let record = definition.onlyRecord,
      case let domain = try await domain(uuid: definition.identity.uuid), try await domain.isPersistent()
    {
      try await domain.setMetadata(
        .element(namespace: OwnershipRecord.namespace), record, prefix: OwnershipRecord.prefix, scope: .config)
      return (domain, try await storedDefinition(of: domain))
    }
    let (text, name) = (definition.xml.spellingOutNone.serialised(), definition.identity.name)
    switch try await checkedDefinition(text, named: name) {
    case .success(let domain): return (domain, try await storedDefinition(of: domain))
    case .failure(let refusal): return try await storeUnchecked(definition, text, refusal)
    }
  }

  /// Stores what the schema has refused, where libvirt holds such a thing, and keeps all of it.
  private func storeUnchecked(
    _ definition: DomainDefinition, _ text: String, _ refusal: LibvirtError
  ) async throws -> (domain: LibvirtDomain, stored: XMLElement) {
    let name = definition.identity.name
    guard try await isHeld(definition), let domain = try await uncheckedDefinition(text, named: name) else {
      throw refusal
    }
    let stored = try await storedDefinition(of: domain)
    guard let place = definition.firstDropped(from: stored) else { return (domain, stored) }
    try await putBack(definition.replacing, in: domain, named: name)
    throw DroppedDefinition(refusal: refusal, place: place)
  }

  /// Makes a domain what it was before a definition that libvirt did not keep.
  private func putBack(_ old: XMLElement?, in domain: LibvirtDomain, named name: String) async throws {
    guard let old else { return try await domain.undefine(.keepNVRAM) }
    try await defineDomain(old.serialised(), named: name, checksSchema: false)
  }

  /// Whether a definition that the schema refuses is libvirt's own all the same: of another host, or here, where the schema
  /// has something against what libvirt holds already. For that it is handed back to libvirt as it is.
  private func isHeld(_ definition: DomainDefinition) async throws -> Bool {
    guard let held = definition.replacing else { return definition.isOfAnotherHost }
    switch try await checkedDefinition(held.spellingOutNone.serialised(), named: definition.identity.name) {
    case .success: return false
    case .failure: return true
    }
  }

  /// The domain as it is defined now, or what libvirt's schema has against the definition.
  private func checkedDefinition(
    _ text: String, named name: String
  ) async throws -> Result<LibvirtDomain, LibvirtError> {
    do {
      return .success(try await defineDomain(text, named: name))
    } catch let error as LibvirtError {
      guard error.code == .xmlInvalidSchema else { throw error }
      return .failure(error)
    }
  }

  /// The domain as libvirt takes it without its schema; nil where it does not take it.
  private func uncheckedDefinition(_ text: String, named name: String) async throws -> LibvirtDomain? {
    do {
      return try await defineDomain(text, named: name, checksSchema: false)
    } catch let error as LibvirtError {
      guard !error.isConnectionLost else { throw error }
      return nil
    }
  }
}

extension DomainDefinition {
  /// The record as libvirt takes it, where a definition that exists gets nothing else.
  fileprivate var onlyRecord: String? {
    guard let record = OwnershipRecord(in: xml), var before = replacing else { return nil }
    var after = xml
    OwnershipRecord.remove(from: &before)
    OwnershipRecord.remove(from: &after)
    return before == after ? record.bareText : nil
  }

  /// The first place of the definition that libvirt stored otherwise; nil where it kept everything.
  fileprivate func firstDropped(from stored: XMLElement) -> String? {
    var wanted = xml
    // An alias that libvirt has written down as the version that it stands for.
    if let machine = stored.value(at: .machine), let alias = xml.value(at: .machine),
      MachineType.isOne(machine, of: alias)
    {
      wanted.set(machine, at: .machine)
    }
    return XMLFragment(wanted).firstDifference(in: stored)
  }
}

/// libvirt's schema refuses a definition, and libvirt would drop or change a part of it.
public struct DroppedDefinition: Error {
  /// What libvirt said when it was to check the definition against its schema.
  public var refusal: LibvirtError
  /// The first place that libvirt would not keep: `/domain/devices/disk/…`.
  public var place: String
}
