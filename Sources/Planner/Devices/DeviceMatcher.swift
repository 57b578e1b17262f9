// Which device of a definition is which entry of the spec: by its alias, or on first sight by what it is.

import Spec
import Vocabulary
import XMLTree

/// Matches entries of a collection with the devices of a definition, each device once.
struct DeviceMatcher {
  private let rule: DeviceRule
  private let devices: RecordedDevices
  /// Places of devices that no entry has claimed, by their place in `devices`.
  private var free: [Int]
  /// Values by which entries mean a device, such as MAC addresses: it is nobody else's.
  private let claimedValues: [(field: Field, value: Value)]

  init(
    _ rule: DeviceRule, of collection: ObjectType.Collection, in domain: XMLElement, _ record: OwnershipRecord?,
    declared: [ObjectSpec]
  ) {
    self.rule = rule
    claimedValues = declared.flatMap { device in
      rule.adoption.decidingFields.compactMap { name in
        device.type.field(name).flatMap { field in device.settings[field].map { (field, $0.value) } }
      }
    }
    devices = RecordedDevices(
      of: collection, in: domain, record,
      declared: Dictionary(uniqueKeysWithValues: declared.map { ($0.name, DeviceIdentity(of: $0, rule).value) }))
    free = Array(devices.elements.indices)
  }

  /// The kind's devices that no entry has claimed, by their index among the children of `devices`, with the keys of those
  /// that the record has.
  var unclaimed: [(index: Int, element: XMLElement, key: String?)] {
    free.map { (devices.elements[$0].index, devices.elements[$0].element, devices.keys[$0]) }
  }

  /// How many devices of the kind stand before one, by its index among the children of `devices`.
  func place(of index: Int) -> Int { devices.elements.count { $0.index < index } }

  /// How many devices of the kind there are.
  var count: Int { devices.elements.count }

  /// The devices that an entry could be, where there is more than one.
  func doubt(about device: ObjectSpec) -> [XMLElement]? {
    devices.doubts[device.name].map { $0.map { devices.elements[$0].element } }
  }

  /// The device that carries the entry's key, or that the record has under it.
  mutating func claim(bearing device: ObjectSpec) -> Int? {
    switch rule.identity {
    case .alias:
      guard let place = devices.place(of: device.name) else { return nil }
      return take(place)
    case .attribute(let name):
      let value = DeviceIdentity(of: device, rule).value
      return claim { $0[attribute: name] == value }
    case .only:
      return claim { _ in true }
    }
  }

  /// A device without a Vireo key that is what the entry describes.
  ///
  /// - Parameters:
  ///   - file: the file that the entry's disk is to have.
  ///   - ownedByVireo: whether the domain has been applied before: its disks and interfaces have their keys then.
  mutating func adopt(_ device: ObjectSpec, file: String?, ownedByVireo: Bool) -> Int? {
    for way in rule.adoption {
      switch way {
      case .file:
        if let file, let index = claimForeign({ DiskSource.path(of: $0) == file }) { return index }
      case .field(let name, let exception):
        guard let field = device.type.field(name), let value = device.settings[field]?.value,
          value.string != exception || exception == nil
        else { continue }
        return claimForeign { field.isMet(value, in: $0) }
      case .firstApply: if ownedByVireo { return nil }
      case .equal: if let index = claimEqual(to: device) { return index }
      case .alike(let fields):
        guard Self.value(of: fields[0], in: device) != nil else { continue }
        return candidates(for: device).first.flatMap { take($0) }
      case .order: return claimForeign { _ in true }
      }
    }
    return nil
  }

  // MARK: Several that could be meant

  /// The devices without keys of Vireo's that an entry could be which says nothing that only one device has: by their place in
  /// `devices`. Those that are all that the entry says come before others that it could become.
  private func candidates(for device: ObjectSpec) -> [Int] {
    let foreign = free.filter { devices.keys[$0] == nil }
    let found =
      rule.adoption.lazy.compactMap { way -> [Int]? in
        switch way {
        case .alike(let fields): foreign.filter { isAlike(devices.elements[$0].element, device, in: fields) }
        case .order: foreign
        default: nil
        }
      }.first ?? []
    let equal = found.filter { Self.isEqual(devices.elements[$0].element, to: device) }
    return equal.isEmpty ? found : equal
  }

  /// Whether a device has what an entry says in these fields, the first of which it must say, and nothing that only one
  /// device has is said of either.
  private func isAlike(_ element: XMLElement, _ device: ObjectSpec, in fields: [String]) -> Bool {
    guard Self.value(of: fields[0], in: device) != nil,
      rule.adoption.decidingFields.allSatisfy({ Self.value(of: $0, in: device) == nil })
    else { return false }
    return fields.allSatisfy { device.type.field($0)?.lens?.get(element) == Self.value(of: $0, in: device) }
      && !claimedValues.contains { field, value in field.isMet(value, in: element) }
  }

  /// What an entry says in a field that its kind's own rule names.
  private static func value(of name: String, in device: ObjectSpec) -> Value? {
    device.type.field(name).flatMap { device.settings[$0]?.value }
  }

  /// Entries that are to be adopted, each by itself, of which one could be any of more devices than there are entries for.
  /// Where there are as many entries as devices, their order tells, and each device is some entry's.
  ///
  /// - Parameters:
  ///   - entries: those that have no device yet.
  ///   - ownedByVireo: whether the domain has been applied before.
  /// - Returns: the devices that each such entry could be, by the entry's name.
  func doubts(about entries: [ObjectSpec], ownedByVireo: Bool) -> [String: [XMLElement]] {
    // Such devices of a domain that was applied before are known, or new.
    guard !ownedByVireo || !rule.adoption.contains(.firstApply) else { return [:] }
    let wanted = entries.map { (name: $0.name, places: candidates(for: $0)) }
    var result: [String: [XMLElement]] = [:]
    for (name, places) in wanted where places.count > 1 {
      let rivals = wanted.count { !Set($0.places).isDisjoint(with: places) }
      if rivals < places.count { result[name] = places.map { devices.elements[$0].element } }
    }
    return result
  }

  /// Whether an entry is exactly what one of the devices without an owner is.
  func hasEqual(_ device: ObjectSpec) -> Bool {
    free.contains { devices.keys[$0] == nil && Self.isEqual(devices.elements[$0].element, to: device) }
  }

  /// Claims the first device without another entry's key that is exactly what the entry describes.
  private mutating func claimEqual(to device: ObjectSpec) -> Int? {
    claimForeign { Self.isEqual($0, to: device) }
  }

  /// Whether a device is all that an entry says.
  static func isEqual(_ element: XMLElement, to device: ObjectSpec) -> Bool {
    device.type.fields.allSatisfy { field in
      guard let setting = device.settings[field] else { return true }
      if case .xml(let fragment) = setting.value { return fragment.isMet(by: element) }
      return field.lens == nil || field.isMet(setting.value, in: element)
    }
  }

  private mutating func take(_ place: Int) -> Int? {
    guard let position = free.firstIndex(of: place) else { return nil }
    free.remove(at: position)
    return devices.elements[place].index
  }

  /// Claims a device that no entry has.
  mutating func claim(_ device: XMLElement) -> Int? { claim { $0 == device } }

  private mutating func claim(_ matches: (XMLElement) -> Bool) -> Int? {
    free.first { matches(devices.elements[$0].element) }.flatMap { take($0) }
  }

  /// Claims a device that is not another entry's.
  private mutating func claimForeign(_ matches: (XMLElement) -> Bool) -> Int? {
    free.first { devices.keys[$0] == nil && matches(devices.elements[$0].element) }.flatMap { take($0) }
  }
}

extension DeviceIdentity {
  /// How the element of an entry is found that carries its key, or the alias that the entry says.
  init(of device: ObjectSpec, _ rule: DeviceRule) {
    let value =
      switch rule.identity {
      case .alias: device[ifKnown: .alias] ?? DeviceIdentity.alias(kind: device.type.name, key: device.name)
      case .attribute(let name):
        device.type.field(name).flatMap { device.settings[$0]?.value.description } ?? device.name
      case .only: device.name
      }
    self.init(element: rule.element, identity: rule.identity, value: value)
  }

  /// How a device is found that is there already: by its key where it carries that, by what it is known by otherwise.
  ///
  /// - Parameters:
  ///   - key: the device's key.
  ///   - isAlone: whether it is the only one of its kind, so that its place does not tell it from others.
  init(of element: XMLElement, key: String, kind: String, _ rule: DeviceRule, isAlone: Bool) {
    let value =
      switch rule.identity {
      case .alias: DeviceIdentity.alias(kind: kind, key: key)
      case .attribute(let name): element[attribute: name] ?? key
      case .only: key
      }
    self.init(element: rule.element, identity: rule.identity, value: value)
    guard rule.identity == .alias, element.value(at: .alias) != value else { return }
    var marks = DeviceMarks(of: element)
    if isAlone, !marks.isOwn { marks[.address] = nil }
    self.marks = marks
  }
}
