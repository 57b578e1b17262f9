// Messages for programs: JSON (RFC 8259) with a version. Every member is always there; what is not known is null.

enum JSONFormat {
  static func render(_ diagnostics: [Diagnostic]) -> String {
    var output = #"{"format": "vireo-diagnostics", "version": 1, "diagnostics": ["#
    for (index, diagnostic) in diagnostics.enumerated() {
      output += index == 0 ? "\n  " : ",\n  "
      output += object(diagnostic)
    }
    return output + (diagnostics.isEmpty ? "]}\n" : "\n]}\n")
  }

  private static func object(_ diagnostic: Diagnostic) -> String {
    let notes = diagnostic.notes.map { "{\"message\": \(string($0.message)), \(place($0.range))}" }
    let members = [
      "\"severity\": \(string(diagnostic.severity.rawValue))",
      "\"rule\": \(string(diagnostic.rule))",
      "\"message\": \(string(diagnostic.message))",
      place(diagnostic.range),
      "\"subject\": \(string(diagnostic.subject))",
      "\"suggestion\": \(string(diagnostic.suggestion))",
      "\"notes\": [\(notes.joined(separator: ", "))]",
    ]
    return "{" + members.joined(separator: ", ") + "}"
  }

  private static func place(_ range: SourceRange?) -> String {
    let numbers = [
      ("line", range?.start.line), ("column", range?.start.column), ("endLine", range?.end.line),
      ("endColumn", range?.end.column),
    ]
    return
      (["\"file\": \(string(range?.file.path))"]
      + numbers.map { "\"\($0)\": \($1.map { String($0) } ?? "null")" }).joined(separator: ", ")
  }

  private static func string(_ text: String?) -> String { text.map(jsonString) ?? "null" }
}

/// A JSON string (RFC 8259, section 7) with its quotes. What a terminal could act on is escaped too, so that printing the
/// document is harmless.
package func jsonString(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}"..."\u{202E}", "\u{2066}"..."\u{2069}":
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
