// JSON documents as the tests look into them.

import FoundationEssentials

/// A JSON document that was read by another program's parser.
indirect enum Parsed: Decodable, Equatable {
  case null
  case boolean(Bool)
  case number(Int)
  case string(String)
  case array([Parsed])
  case object([String: Parsed])

  init(_ text: String) throws { self = try JSONDecoder().decode(Parsed.self, from: Data(text.utf8)) }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Int.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([Parsed].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: Parsed].self))
    }
  }

  subscript(key: String) -> Parsed? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  subscript(index: Int) -> Parsed? {
    if case .array(let items) = self, items.indices.contains(index) { items[index] } else { nil }
  }

  var count: Int {
    if case .array(let items) = self { items.count } else { 0 }
  }
}
