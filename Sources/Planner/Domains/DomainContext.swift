// What is known of a domain before it is planned: what the spec says, what the host has, and what the last apply owned. All of
// its planning reads this, and none of it changes.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// One domain, as the spec and the host have it.
///
/// A class without variables: it is handed to every subject, and a value of this size would be copied each time.
final class DomainContext {
  let stack: StackContext
  let spec: ObjectSpec
  let object: ObjectReference
  /// The domain as the host has it once it has its name and its saved state is discarded; nil for a new one.
  let observed: ObservedDomain?
  /// The name that the domain has on the host until it is renamed; its own where nothing is to be renamed.
  let nameOnHost: String
  /// Whether a saved state is discarded before anything else is done.
  let discardsSavedState: Bool
  /// What an earlier apply owned, as the host has it.
  let formerRecord: OwnershipRecord?
  /// What an earlier apply owned, without what the spec leaves to the host again.
  let record: OwnershipRecord?
  /// What the spec leaves to the host again.
  let unmanaged: UnmanagedPlaces
  let identity: DomainIdentity
  /// What is concealed in what is shown and recorded.
  let concealment: Concealment
  /// What libvirt has refused to change in the guest since it was started.
  let refused: RefusedValues?
  /// Whether what the spec leaves out of a new domain is Vireo's to choose, rather than libvirt's.
  let isCompletedByVireo: Bool

  init(_ spec: ObjectSpec, in stack: StackContext) {
    self.spec = spec
    self.stack = stack
    isCompletedByVireo = spec[.defaults] != .libvirt
    object = ObjectReference(.domain, spec.name)
    let isToLeave = spec[.state] == .absent
    var found = stack.inventory.domains[spec.name]
    if found == nil, let old = spec[.renamedFrom] {
      found = stack.inventory.domains[old]
      // What leaves is not renamed before.
      if !isToLeave { found?.inactive.set(spec.name, at: "name") }
    }
    discardsSavedState = stack.discardsSavedStates && !isToLeave && found?.hasManagedSave ?? false
    if discardsSavedState { found?.hasManagedSave = false }
    observed = found
    nameOnHost = found?.name ?? spec.name
    refused = found?.running.map(RefusedValues.init)
    formerRecord = found.flatMap { OwnershipRecord(in: $0.inactive) }
    unmanaged = spec.unmanagedPlaces
    record = formerRecord?.released(unmanaged)
    let uuid = found?.uuid ?? spec[.uuid] ?? Identity.uuid(stack: stack.name, domain: spec.name)
    identity = DomainIdentity(name: spec.name, uuid: uuid)
    concealment = Concealment(
      of: spec, record: record, salt: stack.inventory.salt,
      definitions: [found?.inactive, found?.running, found?.saved].compactMap(\.self))
  }

  var isNew: Bool { observed == nil }
  var isActive: Bool { observed?.isActive ?? false }
  var running: XMLElement? { observed?.running }

  /// Whether the guest is not to go on running, so that nothing needs to be done to it as it runs.
  var isToBeStopped: Bool { spec[.state] == .stopped }

  /// The step that discards the saved state, which is the domain's first.
  var discarding: [Prerequisite] { discardsSavedState ? [.step(0)] : [] }

  // MARK: Fields

  /// What becomes of a field of the domain or of one of its devices.
  ///
  /// - Parameters:
  ///   - owner: whose field it is, as the record has it.
  ///   - isCompleted: whether Vireo chooses what the spec leaves out, rather than libvirt.
  ///   - observed: the domain or device as the host has it stored; nil for a new one.
  ///   - element: the same on its way to what it shall be.
  ///   - cost: the effect of giving an existing domain or device a value.
  func plan(
    _ field: Field, named name: String, of owner: String, _ setting: Setting?, isCompleted: Bool,
    observed: XMLElement?, running: XMLElement?, in element: XMLElement, cost: (Value?) -> Effect
  ) -> FieldPlan {
    let planning = FieldPlanning(
      field: field, name: name, setting: setting, recorded: concealment.recorded(setting, of: owner, field),
      initial: isCompleted ? field.initial : nil, observed: observed, running: running, place: spec.range)
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
      setting.value, concealment.recorded(setting, of: OwnershipRecord.itself, spec.type[key]), isNew: isNew)
  }

  /// What the spec says of the domain or a device in libvirt's own XML, merged into its element.
  ///
  /// - Parameters:
  ///   - owner: the name in the record; ``OwnershipRecord/itself`` for the domain.
  ///   - isShown: whether changes are reported place by place. A new device is reported as a whole.
  func plan(
    fragmentOf object: ObjectSpec, of owner: String, in element: inout XMLElement, isNew: Bool, isShown: Bool,
    running: XMLElement?
  ) -> DomainPart {
    let plan = FragmentPlan(
      of: object, of: owner, in: &element, record: record, concealment: concealment, isNew: isNew, isShown: isShown,
      running: running, subject: self.object)
    var part = DomainPart(self)
    plan.record(of: owner, concealment, in: &part.owned)
    plan.conflicts.forEach { part.findings.fail($0) }
    part.changes = plan.changes
    return part
  }

  // MARK: Effects

  /// What changing a field takes, for this domain as it is now.
  ///
  /// - Parameters:
  ///   - value: what it becomes; nil for libvirt's default.
  ///   - device: the device that the field belongs to; nil for the domain itself.
  func effect(of field: Field, to value: Value?, on device: DeviceIdentity? = nil) -> Effect {
    guard let observed else { return .define }
    guard observed.isActive else {
      // A saved guest goes on with the definition that it was saved with.
      return observed.hasManagedSave && field.effect.running > .define
        ? max(field.effect.stopped, .nextBoot) : field.effect.stopped
    }
    guard field.effect.way != nil, !canChangeLive(field, to: value, on: device) else { return field.effect.running }
    return .nextBoot
  }

  /// Whether libvirt may be asked to change the field of the running guest.
  private func canChangeLive(_ field: Field, to value: Value?, on device: DeviceIdentity?) -> Bool {
    // A guest that is to be stopped needs nothing.
    guard let running, let way = field.effect.way, !isToBeStopped else {
      return false
    }
    let element = device?.find(in: running)
    if device != nil, element == nil { return false }
    return way.isPossible(LiveQuestion(field, to: value, of: element, in: running))
  }

  /// Whether a device can be unplugged from the running guest.
  func canUnplug(_ device: DeviceIdentity) -> Bool {
    guard !isToBeStopped, let element = running.flatMap(device.find) else { return false }
    return Hotplug.canUnplug(element)
  }
}
