// Definitions read back from libvirt as values. Never inlined: where two of these end up in one asynchronous function,
// Swift 6.3's optimiser crashes.

import Libvirt
import XMLTree

extension LibvirtConnection {
  /// The stored definition of a domain, read as an inventory reads it, so that the two can be compared.
  @inline(never)
  func storedDefinition(of domain: LibvirtDomain) async throws -> XMLElement {
    try XMLElement.parse(try await domain.xml(isReadOnly ? [.inactive] : [.inactive, .secure]))
  }

  /// What a domain is as it runs.
  @inline(never)
  func runningDefinition(of domain: LibvirtDomain) async throws -> XMLElement {
    try XMLElement.parse(try await domain.xml(isReadOnly ? [] : [.secure]))
  }

  @inline(never)
  func storedDefinition(of network: LibvirtNetwork) async throws -> XMLElement {
    try XMLElement.parse(try await network.xml(inactive: true))
  }

  @inline(never)
  func runningDefinition(of network: LibvirtNetwork) async throws -> XMLElement {
    try XMLElement.parse(try await network.xml())
  }
}

extension HostObjectRecord {
  /// The definition that the next start uses.
  ///
  /// - Precondition: definitions were read.
  var definition: XMLElement {
    get throws { try XMLElement.parse(inactiveXML ?? "") }
  }
}
