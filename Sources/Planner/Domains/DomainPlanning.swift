// Planning one domain: found or new, who owns it, what differs, and the steps in their order.

import Diagnostics
import Inventory
import Spec
import Vocabulary
import XMLTree

/// Works out what becomes of one domain.
struct DomainPlanning {
  let spec: ObjectSpec
  let object: ObjectReference
  let builder: PlanBuilder
  let uses: DiskUses
  /// The domain as the host has it; nil for a new one.
  private(set) var observed: ObservedDomain?
  /// The name that the domain has on the host until it is renamed; its own where nothing is to be renamed.
  let nameOnHost: String
  /// What an earlier apply owned.
  let record: OwnershipRecord?
  let identity: DomainIdentity
  /// What is concealed in what is shown and recorded.
  let concealment: Concealment
  /// The definition on its way from what is to what shall be.
  var xml: XMLElement
  var changes: [FieldChange] = []
  var pending: [PendingValue] = []
  /// What this apply owns.
  var owned: OwnershipRecord
  /// Disks that stand on a snapshot's overlay, whose format is the snapshot's.
  var snapshotDisks: Set<String> = []
  /// Steps that must be done before the definition is stored: files made and grown.
  var fileSteps: [Int] = []
  /// The step that gives a saved state up.
  var discarding: Int?
  /// How the devices of the spec are found in the definition, by their whole names.
  var identities: [String: DeviceIdentity] = [:]
  /// What the definition's parts for QEMU name of libvirt's own aliases.
  private(set) var namedAliases = NamedAliases(in: [])
  /// Devices to plug in once the definition is stored.
  var attachments: [(name: String, identity: DeviceIdentity, element: XMLElement)] = []
  /// Whether the guest would have something after a restart that it does not have now.
  var needsRestart = false
  /// Devices to unplug once the definition is stored.
  var detachments: [(name: String, identity: DeviceIdentity)] = []
  /// Values that the running guest is to get once the definition is stored.
  var liveChanges: [LiveChange] = []
  /// The snapshots that there are, and those that this plan takes.
  var knownSnapshots: [ObservedSnapshot] = []
  /// What libvirt has refused to change in the guest since it was started.
  let refused: RefusedValues?
  /// Targets that new disks have been given and that are not in the definition yet.
  var newTargets: Set<String> = []

  init(_ spec: ObjectSpec, in builder: PlanBuilder, uses: DiskUses) {
    self.spec = spec
    self.builder = builder
    self.uses = uses
    object = ObjectReference(.domain, spec.name)
    var found = builder.inventory.domains[spec.name]
    if found == nil, let old = spec[.renamedFrom], let domain = builder.inventory.domains[old] {
      found = domain
      // What it is once it has its name, which is the first step.
      found?.inactive.set(spec.name, at: "name")
    }
    observed = found
    knownSnapshots = found?.snapshots ?? []
    refused = found?.running.map(RefusedValues.init)
    nameOnHost = found?.name ?? spec.name
    record = found.flatMap { OwnershipRecord(in: $0.inactive) }
    owned = OwnershipRecord(stack: builder.spec.name)
    let uuid =
      found?.uuid ?? spec[.uuid] ?? Identity.uuid(stack: builder.spec.name, domain: spec.name)
    identity = DomainIdentity(name: spec.name, uuid: uuid)
    xml = found?.inactive ?? XMLElement("domain")
    concealment = Concealment(
      of: spec, record: record, salt: builder.inventory.salt,
      definitions: [found?.inactive, found?.running, found?.saved].compactMap(\.self))
    builder.conceal(concealment.secrets)
  }

  var stack: String { builder.spec.name }

  /// Whether what the spec leaves out of something new is Vireo's to choose, rather than libvirt's.
  var isCompletedByVireo: Bool { spec[.defaults] != .libvirt }

  /// Whether the guest is not to go on running, so that nothing needs to be done to it as it runs.
  var isToBeStopped: Bool { spec[.state] == .stopped }

  mutating func plan() {
    guard mayBePlanned() else { return }
    planSavedState()
    guard planRenaming() else { return }
    guard spec[.state] != .absent else {
      if let observed {
        builder.planDeletion(of: observed, spec)
      } else {
        builder.add(ObjectPlan(object, .none, range: spec.range))
      }
      return
    }
    if observed == nil { xml = NewDomain.skeleton(for: spec, identity, on: builder.inventory.host) }
    planFields()
    let deviceMemory = Vocabulary.deviceMemory(of: xml)
    namedAliases = NamedAliases(in: [xml] + [spec[.xml]?.root].compactMap(\.self))
    planDevices()
    keepLeavers()
    Vocabulary.recountMemory(of: &xml, devicesBefore: deviceMemory, current: spec.setting(.currentMemory)?.value)
    noteFollowing(from: observed?.inactive)
    planFragment()
    noteMissingAliases()
    settleWatchdogs()
    let unsettled = xml
    let declaredDevices = xml.first("devices").map { Array($0.elements) } ?? []
    settleDefinition()
    checkHostLimits()
    checkNetworks()
    checkExclusions()
    checkDrivers()
    if observed == nil {
      if isCompletedByVireo { NewDomain.complete(&xml, for: spec) }
    } else if isCompletedByVireo {
      NewDomain.completeControllers(&xml)
    }
    noteFollowing(from: unsettled)
    noteGiven(besides: declaredDevices)
    let definition = planDefinition()
    planLifecycle(after: definition)
    noteRecord(isStored: definition != nil)
    noteSavedState()
    builder.add(
      concealment.concealed(
        ObjectPlan(object, verb(definition), changes: changes, pending: pending, range: spec.range)))
  }

  /// Reports aliases that something of the definition names and no device has: libvirt stores them, and the guest does not start,
  /// or what they are named for does nothing.
  private func noteMissingAliases() {
    for missing in NamedAliases.missing(in: xml) {
      let alias = missing.alias
      let (name, range) = place(of: missing)
      builder.note(
        "unknown-alias", "`\(name)` names the alias \(alias), and no device of the domain has it",
        at: range ?? spec.place(of: .xml), subject: object,
        suggestion: "write `alias: \(alias)` in the entry of the device that is meant", severity: .warning)
    }
  }

  /// Where the spec names a device by its alias: the field, with the name of the entry that it is in, and its place.
  private func place(of missing: NamedAliases.Missing) -> (name: String, range: SourceRange?) {
    let field = missing.field
    guard let collection = missing.collection else { return (field.name, spec.settings[field]?.range) }
    for member in spec.members(collection) {
      guard let setting = member.settings[field], field.type.namedDevices(in: setting.value).contains(missing.alias)
      else { continue }
      return ("\(collection).\(member.name).\(field.name)", setting.range)
    }
    return ("\(collection).\(field.name)", nil)
  }

  // MARK: Whether

  private mutating func mayBePlanned() -> Bool {
    if observed == nil,
      let failure = builder.inventory.failures.first(where: { $0.subject == object.description })
    {
      builder.refuse("unreadable-domain", "cannot be read: \(failure.message)", at: spec.range, subject: object)
      return false
    }
    if let owner = record?.stack, owner != stack {
      builder.refuse(
        "owned-by-another-stack", "the host has a domain of this name that belongs to the stack \(owner)",
        at: spec.range,
        subject: object, suggestion: "rename the domain here, or there")
      return false
    }
    if observed == nil,
      let other = builder.inventory.domains.values.first(where: { $0.uuid == identity.uuid })
    {
      if let owner = OwnershipRecord(in: other.inactive)?.stack, owner != stack {
        builder.refuse(
          "owned-by-another-stack",
          "the host has the UUID \(identity.uuid) at the domain \(other.name) of the stack \(owner)",
          at: spec.place(of: .uuid), subject: object, suggestion: "write another UUID, or none")
        return false
      }
      builder.refuse(
        "renamed-domain", "the host has this domain's UUID, \(identity.uuid), under the name \(other.name)",
        at: spec.place(of: .uuid), subject: object,
        suggestion: "to rename it, write `renamed-from: \(other.name)`; if it was renamed, use its name here")
      return false
    }
    return true
  }

  /// Plans the step that gives the domain its name.
  ///
  /// - Returns: whether the domain can be planned at all.
  private mutating func planRenaming() -> Bool {
    guard let observed else { return true }
    guard nameOnHost != spec.name else {
      planRestOfRenaming(observed)
      return true
    }
    let range = spec.place(of: .renamedFrom)
    let obstacle =
      observed.isActive ? "runs" : observed.hasManagedSave ? "has a saved state" : nil
    if let obstacle {
      builder.refuse(
        "cannot-rename", "domain \(nameOnHost) \(obstacle), and libvirt renames stopped domains only", at: range,
        subject: object,
        suggestion: observed.isActive
          ? "shut it down first" : "start it and shut it down, or discard the state with --discard-saved-state")
      return false
    }
    changes.append(
      FieldChange(
        "name", old: .string(nameOnHost), new: .string(spec.name), effect: .define, reason: .spec,
        detail: "files keep their names", range: range))
    fileSteps.append(
      builder.add(
        .renameDomain(DomainIdentity(name: nameOnHost, uuid: observed.uuid), to: spec.name), for: object,
        after: fileSteps))
    return true
  }

  /// A renaming that was cut off leaves the UEFI variables under the old name, too: another domain of that name would write
  /// to them.
  private mutating func planRestOfRenaming(_ observed: ObservedDomain) {
    guard let old = spec[.renamedFrom], observed.formerNames.contains(old),
      builder.inventory.domains[old] == nil
    else { return }
    changes.append(
      FieldChange(
        "name", old: .string(old), new: .string(spec.name), effect: .define, reason: .spec,
        detail: "the rest of a renaming that was cut off: \(old)_VARS.fd, the old name of the UEFI variables, goes",
        range: spec.place(of: .renamedFrom)))
    fileSteps.append(
      builder.add(
        .renameDomain(DomainIdentity(name: old, uuid: observed.uuid), to: spec.name), for: object, after: fileSteps))
  }

  /// A saved state goes first where that is asked for: the definition of its time would come back with it.
  private mutating func planSavedState() {
    guard let observed, observed.hasManagedSave, builder.discardsSavedStates else { return }
    changes.append(
      FieldChange(
        "saved-state", old: .string("the memory of the guest"), effect: .dataLoss, reason: .spec,
        detail: "discarded", range: spec.range))
    let step = builder.add(
      .discardSavedState(DomainIdentity(name: nameOnHost, uuid: observed.uuid)), for: object, effect: .dataLoss)
    discarding = step
    fileSteps.append(step)
    self.observed?.hasManagedSave = false
  }

  private func verb(_ definition: Int?) -> ObjectPlan.Verb {
    if observed == nil { return .create }
    if definition != nil, record == nil, changes.allSatisfy(\.isRecordOnly) { return .adopt }
    return changes.isEmpty ? .none : .update
  }

  // MARK: Fields

  private mutating func planFields() {
    let type = Vocabulary.domain
    let recorded = record?.fields(of: OwnershipRecord.itself) ?? [:]
    // Of the many fields of a domain that exists, a few are named.
    let fields = observed == nil ? type.fields : type.fields(spec.settings.keys, named: recorded.keys)
    for field in fields where !field.isFragment {
      let setting = spec.settings[field]
      let name = type.displayName(of: field)
      if let setting { builder.checkVersion(of: field, setting, named: name, in: observed?.inactive, for: object) }
      let plan = plan(
        field, named: name, of: OwnershipRecord.itself, setting, observed: observed?.inactive,
        running: observed?.running, in: xml, cost: { effect(of: field, to: $0) })
      plan.put(field, into: &xml)
      note(plan, of: field, OwnershipRecord.itself)
      if observed == nil, setting == nil, field == type[.type] {
        changes.append(
          FieldChange(
            name, new: field.lens?.get(xml), effect: .define, reason: .default,
            detail: NewDomain.explainType(for: spec, on: builder.inventory.host), range: spec.range))
      }
      guard let change = plan.change else { continue }
      if plan.isImpossible {
        builder.refuse(impossible: change, of: object, suggestion: "only a new domain can have it")
      } else {
        changes.append(change)
      }
    }
  }

  /// What becomes of a field of the domain or of one of its devices.
  ///
  /// - Parameters:
  ///   - owner: whose field it is, as the record has it.
  ///   - observed: the domain or device as the host has it stored; nil for a new one.
  ///   - element: the same on its way to what it shall be.
  ///   - cost: the effect of giving an existing domain or device a value.
  func plan(
    _ field: Field, named name: String, of owner: String, _ setting: Setting?, observed: XMLElement?,
    running: XMLElement?, in element: XMLElement, cost: (Value?) -> Effect
  ) -> FieldPlan {
    let planning = FieldPlanning(
      field: field, name: name, setting: setting, recorded: concealment.recorded(setting, of: owner, field),
      initial: isCompletedByVireo ? field.initial : nil, observed: observed, running: running, place: spec.range)
    return planning.plan(
      in: element, effect: cost,
      mayAsk: { stored, shown in
        // A guest that lets go of nothing would be asked again and again, and so would libvirt, which may also leave out
        // what is as usual.
        field.effect.way != nil && shown != nil && !(refused?.contains(name, stored) ?? false)
      })
  }

  /// Whether a value outside the definition drifted, or is the spec's wish.
  func reason<Content>(_ key: FieldKey<Content>, _ setting: Setting) -> FieldChange.Reason {
    FieldChange.Reason(
      setting.value, concealment.recorded(setting, of: OwnershipRecord.itself, spec.type[key]), isNew: observed == nil)
  }

  /// Takes note of what a field's plan says beside its change: what is recorded, what waits, and what the guest is to get.
  mutating func note(_ plan: FieldPlan, of field: Field, _ owner: String, on device: DeviceIdentity? = nil) {
    if let value = plan.noted { concealment.record(value, of: owner, field, in: &owned) }
    if let value = plan.pending { pending.append(value) }
    if plan.needsRestart { needsRestart = true }
    if let change = plan.change, change.effect == .live {
      addLive(field, name: change.field, to: change.new, on: device)
    }
  }

  // MARK: Steps

  /// The step that stores the definition, where it is to be stored.
  private mutating func planDefinition() -> Int? {
    // A record that says the same keeps the notation that libvirt gave it.
    if owned != OwnershipRecord(in: xml) { owned.put(into: &xml) }
    guard let observed else {
      return addDefinition(replacing: nil)
    }
    guard xml != observed.inactive || !observed.isPersistent else { return nil }
    owned.renewed.put(into: &xml)
    if !observed.isPersistent {
      xml.removeRunningParts()
      changes.append(
        FieldChange(
          "definition", old: .string("transient"), new: .string("stored"), effect: .define, reason: .spec,
          detail: "the domain stays when its guest stops", range: spec.range))
    }
    return addDefinition(replacing: observed.inactive)
  }

  private mutating func addDefinition(replacing: XMLElement?) -> Int {
    let pools = builder.spec.pools.map { ObjectReference(.pool, $0.name) }
    let images = spec.members("disks").compactMap { $0[.image].map { ObjectReference(.image, $0) } }
    var definition = DomainDefinition(
      identity: identity, xml: xml, replacing: replacing, expectations: expectations())
    definition.isOfAnotherHost = !isCompletedByVireo
    let step = builder.add(
      .defineDomain(definition), for: object, after: fileSteps, waitingFor: fileSteps.isEmpty ? images : pools + images,
      effect: changes.map(\.effect).filter { $0 != .live }.max() ?? .define)
    builder.setReady(object, after: step)
    return step
  }

  /// Everything that the spec says of the definition, to be found again when it is read back.
  private func expectations() -> [Expectation] {
    let devices = Vocabulary.domain.collections.flatMap { collection -> [Expectation] in
      guard let rule = collection.type.device else { return [] }
      return spec.members(collection.key).flatMap { device in
        device.expectations(
          of: "\(collection.key).\(device.name).",
          on: identities["\(collection.key).\(device.name)"] ?? DeviceIdentity(of: device, rule),
          except: snapshotDisks.contains(device.name) && collection.key == "disks" ? [device.type[.format]] : [])
      }
    }
    return spec.expectations() + firmwareExpectations() + devices
  }

  /// Firmware that keeps its variables is expected wherever it was asked for on the spec's behalf.
  private func firmwareExpectations() -> [Expectation] {
    guard spec[.loaderStateless] == nil, xml.value(at: .firmware) == "efi",
      xml.value(at: .loaderStateless) == "no"
    else { return [] }
    let entry = spec.type[.loaderStateless]
    return [Expectation(field: entry.name, value: .boolean(false), device: nil, entry: entry)]
  }

  /// Whatever the record says otherwise than before and no change shows yet.
  private mutating func noteRecord(isStored: Bool) {
    guard isStored else { return }
    let difference = RecordDifference(before: record, now: owned, isNew: observed == nil)
    changes += difference.changes(of: OwnershipRecord.itself, spec, besides: changes) {
      [observed, type = spec.type] field in
      switch field {
      case type[.state]: observed.map { .string($0.state.rawValue) }
      case type[.autostart]: observed.map { .boolean($0.autostart) }
      default: observed.flatMap { field.lens?.get($0.inactive) }
      }
    }
    changes += difference.devices(of: spec, besides: changes)
  }
}
