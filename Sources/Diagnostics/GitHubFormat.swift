// Messages as GitHub workflow commands, which become annotations ("Workflow commands for GitHub Actions").

enum GitHubFormat {
  static func render(_ diagnostics: [Diagnostic]) -> String {
    diagnostics.map { command($0) + "\n" }.joined()
  }

  private static func command(_ diagnostic: Diagnostic) -> String {
    let name =
      switch diagnostic.severity {
      case .error: "error"
      case .warning: "warning"
      case .note: "notice"
      }
    var properties: [String] = []
    if let range = diagnostic.range {
      properties += ["file=" + escaped(property: range.file.path), "line=\(range.start.line)"]
      properties += ["endLine=\(range.end.line)", "col=\(range.start.column)"]
      // Columns make sense to GitHub within one line only, and its last column counts as part of the range.
      if range.start.line == range.end.line {
        properties.append("endColumn=\(max(range.start.column, range.end.column - 1))")
      }
    }
    properties.append("title=" + escaped(property: diagnostic.rule))
    var lines = [diagnostic.message]
    if diagnostic.range == nil, let subject = diagnostic.subject { lines[0] = subject + ": " + lines[0] }
    if let suggestion = diagnostic.suggestion { lines.append(suggestion) }
    for note in diagnostic.notes {
      lines.append((note.range.map { "\($0): " } ?? "") + "note: " + note.message)
    }
    return "::\(name) \(properties.joined(separator: ","))::" + escaped(data: lines.joined(separator: "\n"))
  }

  /// `%` and line breaks are written as percent escapes; other control characters are shown.
  private static func escaped(data text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "%": result += "%25"
      case "\r": result += "%0D"
      case "\n": result += "%0A"
      default: result += VisibleScalar(scalar).text
      }
    }
    return result
  }

  /// In a property `:` and `,` are escaped as well.
  private static func escaped(property text: String) -> String {
    var result = ""
    for character in escaped(data: text).unicodeScalars {
      switch character {
      case ":": result += "%3A"
      case ",": result += "%2C"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
