// JSON documents (RFC 8259) with members in the order in which they are given, so that two runs can be compared.

import Diagnostics
import Vocabulary

/// A JSON value.
indirect enum JSON {
  case null
  case boolean(Bool)
  case integer(Int)
  case unsigned(UInt64)
  case string(String)
  case array([JSON])
  /// Members in order. Those whose value is nil are left out.
  case object([(String, JSON?)])

  init(_ text: String?) { self = text.map(JSON.string) ?? .null }

  init(_ value: Value) {
    switch value {
    case .string(let text): self = .string(text)
    case .integer(let number): self = .integer(number)
    case .boolean(let flag): self = .boolean(flag)
    case .bytes(let bytes): self = .unsigned(bytes)
    case .seconds(let seconds): self = .integer(seconds)
    case .xml(let fragment): self = .string(fragment.description)
    case .secret, .concealed: self = .string(value.description)
    case .list(let values): self = .array(values.map(JSON.init))
    case .table: self = .object(value.sortedEntries.map { ($0.key, JSON($0.value)) })
    }
  }

  /// Where the spec says something: its file, line and column.
  init(_ range: SourceRange?) {
    guard let range else {
      self = .null
      return
    }
    self = .object([
      ("file", .string(range.file.path)), ("line", .integer(range.start.line)),
      ("column", .integer(range.start.column)),
    ])
  }

  /// A message.
  init(_ diagnostic: Diagnostic) {
    self = .object([
      ("severity", .string(diagnostic.severity.rawValue)), ("rule", .string(diagnostic.rule)),
      ("message", .string(diagnostic.message)), ("subject", JSON(diagnostic.subject)),
      ("suggestion", JSON(diagnostic.suggestion)), ("place", JSON(diagnostic.range)),
      (
        "notes",
        .array(diagnostic.notes.map { .object([("message", .string($0.message)), ("place", JSON($0.range))]) })
      ),
    ])
  }

  /// The document as text, with a line break at its end.
  func serialised() -> String {
    var writer = JSONWriter()
    writer.write(self, depth: 0)
    writer.bytes.append(UInt8(ascii: "\n"))
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

private struct JSONWriter {
  var bytes: [UInt8] = []

  mutating func write(_ value: JSON, depth: Int) {
    switch value {
    case .null: put("null")
    case .boolean(let flag): put(flag ? "true" : "false")
    case .integer(let number): put(String(number))
    case .unsigned(let number): put(String(number))
    case .string(let text): put(jsonString(text))
    case .array(let values):
      writeItems(values, open: "[", close: "]", depth: depth, onOneLine: values.allSatisfy(\.isScalar)) {
        $0.write($1, depth: depth + 1)
      }
    case .object(let members):
      let present = members.compactMap { name, value in value.map { (name, $0) } }
      let isShort = present.count <= 3 && present.allSatisfy { $0.1.isScalar }
      writeItems(present, open: "{", close: "}", depth: depth, onOneLine: isShort) { writer, member in
        writer.put(jsonString(member.0))
        writer.put(": ")
        writer.write(member.1, depth: depth + 1)
      }
    }
  }

  private mutating func writeItems<Item>(
    _ items: [Item], open: String, close: String, depth: Int, onOneLine: Bool,
    write: (inout JSONWriter, Item) -> Void
  ) {
    put(open)
    for (index, item) in items.enumerated() {
      if index > 0 { put(onOneLine ? ", " : ",") }
      if !onOneLine { lineBreak(depth + 1) }
      write(&self, item)
    }
    if !onOneLine, !items.isEmpty { lineBreak(depth) }
    put(close)
  }

  private mutating func lineBreak(_ depth: Int) {
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
  }

  private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
}

extension JSON {
  fileprivate var isScalar: Bool {
    switch self {
    case .null, .boolean, .integer, .unsigned, .string: true
    case .array(let items): items.isEmpty
    case .object(let members): members.isEmpty
    }
  }
}
