// Messages for people, the way compilers write them.

struct TextFormat {
  let color: Bool
  let width: Int

  func render(_ diagnostics: [Diagnostic]) -> String {
    var output = ""
    for diagnostic in diagnostics { write(diagnostic, to: &output) }
    return output
  }

  private func write(_ diagnostic: Diagnostic, to output: inout String) {
    let numbers = ([diagnostic.range] + diagnostic.notes.map(\.range)).compactMap { $0?.start.line }
    let gutter = max(4, 1 + String(numbers.max() ?? 0).utf8.count)
    var message = visible(diagnostic.message, continuation: Self.continuation)
    if diagnostic.range == nil, let subject = diagnostic.subject { message = visible(subject) + ": " + message }
    writeHeading(diagnostic.severity, message, at: diagnostic.range, to: &output)
    if let range = diagnostic.range {
      writeExcerpt(of: range, gutter: gutter, suggestion: diagnostic.suggestion, to: &output)
    } else if let suggestion = diagnostic.suggestion {
      output += "  " + paint(visible(suggestion, continuation: Self.continuation), .green) + "\n"
    }
    for note in diagnostic.notes {
      if note.range == nil { output += "  " }
      writeHeading(.note, visible(note.message, continuation: Self.continuation), at: note.range, to: &output)
      if let range = note.range { writeExcerpt(of: range, gutter: gutter, suggestion: nil, to: &output) }
    }
  }

  /// Further lines of a message are indented, so that none can pass for a message of its own.
  private static let continuation = "\n    "

  private func writeHeading(_ severity: Severity, _ message: String, at range: SourceRange?, to output: inout String) {
    if let range {
      output += paint("\(visible(range.file.path)):\(range.start.line):\(range.start.column):", .bold) + " "
    }
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
    let fits = !suggestion.contains("\n") && used + visibleWidth(suggestion) <= width
    let text = visible(suggestion, continuation: "\n" + space + "   ")
    output += (fits ? " " : "\n" + space + " = ") + paint(text, .green) + "\n"
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
