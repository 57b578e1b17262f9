// What people read of a device: its words in a plan, its key in an imported spec, the alias that libvirt gives it.

public import XMLTree

/// A text that is made of a device.
struct DeviceText: Sendable {
  /// The text; nil where the device does not have what it is made of.
  let text: @Sendable (XMLElement) -> String?

  init(_ text: @escaping @Sendable (XMLElement) -> String?) { self.text = text }

  /// No text but the kind's name.
  static let kind = DeviceText { _ in nil }

  /// The first of these values that a device has.
  static func first(_ paths: XMLPath...) -> DeviceText {
    DeviceText { device in paths.lazy.compactMap { device.value(at: $0) }.first }
  }
}

/// A device in a few words, for plans: `overlay on debian-12, 20 GiB`, `network lab`.
public struct DeviceSummary: Sendable {
  /// Reads a field of an entry.
  public typealias Values = (Field) -> Value?

  /// Fields of an entry that the first words tell.
  private let told: Set<String>
  private let device: DeviceText
  private let entry: (@Sendable (Values) -> String)?

  /// - Parameters:
  ///   - told: the fields of an entry that the words tell, so that they are not told again.
  ///   - device: the words for a device of a definition.
  ///   - entry: the words for a new device by what its entry says, where these are others.
  init(telling told: Set<String>, _ device: DeviceText, entry: (@Sendable (Values) -> String)? = nil) {
    self.told = told
    self.device = device
    self.entry = entry
  }

  /// Words that are the value at a path, which is the field's.
  static func field(_ name: String, at path: XMLPath) -> DeviceSummary { DeviceSummary(telling: [name], .first(path)) }

  /// Its type alone.
  static let type = field("type", at: "@type")
  /// The name of its element alone.
  static let kind = DeviceSummary(telling: [], .kind)

  /// A device that a definition has.
  public func text(_ device: XMLElement) -> String { self.device.text(device) ?? device.name }

  /// An entry that becomes a device: what it is, then whatever else the entry says of it.
  public func text(of type: ObjectType, _ values: Values, _ device: XMLElement) -> String {
    let rest = type.fields.compactMap { field in
      told.contains(field.name) ? nil : values(field).map { "\(field.name) \($0)" }
    }
    return ([entry?(values) ?? text(device)] + rest).joined(separator: ", ")
  }
}

/// What the aliases begin with that libvirt gives devices of a kind, in front of a number (qemu_alias.c of libvirt 9.0 to 11).
struct LibvirtAliases: Sendable, ExpressibleByArrayLiteral {
  let prefixes: @Sendable (XMLElement) -> [String]

  init(_ prefixes: @escaping @Sendable (XMLElement) -> [String]) { self.prefixes = prefixes }

  init(arrayLiteral prefixes: String...) { self.prefixes = { _ in prefixes } }
}

/// Whether libvirt adds devices of a kind to definitions that do not ask for them.
struct DeviceAddition: Sendable {
  let isPossible: Bool
  /// Tells a device that no spec needs to ask for, by itself and all devices of the domain.
  let isImplied: @Sendable (_ device: XMLElement, _ devices: XMLElement) -> Bool

  private init(isPossible: Bool, isImplied: @escaping @Sendable (XMLElement, XMLElement) -> Bool) {
    self.isPossible = isPossible
    self.isImplied = isImplied
  }

  /// It never does.
  static let never = DeviceAddition(isPossible: false) { _, _ in false }
  /// It does for a new domain, or where others need them. What it chose is part of the domain.
  static let possible = DeviceAddition(isPossible: true) { _, _ in false }

  /// It does, and always the same ones, so that no spec needs to ask for them.
  static func implied(_ isImplied: @escaping @Sendable (_ device: XMLElement, _ devices: XMLElement) -> Bool) -> Self {
    DeviceAddition(isPossible: true, isImplied: isImplied)
  }
}

extension DeviceRule {
  /// The names of elements that libvirt adds to a definition without being asked.
  public static let added: Set<String> = Set(
    Vocabulary.domain.collections.compactMap(\.type.device).filter(\.addition.isPossible).map(\.element))

  /// Whether a device is one that libvirt adds by itself, always the same, so that no spec needs to ask for it.
  public static func isImplied(_ device: XMLElement, among devices: XMLElement) -> Bool {
    rule(of: device)?.addition.isImplied(device, devices) ?? false
  }
}
