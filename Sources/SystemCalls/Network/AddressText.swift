// Addresses of the Internet protocols as texts (inet_pton(3), inet_ntop(3)).

internal import Glibc

/// The texts of addresses.
package enum AddressText {
  /// The bytes of an address in network order, 4 or 16; nil for what is neither dotted decimals (RFC 1123) nor RFC 4291's
  /// notation.
  package static func bytes(of text: String) -> [UInt8]? {
    for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: size)
      if inet_pton(family, text, &bytes) == 1 { return bytes }
    }
    return nil
  }

  /// The text of an address of 4 or 16 bytes.
  package static func text(of bytes: [UInt8]) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      guard inet_ntop(bytes.count == 16 ? AF_INET6 : AF_INET, bytes, buffer.baseAddress, 64) != nil else { return "" }
      return String(cString: buffer.baseAddress!)
    }
  }
}
