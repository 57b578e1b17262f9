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
  /// - Throws: ``LibvirtError``; ``DroppedDefinition`` with the place that libvirt does not know.
  public func store(_ definition: DomainDefinition) async throws -> (domain: LibvirtDomain, stored: XMLElement) {
    let (xml, old, name) = (definition.xml, definition.replacing, definition.identity.name)
    let text = xml.spellingOutNone.serialised()
    let refusal: LibvirtError
    do {
      let domain = try await defineDomain(text, named: name)
      return (domain, try await inactiveDefinition(of: domain))
    } catch let error as LibvirtError where error.code == .xmlInvalidSchema {
      refusal = error
    }
    if let old {
      guard try await schemaRefuses(old, named: name) else { throw refusal }
    } else {
      guard definition.isOfAnotherHost else { throw refusal }
    }
    let domain: LibvirtDomain
    do {
      domain = try await defineDomain(text, named: name, checksSchema: false)
    } catch let error as LibvirtError where !error.isConnectionLost {
      throw refusal
    }
    let stored = try await inactiveDefinition(of: domain)
    var wanted = xml
    // An alias that libvirt has written down as the version that it stands for.
    if let machine = stored.value(at: "os/type/@machine"), let alias = xml.value(at: "os/type/@machine"),
      MachineType.isOne(machine, of: alias)
    {
      wanted.set(machine, at: "os/type/@machine")
    }
    guard let place = XMLFragment(wanted).firstDifference(in: stored) else { return (domain, stored) }
    if let old {
      try await defineDomain(old.serialised(), named: name, checksSchema: false)
    } else {
      try await domain.undefine(.keepNVRAM)
    }
    throw DroppedDefinition(refusal: refusal, place: place)
  }

  /// Whether the schema has something against a definition that libvirt holds: it is handed back to libvirt as it is.
  private func schemaRefuses(_ held: XMLElement, named name: String) async throws -> Bool {
    do {
      try await defineDomain(held.spellingOutNone.serialised(), named: name)
      return false
    } catch let error as LibvirtError where error.code == .xmlInvalidSchema {
      return true
    }
  }

  private func inactiveDefinition(of domain: LibvirtDomain) async throws -> XMLElement {
    try XMLElement.parse(try await domain.xml(isReadOnly ? [.inactive] : [.inactive, .secure]))
  }
}

/// libvirt's schema refuses a definition, and libvirt would drop or change a part of it.
public struct DroppedDefinition: Error {
  public var refusal: LibvirtError
  /// The first place that libvirt would not keep: `/domain/devices/disk/…`.
  public var place: String
}

extension XMLElement {
  /// The definition with what libvirt leaves out when it writes and insists on when it reads: a memory side cache
  /// without associativity or policy has `none` (measured with libvirt 9.0).
  fileprivate var spellingOutNone: XMLElement {
    guard exists(at: "cpu/numa/cell/cache") else { return self }
    var result = self
    result.update(at: "cpu/numa", create: false) { numa in
      numa.updateAll("cell") { cell in
        cell.updateAll("cache") { cache in
          for name in ["associativity", "policy"] where cache[attribute: name] == nil {
            cache[attribute: name] = "none"
          }
        }
      }
    }
    return result
  }
}
