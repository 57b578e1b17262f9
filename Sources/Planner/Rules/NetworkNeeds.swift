// The networks that a guest is connected to: it does not start on those that are not there.

import Diagnostics
import Inventory
import Spec
import Vocabulary

/// The networks that a domain needs.
enum NetworkNeeds {
  /// Guests do not start on networks that are not there.
  static func check(_ context: DomainContext) -> Findings {
    let (spec, stack) = (context.spec, context.stack)
    var findings = Findings(about: context.object)
    guard let networks = stack.inventory.networks else { return findings }
    let starts = spec[.state] == .running && !context.isActive
    for interface in spec.members("interfaces") {
      guard let setting = interface.setting(.network), let name = interface[.network] else { continue }
      if let planned = stack.spec.network(name) {
        guard planned[.networkState] == .inactive, starts else { continue }
        findings.fail(
          "inactive-network", "the spec wants the network \(name) inactive", at: setting.range,
          suggestion: "remove `state: inactive` from the network, or `state: running` from the domain")
      } else if networks[name] == nil {
        let remedy =
          closestMatch(to: name, among: networks.keys.sorted() + stack.spec.networks.map(\.name)).map {
            "did you mean `\($0)`?"
          }
          ?? "declare it under `networks`, or define it with `virsh net-define`"
        let message = "the host has no network \(name)"
        if starts {
          findings.refuse("missing-network", message, at: setting.range, suggestion: remedy)
        } else {
          findings.note(
            "missing-network", message, at: setting.range, suggestion: remedy, severity: .warning)
        }
      } else if networks[name]?.isActive == false, starts {
        findings.refuse(
          "inactive-network", "the network \(name) is not active", at: setting.range,
          suggestion: "start it with `virsh net-start \(name)`")
      }
    }
    return findings
  }
}
