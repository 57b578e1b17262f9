// A domain's snapshots: taking and deleting. Each is verified by looking again.

import BlockingWork
import DiskImage
import Inventory
import Libvirt
import Planner
import SystemCalls
import Versions
import Vocabulary
import XMLTree

/// The snapshots of one domain.
struct DomainSnapshots: Sendable {
  let domain: LibvirtDomain
  let connection: LibvirtConnection
  let patience: LockPatience

  /// - Parameter patience: how long to wait for a folder that another process has locked.
  init(of domain: LibvirtDomain, on connection: LibvirtConnection, patience: LockPatience = .ofFolders) {
    self.patience = patience
    self.domain = domain
    self.connection = connection
  }

  /// Those that there are, parents before their children.
  func list() async throws -> [ObservedSnapshot] {
    try await domain.snapshots().map(ObservedSnapshot.init)
  }

  // MARK: Taking

  /// Takes a snapshot.
  ///
  /// - Returns: what it was made of.
  /// - Throws: ``SnapshotRefusal`` before anything is done, ``ActionFailure``, ``LibvirtError``.
  @discardableResult
  func take(_ creation: SnapshotCreation) async throws -> SnapshotChoice {
    let existing = try await list()
    if let found = existing.first(where: { $0.name == creation.name }) {
      // Perhaps a run was killed right after it had taken it.
      if found.kind == .external { try await keepPrivate(creation.name) }
      throw SnapshotRefusal(
        message: "domain \(domain.name) already has a snapshot \(creation.name)",
        remedy: "choose another name, or delete that snapshot")
    }
    try await LeftOverlays(domain: domain, connection: connection).mend()
    let isActive = try await domain.isActive()
    let definition =
      isActive
      ? try await connection.runningDefinition(of: domain) : try await connection.storedDefinition(of: domain)
    let choice = try SnapshotChoice(
      creation, of: definition, isActive: isActive, with: existing, on: connection.libvirtVersion)
    let lock = try await lockFolders(of: definition, .shared)
    defer { withExtendedLifetime(lock) {} }
    if !isActive { try await UnfinishedMerges(domain: domain, connection: connection).finish() }
    var options: SnapshotOptions = []
    if choice.kind == .external {
      options.insert(.atomic)
      // Without it libvirt takes those of a stopped guest inside the images only.
      if !choice.hasMemory { options.insert(.diskOnly) }
    }
    if creation.quiesce { options.insert(.quiesce) }
    if choice.kind == .external {
      try await removeLeftovers(of: choice, named: creation.name)
    } else if !isActive {
      try await removeRepeated(creation.name, inDisksOf: definition)
    }
    // Where the program is killed, an embedded driver does not come to write down that the guest was moved.
    let images = isActive && !connection.isRemote ? choice.moves(in: definition) : [:]
    for (image, overlay) in images { OverlayMark.put(overlay, path: image) }
    do {
      try await domain.takeSnapshot(choice.xml(for: creation).serialised(), options)
    } catch {
      for (image, overlay) in images where fileStatus(overlay) == nil { OverlayMark.put(nil, path: image) }
      throw error
    }
    for image in images.keys { OverlayMark.put(nil, path: image) }
    if choice.kind == .external { try await keepPrivate(creation.name) }
    guard try await list().contains(where: { $0.name == creation.name && $0.kind == choice.kind }) else {
      throw ActionFailure("libvirt did not keep the snapshot \(creation.name) of domain \(domain.name)")
    }
    return choice
  }

  /// Gives the overlays of an external snapshot no wider mode than the images that they stand on have: the program that
  /// libvirt makes them with for a stopped guest leaves them readable to everybody.
  func keepPrivate(_ name: String) async throws {
    guard !connection.isRemote, let snapshot = try await list().first(where: { $0.name == name }) else { return }
    let overlays = try await SnapshotProof(of: domain, on: connection).ownOverlays(of: snapshot)
    try await BlockingPool(name: "modes", threads: 1).run {
      for overlay in overlays { try FileMode.narrow(overlay: overlay) }
    }
  }

  // MARK: Deleting

  /// Deletes a snapshot; the present state of the domain stays. The content of an external one is merged, with the guest
  /// running on or not: step by step where Vireo can (``SnapshotMerge``), by libvirt otherwise.
  ///
  /// - Returns: a file with the guest's memory that stays, because nothing proves that it is the snapshot's; nil for none.
  @discardableResult
  func delete(_ name: String) async throws -> String? {
    guard var snapshot = try await list().first(where: { $0.name == name }) else { throw unknown(name) }
    let proof = try await SnapshotProof(of: domain, on: connection)
    if !connection.isRemote { try proof.require(snapshot, for: .delete) }
    var kept: String?
    if let memory = snapshot.memoryFile, connection.isRemote || !proof.isOwnMemory(memory, of: snapshot) {
      if fileStatus(memory) != nil { kept = memory }
      snapshot.memoryFile = nil
    }
    // Looked at while nobody can make anything refer to the files; merging them may take long and is done beside others.
    let lock = try await lockFolders(of: try await connection.storedDefinition(of: domain), .exclusive)
    defer { withExtendedLifetime(lock) {} }
    try await requireNobodyElse(onWhatChanges: snapshot, .delete)
    lock?.share()
    if let merge = try await merge(of: snapshot), try await merge.merge() {
      lock?.release()
      try await merge.finish()
      try await requireGone(name)
      return kept
    }
    do {
      try await domain.deleteSnapshot(name)
    } catch let error as LibvirtError where error.isNotFound {
      // A daemon has finished what a killed run had asked it for.
    } catch let error as LibvirtError where !error.isConnectionLost && snapshot.kind == .external {
      var failure = ActionFailure(error)
      if connection.libvirtVersion < LibvirtVersion(9, 0) {
        failure.remedy = "use libvirt 9.0 or newer: older versions cannot merge the content of external snapshots"
      } else if snapshot.children > 0 {
        failure.remedy = "delete the later snapshots first"
      }
      throw failure
    }
    try await requireGone(name)
    // libvirt forgets the file with the guest's memory, and leaves it. Nothing else can refer to it.
    lock?.release()
    guard snapshot.kind == .external, let file = snapshot.memoryFile else { return kept }
    let deletion = FileDeletion(path: file)
    let outcome = try await FileRemoval(connection, patience: patience).remove([deletion]) {
      try FileRemoval.needs([deletion], $0)
    }
    if let failure = outcome[file] ?? nil {
      throw ActionFailure("the snapshot was deleted, and \(failure.message)", remedy: failure.remedy)
    }
    return kept
  }

  /// The steps by which an external snapshot is deleted; nil where Vireo cannot take them.
  private func merge(of snapshot: ObservedSnapshot) async throws -> SnapshotMerge? {
    // The daemon finishes what a killed program has asked it for.
    guard snapshot.kind == .external, try await domain.waitUntilAtRest(timeout: .seconds(60)) else { return nil }
    try await LeftOverlays(domain: domain, connection: connection).mend()
    return try await SnapshotMerge(snapshot, of: self)
  }

  private func requireGone(_ name: String) async throws {
    guard try await !list().contains(where: { $0.name == name }) else {
      throw ActionFailure("libvirt did not delete the snapshot \(name) of domain \(domain.name)")
    }
  }

  /// Locks the folders of a domain's disks.
  func lockFolders(of definition: XMLElement, _ kind: FolderLock.Kind) async throws -> FolderLock? {
    try await connection.lockFolders(of: definition, kind, patience)
  }

  func unknown(_ name: String) -> ActionFailure {
    ActionFailure("domain \(domain.name) has no snapshot \(name)", remedy: "see `vireo snapshot list \(domain.name)`")
  }
}

extension SnapshotChoice {
  /// The images that a running guest is moved from, each with the overlay that it is moved to.
  fileprivate func moves(in definition: XMLElement) -> [String: String] {
    guard kind == .external else { return [:] }
    return definition.devices(Vocabulary.disk).reduce(into: [:]) { moves, disk in
      guard let overlay = disk.value(at: .diskTarget).flatMap({ overlays[$0] }), let path = DiskSource.path(of: disk)
      else { return }
      moves[path] = overlay
    }
  }
}
