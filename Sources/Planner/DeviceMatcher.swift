// Which device of a definition is which entry of the spec: by its alias, or on first sight by what it is.

import Spec
import Vocabulary
import XMLTree

/// Matches entries of a collection with the devices of a definition, each device once.
struct DeviceMatcher {
  private let rule: DeviceRule
  private let kind: String
  /// The kind's devices that no entry has claimed, by their index among the children of `devices`.
  private(set) var unclaimed: [(index: Int, element: XMLElement)]

  init(_ rule: DeviceRule, kind: String, in domain: XMLElement) {
    self.rule = rule
    self.kind = kind
    unclaimed = []
    for (index, node) in (domain.first("devices")?.children ?? []).enumerated() {
      if let element = node.element, rule.matches(element) { unclaimed.append((index, element)) }
    }
  }

  /// The device that carries the entry's key.
  mutating func claim(bearing device: ObjectSpec) -> Int? {
    switch rule.identity {
    case .alias:
      let alias = DeviceIdentity.alias(kind: kind, key: device.name)
      return claim { $0.value(at: "alias/@name") == alias }
    case .attribute(let name):
      let value = DeviceIdentity(of: device, rule).value
      return claim { $0[attribute: name] == value }
    case .only:
      return claim { _ in true }
    }
  }

  /// A device without a key of Vireo's that is what the entry describes.
  ///
  /// - Parameters:
  ///   - file: the file that the entry's disk is to have.
  ///   - ownedByVireo: whether the domain has been applied before: its disks and interfaces have their keys then.
  mutating func adopt(_ device: ObjectSpec, file: String?, ownedByVireo: Bool) -> Int? {
    switch kind {
    case "disk":
      if let file, let index = claimForeign({ DiskSource.path(of: $0) == file }) { return index }
      guard let target = device["target"]?.string else { return claimEqual(to: device) }
      return claimForeign { $0.value(at: "target/@dev") == target }
    case "interface":
      if let mac = device["mac"]?.string { return claimForeign { $0.value(at: "mac/@address")?.lowercased() == mac } }
      guard !ownedByVireo else { return nil }
      guard let source = Self.source(of: device) else { return claimEqual(to: device) }
      return claimForeign { element in
        element[attribute: "type"] == source.type && source.value == element.value(at: source.path)
      }
    case "watchdog":
      if let index = claimEqual(to: device) { return index }
      // The board has one of these, whatever it does; libvirt from 9.1 on writes it down by itself.
      guard let model = device["model"]?.string, model != "i6300esb" else { return nil }
      return claimForeign { $0[attribute: "model"] == model }
    default:
      if let index = claimEqual(to: device) { return index }
      // Serial ports and the like have no identity but their order; a device of another kind is another one.
      return ["serial", "console", "video"].contains(kind) ? claimForeign { _ in true } : nil
    }
  }

  /// The key of a device that left the spec: its alias is Vireo's, or the record has it.
  func key(of element: XMLElement, among collection: String, in record: OwnershipRecord?) -> String? {
    record?.key(of: element, kind: kind, rule, among: collection)
  }

  /// Claims the first device without another entry's key that is exactly what the entry describes.
  private mutating func claimEqual(to device: ObjectSpec) -> Int? {
    claimForeign { element in
      device.type.fields.allSatisfy { field in
        guard let setting = device.settings[field.name] else { return true }
        if case .xml(let fragment) = setting.value { return fragment.isMet(by: element) }
        return field.lens == nil || field.isMet(setting.value, in: element)
      }
    }
  }

  private mutating func claim(_ matches: (XMLElement) -> Bool) -> Int? {
    guard let position = unclaimed.firstIndex(where: { matches($0.element) }) else { return nil }
    return unclaimed.remove(at: position).index
  }

  /// Claims a device that does not carry another entry's key.
  private mutating func claimForeign(_ matches: (XMLElement) -> Bool) -> Int? {
    return claim { [kind] in DeviceIdentity.key(of: $0, kind: kind) == nil && matches($0) }
  }

  private static func source(of device: ObjectSpec) -> (type: String, path: XMLPath, value: String?)? {
    guard let type = device["type"]?.string else { return nil }
    switch type {
    case "network": return (type, "source/@network", device["network"]?.string)
    case "bridge": return (type, "source/@bridge", device["bridge"]?.string)
    case "direct": return (type, "source/@dev", device["direct"]?.string)
    default: return (type, "source/@none", nil)
    }
  }
}

extension DeviceIdentity {
  /// How the element of an entry is found.
  init(of device: ObjectSpec, _ rule: DeviceRule) {
    let value =
      switch rule.identity {
      case .alias: DeviceIdentity.alias(kind: device.type.name, key: device.name)
      case .attribute(let name): device[name]?.description ?? device.name
      case .only: device.name
      }
    self.init(element: rule.element, identity: rule.identity, value: value)
  }
}
