// The desired state as a value: what the spec says, decoded and validated, every value with its place in a file.

public import Diagnostics
public import Vocabulary

/// A stack as its spec files describe it.
public struct StackSpec: Sendable {
  /// The stack's name, which its domains carry as their owner's.
  public var name: String
  /// The connection that the spec asks for, where nothing else names one.
  public var connect: String?
  /// The virtual networks, by the order of their names' first mention.
  public var networks: [ObjectSpec]
  /// The storage pools, by the order of their names' first mention.
  public var pools: [ObjectSpec]
  /// The base images, by the order of their names' first mention.
  public var images: [ObjectSpec]
  /// Images that no domain owns.
  public var volumes: [ObjectSpec]
  /// The domains with their profiles merged in and their counts expanded.
  public var domains: [ObjectSpec]

  /// A stack from its objects, already merged and checked; one without objects by default.
  public init(
    name: String, connect: String? = nil, networks: [ObjectSpec] = [], pools: [ObjectSpec] = [],
    images: [ObjectSpec] = [], volumes: [ObjectSpec] = [], domains: [ObjectSpec] = []
  ) {
    self.name = name
    self.connect = connect
    self.networks = networks
    self.pools = pools
    self.images = images
    self.volumes = volumes
    self.domains = domains
  }

  /// Whether the stack has files on the host: folders, images or disks.
  public var usesFiles: Bool {
    pools.contains { $0.poolType == .dir } || !images.isEmpty || !volumes.isEmpty
      || domains.contains { !$0.members("disks").isEmpty }
  }

  /// The network that the spec declares under a name; nil for one that it only refers to.
  public func network(_ name: String) -> ObjectSpec? { networks.first { $0.name == name } }
  /// The pool that the spec declares under a name; nil for one that it only refers to.
  public func pool(_ name: String) -> ObjectSpec? { pools.first { $0.name == name } }
  /// The base image that the spec declares under a name; nil where there is none.
  public func image(_ name: String) -> ObjectSpec? { images.first { $0.name == name } }
  /// The volume that the spec declares under a name; nil where there is none.
  public func volume(_ name: String) -> ObjectSpec? { volumes.first { $0.name == name } }
}

/// A value and where it was written.
public struct Setting: Sendable {
  /// The value, normalised: see ``Value``.
  public var value: Value
  /// The place of the value in its file, for messages.
  public var range: SourceRange

  /// A value and the place that messages about it point at.
  public init(_ value: Value, at range: SourceRange) {
    self.value = value
    self.range = range
  }
}

/// One object of the spec: a network, a pool, an image, a domain, a disk.
public struct ObjectSpec: Sendable {
  /// The kind of the object, whose table has its fields.
  public let type: ObjectType
  /// The key in the spec, unique in its collection. Domains, networks and pools have the same name in libvirt.
  public var name: String
  /// Where its key stands.
  public var range: SourceRange
  /// What it says, by the fields of its table.
  public var settings: [Field: Setting]
  /// The objects within it, by the collection's key. A collection that the spec names is here even when it is empty.
  public var members: [String: [ObjectSpec]]
  /// Fields that the spec names with values that are wrong: reported once, and not missed.
  var malformed: Set<Field> = []

  /// An object that says nothing but what is given: no fields and no members by default.
  public init(
    _ type: ObjectType, _ name: String, at range: SourceRange, settings: [Field: Setting] = [:],
    members: [String: [ObjectSpec]] = [:]
  ) {
    self.type = type
    self.name = name
    self.range = range
    self.settings = settings
    self.members = members
  }

  /// What a field holds, by its key; nil where the spec is silent.
  ///
  /// - Precondition: such objects have the field.
  public subscript<Content>(key: FieldKey<Content>) -> Content? { setting(key).flatMap { .content(of: $0.value) } }

  /// What a field holds that only some kinds of objects have; nil for the others, and where the spec is silent.
  public subscript<Content>(ifKnown key: FieldKey<Content>) -> Content? { type.has(key) ? self[key] : nil }

  /// What the spec says of a field, with its place; nil where the spec is silent.
  ///
  /// - Precondition: such objects have the field.
  public func setting<Content>(_ key: FieldKey<Content>) -> Setting? { settings[type[key]] }

  /// The value of a field in the spec language's own notation; nil where the spec is silent.
  ///
  /// - Precondition: such objects have the field.
  public func text<Content>(_ key: FieldKey<Content>) -> String? { setting(key)?.value.description }

  /// The place of what the spec says of a field; that of the object where it is silent.
  ///
  /// - Precondition: such objects have the field.
  public func place<Content>(of key: FieldKey<Content>) -> SourceRange { setting(key)?.range ?? range }

  /// Makes the object say something of a field; nil makes it silent.
  ///
  /// - Precondition: such objects have the field.
  public mutating func set<Content>(_ key: FieldKey<Content>, to setting: Setting?) { settings[type[key]] = setting }

  /// The objects of a collection; none where the spec is silent.
  public func members(_ collection: String) -> [ObjectSpec] { members[collection] ?? [] }

  /// Whether the spec names a field, be its value right or wrong.
  func says(_ field: Field) -> Bool { settings[field] != nil || malformed.contains(field) }

  /// Whether the spec names the field of a key, be its value right or wrong.
  func says<Content>(_ key: FieldKey<Content>) -> Bool { says(type[key]) }

  /// Whether the spec names the field of a key with a wrong value, which has been reported.
  func hasMalformed<Content>(_ key: FieldKey<Content>) -> Bool { malformed.contains(type[key]) }

  /// What it is, for messages: `disk root`.
  public var title: String { "\(type.name) \(name)" }
}

extension ObjectSpec {
  /// This object's values over another's: its own win, objects within are merged by name.
  func merged(over base: ObjectSpec) -> ObjectSpec {
    var result = self
    result.settings = base.settings.merging(settings) { inherited, own in
      guard case .xml(let lower) = inherited.value, case .xml(let upper) = own.value else { return own }
      return Setting(.xml(upper.merged(over: lower)), at: own.range)
    }
    // What a profile marks as secret stays so.
    if type.has(.sensitive), let own = setting(.sensitive), case .list(let names) = own.value,
      case .list(let others)? = base.setting(.sensitive)?.value
    {
      let all = names + others.filter { !names.contains($0) }
      result.set(.sensitive, to: Setting(.list(all), at: own.range))
    }
    result.malformed.formUnion(base.malformed)
    for (key, inherited) in base.members {
      result.members[key] = Self.merge(members[key] ?? [], over: inherited)
    }
    return result
  }

  private static func merge(_ own: [ObjectSpec], over base: [ObjectSpec]) -> [ObjectSpec] {
    var result = base
    var places = Dictionary(base.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    for object in own {
      if let index = places[object.name] {
        result[index] = object.merged(over: result[index])
      } else {
        places[object.name] = result.count
        result.append(object)
      }
    }
    return result
  }
}

extension ObjectSpec {
  /// A pool's kind of storage.
  public var poolType: PoolType { self[.poolType] ?? .dir }

  /// Whether a pool is a folder of files, in which disks and images can be made.
  public var holdsFiles: Bool { [.dir, .fs, .netfs].contains(poolType) }
}
