// UUIDs, MAC addresses and serial numbers that the spec leaves out are derived from names, so that a plan shows them
// before anything exists and two runs agree.

import Checksum
import DiskImage

/// Identities derived from the names of a stack, a domain and a device.
enum Identity {
  /// The namespace of Vireo's UUIDs: the version 5 UUID of `urn:vireo:domain` in RFC 9562's URL namespace.
  private static let namespace = uuidBytes(
    of: "urn:vireo:domain",
    in: [
      0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
    ])

  /// A domain's UUID (RFC 9562, section 5.5: version 5).
  static func uuid(stack: String, domain: String) -> String {
    let digits = hexadecimal(uuidBytes(of: "\(stack)/\(domain)", in: namespace))
    let lengths = [8, 4, 4, 4, 12]
    var rest = Substring(digits)
    return lengths.map { length in
      defer { rest = rest.dropFirst(length) }
      return String(rest.prefix(length))
    }.joined(separator: "-")
  }

  /// A network's UUID. No domain's name has a slash, so that no domain's UUID is one of these.
  static func uuid(stack: String, network: String) -> String { uuid(stack: stack, domain: "networks/\(network)") }

  /// A pool's UUID.
  static func uuid(stack: String, pool: String) -> String { uuid(stack: stack, domain: "pools/\(pool)") }

  /// The MAC address of a network's bridge.
  static func macAddress(stack: String, network: String) -> String {
    macAddress(stack: stack, domain: "networks/\(network)", interface: "")
  }

  /// An interface's MAC address, under the prefix that QEMU uses for its own.
  static func macAddress(stack: String, domain: String, interface: String) -> String {
    let digest = hash("mac", stack, domain, interface)
    return ([0x52, 0x54, 0x00] + digest.prefix(3)).map { hexadecimal([$0]) }.joined(separator: ":")
  }

  /// A disk's serial number: 20 characters, the most that virtio-blk shows.
  static func serial(stack: String, domain: String, disk: String) -> String {
    hexadecimal(hash("serial", stack, domain, disk).prefix(10))
  }

  private static func hash(_ parts: String...) -> [UInt8] {
    // A NUL byte cannot be part of a name, so that no two lists of names are one text.
    Checksum.of(Array(parts.joined(separator: "\0").utf8))
  }

  private static func uuidBytes(of name: String, in namespace: [UInt8]) -> [UInt8] {
    var bytes = Array(Checksum.of(namespace + Array(name.utf8), .sha1).prefix(16))
    bytes[6] = bytes[6] & 0x0F | 0x50
    bytes[8] = bytes[8] & 0x3F | 0x80
    return bytes
  }
}
