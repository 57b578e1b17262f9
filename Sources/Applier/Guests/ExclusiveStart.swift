// Guests that must never run at the same time: right before a start, those that the domain excludes are looked at again.

import Libvirt
import Planner

extension LibvirtConnection {
  /// Fails if a guest runs that the domain's own record excludes.
  func requireAlone(_ domain: LibvirtDomain) async throws {
    for name in OwnershipRecord(in: try await storedDefinition(of: domain))?.exclusions ?? [] {
      guard try await domainIfAny(named: name)?.isActive() ?? false else { continue }
      throw ActionFailure(
        "domain \(domain.name) cannot start while \(name) runs: they exclude each other",
        remedy: "stop \(name) first; two guests that write to one disk destroy it", field: "exclusive-with")
    }
  }
}
