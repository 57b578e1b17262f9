// Foreign text on a terminal: made harmless, measured in columns, shortened, broken into lines.

import Diagnostics

/// Text that may go to a terminal: nothing in it can act there, and its width is known.
enum SafeText {
  /// The text with control characters, and characters that change the direction of writing, replaced by pictures or
  /// escapes; line breaks become spaces.
  static func clean(_ text: String) -> String { visible(text, continuation: " ") }

  /// Columns that clean text takes.
  static func width(_ text: String) -> Int { visibleWidth(text) }

  /// The text cut in the middle to fit; the end, which tells files apart, keeps the larger part.
  static func shorten(_ text: String, to columns: Int) -> String {
    guard width(text) > columns else { return text }
    guard columns > 1 else { return columns == 1 ? "…" : "" }
    let room = columns - 1
    let tail = suffix(text, columns: room - room / 3)
    return prefix(text, columns: room - width(tail)) + "…" + tail
  }

  /// The text cut at the end to fit.
  static func cut(_ text: String, to columns: Int) -> String {
    guard width(text) > columns else { return text }
    return columns < 1 ? "" : prefix(text, columns: columns - 1) + "…"
  }

  /// Breaks a text at spaces into lines that fit; a word that does not fit by itself is shortened in the middle.
  static func wrap(_ text: String, to columns: Int) -> [String] {
    wrap(words: text.split(separator: " ").map(String.init), to: columns)
  }

  /// Breaks between words; what is one word is never broken, only shortened where it must be.
  static func wrap(words: [String], to columns: Int) -> [String] {
    let columns = max(columns, 10)
    var lines: [String] = []
    var line = ""
    var used = 0
    for word in words {
      let needed = width(word)
      if !line.isEmpty, used + 1 + needed <= columns {
        line += " " + word
        used += 1 + needed
      } else {
        if !line.isEmpty { lines.append(line) }
        line = shorten(word, to: columns)
        used = width(line)
      }
    }
    if !line.isEmpty { lines.append(line) }
    return lines
  }

  static func pad(_ text: String, to columns: Int) -> String {
    text + String(repeating: " ", count: max(0, columns - width(text)))
  }

  private static func prefix(_ text: String, columns: Int) -> String {
    var used = 0
    return String(
      text.prefix {
        used += width(String($0)); return used <= columns
      })
  }

  private static func suffix(_ text: String, columns: Int) -> String {
    var used = 0
    return String(
      text.reversed().prefix {
        used += width(String($0)); return used <= columns
      }.reversed())
  }
}
