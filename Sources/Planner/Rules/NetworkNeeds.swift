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
    var findings = checkDevices(context)
    findings += checkAddresses(context)
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

  /// Bridges and other devices of the host that interfaces are connected to.
  private static func checkDevices(_ context: DomainContext) -> Findings {
    let (spec, stack) = (context.spec, context.stack)
    var findings = Findings(about: context.object)
    guard let devices = stack.host.networkDevices else { return findings }
    let starts = [.running, .paused].contains(spec[.state]) && !context.isActive
    for interface in spec.members("interfaces") {
      let found =
        interface.setting(.bridge).map { ($0, interface[.bridge], "bridge") }
        ?? interface.setting(.direct).map { ($0, interface[.direct], "network device") }
      guard let (setting, device, noun) = found, let name = device, !devices.contains(name),
        !stack.createsBridge(name)
      else { continue }
      let message = "the host has no \(noun) \(name)"
      let remedy =
        closestMatch(to: name, among: devices.sorted()).map { "did you mean `\($0)`?" }
        ?? (noun == "bridge"
          ? "create it first, such as with `ip link add \(name) type bridge`" : "`ip link` lists them")
      if starts || context.isActive && !context.hasInterface(on: name) {
        findings.refuse("missing-device", message, at: setting.range, suggestion: remedy)
      } else {
        findings.note(
          "missing-device", message + ": the guest cannot start", at: setting.range, suggestion: remedy,
          severity: .warning)
      }
    }
    return findings
  }

  /// MAC addresses that domains outside of the stack have. libvirt takes them, and so does a host with two guests that never
  /// run side by side: as in a spec, that is a warning.
  private static func checkAddresses(_ context: DomainContext) -> Findings {
    var findings = Findings(about: context.object)
    for interface in context.spec.members("interfaces") {
      guard let setting = interface.setting(.mac), let mac = interface[.mac],
        let other = context.stack.addresses.other(than: context.nameOnHost, with: mac)
      else { continue }
      findings.note(
        "duplicate-mac",
        "the MAC address \(mac) belongs to an interface of the domain \(other.domain)"
          + (other.isActive ? ", which is running" : ""),
        at: setting.range, suggestion: "leave it out, or write another one: each interface gets its own address",
        severity: .warning)
    }
    return findings
  }
}

/// The MAC addresses of the host's domains outside of a stack.
struct AddressUses: Sendable {
  struct User: Sendable {
    var domain: String
    var isActive: Bool
  }

  private var users: [String: [User]] = [:]

  init(_ spec: StackSpec, _ inventory: Inventory) {
    guard spec.domains.contains(where: { $0.members("interfaces").contains { $0[.mac] != nil } }) else { return }
    let own = Set(spec.domains.flatMap { [$0.name] + [$0[.renamedFrom]].compactMap(\.self) })
    for domain in inventory.domains.values where !own.contains(domain.name) {
      for interface in domain.inactive.devices(Vocabulary.interface) {
        guard let mac = Vocabulary.interface[.mac, in: interface] else { continue }
        users[mac, default: []].append(User(domain: domain.name, isActive: domain.isActive))
      }
    }
  }

  /// A domain other than `domain` that has an address, one that runs if there is one.
  func other(than domain: String, with mac: String) -> User? {
    let others = (users[mac] ?? []).filter { $0.domain != domain }.sorted { $0.domain < $1.domain }
    return others.first(where: \.isActive) ?? others.first
  }
}

extension StackContext {
  /// Whether a network of the stack or of the host brings a bridge of this name.
  fileprivate func createsBridge(_ name: String) -> Bool {
    spec.networks.contains { $0[.bridgeName] == name && $0[.networkMode] != .bridge }
      || (inventory.networks ?? [:]).values.contains { network in
        network.inactive.flatMap { Vocabulary.network[.bridgeName, in: $0] } == name
      }
  }
}

extension DomainContext {
  /// Whether the running guest is connected to a device of the host.
  fileprivate func hasInterface(on name: String) -> Bool {
    (running?.devices(Vocabulary.interface) ?? []).contains { interface in
      ["bridge", "dev"].contains { interface.first("source")?[attribute: $0] == name }
    }
  }
}
