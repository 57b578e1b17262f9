// One edit of a domain's spec, as its YAML has it.

import Vocabulary
import YAMLTree

/// A change of one field of an imported domain, or of the presence of one of its devices.
struct SpecEdit: CustomStringConvertible {
  /// What is done to the spec.
  enum Kind: String, CaseIterable {
    /// The field gets another value than it has.
    case change
    /// The field, of which the spec says nothing, gets a value.
    case add
    /// The field is left out.
    case drop
    /// The device is left out.
    case remove
  }

  let kind: Kind
  /// The device's collection and key; nil for the domain's own field.
  let device: (collection: ObjectType.Collection, name: String)?
  /// nil where the whole device is meant.
  let field: Field?
  let value: Value?

  /// What is edited, whichever the document: `disks.bus`.
  var subject: String {
    let name = field?.name ?? ""
    return [device?.collection.key ?? "", name].filter { !$0.isEmpty }.joined(separator: ".")
  }

  var description: String {
    "\(kind) \(device.map { "\($0.collection.key).\($0.name)." } ?? "")\(field?.name ?? "")"
      + (value.map { ": \($0)" } ?? "")
  }

  /// The spec with the edit: a document whose only domain is edited.
  func edited(_ document: YAMLDocument, domain: String) -> YAMLDocument? {
    var keys = ["domains", domain]
    if let device { keys += [device.collection.key, device.name] }
    guard let field else { return Self.put(nil, at: keys[...], in: document, shorthand: nil) }
    keys += field.name.split(separator: ".").map(String.init)
    let type = device?.collection.type ?? Vocabulary.domain
    return Self.put(
      value.map(Self.document), at: keys[...], in: document, shorthand: field.group.flatMap(type.group)?.shorthand)
  }

  /// - Parameter shorthand: what a plain value in place of the last mapping means.
  private static func put(
    _ value: YAMLDocument?, at path: ArraySlice<String>, in document: YAMLDocument, shorthand: String?
  ) -> YAMLDocument? {
    guard let key = path.first else { return value }
    var entries: [(key: String, value: YAMLDocument)] = []
    switch document {
    case .mapping(let present): entries = present
    case .null: break
    case let plain:
      guard let shorthand else { return nil }
      if path.count == 1, key == shorthand { return value ?? .null }
      entries = [(shorthand, plain)]
    }
    let index = entries.firstIndex { $0.key == key }
    let inner: YAMLDocument?
    if path.count == 1 {
      inner = value
    } else {
      guard
        let changed = put(
          value, at: path.dropFirst(), in: index.map { entries[$0].value } ?? .null, shorthand: shorthand)
      else { return nil }
      inner = changed
    }
    switch (index, inner) {
    case (let index?, let inner?): entries[index].value = inner
    case (let index?, nil): entries.remove(at: index)
    case (nil, let inner?): entries.append((key, inner))
    case (nil, nil): return nil
    }
    return entries.isEmpty ? .null : .mapping(entries)
  }

  private static func document(of value: Value) -> YAMLDocument {
    switch value {
    case .integer, .boolean, .secret: .plain(value.description)
    case .list(let values): .list(values.map(document))
    case .table: .mapping(value.sortedEntries.map { ($0.key, document(of: $0.value)) })
    case .concealed(let text): .text(text.text)
    default: .text(value.description)
    }
  }
}
