// The field `unmanage`: names of fields and devices that Vireo has set or adopted and that it leaves to the host again, as they
// are.

extension Field {
  /// The field that hands others back.
  static let unmanage = Field(
    "unmanage", .list(of: .text(.line)),
    """
    What is left to the host again, as it is: names of fields or groups of fields, such as `vcpus` or `cpu`, and for a \
    domain also devices, such as `videos`, `disks.data` or `disks.root.cache`. Without this, a field that is removed from \
    the spec goes back to its default, and a device that is removed leaves the domain. A plan shows what it releases; \
    afterwards the name has no effect and can be removed.
    """, effect: .define, isRecorded: false)
}

extension FieldKey<[String]> {
  /// Names of fields and devices that are left to the host.
  public static var unmanage: Self { Self("unmanage") }
}

/// What of an object and of its devices is left to the host.
public struct UnmanagedPlaces: Sendable, Hashable {
  /// Names of fields by the object that they belong to: `disks.root`; the empty name for the object itself.
  public private(set) var fields: [String: Set<String>] = [:]
  /// Devices as a whole: `disks.root`.
  public private(set) var devices: Set<String> = []
  /// Keys of collections all of whose devices are meant: `videos`.
  public private(set) var collections: Set<String> = []

  /// No place at all.
  public init() {}

  /// Whether nothing is left to the host.
  public var isEmpty: Bool { fields.isEmpty && devices.isEmpty && collections.isEmpty }

  /// Whether a device is left to the host as a whole.
  ///
  /// - Parameter device: its whole name: `disks.root`.
  public func contains(device: String) -> Bool {
    devices.contains(device) || collections.contains(String(device.prefix { $0 != "." }))
  }

  /// Adds what a name means. The names of a collection's kind mean the collection, as `video` means `videos`.
  ///
  /// - Returns: whether there is something of the name.
  public mutating func insert(_ name: String, in type: ObjectType) -> Bool {
    if insert(fieldsOf: "", name, in: type) { return true }
    let parts = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    let collections = type.collections.filter { $0.type.device != nil }
    guard let collection = collections.first(where: { $0.key == parts[0] || $0.type.name == parts[0] }) else {
      return false
    }
    switch parts.count {
    case 1: self.collections.insert(collection.key)
    case 2: devices.insert("\(collection.key).\(parts[1])")
    default: return insert(fieldsOf: "\(collection.key).\(parts[1])", parts[2], in: collection.type)
    }
    return true
  }

  private mutating func insert(fieldsOf owner: String, _ name: String, in type: ObjectType) -> Bool {
    let members = type.fields.filter { $0.name == name || $0.name.hasPrefix(name + ".") }
    guard !members.isEmpty else { return false }
    fields[owner, default: []].formUnion(members.map(\.name))
    return true
  }
}
