// Deleting an external snapshot in steps of which each can be cut off: what its overlays hold is merged into the images
// below them, the domain is put on those, and the files and libvirt's record of the snapshot go last.
//
// libvirt has one call for all of it, and an embedded driver dies in the middle of that call with the program. What it leaves
// then (a QEMU process that was to merge, jobs, overlays that were left or not) it refuses to go on with (libvirt 9.0). A step
// here is either a call that the driver answers at once or work on files, and what is done already is seen on the host.

import BlockingWork
import DiskImage
import Inventory
import Libvirt
import Planner
import SystemCalls
import Vocabulary
import XMLTree

/// The last external snapshot of a domain that was taken, on its way out.
struct SnapshotMerge: Sendable {
  /// A disk that the snapshot has put an overlay on.
  private struct Disk: Sendable {
    var target: String
    var overlay: String
    /// The image that the overlay stands on, as the domain named it before the snapshot, and its format.
    var below: String
    var format: String?
    /// Whether the domain still is on the overlay: the guest where it runs, else its definition.
    var isOnOverlay: Bool
    /// Whether the guest has ended on the overlay, with the image below in its definition.
    var isLeftBehind = false

    /// The overlay as one that the domain is not on.
    func left(by domain: String) -> LeftOverlay {
      LeftOverlay(domain: domain, target: target, overlay: overlay, below: below, format: format)
    }
  }

  private let domain: LibvirtDomain
  private let connection: LibvirtConnection
  private let patience: LockPatience
  private let snapshot: ObservedSnapshot
  private let disks: [Disk]
  private let isActive: Bool
  private static let files = BlockingPool(name: "merging", threads: 1)

  /// Nil where the steps cannot be taken: files on another host or of another user, a snapshot in the middle of others, a
  /// domain that is on neither the overlays nor what they stand on.
  init?(_ snapshot: ObservedSnapshot, of snapshots: DomainSnapshots) async throws {
    (domain, connection, patience) = (snapshots.domain, snapshots.connection, snapshots.patience)
    self.snapshot = snapshot
    guard snapshot.kind == .external, snapshot.children == 0, !connection.isRemote, let then = snapshot.definition,
      try await domain.isPersistent()
    else { return nil }
    isActive = try await domain.isActive()
    let stored = try await connection.storedDefinition(of: domain)
    let present = isActive ? try await connection.runningDefinition(of: domain) : stored
    var disks: [Disk] = []
    for (target, overlay) in snapshot.disks.sorted(by: { $0.key < $1.key }) {
      guard let overlay, let before = then.disk(target), before[attribute: "type"] ?? "file" == "file",
        let below = DiskSource.path(of: before), let now = present.disk(target).flatMap(DiskSource.path),
        let next = stored.disk(target).flatMap(DiskSource.path), [overlay, below].contains(next)
      else { return nil }
      var disk = Disk(
        target: target, overlay: overlay, below: below, format: before.value(at: .diskFormat),
        isOnOverlay: now == overlay)
      if now == below {
        let left = disk.left(by: domain.name)
        switch try await Self.files.run({ [isActive] in left.rest(isActive: isActive) }) {
        case .below: break
        case .above: disk.isLeftBehind = true
        case .unclear: throw left.doubt
        case nil: return nil
        }
      }
      guard [overlay, below].contains(now), Self.isWritable(disk, of: domain.name) else { return nil }
      disks.append(disk)
    }
    guard !disks.isEmpty else { return nil }
    self.disks = disks
  }

  private static func isWritable(_ disk: Disk, of domain: String) -> Bool {
    guard FileNames.mayAccess(folder(of: disk.overlay), [.write, .execute]), FileNames.mayAccess(disk.below, .write)
    else { return false }
    guard disk.isOnOverlay || disk.isLeftBehind else { return true }
    return FileNames.mayAccess(disk.overlay, .write) && disk.left(by: domain).stands
  }

  // MARK: Steps

  /// Merges the overlays, and puts the domain on what they stand on.
  ///
  /// - Returns: false where nothing was done, for libvirt may be able to.
  func merge() async throws -> Bool {
    if !isActive, try await domain.hasManagedSave() {
      throw ActionFailure(
        "the saved memory of the guest requires the overlays of the snapshot \(snapshot.name)",
        remedy: "start the guest and shut it down first")
    }
    let waiting = disks.filter { $0.isOnOverlay || $0.isLeftBehind }
    try await Self.files.run { for disk in waiting { MergeMark.begun.put(path: disk.overlay) } }
    if isActive {
      for disk in waiting { try await mergeRunning(disk) }
    } else {
      do {
        try await Self.files.run {
          for disk in waiting {
            try ImageCommit.commit(path: disk.overlay, emptying: false)
            MergeMark.done.put(path: disk.overlay)
          }
        }
      } catch let error as ImageError {
        // Nothing has left its overlay yet.
        guard waiting.count == disks.count else { throw ActionFailure(error) }
        return false
      }
    }
    try await putOnWhatIsBelow(disks)
    return true
  }

  /// Has QEMU merge an overlay that the guest writes to, and leave it.
  private func mergeRunning(_ disk: Disk) async throws {
    let deadline = ContinuousClock.now + .seconds(24 * 3600)
    var pause = Duration.milliseconds(5)
    var starts = 0
    while ContinuousClock.now < deadline {
      let job = try await domain.blockJob(disk.target)
      let source = try await connection.runningDefinition(of: domain).disk(disk.target).flatMap(DiskSource.path)
      if let job {
        guard job.mergesActiveImage else {
          throw ActionFailure(
            "another job uses disk \(disk.target)",
            remedy: "wait for it to end (`virsh blockjob \(domain.name) \(disk.target)`), then try again")
        }
        if job.isReady, source == disk.overlay {
          // Whoever starts the guest after a cut finds all that it has written: as long as the job is ready, what is written
          // goes to both images, and afterwards to the lower one alone.
          let before = try await putOnWhatIsBelow([disk])
          // What is written until then goes to both images, but not at the same time: whoever finds the guest ended has to know
          // whether it can have left the overlay.
          MergeMark.leaving.put(path: disk.overlay)
          do {
            if try await !pivot(disk) { MergeMark.begun.put(path: disk.overlay) }
          } catch {
            if let before { _ = try? await store(before) }
            throw error
          }
        }
      } else {
        guard source == disk.overlay else { return MergeMark.done.put(path: disk.overlay) }
        guard starts < 20 else {
          throw ActionFailure("QEMU has not merged \(disk.overlay) into \(disk.below), and gives no reason")
        }
        starts += 1
        do {
          try await domain.commitActiveImage(disk.target, into: disk.below)
        } catch let error as LibvirtError where error.code == .blockCopyActive {
          // The job of a run that was cut off, of which libvirt does not tell how far it is: it is about to end.
        }
      }
      try await Task.sleep(for: pause)
      pause = min(pause * 2, .milliseconds(250))
    }
    throw ActionFailure("QEMU does not finish merging \(disk.overlay) into \(disk.below)")
  }

  /// - Returns: whether QEMU was asked to leave the overlay.
  private func pivot(_ disk: Disk) async throws -> Bool {
    do {
      try await domain.pivotBlockJob(disk.target)
      return true
    } catch let error as LibvirtError where !error.isConnectionLost {
      // libvirt may not have heard yet from QEMU that the job is ready, and an earlier run may have asked for the same.
      if error.code == .blockCopyActive { return false }
      guard try await domain.blockJob(disk.target) == nil else { throw error }
      return true
    }
  }

  /// Stores a definition whose disks are the images below the overlays.
  ///
  /// - Returns: the definition from before; nil where it was so already.
  @discardableResult
  private func putOnWhatIsBelow(_ disks: [Disk]) async throws -> XMLElement? {
    let stored = try await connection.storedDefinition(of: domain)
    var xml = stored
    xml.update("devices", create: false) { devices in
      for disk in disks {
        devices.updateAll("disk", where: { DiskSource.path(of: $0) == disk.overlay }) { element in
          guard element.value(at: .diskTarget) == disk.target else { return }
          element.set(disk.below, at: .diskFile)
          element.set(disk.format, at: .diskFormat)
          // What is said of the overlay's backing file is that of the image below; what is said below that stays.
          let below = element.first("backingStore")?.first("backingStore")
          element.removeAll("backingStore")
          if let below { element.insertBesideSiblings(below) }
        }
      }
    }
    guard xml != stored else { return nil }
    let after = try await store(xml, replacing: stored)
    guard disks.allSatisfy({ after.disk($0.target).flatMap(DiskSource.path) == $0.below }) else {
      throw ActionFailure("libvirt has not put domain \(domain.name) on the images below the snapshot's overlays")
    }
    return stored
  }

  private func store(_ xml: XMLElement, replacing stored: XMLElement? = nil) async throws -> XMLElement {
    let identity = DomainIdentity(name: domain.name, uuid: domain.uuid)
    let definition = DomainDefinition(identity: identity, xml: xml, replacing: stored ?? xml, expectations: [])
    return try await connection.store(definition).stored
  }

  /// Deletes the overlays and the file with the memory, and has libvirt forget the snapshot: in this order, for once it is
  /// forgotten nobody knows of the files. Nobody may have the folders locked.
  func finish() async throws {
    let deletions = (disks.map(\.overlay) + [snapshot.memoryFile].compactMap(\.self)).map { FileDeletion(path: $0) }
    // QEMU closes what it has left a moment later.
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      let outcome = try await FileRemoval(connection, patience: patience).remove(deletions) { census in
        var others = census
        others.roots.removeAll { [domain, snapshot] in
          $0.subject == FileCensus.subject(ofSnapshot: snapshot.name, of: domain.name)
        }
        return try FileRemoval.needs(deletions, others)
      }
      guard let failure = deletions.compactMap({ outcome[$0.path] ?? nil }).first else { break }
      let isOpen = isActive && failure.isFileInUse
      guard isOpen, ContinuousClock.now < deadline else {
        throw ActionFailure(
          "the snapshot was merged, but its leftovers were not removed: \(failure.message)", remedy: failure.remedy)
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    do {
      try await domain.deleteSnapshot(snapshot.name, metadataOnly: true)
    } catch let error as LibvirtError where error.isNotFound {
      // Gone meanwhile.
    }
  }
}

extension XMLElement {
  /// The disk of a definition that has a target.
  fileprivate func disk(_ target: String) -> XMLElement? {
    devices(Vocabulary.disk).first { $0.value(at: .diskTarget) == target }
  }
}
