// Exact places: libyaml's marks include anchors and tags at the front, and line breaks at the end of block scalars.

import Diagnostics

extension InputText {
  /// Where a node itself begins, behind its anchor, tag, and the blanks, comments and line breaks after these.
  ///
  /// Questions come in the order of the text, so each goes on from the last: thousands of anchors on one line cost no
  /// more than reading the line once.
  mutating func skippingProperties(from position: SourcePosition, notBeyond limit: SourcePosition?) -> SourcePosition {
    if cursor.position.line != position.line || cursor.position > position {
      let start = SourcePosition(line: position.line, column: 1)
      cursor = Cursor(position: start, offset: file.utf8Offset(of: start))
    }
    text.withUTF8 { bytes in
      while cursor.position < position, cursor.offset < bytes.count { cursor.advance(bytes) }
      var inAnchor = false
      var inTag = false
      var inComment = false
      while cursor.offset < bytes.count {
        let byte = bytes[cursor.offset]
        if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
          (inAnchor, inTag, inComment) = (false, false, false)
        } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
          (inAnchor, inTag) = (false, false)
        } else if inComment {
          // Goes on to the end of the line.
        } else if inAnchor {
          // libyaml takes letters, digits, `-` and `_`; what comes right after belongs to the node.
          if !Self.isAnchorCharacter(byte) { break }
        } else if inTag {
          // In a flow collection a comma or bracket may follow right after.
          if ",[]{}".utf8.contains(byte) { break }
        } else if byte == UInt8(ascii: "&") {
          inAnchor = true
        } else if byte == UInt8(ascii: "!") {
          inTag = true
        } else if byte == UInt8(ascii: "#") {
          inComment = true
        } else {
          break
        }
        cursor.advance(bytes)
      }
    }
    return limit.map { min($0, cursor.position) } ?? cursor.position
  }

  private static func isAnchorCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// A position and its offset in the text, moved on together.
  struct Cursor {
    var position = SourcePosition(line: 1, column: 1)
    var offset = 0

    /// Moves on by one Unicode scalar.
    mutating func advance(_ bytes: UnsafeBufferPointer<UInt8>) {
      let byte = bytes[offset]
      offset += 1
      if byte == UInt8(ascii: "\n")
        || (byte == UInt8(ascii: "\r") && !(offset < bytes.count && bytes[offset] == UInt8(ascii: "\n")))
      {
        position = SourcePosition(line: position.line + 1, column: 1)
        return
      }
      while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
      position.column += 1
    }
  }

  /// The tag among the properties that begin at a position.
  func tagRange(from position: SourcePosition) -> SourceRange {
    let line = Array(file.line(position.line).unicodeScalars)
    var start = min(position.column - 1, line.count)
    if start < line.count, line[start] == "&", let found = line[start...].firstIndex(of: "!") { start = found }
    let end = line[start...].firstIndex { $0 == " " || $0 == "\t" } ?? line.count
    return SourceRange(
      file: file, start: SourcePosition(line: position.line, column: start + 1),
      end: SourcePosition(line: position.line, column: end + 1))
  }

  /// The end of a block scalar's last line that has text, instead of the start of what follows.
  func trimmedEnd(_ end: SourcePosition, start: SourcePosition) -> SourcePosition {
    var line = end.line
    var text = end.column == 1 ? "" : file.line(line)
    while line > start.line, text.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
      line -= 1
      text = file.line(line)
    }
    return SourcePosition(line: line, column: text.unicodeScalars.count + 1)
  }

  /// A place on a blank line at the end of the text, or beyond it, moved back to the end of what was written.
  func backFromBlankEnd(_ place: SourcePosition) -> SourcePosition {
    let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    let rest = file.text.utf8.dropFirst(file.utf8Offset(of: place))
    guard rest.allSatisfy(isBlank) else { return place }
    let end = trimmedEnd(place, start: SourcePosition(line: 1, column: 1))
    return end.line < place.line ? end : place
  }
}
