// Overlays that a running guest has left, while libvirt believes that it is on them: a driver in a killed process had QEMU
// move the guest to the image below, and did not write down that this was done (libvirt 9.0). What QEMU has open decides.
//
// No call corrects libvirt. So Vireo makes true what libvirt believes: an empty overlay takes the place of the one that was
// left, and QEMU puts the guest on it. All that the left one held is in the image below, so nothing is lost. Whoever starts
// the guest on an empty overlay meanwhile starts it on the right disk.

import BlockingWork
import DiskImage
import Failpoints
import Inventory
import Libvirt
import Planner
import Vocabulary
import XMLTree

/// Finds and mends them, for one running guest.
struct LeftOverlays {
  let domain: LibvirtDomain
  let connection: LibvirtConnection

  /// A disk of which libvirt and QEMU do not say the same.
  private struct Disk {
    var target: String
    /// What libvirt believes that the guest writes to.
    var overlay: String
    /// The number that libvirt names the overlay's nodes in QEMU by.
    var number: String
    var discards: Bool
    /// What it does write to.
    var medium: GuestMonitor.Medium
  }

  /// Makes libvirt and QEMU agree. Nothing is asked of QEMU where no disk of the guest is on an overlay that Vireo has begun
  /// to merge.
  ///
  /// - Throws: ``ActionFailure`` where they cannot agree, ``LibvirtError``.
  func mend() async throws {
    guard !connection.isRemote, try await domain.isActive() else { return }
    let running = try await connection.runningDefinition(of: domain)
    let believed = running.devices(Vocabulary.disk).filter { disk in
      DiskSource.path(of: disk).map { MergeMark.read(path: $0) != nil } ?? false
    }
    guard !believed.isEmpty else { return }
    let monitor = GuestMonitor(domain: domain)
    let disks: [Disk]
    do {
      disks = try await Self.disagreements(about: believed, monitor.media())
    } catch let error as LibvirtError where error.isUnsupported {
      // Without the library nobody knows better than libvirt.
      return
    }
    let others = believed.compactMap(DiskSource.path).filter { path in !disks.contains { $0.overlay == path } }
    // QEMU has not left them.
    for path in others where MergeMark.read(path: path) == .leaving { MergeMark.begun.put(path: path) }
    guard !disks.isEmpty else { return }
    try await monitor.dismissJobs()
    for disk in disks { try await mend(disk, monitor) }
  }

  private static func disagreements(about disks: [XMLElement], _ media: [GuestMonitor.Medium]) -> [Disk] {
    disks.compactMap { disk in
      guard let overlay = DiskSource.path(of: disk), let alias = disk.value(at: .alias),
        let target = disk.value(at: .diskTarget), let number = disk.value(at: "source/@index"),
        let medium = media.first(where: { $0.isOf(alias: alias) }), !isOneFile(medium.file, overlay)
      else { return nil }
      return Disk(
        target: target, overlay: overlay, number: number, discards: disk.value(at: .diskDiscard) == "unmap",
        medium: medium)
    }
  }

  private func mend(_ disk: Disk, _ monitor: GuestMonitor) async throws {
    guard let chain = try? BackingChain.read(path: disk.overlay, format: .qcow2, followsLinks: false),
      chain.images.count > 1, isOneFile(chain.images[1].path, disk.medium.file)
    else {
      throw ActionFailure(
        "the guest \(domain.name) writes to \(disk.medium.file), while libvirt believes that its disk \(disk.target) is "
          + "on \(disk.overlay)",
        remedy:
          "shut the guest down, make \(disk.medium.file) the disk's source with `virsh edit \(domain.name)`, and start it "
          + "again; do not start it before, for \(disk.overlay) does not have what the guest has written since")
    }
    // QEMU left it when all of it was below.
    MergeMark.done.put(path: disk.overlay)
    try await monitor.close { isOneFile($0, disk.overlay) }
    try await BlockingPool(name: "overlays", threads: 1).run {
      try DomainSnapshots.empty([disk.overlay])
      MergeMark.begun.put(path: disk.overlay)
    }
    let name = "libvirt-\(disk.number)"
    let discard: QEMUAnswer = disk.discards ? "unmap" : "ignore"
    try await Failpoint.around("open \(disk.overlay)") {
      try await monitor.ask(
        "blockdev-add",
        [
          "driver": "file", "node-name": "\(name)-storage", "filename": .text(disk.overlay), "auto-read-only": true,
          "discard": discard, "cache": disk.medium.cache,
        ])
      try await monitor.ask(
        "blockdev-add",
        [
          "driver": "qcow2", "node-name": "\(name)-format", "file": "\(name)-storage", "backing": .null,
          "read-only": false, "discard": discard, "cache": disk.medium.cache,
        ])
    }
    try await Failpoint.around("put disk \(disk.target) of domain \(domain.name) on \(disk.overlay)") {
      try await monitor.ask("blockdev-snapshot", ["node": .text(disk.medium.node), "overlay": "\(name)-format"])
    }
  }
}
