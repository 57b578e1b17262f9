// Planning images that no domain owns: made, grown, and their snapshots taken. The file is all the state that there is.

import Diagnostics
import DiskImage
import Inventory
import Spec
import struct SystemCalls.FileIdentity
import Vocabulary

/// Works out what becomes of one volume.
struct VolumePlanning {
  private let spec: ObjectSpec
  private let path: String
  private let stack: StackContext
  private let users: ImageUsers
  private let file: PlannedFile
  private var part: PlanPart
  private var changes: [FieldChange] = []
  /// The step that the next one waits for.
  private var last: [Prerequisite] = []

  /// Plans the stack's volumes.
  static func plan(_ volumes: [ObjectSpec], in stack: StackContext) -> [PlanPart] {
    guard !volumes.isEmpty else { return [] }
    let users = ImageUsers(stack.inventory)
    return volumes.compactMap { volume in
      guard let path = stack.spec.path(ofVolume: volume) else { return nil }
      var planning = VolumePlanning(volume, at: path, in: stack, users)
      planning.plan()
      return planning.part
    }
  }

  /// Says which volumes stay when the stack goes.
  static func staying(_ volumes: [ObjectSpec], in stack: StackContext) -> [PlanPart] {
    volumes.compactMap { volume in
      guard let path = stack.spec.path(ofVolume: volume), case .image? = stack.inventory.files[path] else { return nil }
      var part = PlanPart(ObjectReference(.volume, volume.name))
      part.findings.note("volume-stays", "its file is kept: \(path)")
      return part
    }
  }

  private init(_ spec: ObjectSpec, at path: String, in stack: StackContext, _ users: ImageUsers) {
    self.spec = spec
    self.path = path
    self.stack = stack
    self.users = users
    part = PlanPart(ObjectReference(.volume, spec.name))
    file = PlannedFile(spec: spec, name: part.object.description, noun: "image", stack: stack)
  }

  private mutating func plan() {
    guard isFree() else { return }
    let verb: ObjectPlan.Verb
    switch stack.file(path) {
    case .missing:
      guard planCreation() else { return }
      verb = .create
    case .folder:
      return part.findings.refuse("not-an-image", "\(path) is a folder", at: place)
    case .unusable(let error):
      // A pool that cannot be looked into has been reported as a pool.
      if spec[.path] == nil, stack.spec.filePool(of: spec).map(stack.isUnusable) ?? false { return }
      return part.findings.refuse("unusable-file", "\(error)", at: spec.setting(.format)?.range ?? place)
    case .image(let chain):
      // A guest that has it already writes to it as before.
      if spec[.path] == nil, users.all(path).isEmpty, !part.findings.checkNames(of: file, chain.top) { return }
      planExisting(chain)
      verb = changes.isEmpty ? .none : .update
    }
    if let step = last.last { part.steps.setReady(after: step) }
    part.plan = ObjectPlan(part.object, verb, changes: changes, range: spec.range)
  }

  /// Where the spec says which file it is.
  private var place: SourceRange { spec.place(of: .path) }

  /// Whether nothing else of the stack is the file.
  private mutating func isFree() -> Bool {
    if let image = stack.basePaths[path] {
      part.findings.fail(
        "base-image", "\(path) is the base image \(image), which must not change", at: place,
        suggestion: "write `image: \(image)` for an overlay on it")
      return false
    }
    guard spec[.path] != nil else { return true }
    let layout = stack.layout
    for domain in stack.spec.domains {
      for disk in domain.members("disks")
      where layout.isMade(disk) && layout.path(of: disk, domain: domain.name) == path {
        part.findings.fail(
          "shared-disk", "\(path) is the disk \(disk.name) of the domain \(domain.name)", at: place,
          suggestion: "give the volume another file, or write `volume: \(spec.name)` at the disk")
        return false
      }
    }
    return true
  }

  // MARK: New

  /// Plans a new file.
  ///
  /// - Returns: whether it can be made.
  private mutating func planCreation() -> Bool {
    let isDevice = path.hasPrefix("/dev/")
    guard !isDevice, spec[.size] != nil || spec[.image] != nil else {
      part.findings.refuse(
        "missing-file", "there is no \(isDevice ? "device" : "file") \(path)", at: place,
        suggestion: isDevice ? "create it first, or correct the path" : "put it there, or add `size:` for a new image")
      return false
    }
    if let user = users.all(path).first {
      part.findings.refuse(
        "missing-file", "the file \(path), a disk of the domain \(user), is missing", at: place,
        suggestion: "restore it; Vireo does not replace it, because a new image would be empty")
      return false
    }
    guard hasFolder(), var creation = part.findings.creation(of: file, at: path) else { return false }
    if let size = spec[.clusterSize] { creation.clusterSize = size }
    creation.extendedL2 = spec[.extendedL2] ?? false
    creation.lazyRefcounts = spec[.lazyRefcounts] ?? false
    creation.preallocation = spec[.preallocation].map(Preallocation.init) ?? .off
    creation.access = access
    for field in spec.type.fields(spec.settings.keys)
    where ![spec.type[.pool], spec.type[.path]].contains(field) {
      guard let setting = spec.settings[field] else { continue }
      changes.append(
        FieldChange(field.name, new: setting.value, effect: .define, reason: .spec, range: setting.range))
    }
    let pools = stack.spec.pools.filter { $0[.path] == folder(of: path) }.map { ObjectReference(.pool, $0.name) }
    let images = spec[.image].map { [ObjectReference(.image, $0)] } ?? []
    last = [
      part.steps.add(.createImage(path: path, creation), after: (pools + images).map(Prerequisite.object))
    ]
    for snapshot in spec.members("snapshots") { take(snapshot) }
    return true
  }

  /// Whether there is a folder for the file, or one of the stack's pools will be it.
  private mutating func hasFolder() -> Bool {
    let folder = folder(of: path)
    guard spec[.path] != nil, !stack.spec.pools.contains(where: { $0[.path] == folder }) else {
      return true
    }
    switch stack.file(folder) {
    case .folder: return true
    case .unusable(let error):
      part.findings.refuse("unusable-folder", "\(error)", at: place)
    case .missing, .image:
      part.findings.refuse(
        "missing-folder", "there is no folder \(folder)", at: place,
        suggestion: "create it, or declare it as a pool")
    }
    return false
  }

  /// Who may use a new file. Whoever is not named stays the process's own: chown(2) leaves -1 alone.
  private var access: FileAccess {
    let mode = spec[.permissionsMode].flatMap { UInt32($0, radix: 8) } ?? FileAccess().mode
    let (owner, group) = (spec[.permissionsOwner], spec[.permissionsGroup])
    guard owner != nil || group != nil else { return FileAccess(mode: mode) }
    return FileAccess(
      mode: mode,
      owner: .init(user: owner.map(UInt32.init) ?? .max, group: group.map(UInt32.init) ?? .max))
  }

  // MARK: There already

  private mutating func planExisting(_ chain: BackingChain) {
    let image = chain.top
    if let looksLike = image.looksLike {
      part.findings.note(
        "looks-like", "\(path) has the format \(image.format.rawValue) in the spec, but looks like \(looksLike)",
        at: spec.setting(.format)?.range ?? place,
        suggestion: "correct `format`, unless the file should contain exactly that", severity: .warning)
    }
    // Without a word about it, whatever the file stands on is as good as any.
    if spec[.image] != nil { part.findings.checkBase(of: file, chain, isNew: false) }
    noteLayout(image)
    let known = users.all(path).filter { name in stack.spec.domains.contains { $0.name == name } == false }
    if let user = known.first {
      part.findings.note("used-volume", "its file is a disk of the domain \(user), which is not in the spec")
    }
    planGrowth(image)
    planSnapshots(image)
  }

  /// What only a new file gets.
  private mutating func noteLayout(_ image: ImageInfo) {
    guard let qcow2 = image.qcow2 else { return }
    let type = spec.type
    let actual: [(Field, Value)] = [
      (type[.clusterSize], .bytes(qcow2.clusterSize)), (type[.extendedL2], .boolean(qcow2.extendedL2)),
      (type[.lazyRefcounts], .boolean(qcow2.lazyRefcounts)),
    ]
    for (field, value) in actual {
      guard let setting = spec.settings[field], setting.value != value else { continue }
      part.findings.note(
        "layout-kept", "its file keeps `\(field.name): \(value)`; the spec says \(setting.value)", at: setting.range,
        suggestion: "only a new file can have another value; `vireo image convert` creates one",
        severity: .warning)
    }
  }

  private mutating func planGrowth(_ image: ImageInfo) {
    guard let (setting, size) = part.findings.growth(of: file, image) else { return }
    guard !growsAsItRuns(to: size) else { return }
    if users.all(path).contains(where: { stack.inventory.domains[$0]?.hasManagedSave ?? false }) {
      return part.findings.refuseGrowth(underSavedState: image, at: setting)
    }
    guard
      mayBeChanged(
        "grown", ownWay: "write `size: \(setting.value)` at its disk, too: it grows while the guest runs",
        at: setting.range)
    else { return }
    if let qcow2 = image.qcow2, qcow2.version < 3, qcow2.snapshotCount > 0 {
      return part.findings.refuse(
        "old-image", "\(path) is a qcow2 image of version \(qcow2.compat) with snapshots, which no program can grow",
        at: setting.range,
        suggestion: "delete the snapshots, or convert it with `qemu-img amend -o compat=1.1`")
    }
    changes.append(
      FieldChange(
        FieldKey.size.name, old: .bytes(image.virtualSize), new: setting.value, effect: .define, reason: .spec,
        detail: stoppedUser, range: setting.range))
    last = [
      part.steps.add(
        .growImage(path: path, format: image.format, from: image.virtualSize, to: size, file: planned), after: last)
    ]
  }

  /// Whether a running guest of the stack grows it by its disk's own size.
  private func growsAsItRuns(to size: UInt64) -> Bool {
    guard let user = users.running(path), users.overlay(on: path) == nil,
      let domain = stack.spec.domains.first(where: { $0.name == user })
    else { return false }
    return domain.members("disks").contains { $0[.source] == path && $0[.size] == size }
  }

  /// Whether no guest stands in the way. QEMU holds the lock of an image that it has open, and what an overlay stands on
  /// stays as it is.
  ///
  /// - Parameter ownWay: how a domain of the spec does it itself.
  private mutating func mayBeChanged(_ verb: String, ownWay: String, at range: SourceRange) -> Bool {
    if let (user, overlay) = users.overlay(on: path) {
      part.findings.refuse(
        "image-below", "\(path) cannot be \(verb): it is the backing file of a disk of domain \(user), \(overlay)",
        at: range, suggestion: "delete the domain's snapshots first: `vireo snapshot list \(user)`")
      return false
    }
    guard let user = users.running(path) else { return true }
    let isOurs = stack.spec.domains.contains { $0.name == user }
    part.findings.refuse(
      "image-in-use", "\(path) cannot be \(verb): the domain \(user) runs and uses it", at: range,
      suggestion: "stop the guest, then apply again" + (isOurs ? "; or \(ownWay)" : ""))
    return false
  }

  /// The domains that have it, which do not run.
  private var stoppedUser: String? {
    users.all(path).first.map { "a disk of the stopped domain \($0)" }
  }

  // MARK: Snapshots

  private mutating func planSnapshots(_ image: ImageInfo) {
    guard image.format == .qcow2 else { return }
    let known: [ObservedImageSnapshot]
    switch stack.inventory.imageSnapshots[path] {
    case .success(let snapshots): known = snapshots
    case nil: known = []
    case .failure(let error):
      return part.findings.refuse("unusable-file", "its snapshots cannot be read: \(error)", at: place)
    }
    let declared = spec.members("snapshots")
    for snapshot in declared where !known.contains(where: { $0.name == snapshot.name }) {
      if known.contains(where: { $0.id == snapshot.name }) {
        part.findings.refuse(
          "snapshot", "snapshots.\(snapshot.name): another snapshot of \(path) has this id", at: snapshot.range,
          suggestion: "choose another name")
        continue
      }
      guard
        mayBeChanged(
          "given a snapshot", ownWay: "declare the snapshot with the domain, under its `snapshots`",
          at: snapshot.range)
      else { continue }
      changes.append(
        FieldChange(
          "snapshots.\(snapshot.name)", new: .string("internal"), effect: .define, reason: .spec, detail: stoppedUser,
          range: snapshot.range))
      take(snapshot)
    }
    // Those of a domain's disk are the domain's.
    let others = known.filter { snapshot in !declared.contains { $0.name == snapshot.name } }.map(\.name)
    guard !others.isEmpty, users.all(path).isEmpty else { return }
    part.findings.note(
      "other-snapshot",
      "\(others.count == 1 ? "the snapshot" : "snapshots") \(others.prefix(5).joined(separator: ", "))"
        + (others.count > 5 ? " and \(others.count - 5) more" : "")
        + " of its file \(others.count == 1 ? "is" : "are") not in the spec and kept")
  }

  private mutating func take(_ snapshot: ObjectSpec) {
    last = [part.steps.add(.takeImageSnapshot(path: path, name: snapshot.name, file: planned), after: last)]
  }

  /// The file that steps may change.
  private var planned: PlannedImage {
    var identity: FileIdentity?
    if case .image(let chain)? = stack.inventory.files[path] { identity = chain.top.identity }
    return PlannedImage(isStated: spec[.path] != nil, identity: identity)
  }
}

extension Preallocation {
  /// The space that a spec says.
  fileprivate init(_ preallocation: VolumePreallocation) {
    switch preallocation {
    case .off: self = .off
    case .metadata: self = .metadata
    case .falloc: self = .falloc
    case .full: self = .full
    }
  }
}
