// Values of attributes and texts that mean the same in another notation.

import XMLTree

/// Texts of libvirt's XML compared by meaning.
enum XMLScalar {
  /// Whether two texts are one value in libvirt's eyes: white space around, hexadecimal or decimal numbers, MAC addresses and UUIDs in either case, sets of numbers in any order.
  static func isEquivalent(_ a: String, _ b: String) -> Bool {
    if a == b || SecretMask.isPair(a, b) { return true }
    // libvirt's notations differ in length, case or order and never make something of nothing.
    guard let first = a.utf8.first, let other = b.utf8.first else {
      return a.allSatisfy(\.isWhitespace) && b.allSatisfy(\.isWhitespace)
    }
    if isSpace(first) || isSpace(other) || a.utf8.last.map(isSpace) ?? false || b.utf8.last.map(isSpace) ?? false {
      return isEquivalent(trimmed(a), trimmed(b))
    }
    guard a.utf8.count < 64, b.utf8.count < 64 else { return numbers(a).map { $0 == numbers(b) } ?? false }
    if let number = number(a) { return number == Self.number(b) || numbers(a).map { $0 == numbers(b) } ?? false }
    if isHexadecimalName(a), isHexadecimalName(b) { return a.lowercased() == b.lowercased() }
    return numbers(a).map { $0 == numbers(b) } ?? false
  }

  /// Whether two elements have the same size, each a text in the unit that its attribute names, KiB without one.
  static func isSameSize(_ a: XMLElement, _ b: XMLElement) -> Bool {
    guard a[attribute: "unit"] != nil || b[attribute: "unit"] != nil, let left = bytes(a), let right = bytes(b) else {
      return false
    }
    return left == right
  }

  private static func bytes(_ element: XMLElement) -> UInt64? {
    guard let number = UInt64(trimmed(element.text)),
      let unit = ByteCount.libvirtUnit(element[attribute: "unit"] ?? "KiB")
    else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? nil : bytes
  }

  private static func trimmed(_ text: String) -> String {
    let bytes = text.utf8
    guard let start = bytes.firstIndex(where: { !isSpace($0) }), let end = bytes.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(text[start...end])
  }

  private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

  private static func number(_ text: String) -> UInt64? {
    if text.hasPrefix("0x") || text.hasPrefix("0X") { return UInt64(text.dropFirst(2), radix: 16) }
    // Zeros in front are libvirt's only in hexadecimal numbers; a serial number or a password may well have some.
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text == "0" || !text.hasPrefix("0") else { return nil }
    return UInt64(text)
  }

  /// A MAC address, a UUID or a WWN: pairs of hexadecimal digits with colons or hyphens.
  private static func isHexadecimalName(_ text: String) -> Bool {
    text.utf8.count >= 12
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
          || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "-")
      }
  }

  /// A set such as `0-3,^2`; nil for anything else.
  private static func numbers(_ text: String) -> Set<Int>? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "-,^ ".utf8.contains($0) }) else { return nil }
    // A number alone is one, with whatever zeros.
    if text.utf8.count > 1, text.hasPrefix("0"), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return nil }
    var result: Set<Int> = []
    var work = 0
    for part in text.split(separator: ",") {
      let part = part.drop { $0 == " " }
      let isLeftOut = part.hasPrefix("^")
      let ends = (isLeftOut ? part.dropFirst() : part).split(separator: "-", omittingEmptySubsequences: false)
        .compactMap { Int($0) }
      guard let low = ends.first, let high = ends.last, ends.count <= 2, low <= high, high < 65536 else { return nil }
      work += high - low + 1
      guard work <= NumberSet.maximumWork else { return nil }
      if isLeftOut { result.subtract(low...high) } else { result.formUnion(low...high) }
    }
    return result
  }
}
