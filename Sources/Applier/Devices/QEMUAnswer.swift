// What QEMU's monitor answers, and what it is asked: JSON (RFC 8259).

import FoundationEssentials

/// A value of a JSON document.
indirect enum QEMUAnswer: Equatable, Codable {
  case object([String: QEMUAnswer])
  case list([QEMUAnswer])
  case text(String)
  case number(Double)
  case boolean(Bool)
  case null

  /// Reads a document; nil for what is none.
  init?(_ text: String) {
    guard let value = try? JSONDecoder().decode(QEMUAnswer.self, from: Data(text.utf8)) else { return nil }
    self = value
  }

  init(from decoder: any Decoder) throws {
    if let members = try? decoder.container(keyedBy: Key.self) {
      self = .object(
        try Dictionary(
          uniqueKeysWithValues: members.allKeys.map { ($0.stringValue, try members.decode(Self.self, forKey: $0)) }))
    } else if var items = try? decoder.unkeyedContainer() {
      var list: [QEMUAnswer] = []
      while !items.isAtEnd { list.append(try items.decode(Self.self)) }
      self = .list(list)
    } else {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .null
      } else if let truth = try? value.decode(Bool.self) {
        self = .boolean(truth)
      } else if let text = try? value.decode(String.self) {
        self = .text(text)
      } else {
        self = .number(try value.decode(Double.self))
      }
    }
  }

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .object(let members):
      var container = encoder.container(keyedBy: Key.self)
      for (name, value) in members { try container.encode(value, forKey: Key(stringValue: name)) }
    case .list(let items):
      var container = encoder.unkeyedContainer()
      for item in items { try container.encode(item) }
    case .text(let text): try encode(text, to: encoder)
    case .number(let number): try encode(number, to: encoder)
    case .boolean(let truth): try encode(truth, to: encoder)
    case .null:
      var container = encoder.singleValueContainer()
      try container.encodeNil()
    }
  }

  private func encode(_ value: some Encodable, to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(value)
  }

  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  subscript(key: String) -> QEMUAnswer? {
    guard case .object(let members) = self else { return nil }
    return members[key]
  }

  var string: String? {
    guard case .text(let text) = self else { return nil }
    return text
  }

  var items: [QEMUAnswer] {
    guard case .list(let items) = self else { return [] }
    return items
  }

  var truth: Bool? {
    guard case .boolean(let truth) = self else { return nil }
    return truth
  }
}

extension QEMUAnswer: ExpressibleByStringInterpolation, ExpressibleByBooleanLiteral {
  init(stringLiteral text: String) { self = .text(text) }
  init(booleanLiteral truth: Bool) { self = .boolean(truth) }
}

/// A command of QEMU's monitor.
struct QEMUCommand: Encodable {
  var execute: String
  var arguments: [String: QEMUAnswer]

  /// The command in JSON.
  func text() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
}
