// Handing a definition to libvirt, and reading back what became of it.

public import Libvirt
import Vocabulary
public import XMLTree

extension LibvirtConnection {
  /// Stores a definition, checked by libvirt's schema, and reads it back.
  ///
  /// libvirt's schema refuses, here and there, what libvirt itself holds and writes: a guest with such a definition could
  /// never be changed. Where it does, the definition is stored unchecked, and then everything that it says must be found
  /// again; if not, what was there before is put back, and the schema's refusal stands.
  ///
  /// - Parameters:
  ///   - xml: the definition, with its UUID.
  ///   - old: the definition that is replaced; nil for a new domain.
  /// - Throws: ``LibvirtError``; ``DroppedDefinition`` with the place that libvirt does not know.
  public func store(
    _ xml: XMLElement, named name: String, replacing old: XMLElement?
  ) async throws -> (domain: LibvirtDomain, stored: XMLElement) {
    let text = xml.spellingOutNone.serialised()
    let refusal: LibvirtError
    do {
      let domain = try await defineDomain(text, named: name)
      return (domain, try await inactiveDefinition(of: domain))
    } catch let error as LibvirtError where error.code == .xmlInvalidSchema {
      refusal = error
    }
    let domain: LibvirtDomain
    do {
      domain = try await defineDomain(text, named: name, checksSchema: false)
    } catch let error as LibvirtError where !error.isConnectionLost {
      throw refusal
    }
    let stored = try await inactiveDefinition(of: domain)
    guard let place = XMLFragment(xml).firstDifference(in: stored) else { return (domain, stored) }
    if let old {
      try await defineDomain(old.serialised(), named: name, checksSchema: false)
    } else {
      try await domain.undefine(.keepNVRAM)
    }
    throw DroppedDefinition(refusal: refusal, place: place)
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
