// What a device is known by: given to a new one, recorded of one that was there, and refused where two could be meant.

import Spec
import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Gives a new device its key as its alias. Where others may mean it by the alias that libvirt makes up, it gets none, and
  /// is known by what it is.
  mutating func identify(new element: inout XMLElement, key: String, _ identity: DeviceIdentity) -> DeviceIdentity {
    var identity = identity
    if identity.identity == .alias, namedAliases.mayName(element) {
      let marks = DeviceMarks(of: element)
      identity.marks = marks
      owned.setMarks(key, marks)
    }
    identity.mark(&element)
    identities[key] = identity
    return identity
  }

  /// Records what a device is known by that does not carry its key.
  ///
  /// - Parameters:
  ///   - identity: how it is found as it was.
  ///   - current: the device as it was.
  ///   - fieldChanges: what becomes of it.
  /// - Returns: the change of the record, where nothing else shows that there is one.
  mutating func recordIdentity(
    of element: XMLElement, key: String, _ identity: DeviceIdentity, replacing current: XMLElement,
    _ fieldChanges: [FieldChange], _ device: ObjectSpec
  ) -> [FieldChange] {
    let isKnown = record?.hasDevice(key) ?? true
    func change(_ detail: String) -> [FieldChange] {
      let summary = Value.string(DeviceSummary.text(device, current))
      return [
        FieldChange(
          key, old: summary, new: summary, effect: .define, reason: .spec, detail: detail, range: device.range)
      ]
    }
    guard identity.marks != nil else {
      // A device of which the spec says nothing but that it is there.
      return isKnown || !fieldChanges.isEmpty ? [] : change("is so already; recorded")
    }
    var marks = DeviceMarks(of: element)
    let sort: [DeviceMarks.Mark] = [.type, .model, .bus]
    let before = DeviceMarks(of: current)
    // libvirt gives a device of another sort another place.
    if element != current, sort.contains(where: { before[$0] != marks[$0] }) { marks[.address] = nil }
    var stored = identity
    stored.marks = marks
    stored.count = nil
    identities[key] = stored
    guard let known = record?.marks[key] else {
      owned.setMarks(key, marks)
      return isKnown || !fieldChanges.isEmpty ? [] : change("is so already; recorded")
    }
    // Where a device sits matters only for those that nothing else tells apart.
    let sits = known.isOwn || known[.address] == nil || known[.address] == marks[.address]
    guard !sits || !known.agree(with: marks) else {
      owned.setMarks(key, known)
      return []
    }
    owned.setMarks(key, marks)
    return fieldChanges.isEmpty ? change("known by \(marks) from now on; recorded") : []
  }

  /// Refuses to guess which of several devices an entry is.
  mutating func refuse(_ device: ObjectSpec, in collection: ObjectType.Collection, among found: [XMLElement]) {
    let key = "\(collection.key).\(device.name)"
    let devices = found.map { "\(DeviceSummary.text($0)) (\(DeviceMarks(of: $0)))" }.joined(separator: ", ")
    let fields = ["target", "mac", "address"].filter { device.type.field($0) != nil }
    let words = fields.isEmpty ? "xml" : fields[0]
    builder.refuse(
      "ambiguous-device",
      found.count > 1
        ? "\(key) could be any of these devices of the host: \(devices)"
        : "\(key) and another entry could both be this device of the host: \(devices)",
      at: device.range, subject: object,
      suggestion: "write the `\(words)` of the one that is meant, or undo the change that was made to them")
  }

  /// Devices of the running guest that its record of then has and the definition does not have any more.
  func leftovers(of collection: ObjectType.Collection, in running: XMLElement) -> [String] {
    guard let observed, let then = OwnershipRecord(in: running), !then.marks.isEmpty,
      let rule = collection.type.device, rule.identity == .alias
    else { return [] }
    let devices = RecordedDevices(of: collection, in: running, then)
    return devices.keys.sorted { $0.key < $1.key }.compactMap { place, key in
      guard then.marks["\(collection.key).\(key)"] != nil else { return nil }
      let identity = DeviceIdentity(
        of: devices.elements[place].element, key: key, kind: collection.type.name, rule,
        isAlone: devices.elements.count == 1)
      return identity.find(in: observed.inactive) == nil ? key : nil
    }
  }
}

extension DeviceMatcher {
  /// The one of several devices that an entry's own fields say it is.
  mutating func settle(_ doubt: [XMLElement], by device: ObjectSpec) -> Int? {
    for name in ["target", "mac", "address", "target.name", "index", "source"] {
      guard let setting = device.settings[name], let field = device.type.field(name) else { continue }
      let isPath = device.type.name == "disk" && name == "source"
      let fitting = doubt.filter { element in
        isPath
          ? DiskSource.path(of: element) == setting.value.string
          : field.lens != nil && field.isMet(setting.value, in: element)
      }
      if fitting.count == 1, let place = claim(fitting[0]) { return place }
    }
    let equal = doubt.filter { Self.isEqual($0, to: device) }
    return equal.count == 1 ? claim(equal[0]) : nil
  }
}
