// Domains that must never run at the same time: no guest is started beside one that its domain excludes.

import Spec
import Vocabulary

/// The rule of `exclusive-with`.
enum Exclusions {
  /// Refuses to start the guest while one runs that must not run beside it, unless this plan stops that one first.
  static func check(_ context: DomainContext) -> Findings {
    var findings = Findings(about: context.object)
    let (spec, stack) = (context.spec, context.stack)
    guard spec[.state] == .running || spec[.state] == .paused, !(context.observed?.isActive ?? false) else {
      return findings
    }
    for name in spec.exclusions where stack.inventory.domains[name]?.isActive ?? false {
      let state = stack.spec.domains.first { $0.name == name }?[.state]
      guard state != .stopped, state != .absent else { continue }
      findings.refuse(
        "exclusive-domains", "the domain cannot start while \(name) runs, which it excludes",
        at: spec.place(of: .exclusiveWith), suggestion: "stop \(name) first, or write `state: stopped` for it")
    }
    return findings
  }
}

extension OwnershipRecord {
  /// The domains that the domain must not run beside, as the last apply recorded them.
  public var exclusions: [String] { content(of: .exclusiveWith) ?? [] }
}
