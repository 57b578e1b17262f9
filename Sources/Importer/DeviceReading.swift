// A domain's devices as entries of the spec's collections.

import Planner
import Vocabulary
import XMLTree

/// Reads devices, and takes those that it could read out of the definition.
struct DeviceReading {
  /// How many devices have had a name.
  var names: [String: Int]
  private(set) var objects: [String: [ImportedObject]] = [:]

  init(names: [String: Int]) {
    self.names = names
  }

  mutating func read(_ domain: inout XMLElement) {
    guard var devices = domain.first("devices") else { return }
    var rest: [XMLNode] = []
    for node in devices.children {
      guard let element = node.element, let collection = ObjectType.Collection.holding(element),
        let object = object(for: element, in: collection)
      else {
        rest.append(node)
        continue
      }
      objects[collection.key, default: []].append(object)
    }
    devices.children = rest
    domain.update("devices") { $0 = devices }
  }

  /// The entry that makes the device; nil where none can.
  private mutating func object(for element: XMLElement, in collection: ObjectType.Collection) -> ImportedObject? {
    let type = collection.type
    guard let rule = type.device else { return nil }
    var element = element
    let alias = element.value(at: .alias)
    element.removeAll("alias")
    var start = rule.template
    var object = ImportedObject(type, "")
    if rule.role == .storage, !readFile(of: element, into: &object, &start) { return nil }
    guard XMLFragment(start).isMet(within: element) else { return nil }
    let reading = FieldReading(element, as: type, from: start)
    object.values.merge(reading.values) { _, read in read }
    // What is left is what the entry does not make of a new device by itself, and not what was read beside it.
    let made = Self.element(for: object, reading, rule)
    if let rest = XMLFragment.rest(of: element, beyond: made) {
      // Merging must give the device again, whatever it is made of.
      var again = made
      rest.merge(into: &again)
      guard difference(again, element, options: .siblings).isEmpty else { return nil }
      object[.xml] = .xml(rest)
    } else {
      guard XMLFragment(made).isMet(within: element) else { return nil }
    }
    object.name = name(for: element, alias: alias, rule, kind: type.name, in: collection.key)
    if type.has(.alias) { object[.alias] = Self.alias(alias, of: type, rule, key: object.name) }
    return object
  }

  /// The alias of a device as its entry says it; nil for the one that the entry's key stands for.
  private static func alias(_ alias: String?, of type: ObjectType, _ rule: DeviceRule, key: String) -> Value? {
    guard let value = alias.map(Value.string), type[.alias].canSay(value) else { return nil }
    let isKey = rule.identity == .alias && alias == DeviceIdentity.alias(kind: type.name, key: key)
    return isKey ? nil : value
  }

  /// The device that an entry makes on an empty host, with what libvirt fills in by itself.
  private static func element(for object: ImportedObject, _ reading: FieldReading, _ rule: DeviceRule) -> XMLElement {
    var element = rule.template
    if rule.role == .storage { DiskSource.put(object[.source]?.string, into: &element) }
    for field in object.type.fields where field.lens != nil {
      guard let value = object.values[field] ?? reading.implied[field] else { continue }
      field.lens?.put(value, into: &element)
    }
    return element
  }

  /// The file or block device of a disk, which Vireo itself puts.
  ///
  /// - Returns: false for a disk that cannot be an entry.
  private func readFile(of disk: XMLElement, into object: inout ImportedObject, _ start: inout XMLElement) -> Bool {
    guard let path = DiskSource.path(of: disk) else {
      // Networks, volumes and the like have fields of their own.
      if let type = disk[attribute: "type"], !["file", "block"].contains(type) { start[attribute: "type"] = nil }
      return disk[attribute: "type"] != "block" && (disk.first("source") != nil || DiskSource.isTray(disk))
    }
    guard path.hasPrefix("/"), let format = disk.value(at: .diskFormat) else { return false }
    DiskSource.put(path, into: &start)
    guard start[attribute: "type"] == disk[attribute: "type"] else { return false }
    object[.source] = .string(path)
    object[.format] = .string(format)
    return object.type[.format].canSay(.string(format))
  }

  // MARK: Names

  /// A name for a device: the one that its alias carries, or what people would call it.
  private mutating func name(
    for element: XMLElement, alias: String?, _ rule: DeviceRule, kind: String, in collection: String
  ) -> String {
    if let alias, let key = DeviceIdentity.key(alias: alias, kind: kind), claim(key, in: collection) { return key }
    let base = Self.sanitised(rule.usualKey(of: element) ?? kind)
    if claim(base, in: collection) { return base }
    return (1...).lazy.map { "\(base)-\($0)" }.first { claim($0, in: collection) } ?? base
  }

  private mutating func claim(_ name: String, in collection: String) -> Bool {
    guard (try? TextRule.deviceKey.normalised(name)) != nil else { return false }
    return names.updateValue(1, forKey: "\(collection).\(name)") == nil
  }

  private static func sanitised(_ name: String) -> String {
    let text = String(
      name.unicodeScalars.prefix(48).map { scalar in
        scalar.isASCII
          && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
            || "_-".unicodeScalars.contains(scalar))
          ? Character(scalar) : "-"
      })
    return text.isEmpty ? "device" : text
  }
}
