// What a device is known by that does not carry a Vireo key: it was there before, with the alias that it has or none.
//
// Aliases are named by others, in `qemu:override`, in `qemu:commandline` and by tools, so an adoption gives none and takes
// none. What a device is known by is kept in the record instead, and this is how it is found by that.

public import XMLTree

/// What tells a device from others of its kind.
public struct DeviceMarks: Sendable, Hashable, Codable {
  /// A mark, by the name that the record has for it.
  public enum Mark: String, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    /// The user alias that it had already.
    case alias
    /// What no other of its kind has: a disk's target or the folder in the guest, the MAC address, a controller's type and
    /// number, a channel's name, a port, what of the host it is.
    case target, mac, index, name, port, source, serial
    /// What kind of thing it is.
    case type, model, bus
    /// Where it sits in the guest.
    case address
  }

  /// The marks by which a device is known for itself.
  private static let own: [Mark] = [.target, .mac, .index, .name, .port, .source, .serial]
  /// The marks that devices have in common.
  private static let common: [Mark] = [.type, .model, .bus]

  /// The marks that the device has; an empty value is none, and has no entry.
  public private(set) var values: [Mark: String]

  /// Marks that were recorded or are known otherwise.
  public init(_ values: [Mark: String]) { self.values = values }

  /// The marks of a device as a definition, stored or running, has it.
  public init(of device: XMLElement) {
    values = [:]
    func set(_ mark: Mark, _ value: String?) {
      if let value, !value.isEmpty { values[mark] = value }
    }
    // What libvirt chose by itself is not kept in a stored definition.
    if let alias = device.value(at: "alias/@name"), alias.hasPrefix("ua-") { set(.alias, alias) }
    if let address = device.first("address"), device.all("address").count == 1, address[attribute: "type"] != nil {
      set(
        .address,
        address.attributes.filter { $0.name != "multifunction" }.map { "\($0.name)=\($0.value)" }.sorted()
          .joined(separator: " "))
    }
    set(.type, device[attribute: "type"])
    set(.model, device[attribute: "model"] ?? device.value(at: "model/@type") ?? device.value(at: "model/@name"))
    set(.bus, device[attribute: "bus"] ?? device.value(at: "target/@bus"))
    for rule in DeviceRule.rule(of: device)?.marks ?? [] {
      values[rule.mark] = nil
      set(rule.mark, rule.read(device))
    }
  }

  /// The marks with masks in place of secrets, for a record.
  public func concealing(_ notation: SecretNotation, where isSecret: (String) -> Bool) -> DeviceMarks {
    DeviceMarks(values.mapValues { isSecret($0) ? SecretMask.mask($0, notation) : $0 })
  }

  /// Whether two marks are the same, or one of them the mask of the other.
  private static func isSame(_ a: String?, _ b: String?) -> Bool {
    guard let a, let b else { return a == b }
    return a == b || SecretMask.isPair(a, b)
  }

  /// The value of a mark; nil where the device does not have it.
  public subscript(mark: Mark) -> String? {
    get { values[mark] }
    set { values[mark] = newValue }
  }

  /// Whether there is a mark that no other device of the kind has, the address aside.
  public var isOwn: Bool { values[.alias] != nil || Self.own.contains { values[$0] != nil } }

  /// Whether a device is still known by all that this says, wherever it sits.
  public func agree(with other: DeviceMarks) -> Bool {
    values.allSatisfy { $0.key == .address || Self.isSame(other.values[$0.key], $0.value) }
  }

  private func sitsWhere(_ other: DeviceMarks) -> Bool {
    values[.address] != nil && values[.address] == other.values[.address]
  }

  /// Whether a device of the same sort sits where this did.
  private func hasPlace(of other: DeviceMarks) -> Bool {
    sitsWhere(other) && isAlike(other) && (!isOwn || Self.common.contains { values[$0] != nil })
  }

  /// Whether a device is of the sort that this says.
  private func isAlike(_ other: DeviceMarks) -> Bool {
    Self.common.allSatisfy { values[$0] == nil || Self.isSame(values[$0], other.values[$0]) }
  }

  // MARK: Finding

  /// What devices these marks may mean.
  public enum Finding: Sendable, Hashable {
    /// No device fits.
    case none
    /// This device, by its index among those that were searched.
    case one(Int)
    /// Two marks lead to two devices, or one mark to several.
    case several([Int])
  }

  /// How much the marks are trusted.
  public enum Care: Sendable {
    /// Marks that lead to different devices are a doubt.
    case strict
    /// The first of the marks decides: for looking a device up that has been found before, as it runs or was stored, where
    /// later marks may be about to change.
    case known
  }

  /// The device among others of its kind, by their indices.
  ///
  /// An alias decides. Otherwise each mark of its own that any device has narrows the choice; a device that none of them
  /// fits is the one only if it sits where this did and is of the same sort. Devices without marks of their own are known
  /// by where they sit.
  public func find(among devices: [DeviceMarks], _ care: Care) -> Finding {
    if let alias = values[.alias], let index = devices.firstIndex(where: { Self.isSame($0.values[.alias], alias) }) {
      return .one(index)
    }
    var left = Set(devices.indices)
    var isKnown = false
    for mark in Self.own {
      guard let value = values[mark] else { continue }
      let fitting = Set(devices.indices.filter { Self.isSame(devices[$0].values[mark], value) })
      guard !fitting.isEmpty else { continue }
      let both = left.intersection(fitting)
      if both.isEmpty {
        if care == .strict { return .several(left.union(fitting).sorted()) }
        continue
      }
      left = both
      isKnown = true
    }
    if isKnown {
      let placed = left.filter { sitsWhere(devices[$0]) }
      if placed.count == 1 { left = placed }
    } else {
      let placed = left.filter { hasPlace(of: devices[$0]) }
      if placed.count == 1, let index = placed.first { return .one(index) }
      // Marks of its own that nothing has: the device is gone. So is one that sat at a place where nothing sits now.
      if values[.address] != nil || Self.own.contains(where: { values[$0] != nil }) { return .none }
      // One that only its alias told from others may have lost that, and has not got another one.
      left = left.filter { isAlike(devices[$0]) && (values[.alias] == nil || devices[$0].values[.alias] == nil) }
    }
    let found = left.sorted()
    return found.count > 1 ? .several(found) : found.first.map(Finding.one) ?? .none
  }

  /// The devices of the sort that these marks say, wherever they sit.
  public func alike(among devices: [DeviceMarks]) -> [Int] {
    devices.indices.filter { isAlike(devices[$0]) }
  }

  // MARK: What of the host it is

  static func source(ofDisk disk: XMLElement) -> String? {
    guard let source = disk.first("source") else { return nil }
    return ["file", "dev", "dir", "path"].lazy.compactMap { source[attribute: $0] }.first
      ?? joined(disk, ["source/@pool", "source/@volume"]) ?? joined(disk, ["source/@protocol", "source/@name"])
  }

  /// The device of the host, without what is added for a running guest.
  static func source(ofHostDevice device: XMLElement) -> String? {
    guard let source = device.first("source") else { return nil }
    if let product = source.value(at: "product/@id") {
      return "\(source.value(at: "vendor/@id") ?? "") \(product)"
    }
    let parts = source.elements.filter {
      ["address", "adapter", "host", "interface", "block", "char"].contains($0.name)
    }
    let texts = parts.map { part in
      (part.attributes.map { "\($0.name)=\($0.value)" }.sorted() + [part.text]).filter { !$0.isEmpty }
        .joined(separator: " ")
    }
    let own = source.attributes.filter { ["wwpn", "dev", "protocol", "name"].contains($0.name) }.map(\.value).sorted()
    return (own + texts).joined(separator: " ")
  }

  private static func joined(_ device: XMLElement, _ paths: [XMLPath]) -> String? {
    let values = paths.compactMap { device.value(at: $0) }
    return values.isEmpty ? nil : values.joined(separator: " ")
  }
}

extension DeviceMarks {
  /// A mark that devices of a kind have beside those of all kinds, or instead of one of them.
  struct Rule: Sendable {
    let mark: Mark
    let read: @Sendable (XMLElement) -> String?

    init(_ mark: Mark, _ read: @escaping @Sendable (XMLElement) -> String?) {
      self.mark = mark
      self.read = read
    }

    /// All values at these paths together.
    static func all(_ mark: Mark, _ paths: XMLPath...) -> Rule { Rule(mark) { joined($0, paths) } }

    /// The first value at one of these paths.
    static func first(_ mark: Mark, _ paths: XMLPath...) -> Rule {
      Rule(mark) { device in paths.lazy.compactMap { device.value(at: $0) }.first }
    }

    /// No such mark, because devices of one sort have different values.
    static func none(_ mark: Mark) -> Rule { Rule(mark) { _ in nil } }
  }
}

extension DeviceMarks: CustomStringConvertible {
  /// What the device is known by first, in words: `its target vda`.
  public var description: String {
    let order: [Mark] = [.alias] + Self.own + [.address] + Self.common
    guard let mark = order.first(where: { values[$0] != nil }), let value = values[mark] else { return "its kind" }
    return "its \(mark == .mac ? "MAC address" : mark == .index ? "number" : mark.rawValue) \(value)"
  }
}
