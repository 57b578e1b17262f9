// The values that fields hold, in the one form in which they are compared.

/// A value of the spec language, normalised: two values that mean the same are equal.
public enum Value: Sendable, Hashable, Codable {
  /// A text, a word of an enumeration, a path or the name of another object, in its normalised form.
  case string(String)
  /// A whole number without a unit.
  case integer(Int)
  /// `true` or `false`.
  case boolean(Bool)
  /// A size in bytes.
  case bytes(UInt64)
  /// A length of time in seconds.
  case seconds(Int)
  /// Values whose order means something.
  case list([Value])
  /// Values by name, whose order means nothing: the entries of a table, or the members of a record.
  case table([String: Value])
  /// A piece of libvirt's own XML.
  case xml(XMLFragment)
  /// A password, which is compared and stored, and never shown.
  case secret(String)
  /// A text that is a secret, or has one in it: it is shown and recorded with a mask in the secret's place.
  case concealed(ConcealedText)
}

extension Value {
  /// The text, also of one that is not to be shown.
  public var string: String? {
    switch self {
    case .string(let value): value
    case .concealed(let value): value.text
    default: nil
    }
  }
  /// The number of an `integer`; nil for any other value, also for sizes and times.
  public var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  /// The truth of a `boolean`; nil for any other value.
  public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
  /// The size in bytes; nil for any other value.
  public var bytes: UInt64? { if case .bytes(let value) = self { value } else { nil } }
  /// The length of time in whole seconds; nil for any other value.
  public var seconds: Int? { if case .seconds(let value) = self { value } else { nil } }
  /// The elements of a list in their order; nil for any other value.
  public var list: [Value]? { if case .list(let values) = self { values } else { nil } }
  /// The entries of a table or record by their keys; nil for any other value.
  public var table: [String: Value]? { if case .table(let entries) = self { entries } else { nil } }

  /// A table's entries in the order in which they are shown and written: numbers
  /// and addresses by size, other names by their letters.
  public var sortedEntries: [(key: String, value: Value)] {
    (table ?? [:]).sorted { left, right in
      if let number = Int(left.key), let other = Int(right.key) { return number < other }
      if let address = IPAddress(left.key), let other = IPAddress(right.key) { return address < other }
      return left.key < right.key
    }
  }
}

extension Value: CustomStringConvertible {
  /// The value as the spec language writes it: `2 GiB`, `true`, `[hd, network]`, `{ 0: 0-3, 1: "4,6" }`.
  public var description: String { text(.shown) }

  /// The value as the spec language writes it, with masks of a notation in place of its secrets.
  public func text(_ notation: SecretNotation) -> String {
    switch self {
    case .string(let value): value
    case .integer(let value): String(value)
    case .boolean(let value): value ? "true" : "false"
    case .bytes(let value): ByteCount.text(value)
    case .seconds(let value): "\(value) s"
    case .xml(let fragment): fragment.text(notation)
    case .secret: SecretMask.word
    case .concealed(let value): value.masked(notation)
    case .list(let values): "[" + values.map { $0.inner(notation) }.joined(separator: ", ") + "]"
    case .table(let entries) where entries.isEmpty: "{}"
    case .table:
      "{ "
        + sortedEntries.map { "\(FlowText.quoted($0.key)): \($0.value.inner(notation))" }.joined(separator: ", ")
        + " }"
    }
  }

  /// The value within brackets, where commas and the like need quotes.
  private func inner(_ notation: SecretNotation) -> String {
    switch self {
    case .string(let text): FlowText.quoted(text)
    case .concealed(let value): FlowText.quoted(value.masked(notation))
    default: text(notation)
    }
  }
}
