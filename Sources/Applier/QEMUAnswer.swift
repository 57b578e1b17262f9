// What QEMU's monitor answers: JSON, read into a value (RFC 8259).

/// A value of a JSON document.
indirect enum QEMUAnswer: Equatable {
  case object([String: QEMUAnswer])
  case list([QEMUAnswer])
  case text(String)
  /// A number, as it is written.
  case number(String)
  case boolean(Bool)
  case null

  /// Reads a document; nil for what is none, or is nested more than 64 levels deep.
  init?(_ text: String) {
    var reader = Reader(bytes: Array(text.utf8))
    guard let value = reader.value(depth: 0) else { return nil }
    reader.skipSpace()
    guard reader.position == reader.bytes.count else { return nil }
    self = value
  }

  subscript(key: String) -> QEMUAnswer? {
    guard case .object(let members) = self else { return nil }
    return members[key]
  }

  var string: String? {
    guard case .text(let text) = self else { return nil }
    return text
  }

  var items: [QEMUAnswer] {
    guard case .list(let items) = self else { return [] }
    return items
  }

  /// A text in JSON's quotes.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
      while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
      skipSpace()
      guard next == UInt8(ascii: character) else { return false }
      position += 1
      return true
    }

    mutating func value(depth: Int) -> QEMUAnswer? {
      guard depth < 64 else { return nil }
      skipSpace()
      switch next {
      case UInt8(ascii: "{"): return object(depth)
      case UInt8(ascii: "["): return list(depth)
      case UInt8(ascii: "\""): return string().map(QEMUAnswer.text)
      default:
        let start = position
        while let byte = next, ![0x2C, 0x5D, 0x7D, 0x20, 0x09, 0x0A, 0x0D].contains(byte) { position += 1 }
        switch String(decoding: bytes[start..<position], as: UTF8.self) {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "null": return .null
        case let text: return Double(text) == nil ? nil : .number(text)
        }
      }
    }

    private mutating func object(_ depth: Int) -> QEMUAnswer? {
      position += 1
      var members: [String: QEMUAnswer] = [:]
      if take("}") { return .object(members) }
      while true {
        skipSpace()
        guard let key = string(), take(":"), let value = value(depth: depth + 1) else { return nil }
        members[key] = value
        if take("}") { return .object(members) }
        guard take(",") else { return nil }
      }
    }

    private mutating func list(_ depth: Int) -> QEMUAnswer? {
      position += 1
      var items: [QEMUAnswer] = []
      if take("]") { return .list(items) }
      while true {
        guard let value = value(depth: depth + 1) else { return nil }
        items.append(value)
        if take("]") { return .list(items) }
        guard take(",") else { return nil }
      }
    }

    private mutating func string() -> String? {
      guard next == UInt8(ascii: "\"") else { return nil }
      position += 1
      var units: [UInt16] = []
      var start = position
      func plain(_ end: Int) -> [UInt16] { Array(String(decoding: bytes[start..<end], as: UTF8.self).utf16) }
      while let byte = next {
        switch byte {
        case UInt8(ascii: "\""):
          units += plain(position)
          position += 1
          return String(decoding: units, as: UTF16.self)
        case UInt8(ascii: "\\"):
          units += plain(position)
          guard let unit = escape() else { return nil }
          units.append(unit)
          start = position
        default: position += 1
        }
      }
      return nil
    }

    /// What a backslash and what follows it stand for.
    private mutating func escape() -> UInt16? {
      guard position + 1 < bytes.count else { return nil }
      let kind = bytes[position + 1]
      position += 2
      switch kind {
      case UInt8(ascii: "n"): return 0x0A
      case UInt8(ascii: "t"): return 0x09
      case UInt8(ascii: "r"): return 0x0D
      case UInt8(ascii: "b"): return 0x08
      case UInt8(ascii: "f"): return 0x0C
      case UInt8(ascii: "u"):
        guard position + 4 <= bytes.count else { return nil }
        let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
        position += 4
        return UInt16(digits, radix: 16)
      default: return UInt16(kind)
      }
    }
  }
}
