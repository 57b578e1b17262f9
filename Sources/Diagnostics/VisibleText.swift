// Foreign text made safe for a terminal, and how many columns it takes there.

/// One Unicode scalar as a terminal may show it.
struct VisibleScalar {
  /// The scalar itself, or a stand-in for one that would act on the terminal or mislead the reader.
  let text: String
  /// Columns on a terminal.
  let width: Int

  /// - Parameter column: how many columns stand before it, which decides a tab's width.
  init(_ scalar: Unicode.Scalar, column: Int = 0) {
    switch scalar.value {
    case 0x20...0x7E:
      self.init(text: String(scalar), width: 1)
    case 0x09:
      let width = Self.tabStop - column % Self.tabStop
      self.init(text: String(repeating: " ", count: width), width: width)
    case 0...0x1F:
      // Unicode has a picture for each control character: U+241B is "␛".
      self.init(text: Unicode.Scalar(0x2400 + scalar.value).map { String($0) } ?? "?", width: 1)
    case 0x7F:
      self.init(text: "\u{2421}", width: 1)
    case 0x80...0x9F, 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
      0xFFF9...0xFFFB, 0xE0000...0xE007F:
      let text = "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
      self.init(text: text, width: text.utf8.count)
    default:
      self.init(text: String(scalar), width: Self.width(of: scalar))
    }
  }

  private init(text: String, width: Int) {
    self.text = text
    self.width = width
  }

  static let tabStop = 4

  private static func width(of scalar: Unicode.Scalar) -> Int {
    guard scalar.value >= 0x300 else { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    switch scalar.value {
    // The blocks that Unicode's EastAsianWidth.txt marks wide or fullwidth.
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
      0x20000...0x3FFFD:
      return 2
    default:
      return scalar.properties.isEmojiPresentation ? 2 : 1
    }
  }
}

/// A text in which nothing can act on a terminal.
///
/// - Parameter continuation: what a line break becomes; nil shows it as a character.
package func visible(_ text: String, continuation: String? = nil) -> String {
  if text.utf8.allSatisfy({ 0x20...0x7E ~= $0 }) { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    if let continuation, scalar == "\n" {
      result += continuation
    } else {
      result += VisibleScalar(scalar).text
    }
  }
  return result
}

/// Columns that a text takes once it is made visible.
package func visibleWidth(_ text: String) -> Int {
  if text.utf8.allSatisfy({ 0x20...0x7E ~= $0 }) { return text.utf8.count }
  return text.unicodeScalars.reduce(0) { $0 + VisibleScalar($1).width }
}
