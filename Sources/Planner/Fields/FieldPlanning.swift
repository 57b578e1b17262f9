// One field of one object: what becomes of it. Domains, their devices, networks and pools all plan their fields here, and put
// what comes of it together.

import Diagnostics
import Spec
import Vocabulary
import XMLTree

/// What is known of a field when it is planned: what the spec says, what the record has, and what the host holds.
struct FieldPlanning {
  /// What the ownership record has of a field.
  enum Recorded: Hashable {
    case nothing
    /// Another value than the spec's; any value where the spec does not name the field.
    case other
    /// The value that the spec says.
    case same
  }

  let field: Field
  /// The field as the spec writes it: `disks.root.cache`.
  let name: String
  /// What the spec says; nil where it does not name the field.
  let setting: Setting?
  let recorded: Recorded
  /// What a new object gets where the spec is silent, and a dropped field goes back to; nil for libvirt's default.
  let initial: Value?
  /// The element as the host has it stored; nil for what is new.
  let observed: XMLElement?
  /// The same element of what runs; nil where nothing runs.
  let running: XMLElement?
  /// Where the spec declares the object.
  let place: SourceRange

  /// What becomes of the field.
  ///
  /// - Parameters:
  ///   - element: the element on its way from what is to what shall be. Another field may have changed it.
  ///   - effect: the effect of giving an existing object a value; nil for libvirt's default.
  ///   - mayAsk: whether what runs may be asked now for a value that is stored and that it does not have; the second
  ///     value is what it shows.
  func plan(
    in element: XMLElement, effect: (Value?) -> Effect, mayAsk: (_ stored: Value, _ shown: Value?) -> Bool
  ) -> FieldPlan {
    guard let setting else { return planWithout(in: element, effect) }
    var plan = FieldPlan()
    if field.isRecorded { plan.noted = setting.value }
    guard let lens = field.lens else { return plan }
    if observed != nil, field.isMet(setting.value, in: element) {
      compareRunning(lens, stored: lens.get(element), setting, effect, mayAsk, in: &plan)
      return plan
    }
    plan.put = .value(setting.value)
    // Another field may have taken this one along; the host has what it had.
    let old = observed.flatMap(lens.get)
    guard observed == nil || old != setting.value else { return plan }
    let cost = observed == nil ? .define : effect(setting.value)
    let isFree = cost < .replace && isRunning(field, lens, setting.value, of: element, in: running)
    plan.change = FieldChange(
      name, old: old, new: setting.value, effect: isFree ? .define : cost,
      reason: .init(setting.value, recorded, isNew: observed == nil), range: setting.range)
    return plan
  }

  /// A field that the spec does not name: a new object gets what is usual, and what an earlier apply set goes back to that.
  private func planWithout(in element: XMLElement, _ effect: (Value?) -> Effect) -> FieldPlan {
    var plan = FieldPlan()
    guard let lens = field.lens else { return plan }
    guard let observed else {
      if let initial { plan.put = .value(initial) }
      return plan
    }
    guard recorded != .nothing, !field.staysWhenDropped else { return plan }
    let held = lens.get(element)
    guard held != initial else { return plan }
    var rest = element
    lens.put(initial, into: &rest)
    // What would be meant without the field stays as it is written.
    guard rest != element, !isMeant(held, by: rest) else { return plan }
    plan.put = .value(initial)
    // Another field may have taken this one along; the host has what it had.
    let old = lens.get(observed)
    guard old != initial, !isMeant(old, by: rest) else { return plan }
    plan.change = FieldChange(
      name, old: old, new: initial,
      effect: isRunning(field, lens, of: rest, in: running) ? .define : effect(initial), reason: .dropped,
      range: place)
    return plan
  }

  /// Whether an element means a value, by what it says or by leaving the field out.
  private func isMeant(_ value: Value?, by element: XMLElement) -> Bool {
    value.map { field.isMeant($0, by: element) } ?? false
  }

  /// A value that is stored and that what runs does not have: it gets it now, where libvirt can change it, or at its next start.
  private func compareRunning(
    _ lens: Lens, stored: Value?, _ setting: Setting, _ effect: (Value?) -> Effect,
    _ mayAsk: (_ stored: Value, _ shown: Value?) -> Bool, in plan: inout FieldPlan
  ) {
    guard let running, field.isComparableWhenRunning, let stored else { return }
    guard field.effect.running == .nextBoot || field.effect.running == .live else { return }
    let shown = lens.get(running)
    guard !(field.effect.way?.isMet(stored, by: shown, of: field) ?? field.matches(desired: stored, stored: shown))
    else { return }
    guard mayAsk(stored, shown), effect(stored) == .live else {
      plan.pending = PendingValue(name, running: shown, stored: stored)
      // What a guest does not let go of, it might not let go of after a restart either.
      plan.needsRestart = !(field.effect.way?.needsGuest ?? false)
      return
    }
    plan.change = FieldChange(
      name, old: shown, new: stored, effect: .live, reason: .drift, detail: FieldChange.storedAlready,
      range: setting.range)
  }
}

extension Field {
  /// Whether an element means a value, by what it says or by leaving the field out.
  func isMeant(_ value: Value, by element: XMLElement) -> Bool {
    isMet(value, in: element) || lens?.get(element) == nil && self.value(leftOutOf: element) == value
  }
}

extension FieldChange.Reason {
  /// Drift, when the last apply stored what the spec still says; the spec's wish otherwise.
  init(_ desired: Value, _ recorded: FieldPlanning.Recorded, isNew: Bool) {
    // A secret is not recorded, so that nobody knows who changed it.
    if case .secret = desired { self = .spec } else { self = !isNew && recorded == .same ? .drift : .spec }
  }
}

/// What becomes of one field.
struct FieldPlan: Hashable {
  /// What is done to the definition.
  enum Put: Hashable {
    case nothing
    /// A value is put; nil takes the field out.
    case value(Value?)
  }

  var put = Put.nothing
  /// What is recorded as the spec's.
  var noted: Value?
  /// What is shown. What has the effect `live` is given to what runs once the definition is stored.
  var change: FieldChange?
  /// What waits for the next start.
  var pending: PendingValue?
  /// Whether a restart would give the guest what it does not have.
  var needsRestart = false

  /// Whether the change cannot be made to an object that exists.
  var isImpossible: Bool { (change?.effect ?? .define) >= .replace }

  /// Puts what is to be put into a definition.
  func put(_ field: Field, into element: inout XMLElement) {
    if case .value(let value) = put { field.lens?.put(value, into: &element) }
  }
}

extension Findings {
  /// Refuses a change that cannot be made to an object that exists.
  mutating func refuse(impossible change: FieldChange, suggestion: String) {
    refuse(
      "cannot-change",
      "\(change.field) is \(change.old?.description ?? "not set") and cannot become "
        + (change.new?.description ?? "libvirt's default"),
      at: change.range, suggestion: suggestion)
  }
}

extension Concealment {
  /// What the record has of a field, beside what the spec says.
  func recorded(_ setting: Setting?, of owner: String, _ field: Field) -> FieldPlanning.Recorded {
    guard hasRecorded(owner, field) else { return .nothing }
    guard let setting, isRecorded(setting.value, of: owner, field) else { return .other }
    return .same
  }
}
