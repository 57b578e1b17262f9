// Places in files as saved data: the path, both positions, and the line that a message shows.

extension SourceRange: Codable {
  private enum CodingKeys: CodingKey {
    case file, line, column, endLine, endColumn, text
  }

  /// Writes the path, the positions and the first line, with its secrets concealed.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(file.path, forKey: .file)
    try container.encode(start.line, forKey: .line)
    try container.encode(start.column, forKey: .column)
    try container.encode(end.line, forKey: .endLine)
    try container.encode(end.column, forKey: .endColumn)
    try container.encode(file.shownLine(start.line), forKey: .text)
  }

  /// Reads a place. Its file has no line but the first of the range, so that messages show the same excerpt.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let line = try container.decode(Int.self, forKey: .line)
    self.init(
      file: SourceFile(
        path: try container.decode(String.self, forKey: .file), text: try container.decode(String.self, forKey: .text),
        firstLine: line),
      start: SourcePosition(line: line, column: try container.decode(Int.self, forKey: .column)),
      end: SourcePosition(
        line: try container.decode(Int.self, forKey: .endLine),
        column: try container.decode(Int.self, forKey: .endColumn)))
  }
}
