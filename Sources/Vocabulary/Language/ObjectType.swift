// A kind of object of the spec language: its fields, its groups of fields, and the objects that it holds.

public import Versions

/// A kind of object: a stack, a pool, a domain, a disk.
public final class ObjectType: Sendable {
  /// The kind in the singular: `disk`.
  public let name: String
  /// What such an object is, in a sentence or a few, for `vireo explain`, the schema and the reference.
  public let summary: String
  /// Its fields in the order of the table, with `alias`, `sensitive` and `xml` where it is a device. Members of groups
  /// stand among them under their whole names.
  public let fields: [Field]
  /// Fields that stand together in a mapping of their own, such as `cpu`.
  public let groups: [FieldGroup]
  /// Objects within this one, keyed by name, such as a domain's `disks`.
  public let collections: [Collection]
  /// How the object is found in a domain's XML, where it is a device.
  public let device: DeviceRule?
  /// What the keys of such objects may be.
  public let keyRule: TextRule
  /// The version of libvirt that brought such objects; nil for what every version has that Vireo works with.
  public let since: LibvirtVersion?
  /// Names that fields had in earlier versions, with their present ones. Specs may use them still; no page or schema has
  /// them.
  public let formerNames: [String: String]
  /// The fields that an object must set, always or where other fields say so, and that a new object is not given.
  public let requiredFields: [Field]
  private let fieldIndex: [String: Int]
  /// The names of groups, by the field that a plain value in place of the group means.
  private let shorthands: [String: String]

  init(
    _ name: String, _ summary: String, fields: [Field], groups: [FieldGroup] = [], collections: [Collection] = [],
    device: DeviceRule? = nil, keyRule: TextRule = .name, since: LibvirtVersion? = nil,
    formerNames: [String: String] = [:]
  ) {
    self.formerNames = formerNames
    self.name = name
    self.summary = summary
    // Whatever its fields do not name is within reach.
    self.fields =
      device.map { rule in
        fields + (rule.hasAlias ? [DeviceFields.alias] : [])
          + [.sensitive, .xml(of: rule.element, reference: "formatdomain.html#devices")]
      } ?? fields
    requiredFields = self.fields.filter { $0.initial == nil && ($0.isRequired || !$0.rules.required.isEmpty) }
    self.groups = groups
    self.collections = collections
    self.device = device
    self.keyRule = keyRule
    self.since = since
    fieldIndex = Dictionary(uniqueKeysWithValues: self.fields.enumerated().map { ($1.name, $0) })
    shorthands = Dictionary(
      uniqueKeysWithValues: groups.compactMap { group in
        group.shorthand.map { ("\(group.name).\($0)", group.name) }
      })
  }

  /// The field with a whole name, such as `cpu.mode`; nil where the object does not have it.
  public func field(_ name: String) -> Field? { fieldIndex[name].map { fields[$0] } }

  /// These fields, and those with these names, each once, in the table's order. An object has few of the many that there
  /// are. A name that no field has is passed over.
  public func fields(_ said: some Sequence<Field>, named names: some Sequence<String> = []) -> [Field] {
    var places = Set(said.compactMap { fieldIndex[$0.name] })
    places.formUnion(names.compactMap { fieldIndex[$0] })
    return places.sorted().map { fields[$0] }
  }

  /// The group with this name; nil where there is none.
  public func group(_ name: String) -> FieldGroup? { groups.first { $0.name == name } }

  /// The collection under this key of the spec; nil where there is none.
  public func collection(_ key: String) -> Collection? { collections.first { $0.key == key } }

  /// A field's name as a reader knows it: `cpu` for `cpu.mode`, where a plain value means just that.
  public func displayName(of field: Field) -> String { shorthands[field.name] ?? field.name }

  /// The names that may stand under a group, or at the top for nil, each once, in the table's order.
  public func keys(in group: String? = nil) -> [String] {
    let prefix = group.map { $0 + "." } ?? ""
    var keys: [String] = []
    for name in fields.map(\.name) + groups.map(\.name) where name.hasPrefix(prefix) && name != group {
      let key = String(name.dropFirst(prefix.count).prefix { $0 != "." })
      if !keys.contains(key) { keys.append(key) }
    }
    return group == nil ? keys + collections.map(\.key) : keys
  }

  /// A collection: a mapping from names to objects of one kind.
  public struct Collection: Sendable {
    /// The key in the spec: `disks`.
    public let key: String
    /// The kind of the objects in it.
    public let type: ObjectType

    init(_ key: String, _ type: ObjectType) {
      self.key = key
      self.type = type
    }
  }
}

/// Fields that stand together in a mapping of their own.
public struct FieldGroup: Sendable {
  /// The group's key in the spec: `cpu`. It stands before a dot in the names of its fields.
  public let name: String
  /// What the group is about, in a sentence or a few, for `vireo explain`, the schema and the reference.
  public let summary: String
  /// The member that a plain value in place of the mapping means: `cpu: host-model` is `cpu: { mode: host-model }`.
  public let shorthand: String?

  init(_ name: String, _ summary: String, shorthand: String? = nil) {
    self.name = name
    self.summary = summary
    self.shorthand = shorthand
  }
}
