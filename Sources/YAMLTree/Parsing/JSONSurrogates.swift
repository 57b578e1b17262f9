// Pairs of surrogates, by which JSON writes characters beyond U+FFFF and which libyaml refuses: written as YAML has them (RFC 8259, "Strings"; YAML 1.2, "Escaped Characters").

extension InputText {
  /// Replaces `\ud83d\ude00` by `\U0001F600` in the strings of a JSON text, which begins with a brace or bracket.
  ///
  /// What a string becomes shorter by is put behind its closing quote as spaces, so that everything else keeps its place.
  mutating func joinSurrogates() {
    let source = Array(text.utf8)
    let start = source.dropFirst(markLength).first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    guard start == UInt8(ascii: "{") || start == UInt8(ascii: "[") else { return }
    var result: [UInt8] = []
    var index = 0
    /// Whether a string can begin here: not inside of a plain scalar.
    var canBegin = true
    while index < source.count {
      let byte = source[index]
      guard byte == UInt8(ascii: "\""), canBegin else {
        if ![0x20, 0x09, 0x0A, 0x0D].contains(byte) { canBegin = "{[,:".utf8.contains(byte) }
        if !result.isEmpty { result.append(byte) }
        index += 1
        continue
      }
      canBegin = false
      let end = Self.stringEnd(source, index)
      let string = source[index..<end]
      index = end
      if let joined = Self.joined(string) {
        if result.isEmpty {
          result.reserveCapacity(source.count)
          result = Array(source[..<string.startIndex])
        }
        result += joined + [UInt8](repeating: 0x20, count: string.count - joined.count)
      } else if !result.isEmpty {
        result += string
      }
    }
    if !result.isEmpty { text = String(decoding: result, as: UTF8.self) }
  }

  /// One past the closing quote of the string that begins at `start`.
  private static func stringEnd(_ bytes: [UInt8], _ start: Int) -> Int {
    var index = start + 1
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""): return index + 1
      case UInt8(ascii: "\\"): index += 2
      default: index += 1
      }
    }
    return bytes.count
  }

  /// A string with its pairs joined; nil for one without any.
  private static func joined(_ string: ArraySlice<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    var isChanged = false
    var index = string.startIndex
    while index < string.endIndex {
      guard string[index] == UInt8(ascii: "\\") else {
        result.append(string[index])
        index += 1
        continue
      }
      if let high = unit(string, at: index), let low = unit(string, at: index + 6), (0xD800..<0xDC00).contains(high),
        (0xDC00..<0xE000).contains(low)
      {
        let digits = String(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), radix: 16)
        result += "\\U".utf8
        result += [UInt8](repeating: UInt8(ascii: "0"), count: 8 - digits.utf8.count)
        result += digits.utf8
        index += 12
        isChanged = true
      } else {
        result += string[index..<min(index + 2, string.endIndex)]
        index += 2
      }
    }
    return isChanged ? result : nil
  }

  /// The UTF-16 code unit of an escape `\uXXXX`.
  private static func unit(_ bytes: ArraySlice<UInt8>, at index: Int) -> UInt32? {
    guard index + 6 <= bytes.endIndex, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
      return nil
    }
    var value: UInt32 = 0
    for byte in bytes[index + 2..<index + 6] {
      guard byte < 0x80, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}
