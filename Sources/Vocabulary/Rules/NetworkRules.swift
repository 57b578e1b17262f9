// Rules for the texts of networks: addresses, ranges, routes, names of the name service.

import XMLTree

extension TextRule {
  /// An IPv4 or IPv6 address.
  static let ipAddress = TextRule(
    "an IP address such as 10.0.0.1 or fd00::1",
    pattern: #"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$"#,
    normalise: { IPAddress($0)?.description })

  /// An IPv4 address.
  static let ipv4Address = TextRule(
    "an IPv4 address such as 10.0.0.1", pattern: #"^[0-9]{1,3}(\.[0-9]{1,3}){3}$"#,
    normalise: { text in IPAddress(text).flatMap { $0.isIPv6 ? nil : $0.description } })

  /// The name or address of a server.
  static let hostName = made(of: "_.:-", "the name or address of a server")

  /// An address of a network, with the size of the network.
  static let ipNetwork = TextRule(
    "an IP address with its prefix such as 10.0.0.1/24", pattern: #"^(ipv4 )?[0-9A-Fa-f:.]+(/[0-9.]+)?$"#,
    remedy: "write the address, a slash and the prefix's length, such as 10.0.0.1/24 or fd00::1/64",
    normalise: { IPNetwork($0)?.description })

  /// Addresses from one to another, with the time of their lease.
  static let addressRange = TextRule(
    "a range of addresses such as 10.0.0.100-10.0.0.200",
    pattern: #"^[0-9A-Fa-f:.]+ *- *[0-9A-Fa-f:.]+( lease ([0-9]+ *(s|min|h)|infinite))?$"#,
    remedy: "write the first address, a hyphen and the last; `lease 12 h` may follow",
    normalise: { AddressRange($0)?.description })

  /// IPv4 addresses from one to another.
  static let ipv4Range = TextRule(
    "a range of IPv4 addresses such as 192.0.2.10-192.0.2.20", pattern: #"^[0-9.]+( *- *[0-9.]+)?$"#,
    normalise: { text in
      guard let range = AddressRange(text), range.lease == nil, !range.first.isIPv6 else { return nil }
      return range.description
    })

  /// Ports from one to another.
  static let portRange = TextRule(
    "a range of ports such as 1024-65535", pattern: #"^[0-9]{1,5} *- *[0-9]{1,5}$"#,
    normalise: { text in
      let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { part in
        Int(part.filter { $0 != " " }).flatMap { (1...65535).contains($0) ? $0 : nil }
      }
      guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last else { return nil }
      return "\(first)-\(last)"
    })

  /// How long a guest keeps the address that it was given.
  static let leaseTime = TextRule(
    "a lease time such as 12 h, or infinite", pattern: "^([0-9]+ *(s|min|h)|infinite)$",
    remedy: "write a number of s, min or h, two minutes at least, or infinite",
    normalise: { LeaseTime($0)?.description })

  /// A way to another network, in the words of `ip route`.
  static let route = TextRule(
    "a route such as 10.1.0.0/16 via 10.0.0.2",
    pattern: #"^(ipv4 )?[0-9A-Fa-f:.]+(/[0-9.]+)? via [0-9A-Fa-f:.]+( metric [0-9]+)?$"#,
    remedy: "write the network, `via` and the gateway; `metric N` may follow", normalise: { Route($0)?.description })

  /// The name of a host or a domain in the name service (RFC 1123, with underscores for services).
  static let dnsName = TextRule(
    "a DNS name such as lab.example.org", pattern: #"^[A-Za-z0-9_.-]{1,255}$"#,
    normalise: { text in
      let isPlain = text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || "_.-".utf8.contains(byte)
      }
      return isPlain && (1...255).contains(text.utf8.count) ? text : nil
    })

  /// The name of a port group, as libvirt's schema has it.
  static let portGroup = TextRule(
    "the name of a port group", pattern: #"^[A-Za-z0-9_.\\:/-]+$"#,
    normalise: { text in
      let isPlain = text.unicodeScalars.allSatisfy { scalar in
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
          || "_.-\\:/".unicodeScalars.contains(scalar)
      }
      return isPlain && !text.isEmpty ? text : nil
    })

  /// A device of the host on its PCI bus.
  static let pciAddress = TextRule(
    "a PCI address such as 0000:03:10.0", pattern: #"^([0-9A-Fa-f]{4}:)?[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]$"#,
    normalise: { PCIAddress($0)?.description })
}

/// Addresses from one to another, and how long a guest keeps one of them.
struct AddressRange: Hashable {
  var first: IPAddress
  var last: IPAddress
  var lease: LeaseTime?

  init?(_ text: String) {
    let parts = text.split(separator: " lease ", maxSplits: 1).map(String.init)
    let ends = (parts.first ?? "").filter { $0 != " " }.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count <= 2 else { return nil }
    self.init(first: ends.first.map(String.init), last: ends.last.map(String.init))
    guard parts.count == 2 else { return }
    guard let time = LeaseTime(parts[1]) else { return nil }
    lease = time
  }

  /// From an element with `start`, `end` and perhaps a `lease`.
  init?(_ element: XMLElement) {
    self.init(first: element[attribute: "start"], last: element[attribute: "end"])
    guard let one = element.first("lease") else { return }
    guard let time = LeaseTime(one) else { return nil }
    lease = time
  }

  private init?(first: String?, last: String?) {
    guard let first = first.flatMap({ IPAddress($0) }), let last = last.flatMap({ IPAddress($0) }),
      first.isIPv6 == last.isIPv6, first <= last
    else { return nil }
    self.first = first
    self.last = last
  }

  func put(into element: inout XMLElement) {
    element[attribute: "start"] = first.description
    element[attribute: "end"] = last.description
    element.replaceAll("lease", with: lease.map { [$0.element] } ?? [])
  }
}

extension AddressRange: CustomStringConvertible {
  var description: String { "\(first)-\(last)" + (lease.map { " lease \($0)" } ?? "") }
}

/// How long a lease is, in the unit in which it was said.
struct LeaseTime: Hashable {
  private static let units = [("s", "seconds", 1), ("min", "minutes", 60), ("h", "hours", 3600)]

  /// 0 for a lease without end.
  var count: Int
  /// The place in ``units``.
  private var unit: Int

  init?(_ text: String) {
    if text == "infinite" {
      self.init()
      return
    }
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let name = text.dropFirst(digits.count).drop { $0 == " " }
    guard let unit = Self.units.firstIndex(where: { $0.0 == name }) else { return nil }
    self.init(count: Int(digits), unit: unit)
    guard count > 0 else { return nil }
  }

  /// From a `lease` element; nil where it says it in another way.
  init?(_ element: XMLElement) {
    guard element.children.isEmpty, element.attributes.allSatisfy({ ["expiry", "unit"].contains($0.name) }) else {
      return nil
    }
    let count = element[attribute: "expiry"].flatMap { Int($0) }
    if count == 0, element[attribute: "unit"] == nil {
      self.init()
      return
    }
    guard let unit = Self.units.firstIndex(where: { $0.1 == element[attribute: "unit"] }) else { return nil }
    self.init(count: count, unit: unit)
  }

  /// A lease without end.
  private init() { (count, unit) = (0, 0) }

  /// libvirt takes two minutes for the least.
  private init?(count: Int?, unit: Int) {
    guard let count, count > 0, count <= Int(UInt32.max) / Self.units[unit].2, count * Self.units[unit].2 >= 120 else {
      return nil
    }
    (self.count, self.unit) = (count, unit)
  }

  var element: XMLElement {
    count == 0
      ? XMLElement("lease", ["expiry": "0"])
      : XMLElement("lease", ["expiry": String(count), "unit": Self.units[unit].1])
  }
}

extension LeaseTime: CustomStringConvertible {
  var description: String { count == 0 ? "infinite" : "\(count) \(Self.units[unit].0)" }
}

/// A way to another network.
struct Route: Hashable {
  var network: IPNetwork
  var gateway: IPAddress
  var metric: Int?

  init?(_ text: String) {
    var words = text.split(separator: " ").map(String.init)
    if words.count >= 3, words[words.count - 2] == "metric" {
      guard let metric = Int(words[words.count - 1]), (0...Int(UInt32.max)).contains(metric) else { return nil }
      self.metric = metric
      words.removeLast(2)
    }
    guard words.count >= 3, words[words.count - 2] == "via", let gateway = IPAddress(words[words.count - 1]),
      let network = IPNetwork(words.dropLast(2).joined(separator: " ")), network.address.isIPv6 == gateway.isIPv6
    else { return nil }
    (self.network, self.gateway) = (network, gateway)
  }

  init?(_ element: XMLElement) {
    guard let network = IPNetwork(element), let gateway = element[attribute: "gateway"].flatMap({ IPAddress($0) }),
      network.address.isIPv6 == gateway.isIPv6
    else { return nil }
    (self.network, self.gateway) = (network, gateway)
    guard let text = element[attribute: "metric"] else { return }
    guard let metric = Int(text), (0...Int(UInt32.max)).contains(metric) else { return nil }
    self.metric = metric
  }

  func put(into element: inout XMLElement) {
    network.put(into: &element)
    element[attribute: "gateway"] = gateway.description
    element[attribute: "metric"] = metric.map(String.init)
  }

  /// Whether both mean the same, whatever the notation.
  func isSame(as other: Route) -> Bool {
    network.isSame(as: other.network) && gateway == other.gateway && metric == other.metric
  }
}

extension Route: CustomStringConvertible {
  var description: String { "\(network) via \(gateway)" + (metric.map { " metric \($0)" } ?? "") }
}

/// A device of the host on its PCI bus.
struct PCIAddress: Hashable {
  /// Domain, bus, slot and function.
  private var numbers: [UInt32]

  private static let names = ["domain", "bus", "slot", "function"]
  private static let limits: [UInt32] = [0xFFFF_FFFF, 0xFF, 0x1F, 7]

  init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard (2...3).contains(parts.count) else { return nil }
    let last = parts[parts.count - 1].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard last.count == 2 else { return nil }
    let words = (parts.count == 3 ? [parts[0]] : ["0"]) + [parts[parts.count - 2]] + last
    self.init(words)
  }

  init?(_ element: XMLElement) {
    let words = Self.names.map { element[attribute: $0] }
    guard words.allSatisfy({ $0?.hasPrefix("0x") ?? false }) else { return nil }
    self.init(words.compactMap { $0.map { String($0.dropFirst(2)) } })
  }

  private init?(_ words: [String]) {
    numbers = words.compactMap { UInt32($0, radix: 16) }
    guard numbers.count == 4, zip(numbers, Self.limits).allSatisfy({ $0 <= $1 }) else { return nil }
  }

  /// In libvirt's notation.
  func put(into element: inout XMLElement) {
    for (index, (name, number)) in zip(Self.names, numbers).enumerated() {
      element[attribute: name] = "0x" + Self.padded(number, [4, 2, 2, 1][index])
    }
  }

  private static func padded(_ number: UInt32, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: max(digits - text.utf8.count, 0)) + text
  }
}

extension PCIAddress: CustomStringConvertible {
  var description: String {
    let texts = zip(numbers, [4, 2, 2, 1]).map { Self.padded($0, $1) }
    return "\(texts[0]):\(texts[1]):\(texts[2]).\(texts[3])"
  }
}
