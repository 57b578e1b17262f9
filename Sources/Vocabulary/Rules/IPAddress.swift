// Addresses of the Internet protocols, as values: read in any notation, written in the one that libvirt writes.

import SystemCalls
import XMLTree

/// An IPv4 or IPv6 address.
struct IPAddress: Sendable, Hashable {
  /// In network order: 4 bytes or 16.
  let bytes: [UInt8]

  var isIPv6: Bool { bytes.count == 16 }
  var bits: Int { bytes.count * 8 }

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Reads dotted decimals (RFC 1123) or RFC 4291's notation.
  init?(_ text: some StringProtocol) {
    guard let bytes = AddressText.bytes(of: String(text)) else { return nil }
    self.bytes = bytes
  }

  /// The mask of a prefix: 255.255.255.0 for 24.
  init(prefix: Int, of address: IPAddress) {
    bytes = address.bytes.indices.map { index in
      let bits = min(max(prefix - index * 8, 0), 8)
      return UInt8(truncatingIfNeeded: 0xFF00 >> bits)
    }
  }

  /// The prefix that a mask stands for; nil for a mask with holes.
  var prefixOfMask: Int? {
    let count = bytes.reduce(0) { $0 + $1.nonzeroBitCount }
    return IPAddress(prefix: count, of: self) == self ? count : nil
  }

  /// The address with the bits beyond the prefix cleared.
  func network(prefix: Int) -> IPAddress {
    IPAddress(bytes: zip(bytes, IPAddress(prefix: prefix, of: self).bytes).map { $0 & $1 })
  }
}

extension IPAddress: CustomStringConvertible {
  var description: String { AddressText.text(of: bytes) }
}

extension IPAddress: Comparable {
  static func < (left: IPAddress, right: IPAddress) -> Bool {
    left.bytes.count == right.bytes.count
      ? left.bytes.lexicographicallyPrecedes(right.bytes) : left.bytes.count < right.bytes.count
  }
}

/// An address with the size of its network, in the notation in which it was given: libvirt keeps masks as masks, and
/// whether a family is said that goes without saying.
struct IPNetwork: Sendable, Hashable {
  enum Size: Sendable, Hashable {
    case prefix(Int)
    case mask(IPAddress)
    /// Left to the address's class.
    case unsaid
  }

  var address: IPAddress
  var size: Size
  /// Whether the family of an IPv4 address is said; that of an IPv6 address always is.
  var saysFamily = false

  /// Reads `10.0.0.1/24`, `10.0.0.1/255.255.255.0` or `fd00::1/64`, with `ipv4 ` before it perhaps.
  init?(_ text: some StringProtocol) {
    var words = text.split(separator: " ")
    if words.count == 2, words[0] == "ipv4" {
      saysFamily = true
      words.removeFirst()
    }
    guard words.count == 1 else { return nil }
    let parts = words[0].split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let address = IPAddress(parts[0]), !(saysFamily && address.isIPv6) else {
      return nil
    }
    self.address = address
    guard parts.count == 2 else {
      size = .unsaid
      return
    }
    if let prefix = Int(parts[1]), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      guard (0...address.bits).contains(prefix) else { return nil }
      size = .prefix(prefix)
    } else {
      guard let mask = IPAddress(parts[1]), !mask.isIPv6, !address.isIPv6, mask.prefixOfMask != nil else { return nil }
      size = .mask(mask)
    }
  }

  /// From the attributes that `ip` and `route` share; nil where they say it in another way.
  init?(_ element: XMLElement) {
    guard let address = element[attribute: "address"].flatMap({ IPAddress($0) }) else { return nil }
    self.address = address
    switch (element[attribute: "netmask"], element[attribute: "prefix"]) {
    case (nil, nil): size = .unsaid
    case (nil, let prefix?):
      guard let number = Int(prefix), (0...address.bits).contains(number) else { return nil }
      size = .prefix(number)
    case (let mask?, nil):
      guard !address.isIPv6, let mask = IPAddress(mask), !mask.isIPv6, mask.prefixOfMask != nil else { return nil }
      size = .mask(mask)
    default: return nil
    }
    switch element[attribute: "family"] {
    case "ipv6" where address.isIPv6: break
    case "ipv4" where !address.isIPv6: saysFamily = true
    case nil where !address.isIPv6: break
    default: return nil
    }
  }

  static let attributes = ["family", "address", "netmask", "prefix"]

  /// Writes the attributes, in libvirt's order, before the element's other ones.
  func put(into element: inout XMLElement) {
    element.attributes.removeAll { Self.attributes.contains($0.name) }
    var own: [XMLAttribute] = []
    if address.isIPv6 || saysFamily { own.append(XMLAttribute("family", address.isIPv6 ? "ipv6" : "ipv4")) }
    own.append(XMLAttribute("address", address.description))
    switch size {
    case .prefix(let number): own.append(XMLAttribute("prefix", String(number)))
    case .mask(let mask): own.append(XMLAttribute("netmask", mask.description))
    case .unsaid: break
    }
    element.attributes.insert(contentsOf: own, at: 0)
  }

  /// The length of the prefix, the class's (RFC 791) where nothing is said.
  var prefix: Int {
    switch size {
    case .prefix(let number): number
    case .mask(let mask): mask.prefixOfMask ?? 0
    case .unsaid where address.isIPv6: 64
    case .unsaid: address.bytes[0] < 128 ? 8 : address.bytes[0] < 192 ? 16 : 24
    }
  }

  func contains(_ other: IPAddress) -> Bool {
    other.isIPv6 == address.isIPv6 && other.network(prefix: prefix) == address.network(prefix: prefix)
  }

  /// Whether both mean the same, whatever the notation.
  func isSame(as other: IPNetwork) -> Bool { address == other.address && prefix == other.prefix }
}

extension IPNetwork: CustomStringConvertible {
  var description: String {
    let plain =
      switch size {
      case .prefix(let number): "\(address)/\(number)"
      case .mask(let mask): "\(address)/\(mask)"
      case .unsaid: "\(address)"
      }
    return saysFamily ? "ipv4 " + plain : plain
  }
}
