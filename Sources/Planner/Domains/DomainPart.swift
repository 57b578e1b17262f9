// What one subject of a domain's planning returns: its fields, a device, a disk's file, a rule. The domain's plan is these
// values, one after another.

import Spec
import Vocabulary
import XMLTree

/// A part of what becomes of a domain. A subject fills in what is its own.
struct DomainPart {
  /// What is shown, in its order.
  var changes: [FieldChange] = []
  /// What waits for the next start of the guest.
  var pending: [PendingValue] = []
  /// What this apply owns.
  var owned: OwnershipRecord
  var findings: Findings
  /// Whether the guest would have something after a restart that it does not have now.
  var needsRestart = false

  // MARK: Files

  /// Steps that must be done before the definition is stored: files made and grown.
  var fileSteps: [Step] = []
  /// Volumes that are made or changed, and that the definition names.
  var volumes: [ObjectReference] = []

  // MARK: Devices

  /// How the devices of the spec are found in the definition, by their whole names.
  var identities: [String: DeviceIdentity] = [:]
  /// Disks that stand on a snapshot's overlay, whose format is the snapshot's, by their keys.
  var snapshotDisks: Set<String> = []

  // MARK: The running guest

  /// Devices to plug in once the definition is stored.
  var attachments: [(name: String, identity: DeviceIdentity, element: XMLElement)] = []
  /// Devices to unplug once the definition is stored.
  var detachments: [(name: String, identity: DeviceIdentity)] = []
  /// Values that the running guest is to get once the definition is stored.
  var liveChanges: [LiveChange] = []

  init(_ context: DomainContext) {
    owned = OwnershipRecord(stack: context.stack.name)
    findings = Findings(about: context.object)
  }

  /// The most disruptive of the effects; `define` where nothing changes.
  var effect: Effect { changes.map(\.effect).max() ?? .define }

  /// Takes note of what a field's plan says beside its change: what is recorded, what waits, and what the guest is to get.
  mutating func note(
    _ plan: FieldPlan, of field: Field, _ owner: String, on device: DeviceIdentity? = nil, _ context: DomainContext
  ) {
    if let value = plan.noted { context.concealment.record(value, of: owner, field, in: &owned) }
    if let value = plan.pending { pending.append(value) }
    if plan.needsRestart { needsRestart = true }
    if let change = plan.change, change.effect == .live {
      addLive(field, name: change.field, to: change.new, on: device, context)
    }
  }

  /// Takes note of a change that the running guest is to get.
  mutating func addLive(
    _ field: Field, name: String, to value: Value?, on device: DeviceIdentity?, _ context: DomainContext
  ) {
    guard let way = field.effect.way else { return }
    var change = LiveChange(field: name, device: device, entry: field, value: value, way: way)
    change.isConcealed = context.concealment.conceals(name)
    liveChanges.append(change)
  }

  static func += (part: inout DomainPart, more: DomainPart) {
    part.changes += more.changes
    part.pending += more.pending
    part.owned.merge(more.owned)
    part.findings += more.findings
    part.needsRestart = part.needsRestart || more.needsRestart
    part.fileSteps += more.fileSteps
    part.volumes += more.volumes
    if !more.identities.isEmpty { part.identities.merge(more.identities) { $1 } }
    part.snapshotDisks.formUnion(more.snapshotDisks)
    part.attachments += more.attachments
    part.detachments += more.detachments
    part.liveChanges += more.liveChanges
  }
}
