// What new objects and devices are given where the spec is silent: every value that stands in the definition is shown, whoever
// has chosen it.

import Spec
import Vocabulary
import XMLTree

/// Reads what is given. Most of it is the same for all objects of a stack, and read once.
struct GivenValues {
  /// A device that no entry of the spec stands for.
  private struct Device {
    /// What its name begins with: `controllers.usb-0`.
    let name: String
    let values: Value
  }

  private var read = ReadValues()
  private var devices: [XMLElement: Device?] = [:]

  /// The values of a new definition that the spec does not name, as changes.
  ///
  /// - Parameters:
  ///   - element: the definition, or a device of it.
  ///   - owner: what the names of a device's fields begin with: `disks.root.`.
  ///   - shown: the changes that are shown already.
  mutating func changes(
    of object: ObjectSpec, in element: XMLElement, owner: String = "", effect: Effect = .define,
    besides shown: [FieldChange] = []
  ) -> [FieldChange] {
    let fragment = object[ifKnown: .xml]?.root
    return read.values(of: object.type, in: element).compactMap { entry in
      let (field, value) = (entry.field, entry.value)
      guard object.settings[field] == nil else { return nil }
      let name = owner + entry.name
      // What stands in the spec's own XML is shown as such.
      guard !shown.contains(where: { $0.field == name }), fragment.flatMap({ field.lens?.get($0) }) != value else {
        return nil
      }
      return FieldChange(name, new: value, effect: effect, reason: .default, range: object.range)
    }
  }

  /// The name and the values of a device that has no entry; nil for what no field is about.
  mutating func device(_ element: XMLElement) -> (name: String, values: Value)? {
    if let known = devices[element] { return known.map { ($0.name, $0.values) } }
    let device = ObjectType.Collection.holding(element).map { kind in
      let values = read.values(of: kind.type, in: element).map { ($0.name, $0.value) }
      return Device(
        name: "\(kind.key).\(kind.type.device?.usualKey(of: element) ?? element.name)",
        values: .table(Dictionary(values) { first, _ in first }))
    }
    let found = device ?? Self.mirror(element)
    devices[element] = .some(found)
    return found.map { ($0.name, $0.values) }
  }

  /// The first serial port as a console, which is a device of its own in libvirt's XML and for nobody else.
  private static func mirror(_ element: XMLElement) -> Device? {
    guard Vocabulary.serial.device?.isMirrored(by: element) ?? false, let type = element[attribute: "type"] else {
      return nil
    }
    return Device(
      name: "consoles.serial",
      values: .table([FieldKey.type.name: .string(type), FieldKey.targetType.name: .string("serial")]))
  }
}

extension GivenValues {
  /// What a domain is given: the values of a new one, and the devices that no entry of the spec stands for.
  ///
  /// - Parameters:
  ///   - before: the definition before Vireo has added any devices of its own.
  ///   - shown: the changes that are shown already.
  static func changes(
    _ context: DomainContext, _ definition: XMLElement, from before: XMLElement, besides shown: [FieldChange],
    _ given: inout GivenValues
  ) -> [FieldChange] {
    let spec = context.spec
    var changes = context.isNew ? given.changes(of: spec, in: definition, besides: shown) : []
    // A controller takes hold when the device does that it is for.
    let effect = context.isNew ? .define : min(shown.map(\.effect).max() ?? .define, .nextBoot)
    var others = before.first("devices").map { Array($0.elements) } ?? []
    var names: Set<String>?
    for device in definition.first("devices").map({ Array($0.elements) }) ?? [] {
      if let place = others.firstIndex(of: device) {
        others.remove(at: place)
        continue
      }
      guard let (kind, values) = given.device(device) else { continue }
      var name = kind
      var taken =
        names
        ?? Set(
          Vocabulary.domain.collections.flatMap { kind in spec.members(kind.key).map { "\(kind.key).\($0.name)" } })
      while !taken.insert(name).inserted { name += "-1" }
      names = taken
      changes.append(FieldChange(name, new: values, effect: effect, reason: .default, range: spec.range))
    }
    return changes
  }
}
