// The values that fields hold, in the one form in which they are compared.

/// A value of the spec language, normalised: two values that mean the same are equal.
public enum Value: Sendable, Hashable {
  case string(String)
  case integer(Int)
  case boolean(Bool)
  /// A size in bytes.
  case bytes(UInt64)
  /// A length of time in seconds.
  case seconds(Int)
  case list([Value])
  /// A piece of libvirt's own XML.
  case xml(XMLFragment)
}

extension Value {
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
  public var bytes: UInt64? { if case .bytes(let value) = self { value } else { nil } }
  public var seconds: Int? { if case .seconds(let value) = self { value } else { nil } }
}

extension Value: CustomStringConvertible {
  /// The value as the spec language writes it: `2 GiB`, `true`, `[hd, network]`.
  public var description: String {
    switch self {
    case .string(let value): value
    case .integer(let value): String(value)
    case .boolean(let value): value ? "true" : "false"
    case .bytes(let value): ByteCount.text(value)
    case .seconds(let value): "\(value) s"
    case .xml(let fragment): fragment.description
    case .list(let values): "[" + values.map(\.description).joined(separator: ", ") + "]"
    }
  }
}
