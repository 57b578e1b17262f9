// What a device is known by: given to a new one, and recorded of one that was there.

import Spec
import Vocabulary
import XMLTree

extension DevicePlanning {
  /// Gives a new device its key as its alias. Where its entry says another alias, or others may mean it by the one that
  /// libvirt makes up, it is known by what it is, which is recorded.
  ///
  /// - Parameter isFormer: whether the device is given back as it was, with the alias that it had or none.
  func identify(
    new element: inout XMLElement, _ identity: DeviceIdentity, isFormer: Bool
  ) -> (DeviceIdentity, recorded: DeviceMarks?) {
    var identity = identity
    if isFormer {
      // Beside others of its kind it is known by its place.
      identity = DeviceIdentity(of: element, key: device.name, kind: device.type.name, rule, isAlone: false)
      return (identity, identity.marks.map(context.concealment.recorded))
    }
    if identity.identity == .alias, device[ifKnown: .alias] != nil || aliases.mayName(element) {
      identity.marks = DeviceMarks(of: element)
    }
    identity.mark(&element)
    return (identity, identity.marks.map(context.concealment.recorded))
  }

  /// What a device is known by afterwards that does not carry its key.
  struct Known {
    /// How it is found; nil where that stays as it was.
    var identity: DeviceIdentity?
    /// What the record has of it.
    var recorded: DeviceMarks?
    /// The change of the record, where nothing else shows that there is one.
    var change: FieldChange?
  }

  /// Works out what a device is known by that does not carry its key.
  ///
  /// - Parameters:
  ///   - identity: how it is found as it was.
  ///   - current: the device as it was.
  ///   - isChanged: whether other changes of it are shown.
  func recordIdentity(
    of element: XMLElement, _ identity: DeviceIdentity, replacing current: XMLElement, isChanged: Bool
  ) -> Known {
    let isKnown = context.record?.hasDevice(key) ?? true
    func change(_ detail: String) -> FieldChange? {
      guard !isChanged else { return nil }
      let summary = Value.string(device.summary(as: current))
      return FieldChange(
        key, old: summary, new: summary, effect: .define, reason: .spec, detail: detail, range: device.range)
    }
    guard identity.marks != nil else {
      // A device of which the spec says nothing but that it is there.
      return Known(change: isKnown ? nil : change(FieldChange.metAlready))
    }
    var marks = DeviceMarks(of: element)
    let sort: [DeviceMarks.Mark] = [.type, .model, .bus]
    let before = DeviceMarks(of: current)
    // libvirt gives a device of another sort another place.
    if element != current, sort.contains(where: { before[$0] != marks[$0] }) { marks[.address] = nil }
    var stored = identity
    stored.marks = marks
    stored.count = nil
    let recorded = context.concealment.recorded(marks)
    guard let known = context.record?.marks[key] else {
      return Known(
        identity: stored, recorded: recorded, change: isKnown ? nil : change(FieldChange.metAlready))
    }
    // Where a device sits matters only for those that nothing else tells apart.
    let sits = known.isOwn || known[.address] == nil || known[.address] == marks[.address]
    guard !sits || !known.agree(with: marks) else { return Known(identity: stored, recorded: known) }
    return Known(identity: stored, recorded: recorded, change: change("identified by \(marks) now; recorded"))
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
