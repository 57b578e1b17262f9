// All that distinguishes devices of a kind from others, in one place: how one is found, adopted, shown and called, what a
// running guest takes and releases. A kind without one of these answers does not compile.

public import XMLTree

/// How devices of a kind are treated.
///
/// What can be changed on a device of a running guest stands with its fields, as their ``EffectRule/way``.
public struct DeviceRule: Sendable {
  /// What an entry and its element have in common, by which one is found for the other.
  public enum Identity: Sendable, Hashable, Codable {
    /// By the user alias that Vireo gives the device; libvirt keeps aliases that begin with `ua-`.
    case alias
    /// By an attribute, for elements to which libvirt gives no alias: a display by its `type`. It is what the entry's
    /// field of that name says, or else the entry's own name.
    case attribute(String)
    /// By being the only one of its kind, where libvirt gives no alias.
    case only
  }

  /// What the devices are for, as far as Vireo does more for them than for others.
  public enum Role: Sendable, Hashable {
    /// They have files that Vireo makes and grows. Those that the spec does not declare are reported.
    case storage
    /// They connect the guest to others. Those that the spec does not declare are reported.
    case network
    /// They give the guest something of the host's. Those that the spec does not declare are reported.
    case host
    /// Anything else.
    case other
  }

  /// The element's name under `devices`.
  public let element: String
  /// How an entry finds its element among those of the kind.
  public let identity: Identity
  /// What the devices are for.
  public let role: Role
  /// The ways in which an entry finds an existing device that does not carry its key, in this order.
  public let adoption: [Adoption]
  /// What a plan says of a device.
  public let summary: DeviceSummary
  /// What a running guest takes and lets go of; the first that fits a device decides.
  public let hotplug: [Hotplug]
  /// What a new device of the kind starts from.
  public let template: XMLElement
  /// A number that libvirt counts again with each definition (measured with libvirt 9.0); nil where there is none.
  public let renumbered: XMLPath?
  /// What a device is known by beside the marks that all kinds have.
  let marks: [DeviceMarks.Rule]
  /// Whether libvirt adds such devices by itself.
  let addition: DeviceAddition
  /// What people would call a device, for the keys of an imported spec.
  private let key: DeviceText
  private let aliases: LibvirtAliases
  /// Tells the kind's elements from others of the same name.
  private let belongs: @Sendable (XMLElement) -> Bool
  /// Tells elements that libvirt makes of such devices.
  private let mirrors: @Sendable (XMLElement) -> Bool

  init(
    _ element: String, identity: Identity, role: Role = .other, aliases: LibvirtAliases, marks: [DeviceMarks.Rule],
    adoption: [Adoption], summary: DeviceSummary, key: DeviceText, hotplug: [Hotplug], addition: DeviceAddition,
    template: XMLElement? = nil, renumbered: XMLPath? = nil,
    where belongs: @escaping @Sendable (XMLElement) -> Bool = { _ in true },
    mirrors: @escaping @Sendable (XMLElement) -> Bool = { _ in false }
  ) {
    self.element = element
    self.identity = identity
    self.role = role
    self.aliases = aliases
    self.marks = marks
    self.adoption = adoption
    self.summary = summary
    self.key = key
    self.hotplug = hotplug
    self.addition = addition
    self.template = template ?? XMLElement(element)
    self.renumbered = renumbered
    self.belongs = belongs
    self.mirrors = mirrors
  }

  /// Whether libvirt keeps an alias of such devices. What is found by an attribute has none, and libvirt's schema knows none
  /// of smart cards.
  public var hasAlias: Bool { if case .attribute = identity { false } else { true } }

  /// Whether an element under `devices` is a device of this kind.
  public func matches(_ element: XMLElement) -> Bool { element.name == self.element && belongs(element) }

  /// What people would call a device; nil where the kind's name says it.
  public func usualKey(of device: XMLElement) -> String? { key.text(device) }

  /// What the alias begins with that libvirt gives a device, in front of a number.
  public func aliasPrefixes(of device: XMLElement) -> [String] { aliases.prefixes(device) }

  /// Whether libvirt makes an element under `devices` of a device of this kind, and makes it again where it is missing.
  public func isMirrored(by element: XMLElement) -> Bool { mirrors(element) }

  /// What a running guest makes of a device; nil where it neither takes it nor lets go of it, and it has no place of its own.
  public func hotplug(of device: XMLElement) -> Hotplug? { hotplug.first { $0.holds(device) } }

  /// The kind of a device, by its element's name; nil for an element that no kind of the vocabulary has.
  public static func rule(of device: XMLElement) -> DeviceRule? { all[device.name] }

  private static let all = Dictionary(
    uniqueKeysWithValues: Vocabulary.domain.collections.compactMap(\.type.device).map { ($0.element, $0) })
}

extension ObjectType {
  /// Whether an element under a domain's `devices` is a device of this kind.
  public func holds(_ element: XMLElement) -> Bool { device?.matches(element) ?? false }
}

extension XMLElement {
  /// The devices of a kind that a domain has.
  public func devices(_ kind: ObjectType) -> [XMLElement] {
    guard let rule = kind.device else { return [] }
    return first("devices")?.all(rule.element).filter(rule.matches) ?? []
  }
}

extension ObjectType.Collection {
  /// The domain's collection that has a device; nil for an element of another name.
  public static func holding(_ device: XMLElement) -> ObjectType.Collection? {
    Vocabulary.domain.collections.first { $0.type.holds(device) }
  }
}
