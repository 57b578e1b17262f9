// A scalar: its text as written, how it was written, and what it means under the YAML 1.2 core schema.

/// A text, number, truth value or nothing, as the file has it.
public struct YAMLScalar: Sendable, Hashable {
  /// How a scalar was written.
  public enum Style: Sendable, Hashable, CaseIterable {
    /// Without quotes: the schema decides what it means.
    case plain
    /// In `'single quotes'`: always a text, without escapes.
    case singleQuoted
    /// In `"double quotes"`: always a text, with backslash escapes.
    case doubleQuoted
    /// A block scalar that keeps its line breaks: `|`.
    case literal
    /// A block scalar whose lines are joined: `>`.
    case folded
  }

  /// The type that a tag forces on a scalar.
  public enum TypeTag: String, Sendable, Hashable, CaseIterable {
    /// Nothing: `~`, `null` or an empty text. Any other text stays a text, as with the tags below.
    case null = "!!null"
    /// `true` or `false`, in the spellings of the core schema.
    case boolean = "!!bool"
    /// A whole number that 64 bits hold.
    case integer = "!!int"
    /// A number, also a whole one, as a `Double`.
    case number = "!!float"
    /// A text, even if it looks like a number.
    case string = "!!str"
  }

  /// The text after quotes and escapes are undone.
  public var text: String
  /// How it was written; with the text it decides what the scalar means.
  public var style: Style
  /// The type that a tag such as `!!str` asked for; nil without a tag.
  public var typeTag: TypeTag?
  /// Whether the text was made from a template: neither quotes nor the schema say what it means, but whoever reads it.
  public var isFromTemplate = false

  /// A scalar made in code, by default one that the schema reads.
  public init(_ text: String, style: Style = .plain, typeTag: TypeTag? = nil) {
    self.text = text
    self.style = style
    self.typeTag = typeTag
  }

  /// What the scalar means: YAML 1.2.2, section 10.3.2, "Tag Resolution".
  ///
  /// Anything that is not plain is a string, unless a tag says otherwise. A tag that does not fit the text has been
  /// reported by the parser, and the value is then a string; so is a text from a template.
  public var value: YAMLScalarValue {
    guard !isFromTemplate else { return .string(text) }
    switch typeTag {
    case .string: return .string(text)
    case nil: return style == .plain ? CoreSchema.resolve(text) : .string(text)
    case .null: return CoreSchema.isNull(text) ? .null : .string(text)
    case .boolean: return CoreSchema.boolean(text).map { .boolean($0) } ?? .string(text)
    case .integer:
      if case .integer(let number) = CoreSchema.resolve(text) { return .integer(number) }
      return .string(text)
    case .number:
      switch CoreSchema.resolve(text) {
      case .integer(let number): return .number(Double(number))
      case .number(let number): return .number(number)
      default: return .string(text)
      }
    }
  }

  /// Whether the text is a whole number, in digits, that 64 bits do not hold.
  public var isWholeNumberBeyondRange: Bool {
    guard case .number = unquotedValue else { return false }
    let digits =
      text.utf8.first.map { [UInt8(ascii: "+"), UInt8(ascii: "-")].contains($0) } ?? false
      ? text.utf8.dropFirst() : text.utf8[...]
    return digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 } || text.hasPrefix("0x")
      || text.hasPrefix("0o")
  }

  /// The digits of a whole number that stands without quotes and begins with a zero, without that zero and those that
  /// follow it: YAML 1.1 takes such a number for an octal one, YAML 1.2 for a decimal one. Nil for any other text.
  public var digitsBehindZero: String? {
    guard isFromTemplate || style == .plain || typeTag == .integer, typeTag != .string else { return nil }
    var digits = text.utf8[...]
    let sign = digits.first == UInt8(ascii: "-") ? "-" : ""
    if let first = digits.first, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(first) { digits = digits.dropFirst() }
    guard digits.count > 1, digits.first == UInt8(ascii: "0"),
      digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
    else { return nil }
    let rest = digits.drop { $0 == UInt8(ascii: "0") }
    return rest.isEmpty ? "0" : sign + String(decoding: rest, as: UTF8.self)
  }

  /// What the text would mean without quotes and tags.
  public var unquotedValue: YAMLScalarValue { CoreSchema.resolve(text) }

  /// Whether this is one of the words that YAML 1.1 took for a truth value and YAML 1.2 takes for a text: plain `yes`,
  /// `no`, `on`, `off`, `y`, `n` in the usual spellings.
  public var looksLikeYAML11Boolean: Bool { yaml11Boolean != nil }

  /// The truth value that YAML 1.1 saw in a plain `yes`, `no`, `on`, `off`, `y` or `n`; nil for anything else. A text from a
  /// template counts as plain.
  public var yaml11Boolean: Bool? {
    guard isFromTemplate || style == .plain && typeTag == nil else { return nil }
    switch text {
    case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON": return true
    case "n", "N", "no", "No", "NO", "off", "Off", "OFF": return false
    default: return nil
    }
  }
}

/// What a scalar means.
public enum YAMLScalarValue: Sendable, Hashable {
  /// Nothing: an empty scalar, `~` or `null`.
  case null
  /// `true` or `false`, in the spellings of the core schema.
  case boolean(Bool)
  /// A whole number that 64 bits hold.
  case integer(Int)
  /// A number with a fraction or exponent, infinite, not a number, or an integer beyond 64 bits.
  case number(Double)
  /// Anything else, and whatever is quoted.
  case string(String)

  /// The kind in words for a message: `a text`, `a number`, `a boolean`, `nothing`.
  public var kindName: String {
    switch self {
    case .null: "nothing"
    case .boolean: "a boolean"
    case .integer, .number: "a number"
    case .string: "a text"
    }
  }
}
