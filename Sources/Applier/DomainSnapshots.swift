// A domain's snapshots: listing, taking, going back to one, deleting. Each is verified by looking again.

import DiskImage
import Glibc
public import Inventory
public import Libvirt
public import Planner
import XMLTree

/// The snapshots of one domain.
public struct DomainSnapshots: Sendable {
  let domain: LibvirtDomain
  let connection: LibvirtConnection

  public init(of domain: LibvirtDomain, on connection: LibvirtConnection) {
    self.domain = domain
    self.connection = connection
  }

  /// Those that there are, parents before their children.
  public func list() async throws -> [ObservedSnapshot] {
    try await domain.snapshots().map(ObservedSnapshot.init)
  }

  // MARK: Taking

  /// Takes a snapshot.
  ///
  /// - Returns: what it was made of.
  /// - Throws: ``SnapshotRefusal`` before anything is done, ``ActionFailure``, ``LibvirtError``.
  @discardableResult
  public func take(_ creation: SnapshotCreation) async throws -> SnapshotChoice {
    let existing = try await list()
    if existing.contains(where: { $0.name == creation.name }) {
      throw SnapshotRefusal(
        message: "domain \(domain.name) has a snapshot \(creation.name) already",
        remedy: "choose another name, or delete that one")
    }
    let isActive = try await domain.isActive()
    let definition =
      isActive
      ? try await connection.runningDefinition(of: domain) : try await connection.storedDefinition(of: domain)
    let choice = try SnapshotChoice(
      creation, of: definition, isActive: isActive, with: existing, on: connection.libvirtVersion)
    var options: SnapshotOptions = []
    if choice.kind == .external {
      options.insert(.atomic)
      // Without it libvirt takes those of a stopped guest inside the images only.
      if !choice.hasMemory { options.insert(.diskOnly) }
    }
    if creation.quiesce { options.insert(.quiesce) }
    try await domain.takeSnapshot(choice.xml(for: creation).serialised(), options)
    guard try await list().contains(where: { $0.name == creation.name && $0.kind == choice.kind }) else {
      throw ActionFailure("libvirt did not keep the snapshot \(creation.name) of domain \(domain.name)")
    }
    return choice
  }

  // MARK: Going back

  /// Makes the domain what it was: its disks, the memory where that was taken, and its definition. What was written since
  /// is lost, unless another snapshot holds it.
  ///
  /// libvirt before 9.9 cannot go back to external snapshots. For the last one that was taken of a stopped domain's disks
  /// it is done here: an empty overlay takes the place of the one that was written to since. The definition stays as it
  /// is then.
  public func revert(to name: String) async throws {
    guard let snapshot = try await list().first(where: { $0.name == name }) else { throw unknown(name) }
    try await requireNobodyElse(onWhatChanges: snapshot, .revert)
    do {
      try await domain.revert(toSnapshot: name)
    } catch let error as LibvirtError where Self.isBeyond(error) && snapshot.kind == .external {
      try await revertDisks(to: snapshot, because: error)
    }
  }

  private func revertDisks(to snapshot: ObservedSnapshot, because error: LibvirtError) async throws {
    let cannot = "this libvirt cannot revert to external snapshots"
    guard try await !domain.isActive() else {
      throw ActionFailure("\(cannot), and Vireo does it for stopped domains only", remedy: "shut the guest down first")
    }
    guard snapshot.isCurrent, snapshot.children == 0 else {
      throw ActionFailure(
        "\(cannot), and Vireo only to the last one that was taken", remedy: "delete the later ones first")
    }
    let stored = try await connection.storedDefinition(of: domain)
    let sources = (stored.first("devices")?.all("disk") ?? []).reduce(into: [String: String]()) { sources, disk in
      if let target = disk.value(at: "target/@dev") { sources[target] = DiskSource.path(of: disk) }
    }
    var overlays: [String] = []
    for (target, overlay) in snapshot.disks.sorted(by: { $0.key < $1.key }) {
      guard let overlay, sources[target] == overlay else {
        throw ActionFailure(
          "\(cannot), and disk \(target) is not the overlay that the snapshot made any more",
          remedy:
            "put \(overlay ?? "the overlay") back as its source, or take the disk's file from the snapshot by hand")
      }
      overlays.append(overlay)
    }
    // All are locked before the first is replaced.
    let locks = try overlays.map { try ImageLock(path: $0, for: .write) }
    defer { withExtendedLifetime(locks) {} }
    let fresh = try overlays.map { try Self.emptyCopy(of: $0) }
    for (overlay, new) in zip(overlays, fresh) {
      guard rename(new, overlay) == 0 else { throw Self.failure("replace", overlay) }
    }
  }

  /// An overlay on the same backing file, without what was written, beside the one that it is to replace.
  private static func emptyCopy(of overlay: String) throws -> String {
    let chain = try BackingChain.read(path: overlay, format: .qcow2)
    guard chain.images.count > 1, let name = chain.top.backingFile?.string else {
      throw ActionFailure("\(overlay) stands on no other image any more")
    }
    let new = overlay + ".new"
    // A leftover of a run that was cut off.
    unlink(new)
    var creation = ImageCreation(
      format: .qcow2, virtualSize: chain.images[1].virtualSize,
      backing: .init(name: name, format: chain.images[1].format, path: chain.images[1].path))
    creation.clusterSize = chain.top.qcow2?.clusterSize ?? creation.clusterSize
    var status = stat()
    guard stat(overlay, &status) == 0 else { throw failure("look at", overlay) }
    creation.access = FileAccess(
      mode: UInt32(status.st_mode & 0o777),
      owner: geteuid() == 0 ? .init(user: status.st_uid, group: status.st_gid) : nil)
    try creation.create(at: new)
    return new
  }

  private static func failure(_ verb: String, _ path: String) -> ActionFailure {
    ActionFailure("cannot \(verb) \(path): \(String(cString: strerror(errno)))")
  }

  // MARK: Deleting

  /// Deletes a snapshot; the present state of the domain stays. The content of an external one is merged by libvirt
  /// (a block commit, with the guest running on or not).
  public func delete(_ name: String) async throws {
    guard let snapshot = try await list().first(where: { $0.name == name }) else { throw unknown(name) }
    try await requireNobodyElse(onWhatChanges: snapshot, .delete)
    do {
      try await domain.deleteSnapshot(name)
    } catch let error as LibvirtError where Self.isBeyond(error) && snapshot.kind == .external {
      throw ActionFailure(
        "this libvirt cannot delete the external snapshot \(name): \(plainMessage(error))",
        remedy: "delete later snapshots first, or use libvirt 9.0 or newer")
    }
    guard try await !list().contains(where: { $0.name == name }) else {
      throw ActionFailure("libvirt did not delete the snapshot \(name) of domain \(domain.name)")
    }
    // libvirt forgets the file with the guest's memory, and leaves it. Nothing else can refer to it.
    if snapshot.kind == .external, let file = snapshot.memoryFile { unlink(file) }
  }

  /// Whether libvirt says that it cannot do such a thing at all.
  private static func isBeyond(_ error: LibvirtError) -> Bool {
    error.isUnsupported || error.code == .configurationUnsupported || error.code == .operationUnsupported
  }

  private func unknown(_ name: String) -> ActionFailure {
    ActionFailure("domain \(domain.name) has no snapshot \(name)", remedy: "see `vireo snapshot list \(domain.name)`")
  }
}

extension ApplyRun {
  /// Takes a snapshot; one of the name that is there is the one.
  func takeSnapshot(of identity: DomainIdentity, _ creation: SnapshotCreation) async throws {
    let snapshots = DomainSnapshots(of: try await domain(identity), on: connection)
    if try await snapshots.list().contains(where: { $0.name == creation.name }) { return }
    do {
      try await snapshots.take(creation)
    } catch let refusal as SnapshotRefusal {
      throw ActionFailure(refusal.message, remedy: refusal.remedy, field: "snapshots.\(creation.name)")
    }
  }

  /// Deletes a snapshot. One that is gone counts as done.
  func deleteSnapshot(of identity: DomainIdentity, _ name: String) async throws {
    let snapshots = DomainSnapshots(of: try await domain(identity), on: connection)
    guard try await snapshots.list().contains(where: { $0.name == name }) else { return }
    try await snapshots.delete(name)
  }
}
