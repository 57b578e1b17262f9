// The bytes that libyaml gets to read, and the way back from libyaml's marks to positions in the source file.

import CLibYAML
import Diagnostics

/// A source text made fit for libyaml: no byte order mark, no characters that YAML forbids.
///
/// Forbidden characters are reported and stand-ins of the same length take their places, so that everything else in
/// the file can still be checked.
struct InputText {
  let file: SourceFile
  /// The bytes to parse; `text.utf8` when nothing had to be replaced.
  var text: String
  /// How many bytes at the front are a byte order mark.
  private(set) var markLength = 0
  private(set) var diagnostics: [Diagnostic] = []
  /// The index of each line's first scalar, kept only for texts with U+0085, U+2028 or U+2029: these end a line in
  /// libyaml (YAML 1.1) and nowhere else, so libyaml's line numbers cannot be used.
  private var lineStartScalars: [Int]?
  /// The end of the text.
  private let end: SourcePosition
  /// Where the last search for the text behind an anchor or tag ended.
  var cursor = Cursor()

  init(_ file: SourceFile, maximumDiagnostics: Int) {
    self.file = file
    text = file.text
    end = file.position(utf8Offset: file.text.utf8.count)
    var forbidden: [(offset: Int, length: Int)] = []
    var hasUnicodeBreaks = false
    var markLength = 0
    text.withUTF8 { bytes in
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { markLength = 3 }
      var offset = markLength
      while offset < bytes.count {
        let byte = bytes[offset]
        switch byte {
        case 0x20...0x7E, 0x0A, 0x0D, 0x09:
          offset += 1
        case 0...0x1F, 0x7F:
          forbidden.append((offset, 1))
          offset += 1
        case 0xC2 where bytes[offset + 1] < 0xA0:
          if bytes[offset + 1] == 0x85 { hasUnicodeBreaks = true } else { forbidden.append((offset, 2)) }
          offset += 2
        case 0xE2 where bytes[offset + 1] == 0x80 && (bytes[offset + 2] == 0xA8 || bytes[offset + 2] == 0xA9):
          hasUnicodeBreaks = true
          offset += 3
        case 0xEF where bytes[offset + 1] == 0xBB && bytes[offset + 2] == 0xBF:
          forbidden.append((offset, 3))
          offset += 3
        case 0xEF where bytes[offset + 1] == 0xBF && bytes[offset + 2] >= 0xBE:
          forbidden.append((offset, 3))
          offset += 3
        default:
          offset += 1
        }
      }
    }
    self.markLength = markLength
    if !forbidden.isEmpty { replace(forbidden, maximumDiagnostics: maximumDiagnostics) }
    joinSurrogates()
    if hasUnicodeBreaks { lineStartScalars = Self.lineStarts(of: file.text) }
  }

  private mutating func replace(_ places: [(offset: Int, length: Int)], maximumDiagnostics: Int) {
    for place in places.prefix(maximumDiagnostics) {
      let start = file.position(utf8Offset: place.offset)
      let end = SourcePosition(line: start.line, column: start.column + 1)
      diagnostics.append(Self.forbiddenCharacter(in: file, at: SourceRange(file: file, start: start, end: end), place))
    }
    var bytes = Array(text.utf8)
    for place in places {
      switch place.length {
      case 1: bytes[place.offset] = UInt8(ascii: "_")
      case 2: bytes[place.offset + 1] = 0xBF
      default: bytes.replaceSubrange(place.offset..<place.offset + 3, with: [0xEF, 0xBF, 0xBD])
      }
    }
    text = String(decoding: bytes, as: UTF8.self)
  }

  private static func forbiddenCharacter(
    in file: SourceFile, at range: SourceRange, _ place: (offset: Int, length: Int)
  ) -> Diagnostic {
    let utf8 = file.text.utf8
    let index = utf8.index(utf8.startIndex, offsetBy: place.offset)
    let scalar = file.text.unicodeScalars[index]
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let name = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    switch scalar.value {
    case 0:
      return Diagnostic(
        .error, "yaml-character", "YAML does not allow NUL characters", at: range,
        suggestion: "remove it; is this a text file?")
    case 0xFEFF:
      return Diagnostic(
        .error, "yaml-character", "a byte order mark (\(name)) is allowed only at the start of the file", at: range,
        suggestion: "remove it")
    default:
      return Diagnostic(
        .error, "yaml-character", "the control character \(name) is not allowed in YAML", at: range,
        suggestion: "remove it, or write it as an escape in double quotes")
    }
  }

  private static func lineStarts(of text: String) -> [Int] {
    var starts = [0]
    var index = 0
    var previous: Unicode.Scalar = " "
    for scalar in text.unicodeScalars {
      if previous == "\n" || (previous == "\r" && scalar != "\n"), index > 0 { starts.append(index) }
      previous = scalar
      index += 1
    }
    if previous == "\n" || previous == "\r" { starts.append(index) }
    return starts
  }

  /// Where a part of the text that is parsed on its own begins.
  struct Origin {
    /// Offset of its first byte in the text.
    var offset: Int
    /// Lines before it.
    var line: Int
    /// Unicode scalars before it on its first line: 1 after a byte order mark, or 0.
    var column: Int
    /// Unicode scalars before it; counted only when a text needs it.
    var scalar: Int
  }

  /// The origin of the whole text.
  var start: Origin {
    let mark = markLength > 0 ? 1 : 0
    return Origin(offset: markLength, line: 0, column: mark, scalar: mark)
  }

  /// The origin of a part that begins with a line, counted from 1.
  func origin(ofLine line: Int) -> Origin {
    Origin(
      offset: file.utf8Offset(of: SourcePosition(line: line, column: 1)), line: line - 1, column: 0,
      scalar: lineStartScalars?[line - 1] ?? 0)
  }

  /// The position of a libyaml mark, whose line, column and index count Unicode scalars from 0.
  func position(_ mark: yaml_mark_t, from origin: Origin) -> SourcePosition {
    guard let lineStartScalars else {
      let column = Int(mark.column) + 1 + (mark.line == 0 ? origin.column : 0)
      let line = Int(mark.line) + 1 + origin.line
      // At its end libyaml counts a line more than there is when the last one has no line break.
      return line <= end.line ? SourcePosition(line: line, column: column) : end
    }
    let index = Int(mark.index) + origin.scalar
    var low = 0
    var high = lineStartScalars.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lineStartScalars[middle] <= index { low = middle } else { high = middle }
    }
    return min(end, SourcePosition(line: low + 1, column: index - lineStartScalars[low] + 1))
  }

  /// The first line at or after `line`, counted from 1, that starts a document with `---`.
  func documentStart(atOrAfter line: Int) -> Int? {
    guard line <= file.lineCount else { return nil }
    for number in max(line, 1)...file.lineCount {
      let text = file.line(number)
      guard text.utf8.starts(with: "---".utf8) else { continue }
      guard let next = text.utf8.dropFirst(3).first else { return number }
      if next == UInt8(ascii: " ") || next == UInt8(ascii: "\t") { return number }
    }
    return nil
  }
}
