// Planning one network: found or new, who owns it, what differs, and the steps in their order.

import Diagnostics
import Inventory
import Spec
import Vocabulary
import XMLTree

extension StackContext {
  /// The domains whose guests run on a network.
  fileprivate func users(ofNetwork name: String) -> [String] {
    inventory.domains.values.filter { domain in
      (domain.running?.devices(Vocabulary.interface) ?? []).contains { $0.value(at: .interfaceNetwork) == name }
    }.map(\.name).sorted()
  }
}

extension Findings {
  /// Refuses to stop a network that guests run on: libvirt would leave them with a dead cable, which only a restart of
  /// theirs mends.
  ///
  /// - Parameter stopped: domains whose guests are stopped before.
  mutating func refuseStopping(at range: SourceRange?, except stopped: Set<String> = [], in stack: StackContext) {
    let users = stack.users(ofNetwork: object.name).filter { !stopped.contains($0) }
    guard !users.isEmpty else { return }
    let names = users.prefix(5).joined(separator: ", ") + (users.count > 5 ? " and \(users.count - 5) more" : "")
    refuse(
      "network-in-use", "the network would be stopped, but running guests use it: \(names)", at: range,
      suggestion: "shut them down or connect them elsewhere first")
  }
}

/// Works out what becomes of one network.
struct NetworkPlanning {
  private let spec: ObjectSpec
  private let stack: StackContext
  private let networks: [String: ObservedNetwork]
  private let observed: ObservedNetwork?

  /// Plans a network.
  static func plan(_ spec: ObjectSpec, in stack: StackContext) -> PlanPart {
    var part = PlanPart(ObjectReference(.network, spec.name))
    guard let networks = stack.inventory.networks ?? (stack.host.isSupposed ? [:] : nil) else {
      let reason = stack.host.missingDrivers[.networks] ?? .unsupported
      let (message, remedy) = reason.explanation(of: .networks, on: stack.host.uri)
      part.findings.refuse(
        "no-networks", message, at: spec.range,
        suggestion: reason == .unsupported ? "\(remedy), or give guests interfaces of `type: user`" : remedy)
      return part
    }
    let planning = NetworkPlanning(spec: spec, stack: stack, networks: networks, observed: networks[spec.name])
    planning.plan(&part)
    return part
  }

  private func plan(_ part: inout PlanPart) {
    let uuid = spec[.uuid] ?? Identity.uuid(stack: stack.name, network: spec.name)
    part.findings = obstacle(uuid)
    guard part.findings.refusals.isEmpty else { return }
    var fields = fields(part.object, uuid)
    let isStored = fields.settleRecord()
    part.findings += fields.findings
    if isStored { part.findings += SchemaRules.check(network: fields) }
    var changes = fields.changes
    let stored = isStored ? [addDefinition(fields, to: &part.steps)] : []
    changes += addLifecycle(fields, after: stored, to: &part)
    if isStored { changes += recordChanges(fields, besides: changes) }
    part.secrets = fields.concealment.secrets
    part.plan = fields.concealment.concealed(
      ObjectPlan(
        part.object, verb(fields, changes, isStored: isStored), changes: changes, pending: fields.pending,
        range: spec.range))
  }

  /// The definition with its fields.
  private func fields(_ object: ObjectReference, _ uuid: String) -> DefinitionFields {
    let fresh = XMLElement("network", children: [XMLElement("name", text: spec.name)])
    var fields = DefinitionFields(
      spec, object, in: stack, observed: observed?.inactive, running: observed?.running, fresh: fresh)
    fields.setDefault(.uuid, uuid)
    let canUpdate = canUpdate
    let isMacvtap = observed?.running.map(Self.isMacvtap) ?? false
    fields.plan(canUpdate: { field in canUpdate && (field != Vocabulary.network[.devices] || isMacvtap) })
    if [.nat, .route, .open, .isolated].contains(spec[.networkMode] ?? .isolated) {
      fields.setDefault(.mac, Identity.macAddress(stack: stack.name, network: spec.name))
    }
    fields.noteGiven()
    return fields
  }

  /// Why the network cannot be planned at all.
  private func obstacle(_ uuid: String) -> Findings {
    var findings = Findings(about: ObjectReference(.network, spec.name))
    func owner(_ network: ObservedNetwork?) -> String? {
      network?.inactive.flatMap { OwnershipRecord(in: $0) }?.stack
    }
    if let observed, !observed.isPersistent {
      findings.refuse(
        "transient-network", "the network has no stored definition", at: spec.range,
        suggestion: "store one with `virsh net-dumpxml \(spec.name) > x.xml; virsh net-define x.xml`, or stop it")
    } else if let owner = owner(observed), owner != stack.name {
      findings.refuse(
        "owned-by-another-stack", "the host has a network of this name that belongs to the stack \(owner)",
        at: spec.range, suggestion: "rename the network here, or there")
    } else if observed == nil, let other = networks.values.first(where: { $0.uuid == uuid }) {
      if let owner = owner(other), owner != stack.name {
        findings.refuse(
          "owned-by-another-stack", "the host has the UUID \(uuid) at the network \(other.name) of the stack \(owner)",
          at: spec.place(of: .uuid), suggestion: "write another UUID, or leave it out")
      } else {
        findings.refuse(
          "renamed-network", "the host has this network's UUID, \(uuid), under the name \(other.name)",
          at: spec.place(of: .uuid), suggestion: "use that name, or another UUID")
      }
    }
    return findings
  }

  /// Whether a running network hands out devices of the host one by one. Others go out through theirs by rules that are made
  /// when they start.
  private static func isMacvtap(_ running: XMLElement) -> Bool {
    let mode = Vocabulary.network[.networkMode, in: running]
    return [.bridge, .private, .vepa, .passthrough].contains(mode) && !running.exists(at: .networkBridge)
  }

  /// libvirt changes ranges, hosts, records and groups of ports in a running network. What else runs of its addresses must be as it is stored.
  private var canUpdate: Bool {
    guard let running = observed?.running, wantedState != .inactive else { return false }
    let addresses = Vocabulary.network[.addresses]
    guard let lens = addresses.lens else { return false }
    guard let wanted = spec.setting(.addresses)?.value else { return true }
    return addresses.matches(desired: wanted, stored: lens.get(running))
  }

  private var wantedState: NetworkState { spec[.networkState] ?? .active }

  private func verb(
    _ fields: DefinitionFields, _ changes: [FieldChange], isStored: Bool
  ) -> ObjectPlan.Verb {
    if observed == nil { return .create }
    if isStored, fields.record == nil, changes.allSatisfy(\.isRecordOnly) { return .adopt }
    return changes.isEmpty ? .none : .update
  }

  // MARK: Steps

  private func addDefinition(_ fields: DefinitionFields, to steps: inout Steps) -> Prerequisite {
    let step = steps.add(
      .defineNetwork(
        ObjectDefinition(
          name: spec.name, xml: fields.xml, replacing: observed?.inactive, expectations: spec.expectations())),
      effect: fields.changes.map(\.effect).filter { $0 != .live }.max() ?? .define)
    steps.setReady(after: step)
    return step
  }

  private func addLifecycle(
    _ fields: DefinitionFields, after stored: [Prerequisite], to part: inout PlanPart
  ) -> [FieldChange] {
    var changes: [FieldChange] = []
    if !fields.live.isEmpty {
      part.steps.add(
        .updateNetwork(name: spec.name, fields: fields.live.map(FieldReference.init)), after: stored, effect: .live)
    }
    if let setting = spec.setting(.autostart), let wanted = setting.value.boolean,
      wanted != observed?.autostart ?? false
    {
      changes += change(.autostart, old: observed.map { .boolean($0.autostart) }, to: setting, .define, fields)
      part.steps.add(.setNetworkAutostart(name: spec.name, wanted), after: stored)
    }
    let isActive = observed?.isActive ?? false
    switch wantedState {
    case .active where !isActive:
      if observed != nil { changes += changeState(.inactive, .active, .live, fields) }
      part.steps.setReady(after: part.steps.add(.startNetwork(name: spec.name), after: stored, effect: .live))
    case .inactive where isActive:
      part.findings.refuseStopping(at: spec.setting(.networkState)?.range, in: stack)
      changes += changeState(.active, .inactive, .offline, fields)
      part.steps.add(.stopNetwork(name: spec.name), after: stored, effect: .offline)
    default: break
    }
    return changes
  }

  private func changeState(
    _ old: NetworkState, _ new: NetworkState, _ effect: Effect, _ fields: DefinitionFields
  ) -> [FieldChange] {
    let setting = spec.setting(.networkState) ?? Setting(.string(new.rawValue), at: spec.range)
    return change(.networkState, old: .string(old.rawValue), to: setting, effect, fields)
  }

  /// Something that is not part of the definition.
  private func change<Content>(
    _ key: FieldKey<Content>, old: Value?, to setting: Setting, _ effect: Effect, _ fields: DefinitionFields
  ) -> [FieldChange] {
    guard observed != nil else { return [] }
    // Where the spec is silent an active network is what it means, so that one that is not was stopped by somebody.
    let recorded = fields.record?[OwnershipRecord.itself, key] == setting.value.description
    let isDrift = recorded || (fields.record != nil && spec.setting(key) == nil)
    return [
      FieldChange(
        key.name, old: old, new: setting.value, effect: effect, reason: isDrift ? .drift : .spec, range: setting.range)
    ]
  }

  /// Whatever the record says otherwise than before and no change shows yet.
  private func recordChanges(_ fields: DefinitionFields, besides shown: [FieldChange]) -> [FieldChange] {
    RecordDifference(before: fields.formerRecord, now: fields.owned, isNew: observed == nil).changes(
      of: OwnershipRecord.itself, spec, besides: shown
    ) { [observed, type = spec.type] field in
      switch field {
      case type[.networkState]:
        observed.map { .string(($0.isActive ? NetworkState.active : .inactive).rawValue) }
      case type[.autostart]: observed.map { .boolean($0.autostart) }
      default: observed?.inactive.flatMap { field.lens?.get($0) }
      }
    }
  }
}
