// Lists and mappings on one line, as YAML's flow style writes them: `[a, b]`, `{ 0: 0-3, 1: "4,6" }`. Values are shown and
// recorded in this form, so that each text reads back as the value that it came from.

/// A value's text taken apart, before its kind says what the pieces mean.
enum FlowText {
  case plain(String)
  case list([FlowText])
  case mapping([(key: String, value: FlowText)])

  /// Reads a text in brackets or braces.
  init(parsing text: String) throws(ValueProblem) {
    var reader = Reader(text)
    self = try reader.item()
    guard reader.isAtEnd else { throw reader.problem }
  }

  /// A piece as it stands within brackets: in quotes where it could be taken for anything else.
  static func quoted(_ text: String) -> String {
    isPlain(text) ? text : "\"" + text.unicodeScalars.map(escaped).joined() + "\""
  }

  // Scalars, and not characters: a quote that a mark combines with is still one.
  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": "\\\""
    case "\\": "\\\\"
    case "\n": "\\n"
    case "\t": "\\t"
    default: String(scalar)
    }
  }

  /// Whether a piece needs no quotes, neither here nor in a YAML file.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last,
      !"-?&*!|>%@`' ~".utf8.contains(first) || text.isNumber,
      last != UInt8(ascii: " "), last != UInt8(ascii: ":")
    else { return false }
    let isCutShort = zip(text.utf8, text.utf8.dropFirst()).contains { pair in
      pair == (UInt8(ascii: ":"), UInt8(ascii: " ")) || pair == (UInt8(ascii: " "), UInt8(ascii: "#"))
    }
    if isCutShort || first == UInt8(ascii: "#") { return false }
    return text.utf8.allSatisfy { $0 >= 0x20 && !",[]{}\"\\".utf8.contains($0) }
  }
}

extension String {
  /// Whether the text is digits, with a sign perhaps: no quotes are needed for the hyphen.
  fileprivate var isNumber: Bool { Int(self) != nil }
}

/// Reads the pieces from left to right.
private struct Reader {
  private let text: String
  private let bytes: [UInt8]
  private var position = 0
  private var depth = 0

  init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  var problem: ValueProblem {
    ValueProblem("`\(text)` is not well-formed", suggestion: "close every bracket, brace and quote")
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  var isAtEnd: Bool {
    mutating get {
      skipSpaces()
      return next == nil
    }
  }

  private mutating func skipSpaces() {
    while next == UInt8(ascii: " ") { position += 1 }
  }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard next == UInt8(ascii: byte) else { return false }
    position += 1
    return true
  }

  mutating func item() throws(ValueProblem) -> FlowText {
    depth += 1
    defer { depth -= 1 }
    // Deeper than any kind of value, and shallow enough for any stack.
    guard depth < 16 else { throw problem }
    if take("[") {
      var items: [FlowText] = []
      while !take("]") {
        items.append(try item())
        guard take(",") || next == UInt8(ascii: "]") else { throw problem }
      }
      return .list(items)
    }
    if take("{") {
      var entries: [(key: String, value: FlowText)] = []
      while !take("}") {
        let key = try piece(isKey: true)
        guard take(":") else { throw problem }
        entries.append((key, try item()))
        guard take(",") || next == UInt8(ascii: "}") else { throw problem }
      }
      return .mapping(entries)
    }
    return .plain(try piece(isKey: false))
  }

  private mutating func piece(isKey: Bool) throws(ValueProblem) -> String {
    skipSpaces()
    if next == UInt8(ascii: "\"") { return try quotedPiece() }
    let start = position
    while let byte = next, !",]}".utf8.contains(byte) {
      // A colon ends a key only before a space, as in YAML: MAC addresses and `ua-…:0` hold some.
      if isKey, byte == UInt8(ascii: ":"), position + 1 == bytes.count || bytes[position + 1] == UInt8(ascii: " ") {
        break
      }
      position += 1
    }
    var end = position
    while end > start, bytes[end - 1] == UInt8(ascii: " ") { end -= 1 }
    guard end > start else { throw problem }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  private mutating func quotedPiece() throws(ValueProblem) -> String {
    position += 1
    var piece: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\"") {
      position += 1
      guard byte == UInt8(ascii: "\\") else {
        piece.append(byte)
        continue
      }
      switch next {
      case UInt8(ascii: "n"): piece.append(UInt8(ascii: "\n"))
      case UInt8(ascii: "t"): piece.append(UInt8(ascii: "\t"))
      case let other?: piece.append(other)
      case nil: throw problem
      }
      position += 1
    }
    guard next != nil else { throw problem }
    position += 1
    return String(decoding: piece, as: UTF8.self)
  }
}
