// Planning one network: found or new, who owns it, what differs, and the steps in their order.

import Diagnostics
import Inventory
import Spec
import Vocabulary
import XMLTree

extension PlanBuilder {
  /// Plans a network.
  func plan(network: ObjectSpec) {
    guard let networks = inventory.networks ?? (inventory.host.isSupposed ? [:] : nil) else {
      let reason = inventory.host.missingDrivers[.networks] ?? .unsupported
      let (message, remedy) = reason.explanation(of: .networks, on: inventory.host.uri)
      return refuse(
        "no-networks", message, at: network.range, subject: ObjectReference(.network, network.name),
        suggestion: reason == .unsupported ? "\(remedy), or give guests interfaces of `type: user`" : remedy)
    }
    NetworkPlanning(network, among: networks, in: self).plan()
  }
}

extension PlanBuilder {
  /// Refuses to stop a network that guests run on: libvirt would leave them with a dead cable, which only a restart of
  /// theirs mends.
  ///
  /// - Parameter stopped: domains whose guests are stopped before.
  func refuseStopping(_ network: ObjectReference, at range: SourceRange?, except stopped: Set<String> = []) {
    let users = inventory.domains.values.filter { domain in
      !stopped.contains(domain.name)
        && (domain.running?.devices(Vocabulary.interface) ?? []).contains {
          $0.value(at: .interfaceNetwork) == network.name
        }
    }.map(\.name).sorted()
    guard !users.isEmpty else { return }
    let names = users.prefix(5).joined(separator: ", ") + (users.count > 5 ? " and \(users.count - 5) more" : "")
    refuse(
      "network-in-use", "the network would be stopped, and guests run on it: \(names)", at: range, subject: network,
      suggestion: "shut them down, or connect them elsewhere, first")
  }
}

/// Works out what becomes of one network.
private struct NetworkPlanning {
  let spec: ObjectSpec
  let object: ObjectReference
  let builder: PlanBuilder
  let networks: [String: ObservedNetwork]
  let observed: ObservedNetwork?

  init(_ spec: ObjectSpec, among networks: [String: ObservedNetwork], in builder: PlanBuilder) {
    self.spec = spec
    self.builder = builder
    self.networks = networks
    object = ObjectReference(.network, spec.name)
    observed = networks[spec.name]
  }

  func plan() {
    let uuid =
      spec[.uuid] ?? Identity.uuid(stack: builder.spec.name, network: spec.name)
    guard mayBePlanned(uuid) else { return }
    let fresh = XMLElement("network", children: [XMLElement("name", text: spec.name)])
    var fields = DefinitionFields(
      spec, object, in: builder, observed: observed?.inactive, running: observed?.running, fresh: fresh)
    fields.setDefault(.uuid, uuid)
    let canUpdate = canUpdate
    let isMacvtap = observed?.running.map(Self.isMacvtap) ?? false
    fields.plan(canUpdate: { field in canUpdate && (field != Vocabulary.network[.devices] || isMacvtap) })
    if [.nat, .route, .open, .isolated].contains(spec[.networkMode] ?? .isolated) {
      fields.setDefault(.mac, Identity.macAddress(stack: builder.spec.name, network: spec.name))
    }
    fields.noteGiven()
    let definition = addDefinition(&fields)
    addLifecycle(&fields, after: definition)
    if definition != nil { noteRecord(&fields) }
    builder.add(
      fields.concealment.concealed(
        ObjectPlan(
          object, verb(fields, isDefined: definition != nil), changes: fields.changes, pending: fields.pending,
          range: spec.range)))
  }

  private func mayBePlanned(_ uuid: String) -> Bool {
    if let observed, !observed.isPersistent {
      builder.refuse(
        "transient-network", "the network has no stored definition", at: spec.range, subject: object,
        suggestion: "store one with `virsh net-dumpxml \(spec.name) > x.xml; virsh net-define x.xml`, or stop it")
      return false
    }
    if let owner = observed?.inactive.flatMap({ OwnershipRecord(in: $0) })?.stack, owner != builder.spec.name {
      builder.refuse(
        "owned-by-another-stack", "the host has a network of this name that belongs to the stack \(owner)",
        at: spec.range, subject: object, suggestion: "rename the network here, or there")
      return false
    }
    if observed == nil, let other = networks.values.first(where: { $0.uuid == uuid }) {
      if let owner = other.inactive.flatMap({ OwnershipRecord(in: $0) })?.stack, owner != builder.spec.name {
        builder.refuse(
          "owned-by-another-stack", "the host has the UUID \(uuid) at the network \(other.name) of the stack \(owner)",
          at: spec.place(of: .uuid), subject: object, suggestion: "write another UUID, or none")
        return false
      }
      builder.refuse(
        "renamed-network", "the host has this network's UUID, \(uuid), under the name \(other.name)",
        at: spec.place(of: .uuid), subject: object, suggestion: "use that name, or another UUID")
      return false
    }
    return true
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

  private func verb(_ fields: DefinitionFields, isDefined: Bool) -> ObjectPlan.Verb {
    if observed == nil { return .create }
    if isDefined, fields.record == nil, fields.changes.allSatisfy(\.isRecordOnly) { return .adopt }
    return fields.changes.isEmpty ? .none : .update
  }

  // MARK: Steps

  private func addDefinition(_ fields: inout DefinitionFields) -> Int? {
    // A record that says the same keeps the notation that libvirt gave it.
    if fields.owned != OwnershipRecord(in: fields.xml) { fields.owned.put(into: &fields.xml) }
    guard fields.xml != observed?.inactive else { return nil }
    fields.owned.renewed.put(into: &fields.xml)
    let step = builder.add(
      .defineNetwork(
        ObjectDefinition(
          name: spec.name, xml: fields.xml, replacing: observed?.inactive, expectations: spec.expectations())),
      for: object, effect: fields.changes.map(\.effect).filter { $0 != .live }.max() ?? .define)
    builder.setReady(object, after: step)
    return step
  }

  private func addLifecycle(_ fields: inout DefinitionFields, after definition: Int?) {
    let steps = definition.map { [$0] } ?? []
    if !fields.live.isEmpty {
      builder.add(
        .updateNetwork(name: spec.name, fields: fields.live.map(FieldReference.init)), for: object, after: steps,
        effect: .live)
    }
    if let setting = spec.setting(.autostart), let wanted = setting.value.boolean,
      wanted != observed?.autostart ?? false
    {
      change(.autostart, old: observed.map { .boolean($0.autostart) }, to: setting, .define, in: &fields)
      builder.add(.setNetworkAutostart(name: spec.name, wanted), for: object, after: steps)
    }
    let isActive = observed?.isActive ?? false
    switch wantedState {
    case .active where !isActive:
      if observed != nil { changeState(.inactive, .active, .live, in: &fields) }
      builder.setReady(
        object, after: builder.add(.startNetwork(name: spec.name), for: object, after: steps, effect: .live))
    case .inactive where isActive:
      builder.refuseStopping(object, at: spec.setting(.networkState)?.range)
      changeState(.active, .inactive, .offline, in: &fields)
      builder.add(.stopNetwork(name: spec.name), for: object, after: steps, effect: .offline)
    default: break
    }
  }

  private func changeState(
    _ old: NetworkState, _ new: NetworkState, _ effect: Effect, in fields: inout DefinitionFields
  ) {
    let setting = spec.setting(.networkState) ?? Setting(.string(new.rawValue), at: spec.range)
    change(.networkState, old: .string(old.rawValue), to: setting, effect, in: &fields)
  }

  /// Something that is not part of the definition.
  private func change<Content>(
    _ key: FieldKey<Content>, old: Value?, to setting: Setting, _ effect: Effect, in fields: inout DefinitionFields
  ) {
    guard observed != nil else { return }
    // Where the spec is silent an active network is what it means, so that one that is not was stopped by somebody.
    let recorded = fields.record?[OwnershipRecord.itself, key] == setting.value.description
    let isDrift = recorded || (fields.record != nil && spec.setting(key) == nil)
    fields.changes.append(
      FieldChange(
        key.name, old: old, new: setting.value, effect: effect, reason: isDrift ? .drift : .spec, range: setting.range))
  }

  /// Whatever the record says otherwise than before and no change shows yet.
  private func noteRecord(_ fields: inout DefinitionFields) {
    let difference = RecordDifference(before: fields.record, now: fields.owned, isNew: observed == nil)
    fields.changes += difference.changes(of: OwnershipRecord.itself, spec, besides: fields.changes) {
      [observed, type = spec.type] field in
      switch field {
      case type[.networkState]:
        observed.map { .string(($0.isActive ? NetworkState.active : .inactive).rawValue) }
      case type[.autostart]: observed.map { .boolean($0.autostart) }
      default: observed?.inactive.flatMap { field.lens?.get($0) }
      }
    }
  }
}
