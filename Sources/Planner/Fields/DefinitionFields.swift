// The fields of an object that is one definition without devices, a network or a pool: what differs, and the definition on its
// way from what is to what shall be.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// Works out what becomes of a definition.
struct DefinitionFields {
  let spec: ObjectSpec
  let object: ObjectReference
  let stack: StackContext
  /// The stored definition; nil for a new object.
  let observed: XMLElement?
  /// The definition in use, where there is one.
  let running: XMLElement?
  /// What an earlier apply owned, as the host has it; nil also for what carries no record.
  let formerRecord: OwnershipRecord?
  /// What an earlier apply owned, without what the spec leaves to the host again.
  let record: OwnershipRecord?
  /// What is concealed in what is shown and recorded.
  let concealment: Concealment
  private(set) var xml: XMLElement
  private(set) var changes: [FieldChange] = []
  private(set) var pending: [PendingValue] = []
  private(set) var owned: OwnershipRecord
  /// Fields that the running object is to get at once.
  private(set) var live: [Field] = []
  private(set) var findings: Findings

  /// - Parameter fresh: what the definition of a new object starts from.
  init(
    _ spec: ObjectSpec, _ object: ObjectReference, in stack: StackContext, observed: XMLElement?,
    running: XMLElement?, fresh: XMLElement
  ) {
    self.spec = spec
    self.object = object
    self.stack = stack
    findings = Findings(about: object)
    self.observed = observed
    self.running = running
    formerRecord = observed.flatMap { OwnershipRecord(in: $0) }
    record = formerRecord?.released(spec.unmanagedPlaces)
    owned = OwnershipRecord(stack: stack.name)
    xml = observed ?? fresh
    concealment = Concealment(
      of: spec, record: record, salt: stack.inventory.salt, definitions: [observed, running].compactMap(\.self))
  }

  var isNew: Bool { observed == nil }

  /// Plans all fields but those that are looked after elsewhere.
  ///
  /// - Parameter liveFields: which of the fields with the effect `live` the running object can be given now.
  mutating func plan(except others: Set<Field> = [], canUpdate liveFields: (Field) -> Bool = { _ in false }) {
    for field in fields where !others.contains(field) && !field.isFragment {
      let setting = spec.settings[field]
      let planning = FieldPlanning(
        field: field, name: spec.type.displayName(of: field), setting: setting,
        recorded: concealment.recorded(setting, of: OwnershipRecord.itself, field), initial: field.initial,
        observed: observed, running: running, place: spec.range)
      if let setting { findings.checkVersion(of: field, setting, named: planning.name, in: observed, on: stack.host) }
      let plan = planning.plan(
        in: xml, effect: { effect(of: field, to: $0, canUpdate: liveFields(field)) },
        mayAsk: { _, _ in liveFields(field) })
      plan.put(field, into: &xml)
      if let value = plan.noted {
        concealment.record(value, of: OwnershipRecord.itself, field, in: &owned)
      }
      if let value = plan.pending { pending.append(value) }
      guard let change = plan.change else { continue }
      guard !plan.isImpossible else {
        findings.refuse(
          impossible: change, suggestion: "only a new \(object.kind.rawValue) can have it")
        continue
      }
      if change.effect == .live { live.append(field) }
      changes.append(change)
    }
    if let observed {
      changes += followingChanges(
        of: spec, from: observed, to: xml, running: running, besides: changes, isInUse: running != nil)
    }
    planFragment()
  }

  /// Plans what the spec says in libvirt's own XML, once the fields are in place.
  private mutating func planFragment() {
    let plan = FragmentPlan(
      of: spec, in: &xml, record: record, concealment: concealment, isNew: isNew, running: running, subject: object)
    plan.record(of: OwnershipRecord.itself, concealment, in: &owned)
    plan.conflicts.forEach { findings.fail($0) }
    changes += plan.changes
  }

  /// The fields to look at: all of what is new, and of what exists those that the spec or the record names.
  private var fields: [Field] {
    guard !isNew else { return spec.type.fields }
    let recorded = record?.fields(of: OwnershipRecord.itself) ?? [:]
    return spec.type.fields(spec.settings.keys, named: recorded.keys)
  }

  /// The effect of giving an existing object a value.
  private func effect(of field: Field, to value: Value?, canUpdate: Bool) -> Effect {
    guard running != nil else { return field.effect.stopped }
    // What is not given to the running object now waits for its next start.
    return field.effect.running == .live && !(canUpdate && value != nil) ? .nextBoot : field.effect.running
  }

  /// A value that a new object gets where the spec is silent.
  mutating func setDefault(_ key: FieldKey<String>, _ text: String) {
    guard isNew, spec[key] == nil else { return }
    let value = Value.string(text)
    spec.type[key].lens?.put(value, into: &xml)
    changes.append(FieldChange(key.name, new: value, effect: .define, reason: .default, range: spec.range))
  }

  /// Shows what a new object is given, once its definition is complete.
  mutating func noteGiven() {
    guard isNew else { return }
    var given = GivenValues()
    changes += given.changes(of: spec, in: xml, besides: changes)
  }

  /// Puts the record into the definition.
  ///
  /// - Returns: whether the definition is to be stored.
  mutating func settleRecord() -> Bool {
    // A record that says the same keeps the notation that libvirt gave it.
    if owned != OwnershipRecord(in: xml) { owned.put(into: &xml) }
    guard xml != observed else { return false }
    owned.renewed.put(into: &xml)
    return true
  }
}
