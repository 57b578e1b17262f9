// Bytes become text: UTF-8, or UTF-16 with a byte order mark; anything else is refused with the place of the mistake.

extension SourceFile {
  /// Reads a file's bytes as text.
  ///
  /// UTF-8 with or without a byte order mark, and UTF-16 with one. Columns count Unicode scalars in either.
  ///
  /// - Throws: a ``Diagnostic`` (rule `text-encoding`) that points at the first byte that is not UTF-8, or names the
  ///   encoding that is not read.
  public convenience init(path: String, bytes: some Collection<UInt8>) throws(Diagnostic) {
    let bytes = Array(bytes)
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
      throw Self.encodingError("the file is UTF-32", in: path)
    }
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      let high = bytes[0] == 0xFE ? 0 : 1
      let units = stride(from: 2, to: bytes.count - 1, by: 2).map {
        UInt16(bytes[$0 + high]) << 8 | UInt16(bytes[$0 + 1 - high])
      }
      guard bytes.count % 2 == 0, let text = String(validating: units, as: UTF16.self) else {
        throw Self.encodingError("the file is not valid UTF-16", in: path)
      }
      self.init(path: path, text: text)
      return
    }
    if let text = String(validating: bytes, as: UTF8.self) {
      self.init(path: path, text: text)
      return
    }
    // The repaired text differs from the bytes first where they are wrong.
    let file = SourceFile(path: path, text: String(decoding: bytes, as: UTF8.self))
    let offset = zip(bytes, file.text.utf8).prefix { $0 == $1 }.count
    let start = file.position(utf8Offset: file.text.utf8Start(atOrBefore: offset))
    let end = SourcePosition(line: start.line, column: start.column + 1)
    throw Diagnostic(
      .error, "text-encoding", "the file is not valid UTF-8 here", at: SourceRange(file: file, start: start, end: end),
      suggestion: "save the file as UTF-8")
  }

  private static func encodingError(_ message: String, in path: String) -> Diagnostic {
    Diagnostic(.error, "text-encoding", message, subject: path, suggestion: "save the file as UTF-8")
  }
}

extension String {
  /// The offset at which the Unicode scalar that a UTF-8 offset lies in begins.
  fileprivate func utf8Start(atOrBefore offset: Int) -> Int {
    var offset = min(offset, utf8.count)
    while offset > 0, offset < utf8.count, utf8[utf8.index(utf8.startIndex, offsetBy: offset)] & 0xC0 == 0x80 {
      offset -= 1
    }
    return offset
  }
}
