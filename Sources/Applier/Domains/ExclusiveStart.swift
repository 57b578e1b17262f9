// Guests that must never run at the same time: right before a start, those that the domain excludes are looked at again.

import Libvirt
import Planner
import XMLTree

extension ApplyRun {
  /// Fails if a guest runs that the domain's own record excludes.
  func checkIsAlone(_ domain: LibvirtDomain) async throws {
    let definition = try XMLElement.parse(try await domain.xml([.inactive]))
    for name in OwnershipRecord(in: definition)?.exclusions ?? [] {
      let isActive: Bool
      do {
        isActive = try await connection.domain(named: name).isActive()
      } catch let error as LibvirtError where error.code == .noDomain {
        continue
      }
      guard isActive else { continue }
      throw ActionFailure(
        "domain \(domain.name) cannot start while \(name) runs: they exclude each other",
        remedy: "stop \(name) first; two guests that write to one disk destroy it", field: "exclusive-with")
    }
  }
}
