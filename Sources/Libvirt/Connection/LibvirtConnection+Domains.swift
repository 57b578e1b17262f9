// Finding, defining and creating domains.

import CLibvirt
import Failpoints

extension LibvirtConnection {
  /// The domain with this name. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func domain(named name: String) async throws -> LibvirtDomain {
    try await domain("find domain \(name)") { virDomainLookupByName($0, name) }
  }

  /// The domain with this UUID. Fails with ``LibvirtError/isNotFound`` if there is none.
  public func domain(uuid: String) async throws -> LibvirtDomain {
    try await domain("find domain \(uuid)") { virDomainLookupByUUIDString($0, uuid) }
  }

  /// Stores the definition of a domain, new or in place of the one with the same name and UUID. libvirt always checks
  /// the XML against its schema, for it drops silently what it does not know otherwise.
  ///
  /// - Parameters:
  ///   - xml: without a `<uuid>` this fails with code 9 if the name exists.
  ///   - name: for error messages.
  ///   - checksSchema: false only for documents of others, which are to be taken as libvirt itself takes them.
  /// - Throws: ``LibvirtError``: 9 if name and UUID belong to different domains, 92 if the schema does not allow the
  ///   XML, 27 if libvirt cannot make sense of it, 67 if the hypervisor cannot do it.
  @discardableResult
  public func defineDomain(
    _ xml: String, named name: String? = nil, checksSchema: Bool = true
  ) async throws -> LibvirtDomain {
    let flags = checksSchema ? UInt32(VIR_DOMAIN_DEFINE_VALIDATE.rawValue) : 0
    return try await domain("define domain\(name.map { " " + $0 } ?? "")") { connection in
      Failpoint.around("define a domain") { readingSchema { virDomainDefineXMLFlags(connection, xml, flags) } }
    }
  }

  private func domain(
    _ operation: @autoclosure @escaping @Sendable () -> String,
    _ find: @escaping @Sendable (ConnectionPointer) -> DomainPointer?
  ) async throws -> LibvirtDomain {
    let core = core
    return try await core.perform(operation()) { connection throws(LibvirtError) in
      LibvirtDomain(owning: try check(find(connection), operation()), of: core)
    }
  }
}
