// Rules between the fields of one network, and between networks.

import Diagnostics
import Vocabulary

/// Checks networks.
enum NetworkChecks {
  /// Modes in which libvirt makes a bridge for the network.
  private static let ownBridge: Set = ["nat", "route", "open", "isolated"]

  private static let macvtap: Set = ["private", "vepa", "passthrough"]

  /// The network with what its short forms stand for.
  static func completed(_ network: ObjectSpec, into diagnostics: inout [Diagnostic]) -> ObjectSpec {
    var result = network
    for (short, long) in [("address", "addresses"), ("dhcp.range", "dhcp.ranges")] {
      guard let setting = result.settings.removeValue(forKey: short) else { continue }
      if network.says(long) {
        diagnostics.append(
          Diagnostic(
            "conflict", "`\(short)` and `\(long)` are the same", at: setting.range,
            suggestion: "write all of them under `\(long)`"))
      } else {
        result.settings[long] = setting
      }
    }
    return result
  }

  static func check(_ network: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard !network.malformed.contains("mode") else { return }
    checkMode(network, into: &diagnostics)
    checkDHCP(network, into: &diagnostics)
  }

  private static func checkMode(_ network: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    let mode = network["mode"]?.string ?? "isolated"
    let place = network.settings["mode"]?.range ?? network.range
    func missing(_ fields: [String], _ message: String) {
      guard !fields.contains(where: network.says) else { return }
      diagnostics.append(
        Diagnostic(
          "missing-key", message, at: place, subject: network.title,
          suggestion: "add " + fields.map { "`\($0):`" }.joined(separator: " or ")))
    }
    switch mode {
    case "bridge":
      missing(["bridge.name", "devices", "physical-function"], "a network of mode bridge needs a bridge of the host's")
    case _ where macvtap.contains(mode):
      missing(["devices", "physical-function"], "a network of mode \(mode) needs a device of the host's")
    case "hostdev":
      missing(["physical-function", "host-devices"], "a network of mode hostdev needs devices of the host's")
    // libvirt defines none without; what it says in its own XML, such a network may have there.
    case "nat", "route", "open":
      if !network.says(Field.xmlName) {
        missing(["address", "addresses"], "a network of mode \(mode) needs an address")
      }
    default: break
    }
    func refuse(_ fields: [String], _ remedy: String = "leave it out") {
      for field in fields {
        guard let setting = network.settings[field] else { continue }
        diagnostics.append(
          Diagnostic(
            "conflict", "a network of mode \(mode) has no `\(field)`", at: setting.range, subject: network.title,
            suggestion: remedy))
      }
    }
    if !ownBridge.contains(mode) { refuse(["addresses", "dhcp.ranges", "dhcp.hosts", "mac", "domain.name", "routes"]) }
    if mode != "nat" { refuse(["nat.addresses", "nat.ports", "nat.ipv6"], "write `mode: nat`, or leave it out") }
    if mode == "isolated" { refuse(["devices"], "write `mode: nat` or another one, or leave it out") }
    if mode != "hostdev" { refuse(["managed", "host-devices", "driver"], "write `mode: hostdev`, or leave it out") }
  }

  /// What is given to guests lies in the network of an address.
  private static func checkDHCP(_ network: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard !network.malformed.contains("addresses"), !network.malformed.contains("address") else { return }
    let addresses = (network["addresses"]?.list ?? []).compactMap(\.string)
    for field in ["dhcp.ranges", "dhcp.hosts", "dhcp.boot-file", "tftp-root"] {
      guard let setting = network.settings[field] else { continue }
      guard !addresses.isEmpty else {
        diagnostics.append(
          Diagnostic(
            "missing-key", "`\(field)` needs an address of the network's own", at: setting.range,
            subject: network.title,
            suggestion: "add `address:`, such as 10.0.0.1/24"))
        return
      }
      for text in (setting.value.list?.compactMap(\.string) ?? []) + (setting.value.table?.keys.sorted() ?? [])
      where !SubnetRule.contains(text, in: addresses) {
        diagnostics.append(
          Diagnostic(
            "conflict", "\(text) is in the network of no address", at: setting.range, subject: network.title,
            suggestion: "the addresses are \(addresses.joined(separator: ", "))"))
      }
    }
  }

  /// Two networks of one stack cannot share a bridge that libvirt makes, nor an address.
  static func checkTogether(_ networks: [ObjectSpec], into diagnostics: inout [Diagnostic]) {
    var bridges: [String: Setting] = [:]
    var subnets: [(subnet: Subnet, text: String, range: SourceRange, name: String)] = []
    for network in networks where ownBridge.contains(network["mode"]?.string ?? "isolated") {
      if let setting = network.settings["bridge.name"], let name = setting.value.string,
        let other = bridges.updateValue(setting, forKey: name)
      {
        diagnostics.append(
          Diagnostic(
            "duplicate-value", "two networks cannot have one bridge", at: setting.range, subject: network.title,
            suggestion: "leave it out: libvirt finds a free name", notes: [.init("the other one", at: other.range)]))
      }
      guard let setting = network.settings["addresses"] else { continue }
      for text in (setting.value.list ?? []).compactMap(\.string) {
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
