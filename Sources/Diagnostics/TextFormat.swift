// Messages for people, the way compilers write them.

struct TextFormat {
  let color: Bool
  /// The terminal's columns; nil where there is none, and lines may have any length.
  let columns: Int?
  /// The columns that an excerpt may take.
  private var width: Int { columns ?? 80 }

  func render(_ diagnostics: [Diagnostic]) -> String {
    var output = ""
    for diagnostic in diagnostics { write(diagnostic, to: &output) }
    return output
  }

  private func write(_ diagnostic: Diagnostic, to output: inout String) {
    let numbers = ([diagnostic.range] + diagnostic.notes.map(\.range)).compactMap { $0?.start.line }
    let gutter = max(4, 1 + String(numbers.max() ?? 0).utf8.count)
    var message = visible(diagnostic.message, continuation: "\n")
    if diagnostic.range == nil, let subject = diagnostic.subject { message = visible(subject) + ": " + message }
    writeHeading(diagnostic.severity, message, at: diagnostic.range, to: &output)
    if let range = diagnostic.range {
      writeExcerpt(of: range, gutter: gutter, suggestion: diagnostic.suggestion, to: &output)
    } else if let suggestion = diagnostic.suggestion {
      let text = broken(visible(suggestion, continuation: "\n"), to: columns, used: 2, indent: Self.indent)
      output += "  " + paint(text, .green) + "\n"
    }
    for note in diagnostic.notes {
      let margin = note.range == nil ? "  " : ""
      output += margin
      writeHeading(
        .note, visible(note.message, continuation: "\n"), at: note.range, after: margin.count, to: &output)
      if let range = note.range { writeExcerpt(of: range, gutter: gutter, suggestion: nil, to: &output) }
    }
  }

  /// Further lines of a message are indented, so that none can pass for a message of its own.
  private static let indent = "    "

  /// - Parameter margin: the columns that are taken already.
  private func writeHeading(
    _ severity: Severity, _ message: String, at range: SourceRange?, after margin: Int = 0, to output: inout String
  ) {
    var used = margin + severity.rawValue.utf8.count + 2
    if let range {
      let place = "\(visible(range.file.path)):\(range.start.line):\(range.start.column):"
      output += paint(place, .bold) + " "
      used += visibleWidth(place) + 1
    }
    let message = broken(message, to: columns, used: used, indent: Self.indent)
    let ink: Ink =
      switch severity {
      case .error: .red
      case .warning: .yellow
      case .note: .cyan
      }
    output += paint(severity.rawValue + ":", ink) + " " + (severity == .note ? message : paint(message, .bold)) + "\n"
  }

  private func writeExcerpt(of range: SourceRange, gutter: Int, suggestion: String?, to output: inout String) {
    let number = String(range.start.line)
    let space = String(repeating: " ", count: gutter)
    let excerpt = SourceExcerpt(of: range, width: width - gutter - 3)
    output += space.dropLast(number.utf8.count) + number + " |"
    output += excerpt.text.isEmpty ? "\n" : " " + excerpt.text + "\n"
    let marks = "^" + String(repeating: "~", count: excerpt.caretWidth - 1)
    output += space + " | " + String(repeating: " ", count: excerpt.caretColumn) + paint(marks, .green)
    guard let suggestion else {
      output += "\n"
      return
    }
    let used = gutter + 3 + excerpt.caretColumn + excerpt.caretWidth + 1
    let text = visible(suggestion, continuation: "\n")
    if !text.contains("\n"), used + visibleWidth(suggestion) <= width {
      output += " " + paint(text, .green) + "\n"
    } else {
      let lines = broken(text, to: columns, used: gutter + 3, indent: space + "   ")
      output += "\n" + space + " = " + paint(lines, .green) + "\n"
    }
  }

  private enum Ink: String {
    case bold = "1"
    case red = "1;31"
    case yellow = "1;33"
    case cyan = "1;36"
    case green = "32"
  }

  private func paint(_ text: String, _ ink: Ink) -> String {
    color ? "\u{1B}[\(ink.rawValue)m\(text)\u{1B}[0m" : text
  }
}
