// Typed names of fields. What reads a spec names a field by a key, which also says what its values are: a key that there is not
// does not compile, and the tests hold every key against the tables.

/// The name of a field, with the type of its values: `domain[.state] == .stopped`.
///
/// A key is a static member beside the table that has its field, and stands in ``Vocabulary/keys``.
public struct FieldKey<Content: FieldContent>: Sendable {
  /// The field's name in its object's table: `state`.
  public let name: String

  init(_ name: String) { self.name = name }
}

/// What the values of a field are in Swift.
public protocol FieldContent: Sendable, Equatable {
  /// The content of a value; nil for a value of another kind.
  static func content(of value: Value) -> Self?
  /// Whether all values of a type are such.
  static func holds(_ type: ValueType) -> Bool
}

extension String: FieldContent {
  /// The text of a value, also of a concealed one.
  public static func content(of value: Value) -> String? { value.string }

  /// Whether the values are texts, words, paths or names of other objects.
  public static func holds(_ type: ValueType) -> Bool {
    switch type {
    case .text, .enumeration, .path, .reference: true
    default: false
    }
  }
}

extension UInt64: FieldContent {
  /// A size in bytes.
  public static func content(of value: Value) -> UInt64? { value.bytes }

  /// Whether the values are sizes.
  public static func holds(_ type: ValueType) -> Bool { if case .size = type { true } else { false } }
}

/// The words of a field that chooses from a few.
public protocol FieldWord: FieldContent, RawRepresentable<String>, CaseIterable {}

extension FieldWord {
  /// The case that a value writes; nil for any other word.
  public static func content(of value: Value) -> Self? { value.string.flatMap(Self.init) }

  /// Whether the words of an enumeration are the cases, all of them.
  public static func holds(_ type: ValueType) -> Bool {
    guard case .enumeration(let words) = type else { return false }
    return Set(words) == Set(allCases.map(\.rawValue))
  }
}

/// A key without the type of its content, with the tables that have its field.
struct KeyPlace: Sendable {
  let name: String
  let types: [ObjectType]
  /// Whether the content is what the field's values are.
  let holds: @Sendable (ValueType) -> Bool

  init<Content>(_ key: FieldKey<Content>, _ types: ObjectType...) {
    name = key.name
    self.types = types
    holds = Content.holds
  }
}
