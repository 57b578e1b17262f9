// Lines, positions and encodings of source files.

import Diagnostics
import Testing

@Suite("source file")
struct SourceFileTests {
  @Test(
    "lines end with LF, CR LF or CR",
    arguments: [
      ("", [""]), ("a", ["a"]), ("a\n", ["a", ""]), ("a\r\nb", ["a", "b"]), ("a\rb\n\nc", ["a", "b", "", "c"]),
      ("é\n\u{2028}x", ["é", "\u{2028}x"]),
    ])
  func lines(text: String, expected: [String]) {
    let file = SourceFile(path: "f", text: text)
    #expect(file.lineCount == expected.count)
    #expect((1...expected.count).map(file.line) == expected)
    #expect(file.line(0) == "" && file.line(expected.count + 1) == "")
  }

  @Test(
    "offset and position are each other's inverse at every scalar",
    arguments: ["", "ab\ncd", "é\r\n日本x\n", "\u{FEFF}a\n"])
  func positions(text: String) {
    let file = SourceFile(path: "f", text: text)
    for index in text.unicodeScalars.indices where text.unicodeScalars[index] != "\n" {
      let offset = text.utf8.distance(from: text.utf8.startIndex, to: index)
      #expect(file.utf8Offset(of: file.position(utf8Offset: offset)) == offset)
    }
    #expect(file.utf8Offset(of: SourcePosition(line: 99, column: 1)) == text.utf8.count)
    #expect(file.position(utf8Offset: 1000) == file.position(utf8Offset: text.utf8.count))
  }

  @Test("a column beyond the line is the line's end")
  func beyond() {
    let file = SourceFile(path: "f", text: "ab\r\ncd")
    #expect(file.utf8Offset(of: SourcePosition(line: 1, column: 50)) == 2)
    #expect(file.utf8Offset(of: SourcePosition(line: 0, column: -1)) == 0)
  }

  @Test("UTF-8 and UTF-16 with a byte order mark are read")
  func encodings() throws {
    #expect(try SourceFile(path: "f", bytes: "a: é".utf8).text == "a: é")
    let units = Array("é😀".utf16)
    let little: [UInt8] = [0xFF, 0xFE] + units.flatMap { unit -> [UInt8] in [UInt8(unit & 255), UInt8(unit >> 8)] }
    let big: [UInt8] = [0xFE, 0xFF] + units.flatMap { unit -> [UInt8] in [UInt8(unit >> 8), UInt8(unit & 255)] }
    #expect(try SourceFile(path: "f", bytes: little).text == "é😀")
    #expect(try SourceFile(path: "f", bytes: big).text == "é😀")
  }

  @Test(
    "a byte that is no UTF-8 is found",
    arguments: [
      ([0x61, 0x0A, 0x62, 0xFF, 0x63], 2, 2), ([0xC3, 0xA9, 0xC3], 1, 2), ([0xEF, 0xBF, 0x41], 1, 1),
      ([0x61, 0xED, 0xA0, 0x80], 1, 2), ([0x61, 0xC0, 0x80], 1, 2),
    ] as [([UInt8], Int, Int)])
  func invalid(bytes: [UInt8], line: Int, column: Int) throws {
    let error = try #require(throws: Diagnostic.self) { try SourceFile(path: "f", bytes: bytes) }
    #expect(error.rule == "text-encoding")
    #expect(error.range?.start == SourcePosition(line: line, column: column))
  }

  @Test(
    "other encodings are named",
    arguments: [[0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], [0xFF, 0xFE, 0x61], [0xFE, 0xFF, 0xD8, 0x00]] as [[UInt8]])
  func refused(bytes: [UInt8]) throws {
    let error = try #require(throws: Diagnostic.self) { try SourceFile(path: "f", bytes: bytes) }
    #expect(error.message.contains("UTF-") && error.subject == "f")
  }
}
