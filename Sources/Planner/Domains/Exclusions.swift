// Domains that must never run at the same time: no guest is started beside one that its domain excludes.

import Spec
import Vocabulary

extension DomainPlanning {
  /// Refuses to start the guest while one runs that must not run beside it, unless this plan stops that one first.
  func checkExclusions() {
    guard spec[.state] == .running || spec[.state] == .paused, !(observed?.isActive ?? false) else { return }
    for name in spec.exclusions {
      guard builder.inventory.domains[name]?.isActive ?? false else { continue }
      let state = builder.spec.domains.first { $0.name == name }?[.state]
      guard state != .stopped, state != .absent else { continue }
      builder.refuse(
        "exclusive-domains", "the domain cannot start while \(name) runs, which it excludes",
        at: spec.setting(.exclusiveWith)?.range, subject: object,
        suggestion: "stop \(name) first, or write `state: stopped` for it")
    }
  }
}

extension OwnershipRecord {
  /// The domains that the domain must not run beside, as the last apply recorded them.
  public var exclusions: [String] { content(of: .exclusiveWith) ?? [] }
}
