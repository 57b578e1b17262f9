// Characters beyond U+FFFF as JSON escapes them.

import Testing

@testable import YAMLTree

@Suite("surrogate pairs")
struct JSONSurrogateTests {
  private func first(_ text: String) -> String? {
    let file = parse(text)
    guard file.diagnostics.isEmpty, let node = file.documents.first else { return nil }
    return outline(node)
  }

  @Test(
    "a pair in a JSON text is the character",
    arguments: [
      (#"{"a": "\ud83d\ude00"}"#, "{a: \"\u{1F600}\"}"),
      (#"["\uD83D\uDE00 x \ud83d\ude00", 1]"#, "[\"\u{1F600} x \u{1F600}\", 1]"),
      (
        #"{"\ud83d\ude00": {"b": "\\ud83d \" \u00e9 \udbff\udfff"}}"#,
        "{\u{1F600}: {b: \"\\ud83d \" \u{E9} \u{10FFFF}\"}}"
      ),
      ("\u{FEFF} \n [\n \"\\ud83d\\ude00\"\n,\t\"b\"]", "[\"\u{1F600}\", \"b\"]"),
    ])
  func pairs(text: String, expected: String) {
    #expect(first(text) == expected, "\(parse(text).diagnostics)")
  }

  @Test(
    "half a pair is an error, and what is no escape stays as it is",
    arguments: [
      (#"{"a": "\ud83d"}"#, nil), (#"{"a": "\ude00\ud83d"}"#, nil), (#"{"a": "\ud83d\u0041"}"#, nil),
      (#"{"a": "\ud83d\ude0"}"#, nil), (#"{"a": "\ud83"#, nil), (#"{"a": "\"#, nil),
      (#"{a: '\ud83d\ude00'}"#, #"{a: "\ud83d\ude00"}"#), (#"{a: x"\ud83d\ude00"}"#, #"{a: x"\ud83d\ude00"}"#),
    ] as [(String, String?)])
  func others(text: String, expected: String?) {
    #expect(first(text) == expected)
  }

  @Test("what stands behind a pair keeps its place")
  func places() {
    let file = parse(#"{"a": "\ud83d\ude00", "a": 1, "b": [2, "x"]}"#)
    let node = file.documents.first?["b"]
    #expect(node.map { covered($0.range) } == #"[2, "x"]"#)
    #expect(file.diagnostics.first?.range.map { covered($0) } == #""a""#)
  }
}
