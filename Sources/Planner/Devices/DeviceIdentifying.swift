// What a device is known by: given to a new one, recorded of one that was there, and refused where two could be meant.

import Spec
import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Gives a new device its key as its alias. Where its entry says another alias, or others may mean it by the one that
  /// libvirt makes up, it is known by what it is.
  mutating func identify(
    new element: inout XMLElement, key: String, _ identity: DeviceIdentity, _ device: ObjectSpec
  ) -> DeviceIdentity {
    var identity = identity
    if identity.identity == .alias, device[ifKnown: .alias] != nil || namedAliases.mayName(element) {
      let marks = DeviceMarks(of: element)
      identity.marks = marks
      owned.setMarks(key, concealment.recorded(marks))
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
      let summary = Value.string(device.summary(as: current))
      return [
        FieldChange(
          key, old: summary, new: summary, effect: .define, reason: .spec, detail: detail, range: device.range)
      ]
    }
    guard identity.marks != nil else {
      // A device of which the spec says nothing but that it is there.
      return isKnown || !fieldChanges.isEmpty ? [] : change(FieldChange.metAlready)
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
      owned.setMarks(key, concealment.recorded(marks))
      return isKnown || !fieldChanges.isEmpty ? [] : change(FieldChange.metAlready)
    }
    // Where a device sits matters only for those that nothing else tells apart.
    let sits = known.isOwn || known[.address] == nil || known[.address] == marks[.address]
    guard !sits || !known.agree(with: marks) else {
      owned.setMarks(key, known)
      return []
    }
    owned.setMarks(key, concealment.recorded(marks))
    return fieldChanges.isEmpty ? change("known by \(marks) from now on; recorded") : []
  }

  /// Refuses to guess which of several devices an entry is.
  mutating func refuse(_ device: ObjectSpec, in collection: ObjectType.Collection, among found: [XMLElement]) {
    let key = "\(collection.key).\(device.name)"
    let devices = found.map { "\($0.deviceSummary) (\(DeviceMarks(of: $0)))" }.joined(separator: ", ")
    let words = [FieldKey.target, .mac, .address].first { device.type.has($0) }?.name ?? FieldKey.xml.name
    builder.refuse(
      "ambiguous-device",
      found.count > 1
        ? "\(key) could be any of these devices of the host: \(devices)"
        : "\(key) and another entry could both be this device of the host: \(devices)",
      at: device.range, subject: object,
      suggestion: "write the `\(words)` of the one that is meant"
        + (record?.hasDevice(key) ?? false ? ", or undo the change that was made to them" : ""))
  }

  /// Devices of the running guest without keys of Vireo's that the definition does not have any more: those that the record
  /// has as gone from it, and those that the guest's own record has, which is of the time when it was started.
  func leftovers(of collection: ObjectType.Collection, in running: XMLElement) -> [String: DeviceMarks] {
    guard let observed, let rule = collection.type.device, rule.identity == .alias else { return [:] }
    func identity(_ key: String, _ marks: DeviceMarks) -> DeviceIdentity {
      DeviceIdentity(
        element: rule.element, identity: .alias, value: DeviceIdentity.alias(kind: collection.type.name, key: key),
        marks: marks)
    }
    let prefix = collection.key + "."
    var found: [String: DeviceMarks] = [:]
    for (name, marks) in record?.leavers ?? [:] where name.hasPrefix(prefix) {
      let key = String(name.dropFirst(prefix.count))
      let device = identity(key, marks)
      if device.find(in: running) != nil, device.find(in: observed.inactive) == nil { found[key] = marks }
    }
    if let then = OwnershipRecord(in: running), !then.marks.isEmpty {
      let devices = RecordedDevices(of: collection, in: running, then)
      for (place, key) in devices.keys where then.marks["\(prefix)\(key)"] != nil {
        let device = DeviceIdentity(
          of: devices.elements[place].element, key: key, kind: collection.type.name, rule,
          isAlone: devices.elements.count == 1)
        if device.find(in: observed.inactive) == nil { found[key] = DeviceMarks(of: devices.elements[place].element) }
      }
    }
    return found
  }

  /// Keeps in the record what is known of devices that left the definition, as long as a guest may run that has them. For that
  /// alone nothing is stored.
  mutating func keepLeavers() {
    guard let observed, let leavers = record?.leavers, !leavers.isEmpty else { return }
    guard observed.isActive || xml == observed.inactive else { return }
    for (name, marks) in leavers where !owned.hasDevice(name) { owned.setMarks(name, marks) }
  }
}

extension DeviceMatcher {
  /// The one of several devices that an entry's own fields say it is.
  mutating func settle(_ doubt: [XMLElement], by device: ObjectSpec) -> Int? {
    let telling =
      [FieldKey.target, .mac, .address, .targetName].map(\.name) + [FieldKey.index.name, FieldKey.source.name]
    for field in telling.compactMap(device.type.field) {
      guard let setting = device.settings[field] else { continue }
      let isPath = field == Vocabulary.disk[.source]
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
