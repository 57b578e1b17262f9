// Planning one device: its file, its fields, its fragment and what it is known by, for the definition and for the running guest.

import Spec
import Vocabulary
import XMLTree

/// Works out what becomes of one device that the spec declares.
struct DevicePlanning {
  let context: DomainContext
  let device: ObjectSpec
  let collection: ObjectType.Collection
  let rule: DeviceRule
  /// The device as the definition has it; nil for a new one.
  let current: XMLElement?
  /// Whether there is no other of the kind.
  let isAlone: Bool
  /// The definition before any device of the kind is planned.
  let definition: XMLElement
  let aliases: NamedAliases
  /// The most disruptive effect of the changes that are made before.
  let earlier: Effect
  /// Devices that are to be plugged into the running guest besides.
  let attached: [XMLElement]
  /// Targets that other new disks have been given.
  let targets: Set<String>

  /// What becomes of a device.
  struct Plan {
    /// The element that the definition shall have.
    var element: XMLElement
    var part: DomainPart
    /// The target that a disk has, which no other disk may be given.
    var target: String?
  }

  /// The device's whole name: `disks.root`.
  var key: String { "\(collection.key).\(device.name)" }

  private var isNew: Bool { current == nil }

  /// Whether Vireo chooses what the entry leaves out, rather than libvirt. With `defaults: libvirt` it is so for devices that
  /// are added to a domain. What was there before Vireo, which the record has marks of, comes back as it was. In a new
  /// domain an entry that was read off a host says what only that host knew: a disk's target, an interface's address.
  private var isCompleted: Bool {
    guard !context.isCompletedByVireo, context.isNew || context.record?.marks[key] != nil else { return true }
    guard isNew else { return false }
    return switch rule.role {
    case .storage: !says(.target)
    case .network: !says(.mac)
    case .host, .other: true
    }
  }

  /// Whether the entry has a field, or says it in libvirt's own XML.
  private func says(_ key: FieldKey<String>) -> Bool {
    device.setting(key) != nil || device[ifKnown: .xml].map { device.type[key].isThere(in: $0.root) } ?? false
  }

  /// - Parameter given: what new objects are given, as far as it has been read before.
  func plan(_ given: inout GivenValues) -> Plan {
    let identity = observedIdentity
    let running = context.running.flatMap(identity.find).map(Vocabulary.storedForm(ofRunning:))
    var plan = Plan(element: current ?? rule.template, part: DomainPart(context))
    plan.part.identities[key] = identity
    if isNew { plan.part.findings.checkVersion(of: device, named: key, on: context.stack.host) }
    if rule.role == .storage {
      plan.part += DiskFilePlanning.plan(context, device, key, identity, current: current, into: &plan.element)
    }
    var changes = planFields(identity, running, of: &plan)
    if let current {
      device.type.removeUnfit(from: &plan.element, changedFrom: current, except: Set(device.settings.keys))
      changes += following(from: current, to: plan.element, running, besides: plan.part.changes + changes)
    }
    var fragment = context.plan(
      fragmentOf: device, of: key, in: &plan.element, isNew: isNew, isShown: !isNew, running: running)
    changes += fragment.changes
    fragment.changes = []
    plan.part += fragment
    // So that the device is known as Vireo's when it leaves the spec, even if the spec said nothing of it.
    plan.part.owned.addDevice(key, [:])
    let former = former(insteadOf: plan.element)
    guard let current else {
      completeNew(identity, running, former, &plan, &given)
      return plan
    }
    if let former {
      let planned = plan.element
      plan.element = former
      plan.target = former.value(at: .diskTarget)
      changes += following(from: planned, to: former, running, besides: plan.part.changes + changes)
    } else {
      plan.part.owned.formers[key] = remembered(current, changedTo: plan.element)
    }
    if rule.role == .storage, former == nil {
      let defaults = DiskDefaults(context, device, definition, targets)
      if let (target, change) = defaults.retarget(&plan.element, from: current, identity) {
        plan.target = target
        if let change { plan.part.changes.append(change) }
      }
    }
    completeExisting(current, identity, changes, &plan)
    return plan
  }

  /// What the device's changes have taken along.
  private func following(
    from before: XMLElement, to element: XMLElement, _ running: XMLElement?, besides shown: [FieldChange]
  ) -> [FieldChange] {
    followingChanges(
      of: device, owner: key + ".", from: before, to: element, running: running, besides: shown, earlier: earlier,
      isInUse: running != nil || context.observed?.hasManagedSave ?? false)
  }

  /// How the device is found as the definition and the running guest have it.
  private var observedIdentity: DeviceIdentity {
    guard let current else { return DeviceIdentity(of: device, rule) }
    // The running guest has the device as it was stored before.
    var identity = DeviceIdentity(of: current, key: device.name, kind: device.type.name, rule, isAlone: isAlone)
    // The running guest may have it under the alias that it had before.
    if rule.identity == .alias, let alias = device[ifKnown: .alias] {
      identity.marks = identity.marks ?? DeviceMarks(of: current)
      let bearers = context.running?.first("devices")?.all(rule.element) ?? []
      if bearers.contains(where: { $0.value(at: .alias) == alias }) { identity.marks?[.alias] = alias }
    }
    if identity.marks != nil, let all = definition.first("devices")?.all(rule.element) {
      (identity.place, identity.count) = (all.firstIndex(of: current), all.count)
    }
    return identity
  }

  // MARK: Fields

  /// Plans the device's fields and puts what they become into its element.
  ///
  /// - Returns: the changes of one that exists. A new device is shown as a whole, and plugged in as a whole.
  private func planFields(_ identity: DeviceIdentity, _ running: XMLElement?, of plan: inout Plan) -> [FieldChange] {
    var changes: [FieldChange] = []
    let isSnapshot = plan.part.snapshotDisks.contains(key)
    let recorded = context.record?.fields(of: key) ?? [:]
    let fields = isNew ? device.type.fields : device.type.fields(device.settings.keys, named: recorded.keys)
    for field in fields where !field.isFragment {
      let setting = device.settings[field]
      let name = "\(key).\(device.type.displayName(of: field))"
      if let setting {
        plan.part.findings.checkVersion(of: field, setting, named: name, in: current, on: context.stack.host)
      }
      var fieldPlan = context.plan(
        field, named: name, of: key, setting, isCompleted: isCompleted, observed: current, running: running,
        in: plan.element,
        cost: { effect(of: field, identity, setting, to: $0) })
      // The format of a snapshot's overlay, and the images behind it, are the snapshot's.
      if isSnapshot, setting != nil, field == Vocabulary.disk[.format] || field.group == "backing-chain" {
        fieldPlan = FieldPlan(noted: fieldPlan.noted)
      }
      fieldPlan.put(field, into: &plan.element)
      if isNew { fieldPlan.change = nil }
      plan.part.note(fieldPlan, of: field, key, on: identity, context)
      guard let change = fieldPlan.change else { continue }
      if fieldPlan.isImpossible {
        plan.part.findings.refuse(impossible: change, suggestion: "declare a new \(device.type.name) beside it")
      } else {
        changes.append(change)
      }
    }
    return changes
  }

  /// The effect of changing a field of a device that exists.
  private func effect(of field: Field, _ identity: DeviceIdentity, _ setting: Setting?, to value: Value?) -> Effect {
    let effect = context.effect(of: field, to: value, on: identity)
    guard effect >= .replace, field == Vocabulary.disk[.format], let setting,
      context.hasFile(of: device, in: setting)
    else { return effect }
    // The definition is put right where the file is of the format that the spec says: the disk stays what it is.
    return context.isActive ? .nextBoot : .define
  }

  // MARK: A new device

  private func completeNew(
    _ identity: DeviceIdentity, _ running: XMLElement?, _ former: XMLElement?, _ plan: inout Plan,
    _ given: inout GivenValues
  ) {
    if let former {
      plan.element = former
    } else if isCompleted {
      if rule.role == .storage { DiskDefaults(context, device, definition, targets).complete(&plan.element) }
      if device.type.has(.mac), device.setting(.mac) == nil {
        let mac = Identity.macAddress(stack: context.stack.name, domain: context.spec.name, interface: device.name)
        plan.element.set(mac, at: .interfaceMAC)
      }
    }
    plan.target = plan.element.value(at: .diskTarget)
    let (identity, recorded) = identify(new: &plan.element, identity, isFormer: former != nil)
    plan.part.identities[key] = identity
    if let recorded { plan.part.owned.setMarks(key, recorded) }
    let effect = add(plan.element, identity, to: &plan.part)
    plan.part.changes += given.changes(of: device, in: plan.element, owner: key + ".", effect: effect)
    if running != nil { plan.part += comparedWithGuest(identity, plan.element, running) }
  }

  /// Shows that the device is new, and plugs it into a running guest where that is possible.
  ///
  /// - Returns: the effect.
  private func add(_ element: XMLElement, _ identity: DeviceIdentity, to part: inout DomainPart) -> Effect {
    let effect: Effect
    if let running = context.running, identity.marks != nil || identity.find(in: running) == nil {
      // Of a device that looks as others do, nobody could tell afterwards whether the guest has it.
      let isLive = identity.marks?.isOwn ?? true && canPlugIn(element, into: running)
      if isLive { part.attachments.append((key, identity, element)) }
      effect = isLive ? .live : .nextBoot
    } else {
      // No guest is concerned: there is none, or it never lost the device.
      effect = .define
    }
    part.changes.append(
      FieldChange(
        key, new: .string(device.summary(as: element)), effect: effect,
        // What the last apply had and the host has no more was taken away behind Vireo's back.
        reason: context.record?.hasDevice(key) ?? false ? .drift : .spec,
        detail: device[ifKnown: .source] == nil ? DiskSource.path(of: element) : nil, range: device.range))
    return effect
  }

  /// A device that comes back to the definition and that the running guest never lost may have other values there.
  private func comparedWithGuest(
    _ identity: DeviceIdentity, _ element: XMLElement, _ running: XMLElement?
  ) -> DomainPart {
    var part = DomainPart(context)
    for field in device.type.fields(device.settings.keys) where field.lens != nil {
      let plan = context.plan(
        field, named: "\(key).\(device.type.displayName(of: field))", of: key, device.settings[field],
        isCompleted: isCompleted, observed: element, running: running, in: element,
        cost: { context.effect(of: field, to: $0, on: identity) })
      part.note(plan, of: field, key, on: identity, context)
      if let change = plan.change { part.changes.append(change) }
    }
    return part
  }

  // MARK: A device that exists

  private func completeExisting(
    _ current: XMLElement, _ identity: DeviceIdentity, _ changes: [FieldChange], _ plan: inout Plan
  ) {
    let known = recordIdentity(of: plan.element, identity, replacing: current, isChanged: !changes.isEmpty)
    if let stored = known.identity { plan.part.identities[key] = stored }
    if let recorded = known.recorded { plan.part.owned.setMarks(key, recorded) }
    plan.part.changes += changes + [known.change].compactMap(\.self)
    let difference = RecordDifference(before: context.formerRecord, now: plan.part.owned, isNew: false)
    plan.part.changes += difference.changes(of: key, device, besides: plan.part.changes) { field in
      field == Vocabulary.disk[.source]
        ? DiskSource.path(of: current).map(Value.string) : field.lens.flatMap { $0.get(current) }
    }
    if let running = context.running, identity.find(in: running) == nil,
      context.record?.hasDevice(key) ?? false, identity.marks == nil || context.record?.marks[key] != nil
    {
      addLate(identity, running, &plan)
    }
  }

  /// A device that is stored already and that the running guest does not have. It gets it now, unless it was asked to take it
  /// and has not: a run that was cut off had not asked yet, or somebody has unplugged the device.
  private func addLate(_ identity: DeviceIdentity, _ running: XMLElement, _ plan: inout Plan) {
    let mayAsk = identity.marks?.isOwn ?? true && !(context.refused?.contains(.attach, of: key) ?? false)
    guard mayAsk, canPlugIn(plan.element, into: running) else {
      plan.part.pending.append(PendingValue(key, running: nil, stored: .string(device.type.name)))
      plan.part.needsRestart = true
      return
    }
    plan.part.attachments.append((key, identity, plan.element))
    plan.part.changes.append(
      FieldChange(
        key, new: .string(device.summary(as: plan.element)), effect: .live, reason: .drift,
        detail: FieldChange.storedAlready, range: device.range))
  }

  /// Whether a device can be plugged into the running guest, beside those that are to be plugged in already.
  private func canPlugIn(_ element: XMLElement, into running: XMLElement) -> Bool {
    // Into a guest that is to be stopped nothing needs to be plugged.
    !context.isToBeStopped && Hotplug.canPlug(element, into: running, beside: attached)
  }
}
