// Messages as text, JSON and GitHub annotations.

import Diagnostics
import Foundation
import TestSupport
import Testing

@Suite("diagnostic format")
struct DiagnosticFormatTests {
  @Test("text is what the golden file shows", arguments: [false, true])
  func text(color: Bool) throws {
    let text = DiagnosticFormat.render(SampleDiagnostics.all, as: .text(color: color, width: 80))
    try expectGolden(text, color ? "text-color.txt" : "text.txt")
  }

  @Test("an excerpt looks like a compiler's")
  func example() {
    let file = SourceFile(path: "lab.yaml", text: String(repeating: "\n", count: 13) + "      memory: 2048\n")
    let range = SourceRange(
      file: file, start: SourcePosition(line: 14, column: 15), end: SourcePosition(line: 14, column: 19))
    let diagnostic = Diagnostic(
      .error, "unit", "memory needs a unit", at: range, suggestion: "write 2048 MiB or 2 GiB")
    #expect(
      DiagnosticFormat.render([diagnostic], as: .text(color: false, width: nil)) == """
        lab.yaml:14:15: error: memory needs a unit
          14 |       memory: 2048
             |               ^~~~ write 2048 MiB or 2 GiB

        """)
  }

  @Test("excerpts fit the width", arguments: [40, 60, 80, 200])
  func width(width: Int) {
    let text = DiagnosticFormat.render(SampleDiagnostics.all, as: .text(color: false, width: width))
    let excerpts = text.split(separator: "\n").filter { $0.contains(" | ") }
    #expect(excerpts.count > 10)
    for line in excerpts { #expect(line.count <= width, "\(line)") }
  }

  @Test("on a terminal no line of words is wider than it; in a pipe each message is one line", arguments: [40, 80])
  func lines(width: Int) {
    let keys = (1...40).map { "key-\($0)" }.joined(separator: ", ")
    let file = SourceFile(path: "lab.yaml", text: "nope: 1\n")
    let range = SourceRange(
      file: file, start: SourcePosition(line: 1, column: 1), end: SourcePosition(line: 1, column: 5))
    let diagnostics = [
      Diagnostic(
        "a", "a message " + keys, at: range, suggestion: "the keys are " + keys, notes: [.init("a note " + keys)]),
      Diagnostic("a", "without a place " + keys, suggestion: "the keys are " + keys),
    ]
    let terminal = DiagnosticFormat.render(diagnostics, as: .text(color: false, width: width))
    for line in terminal.split(separator: "\n") { #expect(line.count <= width, "\(line)") }
    let pipe = DiagnosticFormat.render(diagnostics, as: .text(color: false, width: nil))
    #expect(pipe.split(separator: "\n").count { $0.contains(keys) } == 5)
    // The same words in the same order.
    let words = { (text: String) in text.split { $0 == " " || $0 == "\n" } }
    #expect(words(terminal) == words(pipe))
  }

  @Test("a word that is wider than the terminal stays whole")
  func longWord() {
    let path = "/" + String(repeating: "folder/", count: 20)
    let text = DiagnosticFormat.render([Diagnostic("a", "cannot read \(path): no")], as: .text(color: false, width: 40))
    #expect(text == "error: cannot read\n    \(path):\n    no\n")
  }

  @Test(
    "no control character gets through, whatever the form and wherever it stands",
    arguments: [DiagnosticFormat.text(color: false, width: nil), .json, .github])
  func injection(format: DiagnosticFormat) {
    let hostile = String(String.UnicodeScalarView((0...0x9F).compactMap { Unicode.Scalar($0) })) + "\u{202E}\u{2066}"
    let file = SourceFile(path: hostile, text: hostile)
    let range = SourceRange(
      file: file, start: SourcePosition(line: 1, column: 1), end: SourcePosition(line: 1, column: 4))
    let diagnostics = [
      Diagnostic(.error, "x", hostile, at: range, suggestion: hostile, notes: [.init(hostile, at: range)]),
      Diagnostic(.error, "x", hostile, subject: hostile, suggestion: hostile, notes: [.init(hostile)]),
    ]
    let output = DiagnosticFormat.render(diagnostics, as: format)
    let acting = output.unicodeScalars.filter {
      ($0.value < 0x20 && $0 != "\n") || 0x7F...0x9F ~= $0.value || $0 == "\u{202E}" || $0 == "\u{2066}"
    }
    #expect(acting.isEmpty)
    #expect(output.contains("\u{241B}") || output.contains("\\u001b"))
  }

  @Test("JSON is valid and complete")
  func json() throws {
    let output = DiagnosticFormat.render(SampleDiagnostics.all, as: .json)
    try expectGolden(output, "diagnostics.json")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    #expect(object["format"] as? String == "vireo-diagnostics")
    #expect(object["version"] as? Int == 1)
    let list = try #require(object["diagnostics"] as? [[String: Any]])
    #expect(list.count == SampleDiagnostics.all.count - 1)
    for item in list {
      #expect(
        Set(item.keys) == [
          "severity", "rule", "message", "file", "line", "column", "endLine", "endColumn", "subject", "suggestion",
          "notes",
        ])
    }
    #expect(
      list.contains { $0["message"] as? String == "an escape \u{1B}[2J in a message\nand a second line: error: x" })
    let none = DiagnosticFormat.render([], as: .json)
    #expect(try JSONSerialization.jsonObject(with: Data(none.utf8)) is [String: Any])
  }

  @Test("GitHub annotations escape what their syntax needs")
  func github() throws {
    let output = DiagnosticFormat.render(SampleDiagnostics.all, as: .github)
    try expectGolden(output, "github.txt")
    #expect(output.split(separator: "\n").allSatisfy { $0.hasPrefix("::") })
    let file = SourceFile(path: "a,b:c%.yaml", text: "x")
    let range = SourceRange(
      file: file, start: SourcePosition(line: 1, column: 1), end: SourcePosition(line: 1, column: 2))
    #expect(
      DiagnosticFormat.render([Diagnostic(.warning, "r", "50% :: a\r\nb", at: range)], as: .github)
        == "::warning file=a%2Cb%3Ac%25.yaml,line=1,endLine=1,col=1,endColumn=1,title=r::50%25 :: a%0D%0Ab\n")
  }

  @Test("messages come in the order of file, line and column, those without a place last")
  func order() {
    let other = SourceFile(path: "a.yaml", text: "")
    let start = SourcePosition(line: 50, column: 1)
    let first = Diagnostic(.error, "r", "in a", at: SourceRange(file: other, start: start, end: start))
    let ordered = (SampleDiagnostics.all + [first]).inReadingOrder()
    #expect(ordered.first == first)
    #expect(ordered.dropFirst().compactMap(\.range?.start.line) == [2, 3, 4, 5, 6, 7, 8, 8, 8, 9])
    #expect(ordered.suffix(2).allSatisfy { $0.range == nil })
    #expect(ordered.inReadingOrder() == ordered)
  }

  @Test("for people, what is wrong with many objects at one place is one message that names them")
  func subjects() {
    func messages(_ count: Int) -> [Diagnostic] {
      (1...count).map {
        Diagnostic("shrink", "it would shrink", at: SampleDiagnostics.at(3, 13..<17), subject: "domain \($0)")
      }
    }
    func text(_ count: Int) -> [Substring] {
      DiagnosticFormat.render(messages(count), as: .text(color: false, width: 80)).split(separator: "\n")
    }
    #expect(text(1).count == 3)
    #expect(text(4).last == "  note: this is about domain 1, domain 2, domain 3, domain 4")
    #expect(text(100).count == 4)
    #expect(text(100).last == "  note: this is about domain 1, domain 2, domain 3 and 97 more")
    #expect(DiagnosticFormat.summary(of: messages(100)) == "1 error")
    #expect(DiagnosticFormat.render(messages(100), as: .github).split(separator: "\n").count == 1)
    #expect(DiagnosticFormat.render(messages(100), as: .json).split(separator: "\n").count == 102)
  }

  @Test(
    "the summary counts what is shown",
    arguments: [
      ([], nil), ([.note], nil), ([.error], "1 error"), ([.error, .error, .warning, .note], "2 errors, 1 warning"),
      ([.warning, .warning], "2 warnings"),
    ] as [([Severity], String?)])
  func summary(severities: [Severity], expected: String?) {
    let diagnostics = severities.enumerated().map { Diagnostic($1, "r", "message \($0)") }
    #expect(DiagnosticFormat.summary(of: diagnostics) == expected)
    #expect(DiagnosticFormat.summary(of: diagnostics + diagnostics) == expected)
  }
}
