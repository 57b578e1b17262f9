// Which device of a domain is meant: how an entry of a domain's collections is found among the elements of its XML.

public import XMLTree

/// Which device of a domain is meant.
public struct DeviceIdentity: Sendable, Hashable, Codable {
  /// The element's name under `devices`.
  public var element: String
  /// How the device is found: what ``value`` is the value of.
  public var identity: DeviceRule.Identity
  /// The alias or the attribute's value, as the XML has it; the entry's name for the only one. A device that does not
  /// carry its key has here what it would be.
  public var value: String
  /// What a device is found by that does not carry its key; nil for one that does.
  public var marks: DeviceMarks?
  /// Which of the devices of its name it is, where marks leave a doubt and the order is known.
  public var place: Int?
  /// How many devices of its name there must be for the order to tell; nil where it tells in any case.
  public var count: Int?

  /// A device by what identifies it; `marks` only for one that was there before Vireo and does not carry its key.
  public init(element: String, identity: DeviceRule.Identity, value: String, marks: DeviceMarks? = nil) {
    self.element = element
    self.identity = identity
    self.value = value
    self.marks = marks
  }

  /// The user alias of the device; nil for one that has none.
  public var alias: String? {
    if let marks { return marks[.alias] }
    return identity == .alias ? value : nil
  }

  /// The alias of a device of a kind with a key of the spec: `ua-disk-root`.
  ///
  /// The kind is part of it because aliases are unique in a domain, and keys only among devices of a kind.
  public static func alias(kind: String, key: String) -> String { "ua-\(kind)-\(key)" }

  /// The key of the spec in a device's alias; nil for a device that has none.
  public static func key(of device: XMLElement, kind: String) -> String? {
    device.first("alias")?[attribute: "name"].flatMap { key(alias: $0, kind: kind) }
  }

  /// The key of the spec in an alias; nil in one that is not Vireo's.
  public static func key(alias: String, kind: String) -> String? {
    let prefix = self.alias(kind: kind, key: "")
    return alias.hasPrefix(prefix) ? String(alias.dropFirst(prefix.count)) : nil
  }

  /// Gives a new element what it is found by.
  public func mark(_ device: inout XMLElement) {
    guard marks == nil else { return }
    switch identity {
    case .alias: device.set(value, at: "alias/@name")
    case .attribute(let name) where device[attribute: name] == nil: device[attribute: name] = value
    case .attribute, .only: break
    }
  }

  /// Whether a device carries what this is found by.
  public func isMet(by device: XMLElement) -> Bool {
    guard device.name == element else { return false }
    switch identity {
    case .alias: return device.first("alias")?[attribute: "name"] == value
    case .attribute(let name): return device[attribute: name] == value
    case .only: return true
    }
  }

  /// The device in a domain's XML; nil where it is not there, or more than one could be it.
  public func find(in domain: XMLElement) -> XMLElement? {
    guard let devices = domain.first("devices") else { return nil }
    guard let marks else { return devices.elements.first(where: isMet) }
    let all = devices.all(element)
    switch marks.find(among: all.map(DeviceMarks.init), .known) {
    case .none: return nil
    case .one(let index): return all[index]
    case .several(let found):
      guard let place, found.contains(place), count ?? all.count == all.count else { return nil }
      return all[place]
    }
  }
}
