// Which devices of a definition are those that a record has: by the keys that they carry, or by what they are known by.

public import Vocabulary
public import XMLTree

/// The devices of a kind in a definition, as a record knows them.
public struct RecordedDevices {
  /// The devices of the kind, by their index among the children of `devices`.
  public private(set) var elements: [(index: Int, element: XMLElement)] = []
  /// The keys of devices that the record has, by their place in ``elements``.
  public private(set) var keys: [Int: String] = [:]
  /// Keys of which more than one device could be meant, with these devices by their place in ``elements``.
  public private(set) var doubts: [String: [Int]] = [:]

  /// - Parameters:
  ///   - declared: the aliases of entries, by their keys. They count as known even where the record does not have them: a
  ///     device that carries one is its.
  init(
    of collection: ObjectType.Collection, in domain: XMLElement, _ record: OwnershipRecord?,
    declared: [String: String]
  ) {
    guard let rule = collection.type.device else { return }
    for (index, node) in (domain.first("devices")?.children ?? []).enumerated() {
      if let element = node.element, rule.matches(element) { elements.append((index, element)) }
    }
    switch rule.identity {
    case .alias:
      nameBearers(kind: collection.type.name, record, in: collection.key, declared)
      nameMarked(record, in: collection.key)
    case .attribute(let name):
      if let field = collection.type.field(name) { nameByAttribute(field, record, in: collection.key) }
    case .only:
      if let key = record?.keys(in: collection.key).first, !elements.isEmpty { keys[0] = key }
    }
  }

  /// The devices of a kind that a record has in a definition.
  public init(of collection: ObjectType.Collection, in domain: XMLElement, _ record: OwnershipRecord) {
    self.init(of: collection, in: domain, record, declared: [:])
  }

  /// The key of a device of the definition; nil for one that the record does not have.
  public func key(of element: XMLElement) -> String? {
    elements.firstIndex { $0.element == element }.flatMap { keys[$0] }
  }

  func element(of key: String) -> XMLElement? { place(of: key).map { elements[$0].element } }

  /// The device that a key stands for, by its place in ``elements``.
  func place(of key: String) -> Int? { keys.first { $0.value == key }?.key }

  private mutating func nameBearers(
    kind: String, _ record: OwnershipRecord?, in collection: String, _ declared: [String: String]
  ) {
    let bearers = Dictionary(declared.map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    for (place, device) in elements.enumerated() {
      if let alias = device.element.value(at: .alias), let key = bearers[alias] { keys[place] = key }
    }
    let taken = Set(keys.values)
    for (place, device) in elements.enumerated() where keys[place] == nil {
      guard let key = DeviceIdentity.key(of: device.element, kind: kind), !taken.contains(key) else { continue }
      // Somebody else's alias may begin as Vireo's do.
      if declared[key] != nil || record?.hasDevice("\(collection).\(key)") ?? false { keys[place] = key }
    }
  }

  private mutating func nameByAttribute(_ field: Field, _ record: OwnershipRecord?, in collection: String) {
    guard let record else { return }
    for (place, device) in elements.enumerated() {
      guard let value = device.element[attribute: field.name] else { continue }
      // What the entry's field said, or the entry's own name.
      let known = record.keys(in: collection)
      keys[place] = known.first { record["\(collection).\($0)", field] == value } ?? known.first { $0 == value }
    }
  }

  /// Finds the devices that do not carry their keys: first those that are certain, then, among what is left, those
  /// that sit elsewhere now.
  private mutating func nameMarked(_ record: OwnershipRecord?, in collection: String) {
    guard let record, !record.marks.isEmpty else { return }
    let marks = elements.map { DeviceMarks(of: $0.element) }
    var waiting: [(key: String, marks: DeviceMarks)] = []
    let taken = Set(keys.values)
    // Several keys may lead to one device; none of them is its then.
    var claims: [Int: [String]] = [:]
    let free = elements.indices.filter { keys[$0] == nil }
    for key in record.keys(in: collection) where !taken.contains(key) {
      guard let own = record.marks["\(collection).\(key)"] else { continue }
      switch own.find(among: free.map { marks[$0] }, .strict) {
      case .one(let index) where own.isOwn || own[.address] != nil: claims[free[index], default: []].append(key)
      case .several(let indices) where own.isOwn: doubts[key] = indices.map { free[$0] }
      case .one, .several, .none:
        if !own.isOwn { waiting.append((key, own)) }
      }
    }
    for (place, names) in claims {
      if names.count == 1 { keys[place] = names[0] } else { for name in names { doubts[name] = [place] } }
    }
    nameAlike(waiting, marks)
  }

  /// Devices without marks of their own that are not where they were: libvirt may have given them other places.
  private mutating func nameAlike(_ waiting: [(key: String, marks: DeviceMarks)], _ marks: [DeviceMarks]) {
    for (key, own) in waiting {
      let free = elements.indices.filter { keys[$0] == nil }
      let found = own.alike(among: free.map { marks[$0] }).map { free[$0] }
      guard let first = found.first else { continue }
      let isOneOfAKind = found.allSatisfy { elements[$0].element.withoutPlace == elements[first].element.withoutPlace }
      // Where all could be any, it does not matter which is which.
      if isOneOfAKind { keys[first] = key } else { doubts[key] = found }
    }
  }
}

extension OwnershipRecord {
  /// The keys of a collection's devices, in their order.
  func keys(in collection: String) -> [String] {
    devices(of: collection).map { String($0.dropFirst(collection.count + 1)) }
  }
}

extension XMLElement {
  /// The device without its address and its alias, and without a number that libvirt counts again.
  fileprivate var withoutPlace: XMLElement {
    var result = self
    if let path = DeviceRule.rule(of: self)?.renumbered { result.remove(at: path) }
    result.removeAll("address")
    result.removeAll("alias")
    return result
  }
}
