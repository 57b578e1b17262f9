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
  let builder: PlanBuilder
  /// The stored definition; nil for a new object.
  let observed: XMLElement?
  /// The definition in use, where there is one.
  let running: XMLElement?
  /// What an earlier apply owned; nil also for what carries no record.
  let record: OwnershipRecord?
  /// What is concealed in what is shown and recorded.
  let concealment: Concealment
  var xml: XMLElement
  var changes: [FieldChange] = []
  var pending: [PendingValue] = []
  var owned: OwnershipRecord
  /// Fields that the running object is to get at once.
  var live: [String] = []

  /// - Parameter fresh: what the definition of a new object starts from.
  init(
    _ spec: ObjectSpec, _ object: ObjectReference, in builder: PlanBuilder, observed: XMLElement?,
    running: XMLElement?, fresh: XMLElement
  ) {
    self.spec = spec
    self.object = object
    self.builder = builder
    self.observed = observed
    self.running = running
    record = observed.flatMap { OwnershipRecord(in: $0) }
    owned = OwnershipRecord(stack: builder.spec.name)
    xml = observed ?? fresh
    concealment = Concealment(
      of: spec, record: record, salt: builder.inventory.salt, definitions: [observed, running].compactMap(\.self))
    builder.conceal(concealment.secrets)
  }

  var isNew: Bool { observed == nil }

  /// Plans all fields but those that are looked after elsewhere.
  ///
  /// - Parameter liveFields: which of the fields with the effect `live` the running object can be given now.
  mutating func plan(except others: Set<String> = [], canUpdate liveFields: (Field) -> Bool = { _ in false }) {
    for field in spec.type.fields where !others.contains(field.name) && field.name != Field.xmlName {
      if let setting = spec.settings[field.name] {
        concealment.record(setting.value, of: OwnershipRecord.itself, field.name, in: &owned)
      }
      guard let lens = field.lens else { continue }
      let name = spec.type.displayName(of: field)
      guard let setting = spec.settings[field.name] else {
        takeBack(field, lens, name: name)
        continue
      }
      let old = lens.get(xml)
      builder.checkVersion(of: field, setting, named: name, in: observed, for: object)
      let isStored = !isNew && field.isMet(setting.value, in: xml)
      let isRunning = running.map { field.matches(desired: setting.value, stored: lens.get($0)) } ?? true
      let isLive = field.effect.running == .live && !isRunning && liveFields(field)
      if isLive { live.append(field.name) }
      if !isStored {
        let seen = observed.flatMap(lens.get)
        lens.put(setting.value, into: &xml)
        change(field, lens, name: name, old: seen, to: setting, isLive: isLive)
      } else if isLive {
        changes.append(
          FieldChange(
            name, old: running.flatMap(lens.get), new: setting.value, effect: .live, reason: .drift,
            detail: "stored already", range: setting.range))
      } else {
        if !isRunning, field.isComparableWhenRunning, let old {
          pending.append(PendingValue(name, running: running.flatMap(lens.get), stored: old))
        }
      }
    }
    planFragment()
  }

  /// Plans what the spec says in libvirt's own XML, once the fields are in place.
  private mutating func planFragment() {
    let plan = FragmentPlan(
      of: spec, in: &xml, record: record, concealment: concealment, isNew: isNew, running: running, subject: object)
    plan.record(of: OwnershipRecord.itself, concealment, in: &owned)
    plan.conflicts.forEach(builder.fail)
    changes += plan.changes
  }

  /// A field that the spec does not name any more goes back to its default, if it was Vireo's.
  private mutating func takeBack(_ field: Field, _ lens: Lens, name: String) {
    guard !isNew else {
      if let initial = field.initial { lens.put(initial, into: &xml) }
      return
    }
    guard !field.staysWhenDropped, record?[OwnershipRecord.itself, field.name] != nil,
      lens.get(xml) != field.initial
    else { return }
    // Another field may have taken this one along; the host has what it had.
    let old = observed.flatMap(lens.get)
    // What libvirt writes down by itself is not a change.
    if let standard = field.libvirtDefault, old == standard { return }
    let before = xml
    lens.put(field.initial, into: &xml)
    guard xml != before, old != field.initial else { return }
    changes.append(
      FieldChange(
        name, old: old, new: field.initial, effect: effect(of: field, lens, isLive: false), reason: .dropped,
        range: spec.range))
  }

  /// A field whose new value is in the definition now.
  private mutating func change(
    _ field: Field, _ lens: Lens, name: String, old: Value?, to setting: Setting, isLive: Bool
  ) {
    let effect = effect(of: field, lens, isLive: isLive)
    if effect >= .replace {
      builder.refuse(
        "cannot-change", "\(name) is \(old.map(\.description) ?? "not set") and cannot become \(setting.value)",
        at: setting.range, subject: object, suggestion: "only a new \(object.kind.rawValue) can have it")
      return
    }
    let reason: FieldChange.Reason =
      !isNew && concealment.isRecorded(setting.value, of: OwnershipRecord.itself, field.name) ? .drift : .spec
    changes.append(
      FieldChange(name, old: old, new: setting.value, effect: effect, reason: reason, range: setting.range))
  }

  private func effect(of field: Field, _ lens: Lens, isLive: Bool) -> Effect {
    guard !isNew else { return .define }
    guard running != nil else { return field.effect.stopped }
    if field.effect.running < .replace, isRunning(field, lens, of: xml, in: running) { return .define }
    // What is not given to the running object now waits for its next start.
    return field.effect.running == .live && !isLive ? .nextBoot : field.effect.running
  }

  /// A value that a new object gets where the spec is silent.
  mutating func setDefault(_ name: String, _ value: Value) {
    guard isNew, spec.settings[name] == nil, let field = spec.type.field(name), let lens = field.lens else { return }
    lens.put(value, into: &xml)
    changes.append(FieldChange(name, new: value, effect: .define, reason: .default, range: spec.range))
  }
}
