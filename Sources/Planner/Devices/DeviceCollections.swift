// Planning a domain's devices, kind by kind: matching what the spec declares with what the definition has, then device by device.

import Spec
import Vocabulary
import XMLTree

extension XMLElement {
  /// The device without the name that it is known by.
  fileprivate var withoutAlias: XMLElement {
    var result = self
    result.removeAll("alias")
    return result
  }
}

/// What becomes of a domain's devices.
struct DeviceCollections {
  private let context: DomainContext
  /// What the definition's parts for QEMU name of libvirt's own aliases.
  private let aliases: NamedAliases
  /// The most disruptive effect of the changes that are made before.
  private let earlier: Effect

  /// Plans the devices of every kind and puts them into the definition.
  static func plan(
    _ context: DomainContext, _ aliases: NamedAliases, in definition: inout XMLElement, earlier: Effect,
    _ given: inout GivenValues
  ) -> DomainPart {
    let planning = DeviceCollections(context: context, aliases: aliases, earlier: earlier)
    var part = DomainPart(context)
    for collection in Vocabulary.domain.collections {
      guard let rule = collection.type.device else { continue }
      if let more = planning.plan(collection, rule, in: &definition, after: part, &given) { part += more }
    }
    return part
  }

  /// Plans the devices of a kind.
  ///
  /// - Parameter others: what is planned for devices of other kinds.
  /// - Returns: nil where there are none. There are many kinds of devices, and a guest has few.
  private func plan(
    _ collection: ObjectType.Collection, _ rule: DeviceRule, in definition: inout XMLElement, after others: DomainPart,
    _ given: inout GivenValues
  ) -> DomainPart? {
    let declared = context.spec.members(collection.key)
    var matcher = DeviceMatcher(rule, of: collection, in: definition, context.record, declared: declared)
    guard !declared.isEmpty || matcher.count > 0 || context.running != nil else { return nil }
    var part = DomainPart(context)
    let places = match(declared, in: collection, rule, &matcher, &part.findings)
    // The guest may have others that have left its definition.
    let inGuest = context.running?.first("devices")?.elements.count(where: rule.matches) ?? 0
    let isAlone = matcher.count == 1 && inGuest <= 1
    var planned = definition.first("devices")?.children ?? []
    var added: [(key: String, element: XMLElement)] = []
    var present: [String: XMLElement] = [:]
    var isChanged = false
    // Targets that new disks have been given and that are not in the definition yet.
    var targets: Set<String> = []
    for (device, place) in zip(declared, places) where place != .unknown {
      let current = place.index.flatMap { planned[$0].element }
      let planning = DevicePlanning(
        context: context, device: device, collection: collection, rule: rule, current: current, isAlone: isAlone,
        definition: definition, aliases: aliases, earlier: max(earlier, others.effect, part.effect),
        attached: (others.attachments + part.attachments).map(\.element), targets: targets)
      let plan = planning.plan(&given)
      part += plan.part
      if let target = plan.target { targets.insert(target) }
      present[device.name] = plan.element
      if let index = place.index {
        guard plan.element != current else { continue }
        planned[index] = .element(plan.element)
        isChanged = true
      } else {
        added.append((device.name, plan.element))
      }
    }
    let leaving = LeavingDevices(context: context, collection: collection, rule: rule)
    let removed = leaving.removals(matcher)
    part += removed.part
    part += leaving.pending()
    // Nearly always so, and building the list of all devices again would be most of the work.
    guard isChanged || !added.isEmpty || !removed.indices.isEmpty else { return part }
    let before = definition.first("devices")?.all(rule.element).map(\.withoutAlias)
    definition.update("devices") { element in
      element.children = planned.enumerated().filter { !removed.indices.contains($0.offset) }.map(\.element)
      for (key, device) in added {
        let neighbours = declared.map { ($0.name, present[$0.name]) }
        element.insert(
          device, key: key, among: neighbours, rule, former: context.record?.formers["\(collection.key).\(key)"])
      }
      // What libvirt makes of these devices, it makes again when it is missing.
      if element.all(rule.element).map(\.withoutAlias) != before {
        element.children.removeAll { $0.element.map(rule.isMirrored) ?? false }
      }
    }
    return part
  }

  // MARK: Which is which

  /// Where an entry's device is.
  private enum Place: Equatable {
    /// Among the children of the definition's `devices`.
    case existing(Int)
    case new
    /// More than one device could be meant.
    case unknown

    var index: Int? { if case .existing(let index) = self { index } else { nil } }
  }

  /// Finds the device of each entry.
  private func match(
    _ declared: [ObjectSpec], in collection: ObjectType.Collection, _ rule: DeviceRule, _ matcher: inout DeviceMatcher,
    _ findings: inout Findings
  ) -> [Place] {
    let isOwned = context.record != nil
    // First those that carry their key or are recorded, then those that are adopted by what they look like.
    var places = declared.map { matcher.claim(bearing: $0).map(Place.existing) ?? .new }
    let new = declared.indices.filter { places[$0] == .new }
    let doubts = matcher.doubts(about: new.map { declared[$0] }, ownedByVireo: isOwned)
    // What is exactly as an entry says is not taken for another one, which it would have to be made.
    let isExact = new.map { matcher.hasEqual(declared[$0]) }
    let order = zip(new, isExact).filter(\.1).map(\.0) + zip(new, isExact).filter { !$0.1 }.map(\.0)
    for index in order {
      let device = declared[index]
      if let doubt = matcher.doubt(about: device) ?? doubts[device.name] {
        places[index] = matcher.settle(doubt, by: device).map(Place.existing) ?? .unknown
        if places[index] == .unknown { findings.refuse(device, in: collection, among: doubt, context.record) }
        continue
      }
      let file = rule.role == .storage ? context.desiredPath(of: device) : nil
      places[index] = matcher.adopt(device, file: file, ownedByVireo: isOwned).map(Place.existing) ?? .new
    }
    return places
  }
}

extension Findings {
  /// Refuses to guess which of several devices an entry is.
  fileprivate mutating func refuse(
    _ device: ObjectSpec, in collection: ObjectType.Collection, among found: [XMLElement], _ record: OwnershipRecord?
  ) {
    let key = "\(collection.key).\(device.name)"
    let devices = found.map { "\($0.deviceSummary) (\(DeviceMarks(of: $0)))" }.joined(separator: ", ")
    let words = [FieldKey.target, .mac, .address].first { device.type.has($0) }?.name ?? FieldKey.xml.name
    refuse(
      "ambiguous-device",
      found.count > 1
        ? "\(key) matches several devices of the host: \(devices)"
        : "\(key) and another entry match the same device of the host: \(devices)",
      at: device.range,
      suggestion: "write the `\(words)` of the device that you mean"
        + (record?.hasDevice(key) ?? false ? ", or undo the change that was made to them" : ""))
  }
}

extension XMLElement {
  /// Adds a device to the others of its kind: where it stood before, or else behind its neighbour of the spec. libvirt numbers some
  /// kinds by their order, and what is there keeps its number.
  ///
  /// - Parameters:
  ///   - neighbours: the devices of the spec in its order, each with its element as far as it is there.
  ///   - former: what the record has of a device that was there before.
  fileprivate mutating func insert(
    _ device: XMLElement, key: String, among neighbours: [(key: String, element: XMLElement?)], _ rule: DeviceRule,
    former: FormerPart?
  ) {
    let places = children.indices.filter { children[$0].element.map(rule.matches) ?? false }
    guard rule.renumbered == nil || former?.element == device else { return insertBesideSiblings(device) }
    func index(of element: XMLElement?) -> Int? {
      element.flatMap { wanted in places.first { children[$0].element == wanted } }
    }
    if let place = former?.place, former?.element == device {
      guard place < places.count else { return insertBesideSiblings(device) }
      return insert(device, at: places[place])
    }
    guard let own = neighbours.firstIndex(where: { $0.key == key }) else { return insertBesideSiblings(device) }
    if let before = neighbours[..<own].reversed().compactMap({ index(of: $0.element) }).first {
      return insert(device, at: before + 1)
    }
    if let after = neighbours[(own + 1)...].compactMap({ index(of: $0.element) }).first {
      return insert(device, at: after)
    }
    insertBesideSiblings(device)
  }
}
