// Planning what leaves the host: a decision of its own, of which everything is shown before it is done.

import DiskImage
public import Inventory
import Spec
import Vocabulary
public import XMLTree

/// What may leave the host, and how much.
public struct DeletionOptions: Sendable, Hashable {
  /// Which objects are to leave.
  public enum Scope: String, Sendable, Hashable {
    /// Only what the spec says to be absent.
    case declared
    /// Also domains and networks of the stack that the spec no longer has.
    case leftovers
    /// Everything of the stack.
    case everything
  }

  /// How far it goes: only what the spec declares absent, or more.
  public var scope: Scope
  /// The most objects that may leave in one run; nil for no limit.
  public var most: Int?
  /// Whether disks that Vireo has made go too, with the UEFI variables and the TPM's state. They stay otherwise.
  public var includesDisks: Bool
  /// Whether a guest that does not shut down within its `shutdown.timeout` is forced off, whatever its `shutdown.force-off`
  /// says.
  public var forcesOff: Bool

  /// Options; by default only what the spec says to be absent, without a limit on the number, and disks stay.
  public init(
    _ scope: Scope = .declared, most: Int? = nil, includesDisks: Bool = false, forcesOff: Bool = false
  ) {
    self.scope = scope
    self.most = most
    self.includesDisks = includesDisks
    self.forcesOff = forcesOff
  }
}

extension PlanBuilder {
  /// Plans what leaves because the spec no longer has it, or because the whole stack goes.
  mutating func planDeletions(_ options: DeletionOptions, _ stack: StackContext) {
    let names = spec.domains.flatMap { [$0.name] + [$0[.renamedFrom]].compactMap(\.self) }
    let wanted = options.scope == .everything ? [] : Set(names)
    let leftovers = inventory.domains.values.filter { domain in
      !wanted.contains(domain.name) && OwnershipRecord(in: domain.inactive)?.stack == spec.name
    }.sorted { $0.name < $1.name }
    let networks = (inventory.networks ?? [:]).values.filter { network in
      (options.scope == .everything || spec.network(network.name) == nil)
        && network.inactive.flatMap { OwnershipRecord(in: $0) }?.stack == spec.name
    }.sorted { $0.name < $1.name }

    guard options.scope != .declared else {
      for network in networks {
        note("left-the-spec", "no longer in the spec; left alone", subject: ObjectReference(.network, network.name))
      }
      for domain in leftovers {
        note("left-the-spec", "no longer in the spec; left alone", subject: ObjectReference(.domain, domain.name))
      }
      return
    }
    if options.scope == .leftovers, spec.domains.isEmpty, !leftovers.isEmpty {
      return fail(
        "empty-stack", "pruning would delete the whole stack \(spec.name): its spec has no domains",
        suggestion: "to remove the whole stack, use `vireo destroy`")
    }
    let declared = Dictionary(spec.domains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let needs = options.includesDisks ? ImageUsers(inventory) : ImageUsers()
    for domain in leftovers { add(stack.deletion(of: domain, declared[domain.name], options, needs)) }
    let domains = leftovers.map(\.name)
    for network in networks { add(stack.deletion(of: network, spec.network(network.name), after: domains)) }
    if options.includesDisks { for part in stack.deletionsOfForgottenFiles() { add(part) } }
  }

  /// Refuses a plan that takes more away than is allowed.
  mutating func limitDeletions(_ options: DeletionOptions) {
    let deleted = objects.filter { $0.verb == .delete }
    guard let most = options.most, deleted.count > most else { return }
    let names = deleted.prefix(5).map(\.object.description).joined(separator: ", ")
    fail(
      "too-many-deletes",
      "\(deleted.count) objects would be deleted, but at most \(most) may be: \(names)"
        + (deleted.count > 5 ? " and more" : ""),
      suggestion: "look at each of them, then allow them with `--max-deletes \(deleted.count)`")
  }
}

extension StackContext {
  /// Plans that a domain leaves the host.
  ///
  /// - Parameters:
  ///   - declared: what the spec says of it, where it says anything.
  ///   - needs: every image that a domain needs, where disks go too.
  func deletion(
    of domain: ObservedDomain, _ declared: ObjectSpec?, _ options: DeletionOptions = DeletionOptions(),
    _ needs: ImageUsers = ImageUsers()
  ) -> PlanPart {
    var part = PlanPart(ObjectReference(.domain, domain.name))
    let record = OwnershipRecord(in: domain.inactive)
    let identity = DomainIdentity(name: domain.name, uuid: domain.uuid)
    guard declared?[.protect] != true, record?.content(of: .protect) != true else {
      part.findings.refuse(
        "protected", "the domain is protected and would be deleted", at: declared?.setting(.protect)?.range,
        suggestion: "apply `protect: false` first")
      return part
    }
    var changes: [FieldChange] = []
    func lose(_ field: String, _ old: String, _ effect: Effect, _ detail: String? = nil) {
      changes.append(
        FieldChange(
          field, old: .string(old), effect: effect, reason: field == "definition" && declared == nil ? .dropped : .spec,
          detail: detail,
          range: declared?.range))
    }
    var steps: [Prerequisite] = []
    let snapshot =
      options.includesDisks ? nil : part.findings.snapshot(beforeRemovalOf: domain, declared, record, on: host)
    if let snapshot {
      changes.append(snapshot.change)
      steps.append(part.steps.add(snapshot.operation, effect: snapshot.change.effect))
    }
    if domain.isActive {
      var shutdown = Shutdown(declared, record)
      if options.forcesOff { shutdown.forceOff = true }
      lose(
        "state", domain.state.rawValue, .offline,
        options.forcesOff ? "forced off if it does not shut down within \(shutdown.timeout) s" : nil)
      steps.append(part.steps.add(.stopDomain(identity, shutdown), after: steps, effect: .offline))
    }
    guard domain.isPersistent else {
      // Its guest is all there is of it.
      if let step = steps.last { part.steps.setReady(after: step) }
      part.plan = ObjectPlan(part.object, .delete, changes: changes, range: declared?.range)
      return part
    }
    lose(
      "definition", "stored", .delete,
      options.includesDisks ? "undefined" : "undefined; `vireo restore` brings it back")
    var undefinition = Undefinition(seen: domain.inactive)
    undefinition.stack = record?.stack
    if domain.hasManagedSave {
      lose("saved-state", "the memory of the guest", .dataLoss, "discarded")
      undefinition.discardsSavedState = true
    }
    if let snapshots = domain.snapshots, !snapshots.isEmpty {
      lose("snapshots", snapshots.map(\.name).joined(separator: ", "), .define, "libvirt forgets them")
      undefinition.forgetsSnapshots = true
    }
    if snapshot != nil { undefinition.forgetsSnapshots = true }
    if let checkpoints = domain.checkpoints, !checkpoints.isEmpty {
      lose("checkpoints", checkpoints.joined(separator: ", "), .define, "libvirt forgets them")
      undefinition.forgetsCheckpoints = true
    }
    if let variables = domain.variables ?? domain.inactive.variablesFile {
      undefinition.files.append(.init(variables, .nvram, isDeleted: options.includesDisks))
      lose("nvram", variables, options.includesDisks ? .dataLoss : .define, options.includesDisks ? nil : "stays")
    }
    undefinition.keepsNVRAM = !options.includesDisks
    undefinition.hasTPM = domain.inactive.exists(at: "devices/tpm/backend")
    if undefinition.hasTPM {
      lose("tpm", "its state", options.includesDisks ? .dataLoss : .define, options.includesDisks ? nil : "stays")
    }
    let files = self.files(of: domain, record)
    for disk in files.kept { lose(disk.field, disk.path, .define, "stays") }
    var deleted: [DiskFile] = []
    for disk in files.made {
      let other = options.includesDisks ? needs.other(than: domain.name, using: disk.path) : nil
      let goes = options.includesDisks && other == nil
      undefinition.files.append(.init(disk.path, disk.role, isDeleted: goes))
      guard goes else {
        lose(disk.field, disk.path, .define, other.map { "kept: domain \($0) needs it" } ?? "stays")
        continue
      }
      if inventory.files[disk.path] == .missing { continue }
      lose(disk.field, disk.path, .dataLoss, disk.bytes.map { "\(ByteCount.text($0)) deleted" } ?? "deleted")
      deleted.append(disk)
    }
    // The definition goes last: as long as it is there, it says which files are still to go.
    let owner = FileOwner(identity, domain.inactive)
    let stopped = steps
    for disk in deleted {
      // What stands on others goes first.
      let above = deleted.prefix { $0.path != disk.path }.indices.last { deleted[$0].field == disk.field }
      let after = above.map { stopped + [steps[stopped.count + $0]] } ?? stopped
      steps.append(
        part.steps.add(
          .deleteFile(path: disk.path, device: disk.field, owner: owner), after: after, effect: .dataLoss))
    }
    part.steps.setReady(
      after: part.steps.add(.undefineDomain(identity, undefinition), after: steps, effect: .delete))
    part.plan = ObjectPlan(part.object, .delete, changes: changes, range: declared?.range)
    return part
  }

  /// Files that were to go with domains of the stack that are gone already.
  fileprivate func deletionsOfForgottenFiles() -> [PlanPart] {
    inventory.forgotten.filter { $0.stack == name && inventory.domains[$0.name] == nil }.map { removal in
      var part = PlanPart(ObjectReference(.domain, removal.name))
      let users = ImageUsers(inventory)
      var changes: [FieldChange] = []
      for file in removal.files where file.isDeleted {
        let other = users.all(file.path).first
        changes.append(
          FieldChange(
            "disks", old: .string(file.path), effect: other == nil ? .dataLoss : .define, reason: .spec,
            detail: other.map { "kept: domain \($0) needs it" } ?? "deleted; the domain no longer exists"))
        if other == nil { part.steps.add(.deleteFile(path: file.path), effect: .dataLoss) }
      }
      part.plan = ObjectPlan(part.object, .delete, changes: changes)
      return part
    }
  }

  /// Plans that a network leaves the host, after domains that may be on it.
  fileprivate func deletion(
    of network: ObservedNetwork, _ declared: ObjectSpec?, after domains: [String]
  ) -> PlanPart {
    var part = PlanPart(ObjectReference(.network, network.name))
    let before = domains.map { Prerequisite.object(ObjectReference(.domain, $0)) }
    func lose(_ field: String, _ old: String, _ effect: Effect, _ detail: String? = nil) -> FieldChange {
      FieldChange(
        field, old: .string(old), effect: effect, reason: declared == nil && field == "definition" ? .dropped : .spec,
        detail: detail, range: declared?.range)
    }
    var steps: [Prerequisite] = []
    var changes: [FieldChange] = []
    if network.isActive {
      part.findings.refuseStopping(at: nil, except: Set(domains), in: self)
      changes.append(lose("state", "active", .offline))
      steps.append(part.steps.add(.stopNetwork(name: network.name), after: before, effect: .offline))
    }
    changes.append(lose("definition", "stored", .delete, "undefined"))
    part.steps.add(.undefineNetwork(name: network.name), after: steps + before, effect: .delete)
    part.plan = ObjectPlan(part.object, .delete, changes: changes, range: declared?.range)
    return part
  }

  // MARK: Files

  private struct DiskFile {
    var field: String
    var path: String
    var bytes: UInt64?
    var role = RemovedDomain.File.Role.disk
  }

  /// The images of a domain's disks: those that Vireo has made, with overlays that snapshots put on them, and others.
  private func files(of domain: ObservedDomain, _ record: OwnershipRecord?) -> (made: [DiskFile], kept: [DiskFile]) {
    var (made, kept) = ([DiskFile](), [DiskFile]())
    let disks = Vocabulary.domain.collections.first { $0.key == "disks" }
    let known = disks.flatMap { disks in record.map { RecordedDevices(of: disks, in: domain.inactive, $0) } }
    for disk in domain.inactive.devices(Vocabulary.disk) {
      guard let path = DiskSource.path(of: disk) else { continue }
      let key = known?.key(of: disk) ?? DeviceIdentity.key(of: disk, kind: Vocabulary.disk.name)
      let field = "disks.\(key ?? disk.value(at: .diskTarget) ?? "?")"
      let own = key.flatMap { record?[fileOf: "disks.\($0)"] }
      let chain = if case .image(let chain)? = inventory.files[path] { chain.images } else { [ImageInfo]() }
      if let own, let end = chain.firstIndex(where: { $0.path == own }) {
        made += chain[...end].map { DiskFile(field: field, path: $0.path, bytes: $0.bytesOnDisk ?? $0.fileLength) }
      } else if let own, inventory.files[path]?.lacksFile == true,
        path == own || SnapshotChoice.isOverlay(path, on: own)
      {
        // A file of the chain is gone, as after a deletion that was cut off: snapshots and the record know the others.
        let target = disk.value(at: .diskTarget) ?? ""
        let overlays = (domain.snapshots ?? []).compactMap { $0.disks[target] ?? nil }
        var seen: Set<String> = []
        made += ([path] + overlays.reversed() + [own]).filter {
          ($0 == own || SnapshotChoice.isOverlay($0, on: own)) && seen.insert($0).inserted
        }.map { DiskFile(field: field, path: $0) }
      } else {
        kept.append(DiskFile(field: field, path: path))
      }
    }
    // The memory of a snapshot is beside the first of the images that it was taken of.
    for snapshot in domain.snapshots ?? [] {
      guard let path = snapshot.memoryFile,
        made.contains(where: { SnapshotChoice.memoryFile(beside: $0.path, named: snapshot.name) == path })
      else { continue }
      made.append(DiskFile(field: "snapshots.\(snapshot.name)", path: path, role: .memory))
    }
    return (made, kept)
  }
}

/// What undefining a domain takes with it. Everything that is not said to go stays.
public struct Undefinition: Sendable, Hashable, Codable {
  /// The definition that the plan saw. When the host has another one now, the domain is left alone.
  public var seen: XMLElement
  /// Whether the saved memory of the stopped guest is deleted. Otherwise libvirt refuses to undefine a domain that has
  /// some.
  public var discardsSavedState = false
  /// Whether libvirt's records of the snapshots are removed. The snapshots' contents stay in the image files.
  public var forgetsSnapshots = false
  /// Whether libvirt's records of the checkpoints are removed. The bitmaps stay in the image files.
  public var forgetsCheckpoints = false
  /// Whether the file of UEFI variables stays, and with it the TPM's state.
  public var keepsNVRAM = true
  /// Whether there is a TPM, whose state goes or stays with the UEFI variables.
  public var hasTPM = false
  /// The stack that it belongs to.
  public var stack: String?
  /// The files that Vireo has made for it, and its UEFI variables.
  public var files: [RemovedDomain.File] = []

  /// An undefinition that takes nothing along: no saved state, snapshots or checkpoints, and UEFI variables stay.
  public init(seen: XMLElement) {
    self.seen = seen
  }
}
