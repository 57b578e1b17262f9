// Messages that the format tests share.

import Diagnostics

enum SampleDiagnostics {
  static let lab = SourceFile(
    path: "lab.yaml",
    text: """
      domains:
        web:
          memory: 2048
          vcpu: 2
      \t\tstate: "日本 on"\u{7}
          image: 😀 e\u{301}x bad
      # \u{1B}[31mred\u{1B}[0m \u{202E}gnirts

      """ + "    long: " + String(repeating: "abcdefghi ", count: 20) + "HERE " + String(repeating: "tail ", count: 20)
        + "\n    end: x")

  static func at(_ line: Int, _ columns: Range<Int>, endLine: Int? = nil) -> SourceRange {
    SourceRange(
      file: lab, start: SourcePosition(line: line, column: columns.lowerBound),
      end: SourcePosition(line: endLine ?? line, column: columns.upperBound))
  }

  static let all: [Diagnostic] = [
    Diagnostic(.error, "unknown-key", "unknown key `vcpu`", at: at(4, 5..<9), suggestion: "did you mean `vcpus`?"),
    Diagnostic(.error, "unit", "memory needs a unit", at: at(3, 13..<17), suggestion: "write 2048 MiB or 2 GiB"),
    Diagnostic(.error, "unit", "memory needs a unit", at: at(3, 13..<17), suggestion: "write 2048 MiB or 2 GiB"),
    Diagnostic(
      .warning, "state", "a state between tabs and wide characters", at: at(5, 10..<17),
      suggestion: "a suggestion that is much too long to stand beside the caret, so that it gets its own line",
      notes: [Diagnostic.Note("first seen here", at: at(1, 1..<8)), Diagnostic.Note("and a note without a place")]),
    Diagnostic(.warning, "image", "beyond an emoji and a combining mark", at: at(6, 16..<19)),
    Diagnostic(.error, "escape", "an escape \u{1B}[2J in a message\nand a second line: error: x", at: at(7, 3..<8)),
    Diagnostic(.error, "long", "deep within a long line", at: at(8, 211..<215), suggestion: "short"),
    Diagnostic(.error, "long", "at the end of a long line", at: at(8, 312..<314)),
    Diagnostic(.error, "long", "all of a long line", at: at(8, 5..<315), suggestion: "make it shorter"),
    Diagnostic(.error, "block", "a mapping over several lines", at: at(2, 3..<6, endLine: 6)),
    Diagnostic(.error, "end", "behind the end", at: at(9, 11..<11), suggestion: "add \"y\""),
    Diagnostic(
      .error, "host", "cannot connect", subject: "connection qemu:///system", suggestion: "is libvirtd running?"),
    Diagnostic(.note, "hint", "100% done, nothing: to do"),
  ]
}
