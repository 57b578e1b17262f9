// A look at large documents before libxml2 sees them: it compares each attribute of an element with each other (2.9
// does, to find duplicates), so one tag with half a million attributes would keep it busy for a minute.

/// Finds start tags with more attributes than are accepted.
///
/// Reads just enough of XML's grammar to know where tags, comments, CDATA sections and processing instructions begin
/// and end. On malformed text it may lose its way, but not before the place where the parser stops as well.
struct CrowdedTags {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var position = 0

  /// Documents up to this size cannot hold enough attributes to matter, and are not looked at.
  static let harmlessSize = 64 << 10

  /// The offset of the first start tag with more than `limit` attributes and declarations, nil without one.
  static func first(in bytes: UnsafeBufferPointer<UInt8>, limit: Int) -> Int? {
    guard bytes.count > harmlessSize else { return nil }
    var scan = CrowdedTags(bytes: bytes)
    return scan.run(limit)
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private mutating func run(_ limit: Int) -> Int? {
    while skip(to: "<") {
      if has("<!--") {
        guard skip(past: "-->", from: 4) else { return nil }
      } else if has("<![CDATA[") {
        guard skip(past: "]]>", from: 9) else { return nil }
      } else if has("<?") {
        guard skip(past: "?>", from: 2) else { return nil }
      } else {
        let start = position
        var count = 0
        var quote: UInt8 = 0
        tag: while position < bytes.count {
          let byte = bytes[position]
          position += 1
          if quote != 0 {
            if byte == quote { quote = 0 }
            continue
          }
          switch byte {
          case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
          case UInt8(ascii: ">"): break tag
          case UInt8(ascii: "="):
            count += 1
            if count > limit { return start }
          default: break
          }
        }
      }
    }
    return nil
  }

  private mutating func skip(to byte: Unicode.Scalar) -> Bool {
    let byte = UInt8(ascii: byte)
    while position < bytes.count {
      if bytes[position] == byte { return true }
      position += 1
    }
    return false
  }

  private func has(_ text: StaticString) -> Bool {
    guard bytes.count - position >= text.utf8CodeUnitCount else { return false }
    for offset in 0..<text.utf8CodeUnitCount where bytes[position + offset] != text.utf8Start[offset] { return false }
    return true
  }

  private mutating func skip(past end: StaticString, from opening: Int) -> Bool {
    position += opening
    while position < bytes.count {
      if has(end) {
        position += end.utf8CodeUnitCount
        return true
      }
      position += 1
    }
    return false
  }
}
