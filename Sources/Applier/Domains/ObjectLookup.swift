// Objects of the host that a step is about, looked up again right before it.

import Libvirt
import Planner

extension LibvirtConnection {
  /// The domain with this name and UUID.
  func domain(_ identity: DomainIdentity) async throws -> LibvirtDomain {
    guard let domain = try await domainIfAny(named: identity.name) else {
      throw ActionFailure("domain \(identity.name) no longer exists", remedy: planAgain)
    }
    guard domain.uuid == identity.uuid.lowercased() else {
      throw ActionFailure(
        "domain \(identity.name) changed since it was planned: its UUID is \(domain.uuid), not \(identity.uuid)",
        remedy: planAgain)
    }
    return domain
  }

  func domainIfAny(named name: String) async throws -> LibvirtDomain? {
    try await ifAny { try await domain(named: name) }
  }

  func networkIfAny(named name: String) async throws -> LibvirtNetwork? {
    try await ifAny { try await network(named: name) }
  }
}

/// A libvirt object; nil where there is none.
func ifAny<Object>(_ find: () async throws -> Object) async throws -> Object? {
  do {
    return try await find()
  } catch let error as LibvirtError where error.isNotFound {
    return nil
  }
}
