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

  /// Whether the networks of two addresses have an address in common.
  public static func overlap(_ left: String, _ right: String) -> Bool {
    guard let left = IPNetwork(left), let right = IPNetwork(right), left.address.isIPv6 == right.address.isIPv6 else {
      return false
    }
    let prefix = min(left.prefix, right.prefix)
    return left.address.network(prefix: prefix) == right.address.network(prefix: prefix)
  }
}
