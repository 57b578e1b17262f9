// What the last apply owned, as the domain itself carries it: the third side of every comparison.

import Spec
import Vocabulary
public import XMLTree

/// The record in a domain's `<metadata>`: the stack that owns it, and the fields that were applied with their values.
///
/// It tells apart what the spec changed, what the host changed, and what was never Vireo's. libvirt keeps one element
/// of each namespace as it is (formatdomain.html#general-metadata).
public struct OwnershipRecord: Hashable {
  /// The XML namespace of the record's element in `<metadata>`, where libvirt keeps one element of each namespace.
  public static let namespace = "urn:vireo:stack:1"
  /// The prefix that libvirt stores the record with.
  public static let prefix = "vireo"

  /// The name of the stack that owns the object.
  public var stack: String
  /// Values as the spec language writes them, by the object that they belong to and their field: `disks.root` and `size`.
  /// The domain's or network's own stand under ``itself``. A device that the spec says nothing of has no fields.
  private(set) var objects: [String: [String: String]] = [:]

  /// What devices are found by that do not carry their keys, by their whole names: those that were there before Vireo.
  private(set) var marks: [String: DeviceMarks] = [:]

  /// Parts as they were before a change that the spec could not take back alone: devices by their whole names, elements of the
  /// domain's own by their paths, such as `features/apic`.
  var formers: [String: FormerPart] = [:]
  /// The controllers that were there before Vireo first changed the domain, and those that it was made with: whatever libvirt
  /// adds for a device goes with that.
  var controllers: ControllerNumbers?

  /// Texts in a newer notation of the same values, by object and field: they come into the record with the next change of
  /// the object, and are none of their own.
  private var renewals = Renewals()

  private struct Renewals: Hashable {
    var texts: [String: [String: String]] = [:]

    static func == (a: Renewals, b: Renewals) -> Bool { true }
    func hash(into hasher: inout Hasher) {}
  }

  mutating func renew(_ object: String, _ field: Field, as text: String) {
    renewals.texts[object, default: [:]][field.name] = text
  }

  /// The record with its texts in their newest notation.
  var renewed: OwnershipRecord {
    var result = self
    for (object, fields) in renewals.texts { result.objects[object]?.merge(fields) { $1 } }
    return result
  }

  /// The salt of the digests in the record; nil where it has none with one.
  var salt: String? {
    for text in objects.values.lazy.flatMap(\.values) + marks.values.flatMap(\.values.values) {
      if case .salted(let salt)? = SecretMask.notation(in: text) { return salt }
    }
    return nil
  }

  /// The name of the object that the record is in.
  static let itself = ""

  init(stack: String) {
    self.stack = stack
  }

  /// The text that the record has of a field.
  subscript(object: String, field: Field) -> String? {
    get { objects[object]?[field.name] }
    set { set(field.name, of: object, to: newValue) }
  }

  /// The text that the record has of the field of a key.
  subscript<Content>(object: String, key: FieldKey<Content>) -> String? { objects[object]?[key.name] }

  /// What a domain's own record has of a field that a guest or an apply obeys.
  func content<Content>(of key: FieldKey<Content>) -> Content? {
    guard let text = self[Self.itself, key] else { return nil }
    return (try? Vocabulary.domain[key].type.parse(text)).flatMap(Content.content)
  }

  /// The file of a disk that Vireo makes.
  subscript(fileOf disk: String) -> String? {
    get { objects[disk]?[Self.file] }
    set { set(Self.file, of: disk, to: newValue) }
  }

  private mutating func set(_ name: String, of object: String, to text: String?) {
    guard text != nil || objects[object] != nil else { return }
    objects[object, default: [:]][name] = text
  }

  /// The name that the record has for the file of a disk that Vireo makes; no field of the vocabulary has this name.
  static let file = "file"

  /// What the record has of an object, by the name of the field. Another version of Vireo may have written names that this one
  /// does not know.
  func fields(of object: String) -> [String: String] { objects[object] ?? [:] }

  func hasDevice(_ key: String) -> Bool { objects[key] != nil }

  /// Records a device, whatever the spec says of it.
  mutating func addDevice(_ key: String, _ fields: [String: String]) {
    objects[key, default: [:]].merge(fields) { $1 }
  }

  /// The record without what is left to the host again.
  func released(_ places: UnmanagedPlaces) -> OwnershipRecord {
    guard !places.isEmpty else { return self }
    var result = self
    for (object, names) in places.fields { for name in names { result.objects[object]?[name] = nil } }
    for device in devices where places.contains(device: device) {
      result.objects[device] = nil
      result.marks[device] = nil
    }
    // What is released is never put back as it was.
    result.formers = formers.filter { name, _ in
      let isDevice = objects[name] != nil || name.contains(".")
      return isDevice ? !places.contains(device: name) && places.fields[name] == nil : places.fields[Self.itself] == nil
    }
    return result
  }

  /// Takes over what another subject of the same object owns.
  mutating func merge(_ other: OwnershipRecord) {
    guard !other.objects.isEmpty || !other.marks.isEmpty || !other.formers.isEmpty else { return }
    formers.merge(other.formers) { $1 }
    objects.merge(other.objects) { $0.merging($1) { $1 } }
    marks.merge(other.marks) { $1 }
    renewals.texts.merge(other.renewals.texts) { $0.merging($1) { $1 } }
  }

  /// The names of all devices.
  var devices: Set<String> { Set(objects.keys).subtracting([Self.itself]) }

  /// The devices of a collection, by their whole names.
  func devices(of collection: String) -> [String] { objects.keys.filter { $0.hasPrefix(collection + ".") }.sorted() }

  /// The files that Vireo has made for disks.
  package var diskFiles: [String] { devices(of: "disks").compactMap { self[fileOf: $0] } }

  /// Records what a device is found by.
  mutating func setMarks(_ key: String, _ value: DeviceMarks?) { marks[key] = value }

  /// What devices are found by that left the spec while the guest ran with them, by their whole names. The stored definition
  /// does not have them, and only the record shows which devices of the guest they are.
  var leavers: [String: DeviceMarks] { marks.filter { objects[$0.key] == nil } }

  /// Reads the record of a domain; nil for a domain that is not a stack's.
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
    for device in element.elements where device.name == Self.deviceElement {
      guard let object = device[attribute: Self.objectAttribute] else { continue }
      var values: [DeviceMarks.Mark: String] = [:]
      for attribute in device.attributes {
        if let mark = DeviceMarks.Mark(rawValue: attribute.name) { values[mark] = attribute.value }
      }
      marks[object] = DeviceMarks(values)
    }
    for former in element.elements where former.name == Self.formerElement {
      guard let object = former[attribute: Self.objectAttribute] else { continue }
      formers[object] = FormerPart(
        text: former[attribute: "xml"] ?? "",
        dropped: Set((former[attribute: "dropped"] ?? "").split(separator: " ").map(String.init)),
        place: former[attribute: "place"].flatMap(Int.init))
    }
    controllers = element.elements.first { $0.name == Self.controllersElement }?[attribute: "numbers"]
      .flatMap(ControllerNumbers.init)
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

  /// The record as text without its namespace, which libvirt puts to it.
  public var bareText: String {
    func bare(_ element: XMLElement) -> XMLElement {
      XMLElement(
        element.name, attributes: element.attributes,
        children: element.elements.map { XMLNode.element(bare($0)) })
    }
    return bare(element).serialised()
  }

  private var element: XMLElement {
    var result = XMLElement("vireo:stack", ["name": stack])
    result.namespaceDeclarations = [XMLNamespace(prefix: "vireo", uri: Self.namespace)]
    result.namespaceURI = Self.namespace
    for (object, fields) in objects.sorted(by: { $0.key < $1.key }) {
      var attributes = fields.sorted { $0.key < $1.key }.map { XMLAttribute($0.key, $0.value) }
      if object != Self.itself { attributes.insert(XMLAttribute(Self.objectAttribute, object), at: 0) }
      result.append(part("owned", attributes))
    }
    for (object, marks) in marks.sorted(by: { $0.key < $1.key }) {
      let attributes = marks.values.sorted { $0.key.rawValue < $1.key.rawValue }
        .map { XMLAttribute($0.key.rawValue, $0.value) }
      result.append(part(Self.deviceElement, [XMLAttribute(Self.objectAttribute, object)] + attributes))
    }
    for (object, former) in formers.sorted(by: { $0.key < $1.key }) {
      var attributes = [XMLAttribute(Self.objectAttribute, object)]
      if !former.dropped.isEmpty {
        attributes.append(XMLAttribute("dropped", former.dropped.sorted().joined(separator: " ")))
      }
      if let place = former.place { attributes.append(XMLAttribute("place", String(place))) }
      attributes.append(XMLAttribute("xml", former.text))
      result.append(part(Self.formerElement, attributes))
    }
    if let controllers {
      result.append(part(Self.controllersElement, [XMLAttribute("numbers", controllers.description)]))
    }
    return result
  }

  private func part(_ name: String, _ attributes: [XMLAttribute]) -> XMLElement {
    var part = XMLElement("\(Self.prefix):\(name)", attributes: attributes, children: [])
    part.namespaceURI = Self.namespace
    return part
  }

  /// A part as it was.
  private static let formerElement = "former"

  /// The controllers that were there.
  private static let controllersElement = "controllers"

  /// What a device is found by that does not carry its key.
  private static let deviceElement = "device"

  /// Names the object that values belong to; no field of the vocabulary has this name.
  private static let objectAttribute = "object"

  private static func isRecord(_ element: XMLElement) -> Bool {
    element.name == "stack" && element.namespaceURI == namespace
  }
}
