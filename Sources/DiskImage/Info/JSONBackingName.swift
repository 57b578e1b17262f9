// Backing names of the form json:{…}, which libvirt and QEMU store for plain files too: understood when they say nothing more than a plain name does.

/// A `json:` name that means one local file: `{"driver": "qcow2" or "raw", "file": {"driver": "file", "filename": …}}`,
/// nested or flattened ("file.filename"). Everything else that QEMU takes there (protocols, cache options, filters) is
/// refused: it would mean a different disk, or another machine.
struct JSONBackingName: Equatable {
  static let prefix = "json:"

  /// The format that the name gives.
  let format: ImageFormat
  /// An absolute path.
  let path: String

  /// Why a name is not followed.
  struct Refusal: Error, Equatable { let reason: String }

  /// - Parameter bytes: the stored name with its prefix.
  init(_ bytes: [UInt8]) throws(Refusal) {
    var reader = JSONStringsReader(bytes: Array(bytes.dropFirst(Self.prefix.utf8.count)))
    let values = try reader.read()
    for key in values.keys where !["driver", "file.driver", "file.filename"].contains(key) {
      throw Refusal(reason: "'json:' with '\(escapedForDisplay(key))', which no plain file needs")
    }
    guard let format = values["driver"].flatMap(ImageFormat.init(rawValue:)) else {
      throw Refusal(reason: "'json:' with a driver that is neither qcow2 nor raw")
    }
    guard values["file.driver"] ?? "file" == "file", let path = values["file.filename"] else {
      throw Refusal(reason: "'json:' that names no file")
    }
    // QEMU takes a relative one from its current folder, not from the image's: it means no certain file.
    guard path.hasPrefix("/"), !path.utf8.contains(0) else {
      throw Refusal(reason: "'json:' with a name that is not an absolute path")
    }
    self.format = format
    self.path = path
  }
}

/// Reads one JSON object whose values are strings, or objects of the same kind, whose keys are then joined by dots.
///
/// Strict (RFC 8259, and no key twice) and bounded: a name has at most 1023 bytes, objects nest two levels deep.
private struct JSONStringsReader {
  let bytes: [UInt8]
  private var position = 0
  private var values: [String: String] = [:]

  init(bytes: [UInt8]) { self.bytes = bytes }

  private static let malformed = JSONBackingName.Refusal(reason: "'json:' with text that is not valid JSON")

  mutating func read() throws(JSONBackingName.Refusal) -> [String: String] {
    guard bytes.count <= Int(Qcow2Limit.backingNameBytes) else { throw Self.malformed }
    skipSpace()
    try object(below: "", depth: 0)
    skipSpace()
    guard position == bytes.count else { throw Self.malformed }
    return values
  }

  private func has(_ character: Unicode.Scalar) -> Bool {
    position < bytes.count && bytes[position] == UInt8(ascii: character)
  }

  private mutating func skipSpace() {
    while has(" ") || has("\t") || has("\n") || has("\r") { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) throws(JSONBackingName.Refusal) {
    guard has(character) else { throw Self.malformed }
    position += 1
    skipSpace()
  }

  private mutating func object(below prefix: String, depth: Int) throws(JSONBackingName.Refusal) {
    try take("{")
    if has("}") { return try take("}") }
    while true {
      let key = prefix + (try string())
      try take(":")
      if has("{") {
        guard depth == 0 else { throw .init(reason: "'json:' with objects inside of objects") }
        try object(below: key + ".", depth: depth + 1)
      } else if has("\"") {
        let value = try string()
        guard values.updateValue(value, forKey: key) == nil else {
          throw .init(reason: "'json:' with '\(escapedForDisplay(key))' twice")
        }
      } else {
        throw .init(reason: "'json:' with '\(escapedForDisplay(key))', which is not a text")
      }
      if has("}") { return try take("}") }
      try take(",")
    }
  }

  private mutating func string() throws(JSONBackingName.Refusal) -> String {
    guard has("\"") else { throw Self.malformed }
    position += 1
    var text: [UInt8] = []
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      let byte = bytes[position]
      position += 1
      switch byte {
      case ..<0x20: throw Self.malformed
      case UInt8(ascii: "\\"): text += Array(String(try escape()).utf8)
      default: text.append(byte)
      }
    }
    try take("\"")
    guard let result = String(validating: text, as: UTF8.self) else { throw Self.malformed }
    return result
  }

  /// What follows a backslash.
  private mutating func escape() throws(JSONBackingName.Refusal) -> Unicode.Scalar {
    guard position < bytes.count else { throw Self.malformed }
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw Self.malformed
    }
    let high = try codeUnit()
    if let scalar = Unicode.Scalar(high) { return scalar }
    // A pair of surrogates.
    guard (0xD800..<0xDC00).contains(high), has("\\") else { throw Self.malformed }
    position += 1
    guard has("u") else { throw Self.malformed }
    position += 1
    let low = try codeUnit()
    guard (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
    else { throw Self.malformed }
    return scalar
  }

  private mutating func codeUnit() throws(JSONBackingName.Refusal) -> UInt32 {
    guard position + 4 <= bytes.count else { throw Self.malformed }
    var value: UInt32 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else { throw Self.malformed }
      value = value << 4 | UInt32(digit)
    }
    position += 4
    return value
  }
}
