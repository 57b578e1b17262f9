// The JSON Schema of the spec language (draft 2020-12), for editors and for checks without Vireo.

import Vocabulary

extension SpecLanguage {
  /// The schema as a JSON document.
  ///
  /// Nothing is `required`: profiles and further files can supply every key, and Vireo itself says what is missing from
  /// the whole. Whatever Vireo accepts the schema accepts; rules between fields are Vireo's alone.
  public static func schema() -> String {
    var definitions: [(String, JSON?)] = [("variable", variable)]
    for place in places where !place.path.isEmpty { definitions.append((anchor(place.type), object(place.type))) }
    let head: [(String, JSON?)] = [
      ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
      ("title", .string("Vireo stack")),
    ]
    return JSON.object(
      head + members(of: Vocabulary.stack, isEntry: false) + [("$defs", .object(definitions))]
    ).serialised()
  }

  /// A text with a variable in it, which stands for a value of any kind.
  private static let variable: JSON = .object([
    ("description", .string("A value with variables in it, such as ${memory}.")),
    ("type", .string("string")),
    ("pattern", .string(#"\$\{[A-Za-z_][A-Za-z0-9_]*\}"#)),
  ])

  // MARK: Objects

  private static func object(_ type: ObjectType) -> JSON { .object(members(of: type, isEntry: true)) }

  /// - Parameter isEntry: whether the object is an entry of a collection, which may be empty: `vnc:`.
  private static func members(of type: ObjectType, isEntry: Bool) -> [(String, JSON?)] {
    [
      ("description", .string(type.fullSummary)),
      ("type", isEntry ? .array([.string("object"), .string("null")]) : .string("object")),
      ("properties", .object(properties(of: type, in: nil))),
      ("additionalProperties", .boolean(false)),
    ]
  }

  private static func properties(of type: ObjectType, in group: String?) -> [(String, JSON?)] {
    type.keys(in: group).map { key in
      let name = group.map { "\($0).\(key)" } ?? key
      if let field = type.field(name) { return (key, schema(of: field)) }
      if let inner = type.group(name) { return (key, schema(of: inner, in: type)) }
      return (key, type.collection(key).map(schema))
    }
  }

  private static func schema(of group: FieldGroup, in type: ObjectType) -> JSON {
    let mapping: [(String, JSON?)] = [
      ("type", .string("object")),
      ("properties", .object(properties(of: type, in: group.name))),
      ("additionalProperties", .boolean(false)),
    ]
    let description: (String, JSON?) = ("description", .string(group.summary))
    guard let shorthand = group.shorthand, let field = type.field("\(group.name).\(shorthand)") else {
      return .object([description] + mapping)
    }
    return .object([description, ("anyOf", .array([.object(mapping)] + alternatives(field.type)))])
  }

  private static func schema(of collection: ObjectType.Collection) -> JSON {
    .object([
      ("description", .string("By name. " + collection.type.fullSummary)),
      ("type", .array([.string("object"), .string("null")])),
      ("propertyNames", collection.type.keyRule.pattern.map { .object([("pattern", .string($0))]) }),
      ("additionalProperties", .object([("$ref", .string("#/$defs/" + anchor(collection.type)))])),
    ])
  }

  // MARK: Values

  private static func schema(of field: Field) -> JSON {
    let description: [(String, JSON?)] = [
      ("description", .string(field.fullSummary)), ("default", field.initial.map(plain)),
    ]
    if case .map = field.type {
      return .object(
        description + [
          ("type", .array([.string("object"), .string("null")])),
          ("propertyNames", .object([("pattern", .string("^[A-Za-z_][A-Za-z0-9_]*$"))])),
          ("additionalProperties", .object([("type", types("string", "number", "boolean", "null"))])),
        ])
    }
    return .object(description + [("anyOf", .array(alternatives(field.type)))])
  }

  /// What may stand for a value: the value, a text with a variable, and for lists one element or several.
  private static func alternatives(_ type: ValueType) -> [JSON] {
    let reference = JSON.object([("$ref", .string("#/$defs/variable"))])
    // A mapping is made of values that can hold variables, and is none that a variable could stand for.
    if case .table = type { return [rule(type)] }
    if case .record = type { return [rule(type)] }
    guard case .list(let element) = type else { return [rule(type), reference] }
    let inner = alternatives(element)
    return inner + [.object([("type", .string("array")), ("items", .object([("anyOf", .array(inner))]))])]
  }

  private static func rule(_ type: ValueType) -> JSON {
    switch type {
    case .text(let rule): return text(type, pattern: rule.pattern)
    case .reference(let collection): return text(type, pattern: TextRule.reference(to: collection).pattern)
    case .path, .secretFile: return text(type, pattern: pathPattern)
    case .integer(let range):
      return .object([
        ("type", .string("integer")), ("minimum", .integer(range.lowerBound)),
        ("maximum", range.upperBound == .max ? nil : .integer(range.upperBound)),
      ])
    case .boolean: return .object([("type", .string("boolean"))])
    case .enumeration(let names):
      // YAML reads `3` as a number, which is the word all the same.
      return .object([("enum", .array(names.map(JSON.string) + names.compactMap(Int.init).map(JSON.integer)))])
    case .size:
      return .object([
        ("type", .string("string")), ("pattern", .string(sizePattern)),
        ("examples", .array(["512 MiB", "2 GiB", "20 GB"].map(JSON.string))),
      ])
    case .duration:
      return .object([
        ("type", .string("string")), ("pattern", .string(durationPattern)),
        ("examples", .array(["90 s", "5 min"].map(JSON.string))),
      ])
    case .table(let key, let element):
      return .object([
        ("type", .string("object")), ("minProperties", .integer(1)),
        ("propertyNames", key.pattern.map { .object([("pattern", .string($0))]) }),
        ("additionalProperties", .object([("anyOf", .array(alternatives(element)))])),
      ])
    case .record(let members): return record(members)
    case .xml: return .object([("type", .string("string"))])
    case .list, .map: return .boolean(true)
    }
  }

  /// A record. Members that it needs can come from another file, like every key.
  private static func record(_ members: [ValueType.Member]) -> JSON {
    let properties: [(String, JSON?)] = members.map { member in
      let description: (String, JSON?) = ("description", .string(member.fullSummary))
      return (member.name, .object([description, ("anyOf", .array(alternatives(member.type)))]))
    }
    let isEmptyAllowed = !members.contains(where: \.isRequired)
    return .object([
      ("type", isEmptyAllowed ? .array([.string("object"), .string("null")]) : .string("object")),
      ("properties", .object(properties)),
      ("additionalProperties", .boolean(false)),
    ])
  }

  /// Neither `~` nor a shell's variable is expanded in a path; `$$` is a dollar.
  static let pathPattern = #"^(?!~)([^$\x00]|\$\$|\$(?![A-Za-z_(]))+$"#
  static let sizePattern = "^[0-9]+(\\.[0-9]+)? *(B|[KMGTPE]iB|[kKMGTPE]B)$"
  static let durationPattern = "^[0-9]+ *(s|min|h|d)$"

  /// A text. YAML reads `12` and `true` as other things than texts, and they are texts here all the same.
  private static func text(_ type: ValueType, pattern: String?) -> JSON {
    var names = ["string"]
    if (try? type.parse("1")) != nil { names.append("number") }
    if (try? type.parse("true")) != nil { names.append("boolean") }
    return .object([
      ("type", names.count == 1 ? .string(names[0]) : .array(names.map(JSON.string))),
      ("pattern", pattern.map(JSON.string)),
    ])
  }

  private static func types(_ names: String...) -> JSON { .array(names.map(JSON.string)) }

  /// A value as the spec writes it.
  private static func plain(_ value: Value) -> JSON {
    switch value {
    case .integer, .boolean: JSON(value)
    case .list(let values): .array(values.map(plain))
    case .table: .object(value.sortedEntries.map { ($0.key, plain($0.value)) })
    default: .string(value.description)
    }
  }
}
