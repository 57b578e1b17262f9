// An object that was read off a host, on its way into a spec file.

import Vocabulary
import XMLTree
import YAMLTree

/// An object with what a spec has to say of it, as the vocabulary's tables name it.
struct ImportedObject {
  let type: ObjectType
  var name: String
  /// Values by field.
  var values: [Field: Value] = [:]
  /// Objects within it by collection, in the host's order.
  var members: [String: [ImportedObject]] = [:]

  init(_ type: ObjectType, _ name: String) {
    self.type = type
    self.name = name
  }

  /// The value of the field of a key.
  ///
  /// - Precondition: such objects have the field.
  subscript<Content>(key: FieldKey<Content>) -> Value? {
    get { values[type[key]] }
    set { values[type[key]] = newValue }
  }

  /// Whether it has a secret that plans do not show.
  var isConfidential: Bool {
    type.has(.sensitive) && self[.sensitive] != nil || values.values.contains(where: \.isConfidential)
      || members.values.joined().contains(where: \.isConfidential)
  }

  /// The object as YAML: fields in the table's order, groups as mappings of their own.
  func document() -> YAMLDocument {
    var entries = Entries()
    for field in type.fields {
      guard let value = values[field], !field.isFragment else { continue }
      entries.put(value.document(of: field), at: path(of: field)[...])
    }
    for collection in type.collections {
      guard let objects = members[collection.key] else { continue }
      entries.list.append((collection.key, .mapping(objects.map { ($0.name, $0.document()) })))
    }
    if type.has(.xml), let fragment = self[.xml] {
      entries.list.append((FieldKey.xml.name, fragment.document(of: type[.xml])))
    }
    return entries.list.isEmpty ? .null : .mapping(entries.list)
  }

  /// The keys that lead to a field; a group of which only the short form is said is the value itself.
  private func path(of field: Field) -> [String] {
    let keys = field.name.split(separator: ".").map(String.init)
    guard let group = field.group.flatMap(type.group), let shorthand = group.shorthand,
      field.name == "\(group.name).\(shorthand)",
      !values.keys.contains(where: { $0 != field && $0.name.hasPrefix(group.name + ".") })
    else { return keys }
    return keys.dropLast()
  }

  /// Entries of a mapping under construction.
  private struct Entries {
    var list: [(key: String, value: YAMLDocument)] = []

    mutating func put(_ value: YAMLDocument, at path: ArraySlice<String>) {
      guard let key = path.first else { return }
      guard path.count > 1 else { return list.append((key, value)) }
      let index = list.firstIndex { $0.key == key }
      var inner = Entries()
      if let index, case .mapping(let entries) = list[index].value { inner.list = entries }
      inner.put(value, at: path.dropFirst())
      if let index { list[index].value = .mapping(inner.list) } else { list.append((key, .mapping(inner.list))) }
    }
  }
}

extension Value {
  /// The value as a spec writes it. A `$` is doubled, for a single one begins a variable.
  func document(of field: Field) -> YAMLDocument {
    switch self {
    case .string(let text): .text(text.escapingVariables)
    case .concealed(let value): .text(value.text.escapingVariables)
    case .integer, .boolean, .secret: .plain(description)
    case .bytes, .seconds: .text(description)
    case .list(let values): .list(values.map { $0.document(of: field) })
    case .table: .mapping(sortedEntries.map { ($0.key, $0.value.document(of: field)) })
    case .xml(let fragment): .block(fragment.text(indent: 2).escapingVariables)
    }
  }
}

extension String {
  var escapingVariables: String {
    utf8.contains(UInt8(ascii: "$"))
      ? split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$") : self
  }
}
