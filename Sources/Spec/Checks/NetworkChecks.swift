// Rules between the fields of one network, and between networks.

import Diagnostics
import Vocabulary

/// Checks networks.
enum NetworkChecks {
  /// Modes in which libvirt makes a bridge for the network.
  private static let ownBridge: Set<NetworkMode> = [.nat, .route, .open, .isolated]

  /// The network with what its short form stands for.
  static func completed(_ network: ObjectSpec, into diagnostics: inout [Diagnostic]) -> ObjectSpec {
    let (short, long) = (FieldKey.networkAddress, FieldKey.addresses)
    guard let setting = network.setting(short) else { return network }
    var result = network
    result.set(short, to: nil)
    if network.says(long) {
      diagnostics.append(
        Diagnostic(
          "conflict", "`\(short.name)` and `\(long.name)` are the same", at: setting.range,
          suggestion: "write all of them under `\(long.name)`"))
    } else {
      result.set(long, to: setting)
    }
    return result
  }

  static func check(_ network: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard !network.hasMalformed(.networkMode) else { return }
    checkMode(network, into: &diagnostics)
    checkDHCP(network, into: &diagnostics)
  }

  private static func checkMode(_ network: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let mode = network[.networkMode] ?? .isolated
    let place = network.place(of: .networkMode)
    func missing(_ fields: [Field], _ message: String) {
      guard !fields.contains(where: { network.says($0) }) else { return }
      diagnostics.append(
        Diagnostic(
          "missing-key", message, at: place, subject: network.title,
          suggestion: "add " + fields.map { "`\($0.name):`" }.joined(separator: " or ")))
    }
    let type = network.type
    let (devices, function) = (type[.devices], type[.physicalFunction])
    switch mode {
    case .bridge:
      missing([type[.bridgeName], devices, function], "a network of mode bridge requires a bridge of the host")
    case .private, .vepa, .passthrough:
      missing([devices, function], "a network of mode \(mode) requires a device of the host")
    case .hostdev: missing([function, type[.hostDevices]], "a network of mode hostdev requires devices of the host")
    // libvirt defines none without; what it says in its own XML, such a network may have there.
    case .nat, .route, .open:
      if !network.says(.xml) {
        missing([type[.networkAddress], type[.addresses]], "a network of mode \(mode) needs an address")
      }
    case .isolated: break
    }
    func refuse(_ fields: [Field], _ remedy: String = "leave it out") {
      for field in fields {
        guard let setting = network.settings[field] else { continue }
        diagnostics.append(
          Diagnostic(
            "conflict", "a network of mode \(mode) has no `\(field.name)`", at: setting.range, subject: network.title,
            suggestion: remedy))
      }
    }
    if !ownBridge.contains(mode) {
      refuse([
        type[.addresses], type[.dhcpRanges], type[.dhcpHosts], type[.mac], type[.domainName], type[.routes],
      ])
    }
    if mode != .nat {
      refuse([type[.natAddresses], type[.natPorts], type[.natIPv6]], "write `mode: nat`, or leave it out")
    }
    if mode == .isolated { refuse([devices], "write `mode: nat` or another one, or leave it out") }
    if mode != .hostdev {
      refuse([type[.managed], type[.hostDevices], type[.driver]], "write `mode: hostdev`, or leave it out")
    }
  }

  /// What is given to guests lies in the network of an address.
  private static func checkDHCP(_ network: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard !network.hasMalformed(.addresses), !network.hasMalformed(.networkAddress) else { return }
    let addresses = network[.addresses] ?? []
    let type = network.type
    for field in [type[.dhcpRanges], type[.dhcpHosts], type[.dhcpBootFile], type[.tftpRoot]] {
      guard let setting = network.settings[field] else { continue }
      guard !addresses.isEmpty else {
        diagnostics.append(
          Diagnostic(
            "missing-key", "`\(field.name)` requires an address of the network", at: setting.range,
            subject: network.title,
            suggestion: "add `address:`, such as 10.0.0.1/24"))
        return
      }
      for text in (setting.value.list?.compactMap(\.string) ?? []) + (setting.value.table?.keys.sorted() ?? [])
      where !SubnetRule.contains(text, in: addresses) {
        diagnostics.append(
          Diagnostic(
            "conflict", "\(text) is outside the network's addresses", at: setting.range, subject: network.title,
            suggestion: "the addresses are \(addresses.joined(separator: ", "))"))
      }
    }
  }

  /// Two networks of one stack cannot share a bridge that libvirt makes, nor an address.
  static func checkTogether(_ networks: [ObjectSpec], into diagnostics: inout [Diagnostic]) {
    var bridges: [String: Setting] = [:]
    var subnets: [(subnet: Subnet, text: String, range: SourceRange, name: String)] = []
    for network in networks where ownBridge.contains(network[.networkMode] ?? .isolated) {
      if let setting = network.setting(.bridgeName), let name = network[.bridgeName],
        let other = bridges.updateValue(setting, forKey: name)
      {
        diagnostics.append(
          Diagnostic(
            "duplicate-value", "two networks cannot have one bridge", at: setting.range, subject: network.title,
            suggestion: "leave it out: libvirt finds a free name", notes: [.init("the other one", at: other.range)]))
      }
      guard let setting = network.setting(.addresses) else { continue }
      for text in network[.addresses] ?? [] {
        guard let subnet = Subnet(text) else { continue }
        if let other = subnets.first(where: { $0.subnet.overlaps(subnet) && $0.name != network.name }) {
          diagnostics.append(
            Diagnostic(
              "conflict", "\(text) overlaps with \(other.text) of network \(other.name)", at: setting.range,
              subject: network.title, notes: [.init("the other one", at: other.range)]))
        }
        subnets.append((subnet, text, setting.range, network.name))
      }
    }
  }
}
