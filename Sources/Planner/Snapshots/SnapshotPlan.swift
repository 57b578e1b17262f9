// What `vireo snapshot` was asked to do to a domain, as a plan: from the domain as it was read, and nothing else.

import Diagnostics
import DiskImage
public import Inventory
import Vocabulary

/// What is to be done with the snapshots of a domain.
public enum SnapshotChange: Sendable, Hashable {
  /// Take one.
  case take(SnapshotCreation)
  /// Make the domain what it was when the one of this name was taken.
  case revert(to: String)
  /// Delete the one of this name.
  case delete(String)
}

extension Plan {
  /// The plan that takes, deletes or reverts to a snapshot.
  ///
  /// If there is already a snapshot of the name that is to be taken, the domain is refused. The plan still narrows the
  /// modes of that snapshot's overlays: a run that was cut off may have left them as libvirt made them.
  ///
  /// - Parameters:
  ///   - domain: with its snapshots.
  ///   - inventory: the host; the images of the domain's disks are among its files where they can be read.
  public init(
    _ change: SnapshotChange, of domain: ObservedDomain, on inventory: Inventory
  ) throws(SnapshotRefusal) {
    let object = ObjectReference(.domain, domain.name)
    let identity = DomainIdentity(name: domain.name, uuid: domain.uuid)
    self.init(stack: OwnershipRecord(in: domain.inactive)?.stack, uri: inventory.host.uri)
    purpose = .request
    func add(_ operation: Operation, _ effect: Effect) {
      actions.append(Action(object, operation, after: actions.indices.suffix(1).map { $0 }, effect: effect))
    }
    let gentle: Effect = domain.isActive ? .live : .define
    switch change {
    case .take(let creation):
      if let found = domain.snapshots?.first(where: { $0.name == creation.name }) {
        for overlay in OverlayMode.all(of: [found], of: domain, on: inventory) { add(overlay.operation, .define) }
        let problem = Diagnostic(
          "snapshot", "the domain already has a snapshot \(creation.name)", subject: object.description,
          suggestion: "choose another name, or delete that snapshot")
        objects = [ObjectPlan(object, .refused, problems: [problem])]
        return
      }
      let choice = try SnapshotChoice(
        creation, of: domain.running ?? domain.inactive, isActive: domain.isActive, with: domain.snapshots ?? [],
        on: inventory.host.libvirtVersion)
      add(.takeSnapshot(domain: identity, creation), gentle)
      let taken = FieldChange(
        "snapshots.\(creation.name)", new: .string(choice.kind.rawValue), effect: gentle, reason: .spec,
        detail: choice.detail)
      objects = [ObjectPlan(object, .update, changes: [taken])]
    case .revert(let name):
      let snapshot = try domain.snapshot(named: name)
      add(.revertToSnapshot(domain: identity, name: name), .dataLoss)
      objects = [ObjectPlan(object, .update, changes: Self.losses(of: domain, revertingTo: snapshot))]
    case .delete(let name):
      let snapshot = try domain.snapshot(named: name)
      add(.deleteSnapshot(domain: identity, name: name), gentle)
      let deleted = FieldChange(
        "snapshots.\(name)", old: .string(snapshot.kind?.rawValue ?? "taken"), effect: gentle, reason: .spec,
        detail: snapshot.kind == .external
          ? "its overlays are merged, and the disks keep their content" : "the disks keep their content")
      objects = [ObjectPlan(object, .update, changes: [deleted])]
    }
  }

  /// What a domain loses when it is reverted to a snapshot.
  private static func losses(of domain: ObservedDomain, revertingTo snapshot: ObservedSnapshot) -> [FieldChange] {
    let moment = RemovedDomain.text(ofMoment: snapshot.created)
    var changes = [
      FieldChange(
        "disks", effect: .dataLoss, reason: .spec,
        detail: "as of \(moment); what was written since is lost, unless another snapshot has it")
    ]
    // Of a guest whose disks alone were taken, libvirt's version decides whether it runs afterwards.
    let state: ObservedDomain.State? =
      if snapshot.hasMemory {
        snapshot.state == "paused" ? .paused : .running
      } else {
        snapshot.state == "shutoff" ? .stopped : nil
      }
    if let state, state != domain.state || snapshot.hasMemory {
      changes.append(
        FieldChange(
          "state", old: .string(domain.state.rawValue), new: .string(state.rawValue),
          effect: domain.isActive ? .offline : .live, reason: .spec,
          detail: snapshot.hasMemory ? "with the memory of that time" : nil))
    }
    if snapshot.definition != nil {
      changes.append(FieldChange("definition", effect: .nextBoot, reason: .spec, detail: "as the snapshot has it"))
    }
    return changes
  }
}

extension ObservedDomain {
  fileprivate func snapshot(named name: String) throws(SnapshotRefusal) -> ObservedSnapshot {
    guard let found = snapshots?.first(where: { $0.name == name }) else {
      throw SnapshotRefusal(
        message: "domain \(self.name) has no snapshot \(name)", remedy: "see `vireo snapshot list \(self.name)`")
    }
    return found
  }
}
