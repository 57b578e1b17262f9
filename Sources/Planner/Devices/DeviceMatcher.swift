// Which device of a definition is which entry of the spec: by its alias, or on first sight by what it is.

import Spec
import Vocabulary
import XMLTree

/// Matches entries of a collection with the devices of a definition, each device once.
struct DeviceMatcher {
  private let rule: DeviceRule
  private let kind: String
  private let devices: RecordedDevices
  /// Places of devices that no entry has claimed, by their place in `devices`.
  private var free: [Int]
  /// MAC addresses that entries say: such an interface is nobody else's.
  private let addresses: Set<String>

  init(
    _ rule: DeviceRule, of collection: ObjectType.Collection, in domain: XMLElement, _ record: OwnershipRecord?,
    declared: [ObjectSpec]
  ) {
    self.rule = rule
    kind = collection.type.name
    addresses = Set(declared.compactMap { $0[ifKnown: .mac] })
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
    switch kind {
    case "disk":
      if let file, let index = claimForeign({ DiskSource.path(of: $0) == file }) { return index }
      guard let target = device[.target] else { return claimEqual(to: device) }
      return claimForeign { $0.value(at: "target/@dev") == target }
    case "interface":
      if let mac = device[.mac] { return claimForeign { $0.value(at: "mac/@address")?.lowercased() == mac } }
      guard !ownedByVireo else { return nil }
      guard Self.source(of: device) != nil else { return claimEqual(to: device) }
      return candidates(for: device).first.flatMap { take($0) }
    case "watchdog":
      if let index = claimEqual(to: device) { return index }
      // The board has one of these, whatever it does; libvirt from 9.1 on writes it down by itself.
      guard let model = device[.model], model != "i6300esb" else { return nil }
      return claimForeign { $0[attribute: "model"] == model }
    default:
      if let index = claimEqual(to: device) { return index }
      // A device of another kind is another one.
      return Self.kindsByOrder.contains(kind) ? claimForeign { _ in true } : nil
    }
  }

  /// Serial ports and the like have no identity but their order.
  private static let kindsByOrder = ["serial", "console", "video"]

  // MARK: Several that could be meant

  /// The devices without keys of Vireo's that an entry could be which says nothing that only one device has: by their place in
  /// `devices`. Those that are all that the entry says come before others that it could become.
  private func candidates(for device: ObjectSpec) -> [Int] {
    let foreign = free.filter { devices.keys[$0] == nil }
    var found: [Int]
    switch kind {
    case "interface":
      guard device[.mac] == nil, let source = Self.source(of: device) else { return [] }
      found = foreign.filter { place in
        let element = devices.elements[place].element
        return element[attribute: "type"] == source.type && source.value == element.value(at: source.path)
          && !addresses.contains(element.value(at: "mac/@address")?.lowercased() ?? "")
      }
    case _ where Self.kindsByOrder.contains(kind): found = foreign
    default: return []
    }
    let equal = found.filter { Self.isEqual(devices.elements[$0].element, to: device) }
    return equal.isEmpty ? found : equal
  }

  /// Entries that are to be adopted, each by itself, of which one could be any of more devices than there are entries for.
  /// Where there are as many entries as devices, their order tells, and each device is some entry's.
  ///
  /// - Parameters:
  ///   - entries: those that have no device yet.
  ///   - ownedByVireo: whether the domain has been applied before.
  /// - Returns: the devices that each such entry could be, by the entry's name.
  func doubts(about entries: [ObjectSpec], ownedByVireo: Bool) -> [String: [XMLElement]] {
    // Interfaces of a domain that was applied before are known, or new.
    guard kind != "interface" || !ownedByVireo else { return [:] }
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

  private static func source(of device: ObjectSpec) -> (type: String, path: XMLPath, value: String?)? {
    guard let type = device[.type] else { return nil }
    switch type {
    case "network": return (type, "source/@network", device[.network])
    case "bridge": return (type, "source/@bridge", device[.bridge])
    case "direct": return (type, "source/@dev", device[.direct])
    default: return (type, "source/@none", nil)
    }
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
    guard rule.identity == .alias, element.value(at: "alias/@name") != value else { return }
    var marks = DeviceMarks(of: element)
    if isAlone, !marks.isOwn { marks[.address] = nil }
    self.marks = marks
  }
}
