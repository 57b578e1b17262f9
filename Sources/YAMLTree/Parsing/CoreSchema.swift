// The YAML 1.2 core schema: which plain texts are null, booleans, integers and numbers (YAML 1.2.2, section 10.3.2).

enum CoreSchema {
  static func resolve(_ text: String) -> YAMLScalarValue {
    guard let first = text.utf8.first else { return .null }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      return number(text) ?? .string(text)
    case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"):
      return isNull(text) ? .null : .string(text)
    case UInt8(ascii: "t"), UInt8(ascii: "T"), UInt8(ascii: "f"), UInt8(ascii: "F"):
      return boolean(text).map { .boolean($0) } ?? .string(text)
    default:
      return .string(text)
    }
  }

  static func isNull(_ text: String) -> Bool {
    switch text {
    case "", "~", "null", "Null", "NULL": true
    default: false
    }
  }

  static func boolean(_ text: String) -> Bool? {
    switch text {
    case "true", "True", "TRUE": true
    case "false", "False", "FALSE": false
    default: nil
    }
  }

  private static func number(_ text: String) -> YAMLScalarValue? {
    switch text {
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .number(.infinity)
    case "-.inf", "-.Inf", "-.INF": return .number(-.infinity)
    case ".nan", ".NaN", ".NAN": return .number(.nan)
    default: break
    }
    // Octal and hexadecimal take no sign.
    if text.hasPrefix("0x") { return prefixed(text.dropFirst(2), radix: 16) }
    if text.hasPrefix("0o") { return prefixed(text.dropFirst(2), radix: 8) }
    return decimal(text)
  }

  private static func prefixed(_ digits: Substring, radix: Int) -> YAMLScalarValue? {
    guard let first = digits.first, first != "+", first != "-" else { return nil }
    if let value = Int(digits, radix: radix) { return .integer(value) }
    var sum = 0.0
    for digit in digits {
      guard digit.isASCII, let value = digit.hexDigitValue, value < radix else { return nil }
      sum = sum * Double(radix) + Double(value)
    }
    return .number(sum)
  }

  /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, an integer when it is digits only.
  private static func decimal(_ text: String) -> YAMLScalarValue? {
    var rest = text.utf8[...]
    func skipDigits() -> Int {
      let end = rest.firstIndex { !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0) } ?? rest.endIndex
      defer { rest = rest[end...] }
      return rest.distance(from: rest.startIndex, to: end)
    }
    func skip(_ bytes: UInt8...) -> Bool {
      guard let first = rest.first, bytes.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    _ = skip(UInt8(ascii: "+"), UInt8(ascii: "-"))
    let whole = skipDigits()
    if whole > 0, rest.isEmpty {
      if let value = Int(text) { return .integer(value) }
      return Double(text).map { .number($0) }
    }
    var fraction = 0
    if skip(UInt8(ascii: ".")) { fraction = skipDigits() }
    guard whole + fraction > 0 else { return nil }
    if skip(UInt8(ascii: "e"), UInt8(ascii: "E")) {
      _ = skip(UInt8(ascii: "+"), UInt8(ascii: "-"))
      guard skipDigits() > 0 else { return nil }
    }
    guard rest.isEmpty else { return nil }
    return Double(text).map { .number($0) }
  }
}
