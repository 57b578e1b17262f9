// What the last apply owned, as the domain itself carries it: the third side of every comparison.

import Spec
public import Vocabulary
public import XMLTree

/// The record in a domain's `<metadata>`: the stack that owns it, and the fields that were applied with their values.
///
/// It tells apart what the spec changed, what the host changed, and what was never Vireo's. libvirt keeps one element
/// of each namespace as it is (formatdomain.html#general-metadata).
public struct OwnershipRecord: Hashable {
  static let namespace = "urn:vireo:stack:1"

  public var stack: String
  /// Values as the spec language writes them, by the object that they belong to and their field: `disks.root` and `size`.
  /// The domain's or network's own stand under ``itself``. A device that the spec says nothing of has no fields.
  private(set) var objects: [String: [String: String]] = [:]

  /// The name of the object that the record is in.
  static let itself = ""

  init(stack: String) {
    self.stack = stack
  }

  subscript(object: String, field: String) -> String? {
    get { objects[object]?[field] }
    set {
      guard newValue != nil || objects[object] != nil else { return }
      objects[object, default: [:]][field] = newValue
    }
  }

  /// What the record has of an object, by field.
  func fields(of object: String) -> [String: String] { objects[object] ?? [:] }

  func hasDevice(_ key: String) -> Bool { objects[key] != nil }

  /// Records a device, whatever the spec says of it.
  mutating func addDevice(_ key: String, _ fields: [String: String]) {
    objects[key, default: [:]].merge(fields) { $1 }
  }

  /// The names of all devices.
  var devices: Set<String> { Set(objects.keys).subtracting([Self.itself]) }

  /// The devices of a collection, by their whole names.
  func devices(of collection: String) -> [String] { objects.keys.filter { $0.hasPrefix(collection + ".") }.sorted() }

  /// Reads the record of a domain; nil for a domain that is no stack's.
  public init?(in domain: XMLElement) {
    guard let element = domain.first("metadata")?.elements.first(where: Self.isRecord),
      let stack = element[attribute: "name"]
    else { return nil }
    self.stack = stack
    for owned in element.elements where owned.name == "owned" {
      var fields: [String: String] = [:]
      var object = Self.itself
      for attribute in owned.attributes {
        if attribute.name == Self.objectAttribute {
          object = attribute.value
        } else {
          fields[attribute.name] = attribute.value
        }
      }
      objects[object] = fields
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
    for (object, fields) in objects.sorted(by: { $0.key < $1.key }) {
      var attributes = fields.sorted { $0.key < $1.key }.map { XMLAttribute($0.key, $0.value) }
      if object != Self.itself { attributes.insert(XMLAttribute(Self.objectAttribute, object), at: 0) }
      var owned = XMLElement("vireo:owned", attributes: attributes, children: [])
      owned.namespaceURI = Self.namespace
      result.append(owned)
    }
    return result
  }

  /// Names the object that values belong to; no field of the vocabulary has this name.
  private static let objectAttribute = "object"

  private static func isRecord(_ element: XMLElement) -> Bool {
    element.name == "stack" && element.namespaceURI == namespace
  }
}

extension OwnershipRecord {
  /// The key of a device that the record has: its alias is Vireo's, or it is what the entry said.
  ///
  /// - Parameters:
  ///   - kind: the device's kind, as the vocabulary names it: `disk`.
  ///   - collection: the collection of the kind: `disks`.
  public func key(of element: XMLElement, kind: String, _ rule: DeviceRule, among collection: String) -> String? {
    switch rule.identity {
    case .alias:
      guard let key = DeviceIdentity.key(of: element, kind: kind) else { return nil }
      return hasDevice("\(collection).\(key)") ? key : nil
    case .attribute(let name):
      guard let value = element[attribute: name] else { return nil }
      // What the entry's field said, or the entry's own name.
      let said = devices(of: collection).first { self[$0, name] == value }
      if let said { return String(said.dropFirst(collection.count + 1)) }
      return hasDevice("\(collection).\(value)") ? value : nil
    case .only:
      return devices(of: collection).first.map { String($0.dropFirst(collection.count + 1)) }
    }
  }
}
