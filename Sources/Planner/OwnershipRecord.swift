// What the last apply owned, as the domain itself carries it: the third side of every comparison.

import Vocabulary
public import XMLTree

/// The record in a domain's `<metadata>`: the stack that owns it, and the fields that were applied with their values.
///
/// It tells apart what the spec changed, what the host changed, and what was never Vireo's. libvirt keeps one element
/// of each namespace as it is (formatdomain.html#general-metadata).
public struct OwnershipRecord: Hashable {
  static let namespace = "urn:vireo:stack:1"

  public var stack: String
  /// Values as the spec language writes them, by the field's full name: `disks.root.size`.
  var fields: [String: String]

  init(stack: String, fields: [String: String] = [:]) {
    self.stack = stack
    self.fields = fields
  }

  /// Whether the record has a device: by a field of it, or by its own name where the spec says nothing of it.
  func hasDevice(_ key: String) -> Bool {
    fields.keys.contains { $0.hasPrefix(key) && ($0.utf8.count == key.utf8.count || $0.hasPrefix(key + ".")) }
  }

  /// Reads the record of a domain; nil for a domain that is no stack's.
  public init?(in domain: XMLElement) {
    guard let element = domain.first("metadata")?.elements.first(where: Self.isRecord),
      let stack = element[attribute: "name"]
    else { return nil }
    self.stack = stack
    fields = [:]
    for field in element.elements {
      if let name = field[attribute: "name"] { fields[name] = field.text }
    }
  }

  /// Puts the record into a domain; other metadata stays as it is.
  func put(into domain: inout XMLElement) {
    if domain.first("metadata") == nil {
      // Where libvirt's schema and its own output have it: behind the general texts.
      let texts: Set = ["name", "uuid", "genid", "title", "description"]
      let index = domain.children.lastIndex { $0.element.map { texts.contains($0.name) } ?? false }
      domain.insert(XMLElement("metadata"), at: index.map { $0 + 1 } ?? 0)
    }
    domain.update("metadata") { metadata in
      let index = metadata.children.firstIndex { $0.element.map(Self.isRecord) ?? false }
      if let index {
        metadata.replaceChild(at: index, with: element)
      } else {
        metadata.append(element)
      }
    }
  }

  /// Takes the record out of a domain; other metadata stays as it is.
  public static func remove(from domain: inout XMLElement) {
    guard domain.first("metadata")?.elements.contains(where: isRecord) ?? false else { return }
    domain.update("metadata") { metadata in
      metadata.children.removeAll { $0.element.map(isRecord) ?? false }
    }
    if domain.first("metadata")?.children.isEmpty ?? false { domain.removeAll("metadata") }
  }

  private var element: XMLElement {
    var result = XMLElement("vireo:stack", ["name": stack])
    result.namespaceDeclarations = [XMLNamespace(prefix: "vireo", uri: Self.namespace)]
    result.namespaceURI = Self.namespace
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
      var field = XMLElement("vireo:field", ["name": name], text: value)
      field.namespaceURI = Self.namespace
      result.append(field)
    }
    return result
  }

  private static func isRecord(_ element: XMLElement) -> Bool {
    element.name == "stack" && element.namespaceURI == namespace
  }
}
