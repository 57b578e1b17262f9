// Planning a domain's devices: matching what the spec declares with what the definition has, then field by field.

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

extension DomainPlanning {
  /// Plans the devices of every kind.
  mutating func planDevices() {
    for collection in Vocabulary.domain.collections {
      guard let rule = collection.type.device else { continue }
      planDevices(of: collection, rule)
    }
  }

  private mutating func planDevices(of collection: ObjectType.Collection, _ rule: DeviceRule) {
    let declared = spec.members(collection.key)
    var matcher = DeviceMatcher(rule, of: collection, in: xml, record, declared: declared)
    // First those that carry their key or are recorded, then those that are adopted by what they look like.
    var places = declared.map { matcher.claim(bearing: $0) }
    var doubtful: Set<Int> = []
    let new = declared.indices.filter { places[$0] == nil }
    let doubts = matcher.doubts(about: new.map { declared[$0] }, ownedByVireo: record != nil)
    // What is exactly as an entry says is not taken for another one, which it would have to be made.
    let isExact = new.map { matcher.hasEqual(declared[$0]) }
    let order = zip(new, isExact).filter(\.1).map(\.0) + zip(new, isExact).filter { !$0.1 }.map(\.0)
    for index in order {
      let device = declared[index]
      if let doubt = matcher.doubt(about: device) ?? doubts[device.name] {
        places[index] = matcher.settle(doubt, by: device)
        if places[index] == nil {
          doubtful.insert(index)
          refuse(device, in: collection, among: doubt)
        }
        continue
      }
      let file = rule.role == .storage ? desiredPath(of: device) : nil
      places[index] = matcher.adopt(device, file: file, ownedByVireo: record != nil)
    }
    // The guest may have others that have left its definition.
    let inGuest = observed?.running?.first("devices")?.elements.count(where: rule.matches) ?? 0
    let isAlone = matcher.count == 1 && inGuest <= 1
    var planned = xml.first("devices")?.children ?? []
    var added: [XMLElement] = []
    var isChanged = false
    for (index, (device, place)) in zip(declared, places).enumerated() where !doubtful.contains(index) {
      let current = place.flatMap { planned[$0].element }
      let element = plan(device, in: collection, rule, current: current, isAlone: isAlone)
      if let place {
        guard element != current else { continue }
        planned[place] = .element(element)
        isChanged = true
      } else {
        added.append(element)
      }
    }
    let removed = removals(in: collection, rule, matcher)
    notePendingRemovals(in: collection, rule)
    // Nearly always so, and building the list of all devices again would be most of the work.
    guard isChanged || !added.isEmpty || !removed.isEmpty else { return }
    let before = xml.first("devices")?.all(rule.element).map(\.withoutAlias)
    xml.update("devices") { element in
      element.children = planned.enumerated().filter { !removed.contains($0.offset) }.map(\.element)
      for device in added { element.insertBesideSiblings(device) }
      // What libvirt makes of these devices, it makes again when it is missing.
      if element.all(rule.element).map(\.withoutAlias) != before {
        element.children.removeAll { $0.element.map(rule.isMirrored) ?? false }
      }
    }
  }

  /// One device: the element that the definition shall have.
  ///
  /// - Parameter isAlone: whether the definition has no other of the kind.
  private mutating func plan(
    _ device: ObjectSpec, in collection: ObjectType.Collection, _ rule: DeviceRule, current: XMLElement?, isAlone: Bool
  ) -> XMLElement {
    let key = "\(collection.key).\(device.name)"
    let isNew = current == nil
    var element = current ?? rule.template
    // The running guest has the device as it was stored before.
    var identity =
      current.map {
        DeviceIdentity(of: $0, key: device.name, kind: device.type.name, rule, isAlone: isAlone)
      } ?? DeviceIdentity(of: device, rule)
    // The running guest may have it under the alias that it had before.
    if let current, rule.identity == .alias, let alias = device[ifKnown: .alias] {
      identity.marks = identity.marks ?? DeviceMarks(of: current)
      let bearers = observed?.running?.first("devices")?.all(rule.element) ?? []
      if bearers.contains(where: { $0.value(at: .alias) == alias }) { identity.marks?[.alias] = alias }
    }
    if let current, identity.marks != nil, let all = xml.first("devices")?.all(rule.element) {
      (identity.place, identity.count) = (all.firstIndex(of: current), all.count)
    }
    identities[key] = identity
    let running = observed?.running.flatMap(identity.find).map(Vocabulary.storedForm(ofRunning:))
    var fieldChanges: [FieldChange] = []
    if isNew { builder.checkVersion(of: device, named: key, for: object) }
    let isSnapshot = rule.role == .storage && planFile(of: device, key: key, current: current, into: &element)
    if isSnapshot { snapshotDisks.insert(device.name) }
    let recorded = record?.fields(of: key) ?? [:]
    let fields = isNew ? device.type.fields : device.type.fields(device.settings.keys, named: recorded.keys)
    for field in fields where !field.isFragment {
      let setting = device.settings[field]
      let name = "\(key).\(device.type.displayName(of: field))"
      if let setting { builder.checkVersion(of: field, setting, named: name, in: current, for: object) }
      var plan = plan(
        field, named: name, of: key, setting, observed: current, running: running, in: element,
        cost: { effect(of: field, of: device, identity, setting, to: $0) })
      // The format of a snapshot's overlay, and the images behind it, are the snapshot's.
      if isSnapshot, setting != nil, field == Vocabulary.disk[.format] || field.group == "backing-chain" {
        plan = FieldPlan(noted: plan.noted)
      }
      plan.put(field, into: &element)
      // A new device is shown as a whole, and plugged in as a whole.
      if isNew { plan.change = nil }
      note(plan, of: field, key, on: identity)
      guard let change = plan.change else { continue }
      if plan.isImpossible {
        builder.refuse(impossible: change, of: object, suggestion: "declare a new \(device.type.name) beside it")
      } else {
        fieldChanges.append(change)
      }
    }
    if let current {
      fieldChanges += followingChanges(
        of: device, owner: key + ".", from: current, to: element, running: running, besides: changes + fieldChanges,
        isInUse: running != nil || observed?.hasManagedSave ?? false)
    }
    fieldChanges += plan(
      fragmentOf: device, of: key, in: &element, isNew: isNew, isShown: !isNew, running: running)
    // So that the device is known as Vireo's when it leaves the spec, even if the spec said nothing of it.
    owned.addDevice(key, [:])
    if isNew {
      if isCompletedByVireo { complete(device, &element) }
      if let target = element.value(at: .diskTarget) { newTargets.insert(target) }
    }
    if !isNew, rule.role == .storage { retarget(device, &element, from: current) }
    guard let current else {
      let identity = identify(new: &element, key: key, identity, device)
      planAddition(of: device, key: key, element, identity)
      changes += builder.given.changes(
        of: device, in: element, owner: key + ".", effect: changes.last?.effect ?? .define)
      if running != nil { compareKept(device, key: key, identity, element, running) }
      return element
    }
    fieldChanges += recordIdentity(of: element, key: key, identity, replacing: current, fieldChanges, device)
    changes += fieldChanges
    let difference = RecordDifference(before: record, now: owned, isNew: false)
    changes += difference.changes(of: key, device, besides: changes) { field in
      field == Vocabulary.disk[.source]
        ? DiskSource.path(of: current).map(Value.string) : field.lens.flatMap { $0.get(current) }
    }
    if let running = observed?.running, identity.find(in: running) == nil,
      record?.hasDevice(key) ?? false, identity.marks == nil || record?.marks[key] != nil
    {
      planLateAddition(of: device, key: key, element, identity, running)
    }
    return element
  }

  /// The effect of changing a field of a device that exists.
  private func effect(
    of field: Field, of device: ObjectSpec, _ identity: DeviceIdentity, _ setting: Setting?, to value: Value?
  ) -> Effect {
    let effect = effect(of: field, to: value, on: identity)
    guard effect >= .replace, field == Vocabulary.disk[.format], let setting, formatAgrees(device, setting) else {
      return effect
    }
    // The definition is put right where the file is of the format that the spec says: the disk stays what it is.
    return observed?.isActive ?? false ? .nextBoot : .define
  }

  /// Values of a new device that the spec leaves out.
  private func complete(_ device: ObjectSpec, _ element: inout XMLElement) {
    if device.type.device?.role == .storage { completeDisk(device, &element) }
    if device.type.has(.mac), device.setting(.mac) == nil {
      let mac = Identity.macAddress(stack: stack, domain: spec.name, interface: device.name)
      element.set(mac, at: .interfaceMAC)
    }
  }

  private mutating func planAddition(
    of device: ObjectSpec, key: String, _ element: XMLElement, _ identity: DeviceIdentity
  ) {
    let effect: Effect
    if let running = observed?.running, identity.marks != nil || identity.find(in: running) == nil {
      // Of a device that looks as others do, nobody could tell afterwards whether the guest has it.
      let isLive = identity.marks?.isOwn ?? true && canPlugIn(element, into: running)
      if isLive { attachments.append((key, identity, element)) }
      effect = isLive ? .live : .nextBoot
    } else {
      // No guest is concerned: there is none, or it never lost the device.
      effect = .define
    }
    changes.append(
      FieldChange(
        key, new: .string(device.summary(as: element)), effect: effect, reason: reason(forNew: key),
        detail: device[ifKnown: .source] == nil ? DiskSource.path(of: element) : nil, range: device.range))
  }

  /// A device that is stored already and that the running guest does not have. It gets it now, unless it was asked to take it
  /// and has not: a run that was cut off had not asked yet, or somebody has unplugged the device.
  private mutating func planLateAddition(
    of device: ObjectSpec, key: String, _ element: XMLElement, _ identity: DeviceIdentity, _ running: XMLElement
  ) {
    let mayAsk = identity.marks?.isOwn ?? true && !(refused?.contains(.attach, of: key) ?? false)
    guard mayAsk, canPlugIn(element, into: running) else {
      pending.append(PendingValue(key, running: nil, stored: .string(device.type.name)))
      needsRestart = true
      return
    }
    attachments.append((key, identity, element))
    changes.append(
      FieldChange(
        key, new: .string(device.summary(as: element)), effect: .live, reason: .drift,
        detail: FieldChange.storedAlready, range: device.range))
  }

  /// A device that comes back to the definition and that the running guest never lost may have other values there.
  private mutating func compareKept(
    _ device: ObjectSpec, key: String, _ identity: DeviceIdentity, _ element: XMLElement, _ running: XMLElement?
  ) {
    for field in device.type.fields(device.settings.keys) where field.lens != nil {
      let plan = plan(
        field, named: "\(key).\(device.type.displayName(of: field))", of: key, device.settings[field],
        observed: element, running: running, in: element,
        cost: { effect(of: field, to: $0, on: identity) })
      note(plan, of: field, key, on: identity)
      if let change = plan.change { changes.append(change) }
    }
  }

  /// A device that the last apply had and the host has no more was taken away behind Vireo's back.
  private func reason(forNew key: String) -> FieldChange.Reason {
    record?.hasDevice(key) ?? false ? .drift : .spec
  }

  /// Devices that an earlier apply took out of the definition and that the running guest still has.
  private mutating func notePendingRemovals(in collection: ObjectType.Collection, _ rule: DeviceRule) {
    guard let observed, let running = observed.running else { return }
    let kind = collection.type.name
    func keys(_ domain: XMLElement) -> [String] {
      (domain.first("devices")?.all(rule.element) ?? []).compactMap { DeviceIdentity.key(of: $0, kind: kind) }
    }
    let known = Set(keys(observed.inactive) + spec.members(collection.key).map(\.name))
    let left = leftovers(of: collection, in: running)
    // Somebody else's alias may begin as Vireo's do.
    let others = Set(left.values.compactMap { $0[.alias] }.compactMap { DeviceIdentity.key(alias: $0, kind: kind) })
    let then = OwnershipRecord(in: running)
    for key in Set(keys(running)).subtracting(others).union(left.keys).sorted() where !known.contains(key) {
      let name = "\(collection.key).\(key)"
      var identity = DeviceIdentity(
        element: rule.element, identity: rule.identity, value: DeviceIdentity.alias(kind: kind, key: key))
      identity.marks = left[key]
      // It goes now, unless the guest was asked to let go of it and has not: a run that was cut off had not asked yet.
      let isVireos = record != nil && (left[key] != nil || then?.hasDevice(name) ?? false)
      if isVireos, rule.identity == .alias, !(refused?.contains(.detach, of: name) ?? false), canUnplug(identity),
        let element = identity.find(in: running)
      {
        detachments.append((name, identity))
        changes.append(
          FieldChange(
            name, old: .string(element.deviceSummary), effect: .live, reason: .dropped,
            detail: FieldChange.storedAlready, range: spec.range))
        continue
      }
      pending.append(PendingValue(name, running: .string(kind), stored: nil))
      needsRestart = true
    }
  }

  /// Whether the domain's own fragment declares a device.
  private func isInFragment(_ device: XMLElement) -> Bool {
    let declared = spec[.xml]?.root.first("devices")?.all(device.name) ?? []
    return declared.contains { XMLFragment($0).isMet(by: device) }
  }

  /// Indices of devices that leave the domain because they left the spec; others that nobody declared are reported.
  private mutating func removals(
    in collection: ObjectType.Collection, _ rule: DeviceRule, _ matcher: DeviceMatcher
  ) -> Set<Int> {
    var removed: Set<Int> = []
    for (index, element, key) in matcher.unclaimed {
      if let key, record?.hasDevice("\(collection.key).\(key)") ?? false {
        removed.insert(index)
        let name = "\(collection.key).\(key)"
        let identity = DeviceIdentity(
          of: element, key: key, kind: collection.type.name, rule, isAlone: matcher.count == 1)
        let isLive = rule.identity == .alias && canUnplug(identity)
        if isLive { detachments.append((name, identity)) }
        let isInGuest = observed?.running.map { identity.find(in: $0) != nil || rule.identity != .alias } ?? false
        // What shows later that it is the guest's no more, where a run is cut off before it has left.
        if isInGuest, identity.marks != nil || isLive {
          owned.setMarks(name, concealment.recorded(DeviceMarks(of: element)))
        }
        let effect: Effect = isLive ? .live : isInGuest ? .nextBoot : .define
        changes.append(
          FieldChange(
            name, old: .string(element.deviceSummary), effect: effect, reason: .dropped,
            detail: rule.role == .storage ? "the file stays" : nil, range: spec.range))
      } else if rule.role != .other, !isInFragment(element) {
        builder.note(
          "undeclared-device",
          "\(rule.element) that the spec does not declare: \(element.deviceSummary)",
          subject: object, suggestion: "it is left alone")
      }
    }
    return removed
  }
}
