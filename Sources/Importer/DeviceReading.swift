// A domain's devices as entries of the spec's collections.

import Planner
import Vocabulary
import XMLTree

/// Reads devices, and takes those that it could read out of the definition.
struct DeviceReading {
  /// How many devices have had a name.
  var names: [String: Int]
  private(set) var objects: [String: [ImportedObject]] = [:]
  /// Devices whose entries say as little as they must with fields, and the rest in libvirt's own XML: `disks.vda`.
  let raw: Set<String>

  init(names: [String: Int] = [:], raw: Set<String> = []) {
    (self.names, self.raw) = (names, raw)
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
  ///
  /// A device that its fields cannot say keeps its entry, and with it its place among the others: what identifies it is said
  /// with fields, and all else in the entry's own XML.
  private mutating func object(for element: XMLElement, in collection: ObjectType.Collection) -> ImportedObject? {
    let type = collection.type
    guard let rule = type.device else { return nil }
    var element = element
    let alias = element.value(at: .alias)
    element.removeAll("alias")
    let before = names
    let name = name(for: element, alias: alias, rule, kind: type.name, in: collection.key)
    let isRaw = raw.contains("\(collection.key).\(name)")
    guard
      var object = (isRaw ? nil : read(element, type, rule, isRaw: false)) ?? read(element, type, rule, isRaw: true)
    else {
      names = before
      return nil
    }
    object.name = name
    if type.has(.alias) { object[.alias] = Self.alias(alias, of: type, rule, key: name) }
    return object
  }

  /// What an entry says of a device, without its name.
  ///
  /// - Parameter isRaw: whether fields say only what identifies the device.
  private func read(_ element: XMLElement, _ type: ObjectType, _ rule: DeviceRule, isRaw: Bool) -> ImportedObject? {
    var start = rule.template
    var object = ImportedObject(type, "")
    let identifying = Set(rule.adoption.decidingFields.compactMap(type.field))
    if isRaw, identifying.isEmpty { return nil }
    if rule.role == .storage {
      if isRaw {
        start[attribute: "type"] = nil
      } else if !readFile(of: element, into: &object, &start) {
        return nil
      }
    }
    guard XMLFragment(start).isMet(within: element) else { return nil }
    let reading = FieldReading(
      element, as: type, from: start, skipping: isRaw ? Set(type.fields).subtracting(identifying) : [])
    guard !isRaw || identifying.contains(where: { reading.values[$0] != nil }) else { return nil }
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

  /// The file or block device of a disk, which Vireo itself puts. A path or a format that no entry can say is left to
  /// libvirt's own XML.
  ///
  /// - Returns: false for a disk that cannot be an entry.
  private func readFile(of disk: XMLElement, into object: inout ImportedObject, _ start: inout XMLElement) -> Bool {
    guard let type = disk[attribute: "type"], ["file", "block"].contains(type) else {
      // Networks, volumes and the like have fields of their own.
      start[attribute: "type"] = nil
      return disk.first("source") != nil
    }
    let path = DiskSource.path(of: disk).map(Value.string)
    let format = disk.value(at: .diskFormat).map(Value.string)
    if let path, let format, object.type[.source].canSay(path), object.type[.format].canSay(format) {
      DiskSource.put(path.string, into: &start)
      (object[.source], object[.format]) = (path, format)
    } else if disk.first("source") == nil, !DiskSource.isTray(disk) {
      return false
    }
    if start[attribute: "type"] != type {
      object[.blockDevice] = .boolean(type == "block")
      object.type[.blockDevice].lens?.put(.boolean(type == "block"), into: &start)
    }
    return true
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
