// Domains that must never run at the same time, such as two definitions of one guest: names of others of the stack, and not two
// of them that are to run.

import Diagnostics
import Vocabulary

/// Checks `exclusive-with`.
enum ExclusionChecks {
  /// Replaces names of counted entries by those of their domains, and says it of both: whom one excludes excludes it.
  ///
  /// - Parameter counted: the domains of each entry that has a count.
  static func resolve(
    _ domains: inout [ObjectSpec], counted: [String: [String]], into diagnostics: inout [Diagnostic]
  ) {
    guard domains.contains(where: { $0.says(.exclusiveWith) }) else { return }
    let known = Set(domains.map(\.name))
    var pairs: [String: Set<String>] = [:]
    var places: [String: Setting] = [:]
    for domain in domains {
      guard let setting = domain.setting(.exclusiveWith) else { continue }
      for name in domain[.exclusiveWith] ?? [] {
        let group = known.contains(name) ? [name] : counted[name] ?? []
        if group.isEmpty {
          diagnostics.append(
            Diagnostic(
              "unknown-reference", "there is no domain `\(name)` that \(domain.title) could exclude", at: setting.range,
              suggestion: closestMatch(to: name, among: known.union(counted.keys).sorted(), after: diagnostics).map {
                "did you mean `\($0)`?"
              } ?? "name domains of this stack"))
        }
        if name == domain.name {
          diagnostics.append(
            Diagnostic(
              "circular-dependency", "\(domain.title) excludes itself", at: setting.range,
              suggestion: "take its own name out of `exclusive-with`"))
        }
        for other in group where other != domain.name {
          pairs[domain.name, default: []].insert(other)
          pairs[other, default: []].insert(domain.name)
          if places[domain.name] == nil { places[domain.name] = setting }
          if places[other] == nil { places[other] = setting }
        }
      }
    }
    for index in domains.indices {
      guard let others = pairs[domains[index].name], let place = places[domains[index].name] else { continue }
      let range = domains[index].setting(.exclusiveWith)?.range ?? place.range
      domains[index].set(.exclusiveWith, to: Setting(.list(others.sorted().map(Value.string)), at: range))
    }
    checkStates(domains, into: &diagnostics)
  }

  /// Of two domains that exclude each other the spec lets one run at most.
  private static func checkStates(_ domains: [ObjectSpec], into diagnostics: inout [Diagnostic]) {
    let running = domains.filter { $0[.state] == .running || $0[.state] == .paused }
    for (index, domain) in running.enumerated() {
      for other in running[..<index] where domain.exclusions.contains(other.name) {
        diagnostics.append(
          Diagnostic(
            "exclusive-domains", "\(other.title) and \(domain.title) exclude each other, and both are to run",
            at: domain.setting(.state)?.range, suggestion: "write `state: stopped` for one of them"))
      }
    }
  }
}

extension ObjectSpec {
  /// The domains that a domain must not run beside, by name.
  public var exclusions: [String] { self[.exclusiveWith] ?? [] }
}
