// Planning one domain: each subject takes what is known of the domain, with what others before it have returned, and returns its
// part. This is their order.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// Works out what becomes of one domain.
enum DomainPlanning {
  /// What becomes of a domain.
  ///
  /// - Parameter given: what new objects are given, as far as it has been read before.
  static func plan(_ spec: ObjectSpec, in stack: StackContext, _ given: inout GivenValues) -> PlanPart {
    let context = DomainContext(spec, in: stack)
    var result = PlanPart(context.object)
    result.findings = context.admission()
    if result.findings.refusals.isEmpty {
      result = spec[.state] == .absent ? leaving(context) : staying(context, &given)
    }
    result.secrets = context.concealment.secrets
    return result
  }

  /// A domain that is not to be on the host.
  private static func leaving(_ context: DomainContext) -> PlanPart {
    if let observed = context.observed { return context.stack.deletion(of: observed, context.spec) }
    var result = PlanPart(context.object)
    result.plan = ObjectPlan(context.object, .none, range: context.spec.range)
    return result
  }

  /// A domain that is to be on the host.
  private static func staying(_ context: DomainContext, _ given: inout GivenValues) -> PlanPart {
    let (spec, observed) = (context.spec, context.observed)
    var result = PlanPart(context.object)
    // What comes before everything else.
    var part = SavedState.planDiscarding(context)
    part += Renaming.plan(context)
    guard part.findings.refusals.isEmpty else {
      result.findings = part.findings
      return result
    }
    // The definition on its way from what is to what shall be.
    var definition =
      observed?.inactive ?? NewDomain.skeleton(for: spec, context.identity, on: context.stack.host)

    // What the spec says: fields, devices with their files, and libvirt's own XML, which has the last word.
    part += DomainFields.plan(context, in: &definition)
    let deviceMemory = Vocabulary.deviceMemory(of: definition)
    let aliases = NamedAliases(in: [definition] + [spec[.xml]?.root].compactMap(\.self))
    part += DeviceCollections.plan(context, aliases, in: &definition, earlier: part.effect, &given)
    part += keptLeavers(context, besides: part.owned, definition)
    keepFormers(context, in: &part.owned)
    part.changes += LeftoverControllers.settle(context, part.identities, in: &definition, &given)
    AddressRules.settle(context, in: &definition)
    Vocabulary.recountMemory(
      of: &definition, devicesBefore: deviceMemory, current: spec.setting(.currentMemory)?.value)
    part.changes += following(context, from: observed?.inactive, to: definition, besides: part.changes)
    part += DomainFragment.plan(context, part.identities, in: &definition)

    // What follows from that by the rules among the parts of a definition, and what the host cannot do.
    part.findings += NamedAliases.check(context, definition)
    part += WatchdogRules.settle(context, part.identities, in: &definition)
    let unsettled = definition
    part += DefinitionRules.settle(context, part.identities, owned: part.owned, in: &definition, &given)
    part.findings += HostLimits.check(context, definition)
    part.findings += NetworkNeeds.check(context)
    part.findings += Exclusions.check(context)
    part.findings += DriverNeeds.check(context, part.identities, definition)
    if context.isNew, context.isCompletedByVireo {
      NewDomain.complete(&definition, for: spec)
    } else {
      NewDomain.completeControllers(&definition, replacing: observed?.inactive)
    }
    Vocabulary.arrangeParts(of: &definition, replacing: observed?.inactive)
    part.changes += following(context, from: unsettled, to: definition, besides: part.changes)
    part.changes += GivenValues.changes(context, definition, from: unsettled, besides: part.changes, &given)

    // The steps, and what they do to the guest.
    var steps = Steps()
    var stored = part.fileSteps.map { steps.add($0) } + part.volumes.map(Prerequisite.object)
    let isStored = settleRecord(context, &part, in: &definition)
    if isStored {
      part.findings += SchemaRules.check(context, part.identities, definition)
      let step = steps.add(definitionStep(context, part, definition, after: stored))
      steps.setReady(after: step)
      stored = [step]
    }
    let lifecycle = LifecyclePlanning.plan(context, part, definition, after: stored, steps)
    if lifecycle.isRestart { part.restart() }
    part += lifecycle.part
    if isStored { part.changes += recordChanges(context, part) }
    part += SavedState.note(context, definition, part.identities, hasChanges: !part.changes.isEmpty)

    result.steps = lifecycle.steps
    result.findings = part.findings
    result.plan = context.concealment.concealed(
      ObjectPlan(
        context.object, verb(context, part, isStored: isStored), changes: part.changes, pending: part.pending,
        range: spec.range))
    return result
  }

  private static func verb(_ context: DomainContext, _ part: DomainPart, isStored: Bool) -> ObjectPlan.Verb {
    if context.isNew { return .create }
    if isStored, context.record == nil, part.changes.allSatisfy(\.isRecordOnly) { return .adopt }
    return part.changes.isEmpty ? .none : .update
  }

  /// What the changes of an existing domain have taken along since it had a definition.
  private static func following(
    _ context: DomainContext, from before: XMLElement?, to definition: XMLElement, besides shown: [FieldChange]
  ) -> [FieldChange] {
    guard let observed = context.observed, let before else { return [] }
    return followingChanges(
      of: context.spec, from: before, to: definition, running: observed.running, besides: shown,
      isInUse: observed.isActive || observed.hasManagedSave)
  }

  // MARK: The record

  /// What stays recorded of devices that left the definition, as long as a guest may run that has them. For that alone nothing
  /// is stored.
  private static func keptLeavers(
    _ context: DomainContext, besides owned: OwnershipRecord, _ definition: XMLElement
  ) -> DomainPart {
    var part = DomainPart(context)
    guard let observed = context.observed, let leavers = context.record?.leavers, !leavers.isEmpty,
      observed.isActive || definition == observed.inactive
    else { return part }
    for (name, marks) in leavers where !owned.hasDevice(name) { part.owned.setMarks(name, marks) }
    return part
  }

  /// What stays recorded of devices that left the spec earlier: one that comes back is what it was.
  private static func keepFormers(_ context: DomainContext, in owned: inout OwnershipRecord) {
    let leaving = owned.formers.filter { $0.value.place != nil }.keys.sorted()
    for name in leaving.dropFirst(mostFormers) { owned.formers[name] = nil }
    let gone = (context.record?.formers ?? [:]).filter { $0.value.place != nil && owned.formers[$0.key] == nil }
    let room = mostFormers - owned.formers.values.count { $0.place != nil }
    for (name, former) in gone.sorted(by: { $0.key < $1.key }).prefix(max(room, 0)) where !owned.hasDevice(name) {
      owned.formers[name] = former
    }
  }

  /// How many devices the record has of those that left.
  private static let mostFormers = 16

  /// Puts the record into the definition.
  ///
  /// - Returns: whether the definition is to be stored.
  private static func settleRecord(
    _ context: DomainContext, _ part: inout DomainPart, in definition: inout XMLElement
  ) -> Bool {
    part.owned.controllers = context.record?.controllers
    // Most domains of a plan are as they are to be; of these nothing is copied.
    if let observed = context.observed?.inactive, context.record?.controllers == nil, definition != observed {
      var unmarked = definition
      var before = observed
      OwnershipRecord.remove(from: &unmarked)
      OwnershipRecord.remove(from: &before)
      if unmarked != before { part.owned.controllers = ControllerNumbers(of: observed) }
    }
    // A record that says the same keeps the notation that libvirt gave it.
    if part.owned != OwnershipRecord(in: definition) { part.owned.put(into: &definition) }
    guard let observed = context.observed else { return true }
    guard definition != observed.inactive || !observed.isPersistent else { return false }
    part.owned.renewed.put(into: &definition)
    if !observed.isPersistent {
      definition.removeRunningParts()
      part.changes.append(
        FieldChange(
          "definition", old: .string("transient"), new: .string("stored"), effect: .define, reason: .spec,
          detail: "the domain is kept when its guest stops", range: context.spec.range))
    }
    return true
  }

  /// Whatever the record says otherwise than before and no change shows yet.
  private static func recordChanges(_ context: DomainContext, _ part: DomainPart) -> [FieldChange] {
    let (spec, observed) = (context.spec, context.observed)
    let difference = RecordDifference(
      before: context.formerRecord, now: part.owned, isNew: context.isNew, unmanaged: context.unmanaged)
    let own = difference.changes(of: OwnershipRecord.itself, spec, besides: part.changes) { field in
      switch field {
      case spec.type[.state]: observed.map { .string($0.state.rawValue) }
      case spec.type[.autostart]: observed.map { .boolean($0.autostart) }
      default: observed.flatMap { field.lens?.get($0.inactive) }
      }
    }
    return own + difference.devices(of: spec, besides: part.changes + own)
  }

  // MARK: The step

  /// The step that stores the definition.
  private static func definitionStep(
    _ context: DomainContext, _ part: DomainPart, _ xml: XMLElement, after files: [Prerequisite]
  ) -> Step {
    var definition = DomainDefinition(
      identity: context.identity, xml: xml, replacing: context.observed?.inactive,
      expectations: expectations(context, part, xml))
    definition.isOfAnotherHost = !context.isCompletedByVireo
    let pools = context.stack.spec.pools.map { ObjectReference(.pool, $0.name) }
    let images = context.spec.members("disks").compactMap { $0[.image].map { ObjectReference(.image, $0) } }
    let others = files.isEmpty ? images : pools + images
    return Step(
      operation: .defineDomain(definition), after: files + others.map(Prerequisite.object),
      effect: part.changes.map(\.effect).filter { $0 != .live }.max() ?? .define)
  }

  /// Everything that the spec says of the definition, to be found again when it is read back.
  private static func expectations(
    _ context: DomainContext, _ part: DomainPart, _ definition: XMLElement
  ) -> [Expectation] {
    let devices = Vocabulary.domain.collections.flatMap { collection -> [Expectation] in
      guard let rule = collection.type.device else { return [] }
      return context.spec.members(collection.key).flatMap { device in
        let key = "\(collection.key).\(device.name)"
        return device.expectations(
          of: key + ".", on: part.identities[key] ?? DeviceIdentity(of: device, rule),
          except: part.snapshotDisks.contains(key) ? [device.type[.format]] : [])
      }
    }
    return context.spec.expectations() + FirmwareRules.expectations(context, definition) + devices
  }
}
