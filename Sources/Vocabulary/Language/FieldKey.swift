// Typed names of fields. What reads a spec names a field by a key, which also says what its values are: a key that there is not
// does not compile, and the tests hold every key against the tables.

/// The name of a field, with the type of its values: `domain[.state] == .stopped`.
///
/// A key is a static member beside the table that has its field, and stands in ``Vocabulary/keys``. The field itself is what the
/// object's type has for it: `Vocabulary.disk[.target]`.
public struct FieldKey<Content: FieldContent>: Sendable, Hashable {
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

extension Bool: FieldContent {
  /// The truth of a value.
  public static func content(of value: Value) -> Bool? { value.boolean }

  /// Whether the values are true or false.
  public static func holds(_ type: ValueType) -> Bool { if case .boolean = type { true } else { false } }
}

extension Int: FieldContent {
  /// A whole number, or a length of time in seconds.
  public static func content(of value: Value) -> Int? { value.integer ?? value.seconds }

  /// Whether the values are whole numbers or times.
  public static func holds(_ type: ValueType) -> Bool {
    switch type {
    case .integer, .duration: true
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

extension Array: FieldContent where Element: FieldContent {
  /// The contents of a list's values, in their order.
  public static func content(of value: Value) -> [Element]? { value.list?.compactMap(Element.content) }

  /// Whether the values are lists of such.
  public static func holds(_ type: ValueType) -> Bool {
    if case .list(let element) = type { Element.holds(element) } else { false }
  }
}

extension Dictionary: FieldContent where Key == String, Value: FieldContent {
  /// The entries of a table or of a record.
  public static func content(of value: FieldValue) -> [String: Value]? { value.table?.compactMapValues(Value.content) }

  /// Whether the values are tables of such.
  public static func holds(_ type: ValueType) -> Bool {
    switch type {
    case .table(_, let element): Value.holds(element)
    default: false
    }
  }
}

/// A value of a field, where another type is called `Value`.
public typealias FieldValue = Value

extension Value: FieldContent {
  /// The value as it is, for fields whose values have parts.
  public static func content(of value: Value) -> Value? { value }

  /// Whether the values have parts, for which there is no type in Swift.
  public static func holds(_ type: ValueType) -> Bool {
    switch type {
    case .list, .table, .record: true
    default: false
    }
  }
}

extension XMLFragment: FieldContent {
  /// The piece of XML.
  public static func content(of value: Value) -> XMLFragment? {
    if case .xml(let fragment) = value { fragment } else { nil }
  }

  /// Whether the values are pieces of XML.
  public static func holds(_ type: ValueType) -> Bool { if case .xml = type { true } else { false } }
}

/// The words of a field that chooses from a few.
public protocol FieldWord: FieldContent, RawRepresentable<String>, CaseIterable, CustomStringConvertible {}

extension FieldWord {
  /// The word as the spec writes it.
  public var description: String { rawValue }

  /// The case that a value writes; nil for any other word.
  public static func content(of value: Value) -> Self? { value.string.flatMap(Self.init) }

  /// Whether the words of an enumeration are the cases, all of them.
  public static func holds(_ type: ValueType) -> Bool {
    guard case .enumeration(let words) = type else { return false }
    return words.count == allCases.count && words.allSatisfy { Self(rawValue: $0) != nil }
  }
}

extension ObjectType {
  /// The field of a key.
  ///
  /// - Precondition: such objects have it. Where only some of several types do, there is ``has(_:)``.
  public subscript<Content>(key: FieldKey<Content>) -> Field {
    guard let field = field(key.name) else { preconditionFailure("\(name) has no field \(key.name)") }
    assert(Content.holds(field.type), "\(name).\(key.name) has other values than \(Content.self)")
    return field
  }

  /// Whether such objects have the field of a key.
  public func has<Content>(_ key: FieldKey<Content>) -> Bool { field(key.name).map { Content.holds($0.type) } ?? false }
}
