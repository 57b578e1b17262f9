// Names that come out of image files: bytes from strangers, kept as they are and shown escaped.

/// A name as it is stored in an image file (a backing file, a data file, a format).
///
/// Image files promise no encoding. The bytes are kept; ``string`` is for use, ``description`` for people.
public struct StoredName: Sendable, Hashable, CustomStringConvertible {
  /// The bytes as stored, without a terminator.
  public let bytes: [UInt8]

  /// Wraps stored bytes.
  public init(bytes: [UInt8]) { self.bytes = bytes }

  /// Wraps a text, as UTF-8.
  public init(_ string: String) { bytes = Array(string.utf8) }

  /// The name as text, or nil when it is not UTF-8 or holds a NUL and so can be not a path.
  public var string: String? {
    bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
  }

  /// The name for messages: control characters and invalid UTF-8 are shown as `\xNN`, so that no stored name can
  /// forge a log line or steer a terminal.
  public var description: String { escapedForDisplay(bytes) }
}

/// Makes foreign bytes fit to print: control characters, line separators and text-direction marks become escapes.
func escapedForDisplay(_ bytes: [UInt8]) -> String {
  guard let text = String(validating: bytes, as: UTF8.self) else {
    return bytes.map { (0x20..<0x7F).contains($0) ? String(UnicodeScalar($0)) : hexEscape($0) }.joined()
  }
  return escapedForDisplay(text)
}

/// See ``escapedForDisplay(_:)-swift.function``.
func escapedForDisplay(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
      if scalar.value < 0x100 {
        result += hexEscape(UInt8(scalar.value))
      } else {
        result += "\\u{" + String(scalar.value, radix: 16) + "}"
      }
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

private func hexEscape(_ byte: UInt8) -> String {
  "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
}
