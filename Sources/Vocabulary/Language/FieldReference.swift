// A field as a saved plan has it: by name, and found again in the tables when the plan is read.

/// A field of a table, in something that is saved.
public struct FieldReference: Sendable, Hashable {
  /// The table's entry.
  public let field: Field

  /// A reference to an entry of a table of the language.
  public init(_ field: Field) { self.field = field }

  /// The field of a key.
  ///
  /// - Precondition: objects of the type have it.
  public init<Content>(_ type: ObjectType, _ key: FieldKey<Content>) { self.init(type[key]) }
}

extension FieldReference: Codable {
  private enum CodingKeys: CodingKey {
    case type, name
  }

  /// Writes the name of the entry, and that of the first kind of object whose table has it.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    guard let type = Vocabulary.allTypes.first(where: { $0.field(field.name) == field }) else {
      throw EncodingError.invalidValue(
        self, .init(codingPath: encoder.codingPath, debugDescription: "no table has the field \(field.name)"))
    }
    try container.encode(type.name, forKey: .type)
    try container.encode(field.name, forKey: .name)
  }

  /// Finds the entry in its table.
  ///
  /// - Throws: when there is no such table, or no such field in it.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let (type, name) = (
      try container.decode(String.self, forKey: .type), try container.decode(String.self, forKey: .name)
    )
    guard let field = Vocabulary.allTypes.first(where: { $0.name == type })?.field(name) else {
      throw DecodingError.dataCorruptedError(
        forKey: .name, in: container, debugDescription: "there is no field \(name) of \(type.withArticle)")
    }
    self.init(field)
  }
}
