// Where a thing was written: files, positions and ranges that every message can point at.

import Synchronization

/// A text that a user wrote, kept whole so that a message can show the line it is about.
public final class SourceFile: Sendable {
  /// The name to show: the path as the user gave it, or a name such as `<stdin>`.
  public let path: String
  /// The whole text, as it was read.
  public let text: String
  /// Start of each line as an offset into `text.utf8`.
  private let lineStarts: [Int]
  /// How many lines of the file stand before `text`.
  private let linesBefore: Int
  /// What no excerpt shows, as offsets into `text.utf8`.
  private let concealed = Mutex<[Range<Int>]>([])

  /// - Parameters:
  ///   - path: the name to show.
  ///   - text: the whole text. Lines end with LF, CR LF or a lone CR; a byte order mark may stay at the front.
  public convenience init(path: String, text: String) { self.init(path: path, text: text, firstLine: 1) }

  /// A part of a file that is not at hand as a whole: its text begins with a line other than the first.
  init(path: String, text: String, firstLine: Int) {
    self.path = path
    linesBefore = max(firstLine, 1) - 1
    var text = text
    var starts = [0]
    text.withUTF8 { bytes in
      for offset in bytes.indices {
        if bytes[offset] == UInt8(ascii: "\n") {
          starts.append(offset + 1)
        } else if bytes[offset] == UInt8(ascii: "\r") {
          let next = offset + 1
          if next == bytes.count || bytes[next] != UInt8(ascii: "\n") { starts.append(next) }
        }
      }
    }
    self.text = text
    lineStarts = starts
  }

  /// How many lines the text has; a line break at the end of the text opens one more, empty line.
  public var lineCount: Int { lineStarts.count }

  /// The text of a line without its line break; empty when there is no such line.
  ///
  /// - Parameter number: counted from 1.
  public func line(_ number: Int) -> String {
    guard let offset = start(ofLine: number) else { return "" }
    let utf8 = text.utf8
    let start = utf8.index(utf8.startIndex, offsetBy: offset)
    let end = utf8[start...].firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
    return String(text[start..<(end ?? utf8.endIndex)])
  }

  /// Where a line begins in `text.utf8`; nil for one that is not there.
  private func start(ofLine number: Int) -> Int? {
    let index = number - 1 - linesBefore
    return lineStarts.indices.contains(index) ? lineStarts[index] : nil
  }

  /// The text of a line as messages show it: with an asterisk for each character that is concealed.
  func shownLine(_ number: Int) -> String {
    let line = line(number)
    let ranges = concealed.withLock { $0 }
    guard !ranges.isEmpty, let start = start(ofLine: number) else { return line }
    guard ranges.contains(where: { $0.overlaps(start..<start + line.utf8.count) }) else { return line }
    var shown = String.UnicodeScalarView()
    var offset = start
    for scalar in line.unicodeScalars {
      shown.append(ranges.contains { $0.contains(offset) } ? "*" : scalar)
      offset += UTF8.width(scalar)
    }
    return String(shown)
  }

  /// Keeps a secret out of all excerpts: each place in a range where one of the texts stands as it is, or all of the range
  /// where one is written in another way.
  public func conceal(_ secrets: [String], in range: SourceRange) {
    // Finding the place takes time that grows with the line's length, and most values hold no secret.
    guard !secrets.isEmpty else { return }
    let (start, end) = (utf8Offset(of: range.start), utf8Offset(of: range.end))
    guard start < end else { return }
    var found: [Range<Int>] = []
    for secret in secrets where !secret.isEmpty {
      let places = places(of: secret, in: start..<end)
      found += places.isEmpty ? [start..<end] : places
    }
    concealed.withLock { $0 += found }
  }

  /// Keeps secrets out of all excerpts, wherever they stand in the file as they are.
  public func concealEverywhere(_ secrets: some Sequence<String>) {
    let whole = 0..<text.utf8.count
    let found = secrets.filter { !$0.isEmpty }.flatMap { places(of: $0, in: whole) }
    concealed.withLock { $0 += found }
  }

  private func places(of secret: String, in range: Range<Int>) -> [Range<Int>] {
    let secret = Array(secret.utf8)
    var text = text
    return text.withUTF8 { bytes in
      var places: [Range<Int>] = []
      var index = range.lowerBound
      while index + secret.count <= range.upperBound {
        if bytes[index] == secret[0], bytes[index..<index + secret.count].elementsEqual(secret) {
          places.append(index..<index + secret.count)
          index += secret.count
        } else {
          index += 1
        }
      }
      return places
    }
  }

  /// Keeps all values out of all excerpts, for a text that cannot be read: what is left of a line is a key with its colon,
  /// and the dash of a list's item.
  public func concealValues() {
    let bytes = Array(text.utf8)
    var found: [Range<Int>] = []
    for (line, start) in lineStarts.enumerated() {
      let end = line + 1 < lineStarts.count ? lineStarts[line + 1] : bytes.count
      var place = start
      while place < end, [0x20, 0x09, UInt8(ascii: "-")].contains(bytes[place]) { place += 1 }
      let isKey: (UInt8) -> Bool = { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains(byte)
      }
      let key = bytes[place..<end].prefix(while: isKey)
      let colon = key.endIndex
      // `key: value`, or `key:` alone.
      if !key.isEmpty, colon < end, bytes[colon] == UInt8(ascii: ":"),
        colon + 1 >= end || [0x20, 0x0A, 0x0D].contains(bytes[colon + 1])
      {
        place = colon + 1
        while place < end, bytes[place] == 0x20 { place += 1 }
      }
      if place < end { found.append(place..<end) }
    }
    concealed.withLock { $0 += found }
  }

  /// Where a position stands in `text.utf8`; a column beyond its line's end gives the end of the line.
  public func utf8Offset(of position: SourcePosition) -> Int {
    guard position.line > linesBefore else { return 0 }
    guard let start = start(ofLine: position.line) else { return text.utf8.count }
    let utf8 = text.utf8
    var index = utf8.index(utf8.startIndex, offsetBy: start)
    var remaining = position.column - 1
    while index < utf8.endIndex {
      let byte = utf8[index]
      if byte & 0xC0 != 0x80 {
        if remaining <= 0 || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { break }
        remaining -= 1
      }
      index = utf8.index(after: index)
    }
    return utf8.distance(from: utf8.startIndex, to: index)
  }

  /// The line and column of an offset into `text.utf8`; an offset beyond the end gives the end of the text.
  public func position(utf8Offset: Int) -> SourcePosition {
    let utf8 = text.utf8
    let offset = min(max(utf8Offset, 0), utf8.count)
    var low = 0
    var high = lineStarts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    let start = utf8.index(utf8.startIndex, offsetBy: lineStarts[low])
    let end = utf8.index(utf8.startIndex, offsetBy: offset)
    let scalars = utf8[start..<end].reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
    return SourcePosition(line: linesBefore + low + 1, column: scalars + 1)
  }
}

/// A place in a text: line and column, both counted from 1, columns in Unicode scalars.
public struct SourcePosition: Sendable, Hashable, Comparable {
  // Trees hold two positions a node, so they are kept small.
  private var storedLine: UInt32
  private var storedColumn: UInt32

  /// A position by its line and column, counted from 1; a number that 32 bits cannot hold becomes the nearest that they
  /// can.
  public init(line: Int, column: Int) {
    storedLine = UInt32(clamping: line)
    storedColumn = UInt32(clamping: column)
  }

  /// The line, counted from 1.
  public var line: Int {
    get { Int(storedLine) }
    set { storedLine = UInt32(clamping: newValue) }
  }

  /// The column in Unicode scalars, counted from 1.
  public var column: Int {
    get { Int(storedColumn) }
    set { storedColumn = UInt32(clamping: newValue) }
  }

  /// The order of a text: by lines, and by columns within a line.
  public static func < (left: SourcePosition, right: SourcePosition) -> Bool {
    left.storedLine != right.storedLine ? left.storedLine < right.storedLine : left.storedColumn < right.storedColumn
  }
}

/// A stretch of a file, from `start` up to, not including, `end`.
public struct SourceRange: Sendable {
  /// The file that both positions are in.
  public let file: SourceFile
  /// The position of the first scalar.
  public let start: SourcePosition
  /// The position behind the last scalar; equal to `start` for an empty range.
  public let end: SourcePosition

  /// A range of a file. The caller sees to it that `end` is not before `start`.
  public init(file: SourceFile, start: SourcePosition, end: SourcePosition) {
    self.file = file
    self.start = start
    self.end = end
  }
}

extension SourceRange: Hashable {
  /// Whether two ranges are the same place of the same file. Files are compared by their paths: a run reads each once.
  public static func == (left: SourceRange, right: SourceRange) -> Bool {
    left.file.path == right.file.path && left.start == right.start && left.end == right.end
  }

  /// Hashes what `==` compares: the path and both positions.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(file.path)
    hasher.combine(start)
    hasher.combine(end)
  }
}

extension SourceRange: CustomStringConvertible {
  /// `file:line:column`, as compilers write it.
  public var description: String { "\(file.path):\(start.line):\(start.column)" }
}
