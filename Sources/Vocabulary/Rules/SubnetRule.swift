// Whether addresses lie in networks, for texts as the spec writes them.

/// Compares texts of addresses, ranges and networks.
public enum SubnetRule {
  /// Whether an address, or both ends of a range, lie in the network of one of the addresses.
  public static func contains(_ text: String, in addresses: [String]) -> Bool {
    let range = AddressRange(text)
    let ends = range.map { [$0.first, $0.last] } ?? IPAddress(text).map { [$0] } ?? []
    guard !ends.isEmpty else { return false }
    return addresses.contains { address in
      IPNetwork(address).map { network in ends.allSatisfy(network.contains) } ?? false
    }
  }
}

/// The network of an address, for comparing many with each other.
public struct Subnet: Sendable {
  private let bits: UInt128
  private let width: Int
  private let prefix: Int

  /// Reads an address with the size of its network, as the spec writes it; nil for anything else.
  public init?(_ text: String) {
    guard let network = IPNetwork(text) else { return nil }
    bits = network.address.bytes.reduce(0) { $0 << 8 | UInt128($1) }
    width = network.address.bits
    prefix = network.prefix
  }

  /// Whether the two have an address in common.
  public func overlaps(_ other: Subnet) -> Bool {
    width == other.width && (bits ^ other.bits) >> (width - min(prefix, other.prefix)) == 0
  }
}
