// What a killed snapshot leaves. An external one leaves overlays that libvirt made and no snapshot or disk refers to. libvirt
// refuses to take the snapshot while they are there, so they are taken away first, where it is certain that they hold nothing.
// One inside the images of a stopped guest leaves snapshots in them that libvirt does not know of.

import BlockingWork
import DiskImage
import Failpoints
import Inventory
import Libvirt
import Planner
import SystemCalls
import Vocabulary
import XMLTree

extension DomainSnapshots {
  /// Deletes snapshots inside the images of a stopped guest that have the name of one that libvirt does not know of, where
  /// they hold the disk as it is. Of a running guest, QEMU itself replaces those of the same name.
  func removeRepeated(_ name: String, inDisksOf definition: XMLElement) async throws {
    guard !connection.isRemote else { return }
    let disks = definition.devices(Vocabulary.disk)
    let paths = disks.filter { $0.value(at: .diskFormat) == "qcow2" && $0[attribute: "device"] ?? "disk" == "disk" }
      .filter { $0.first("readonly") == nil }.compactMap(DiskSource.path)
    try await BlockingPool(name: "leftovers", threads: 1).run {
      for path in paths {
        // An image that cannot be looked at is libvirt's to judge.
        guard let seen = try? OpenImage(stated: path), let found = try? seen.snapshots(),
          found.contains(where: { $0.name.string == name })
        else { continue }
        do throws(ImageError) {
          let image = try OpenImage(stated: path, writing: true)
          try image.require(seen.identity)
          try Failpoint.around("delete leftover \(name) in \(path)") { () throws(ImageError) in
            try image.deleteRepeatedSnapshots(named: name)
          }
        } catch {
          throw ActionFailure(error)
        }
      }
    }
  }

  /// Takes away the overlays of an attempt at this very snapshot that was cut off.
  ///
  /// - Throws: ``ActionFailure`` for a file that is in the way and may hold something.
  func removeLeftovers(of choice: SnapshotChoice, named name: String) async throws {
    let present = choice.overlays.filter { fileStatus($0.value) != nil }
    guard !present.isEmpty else { return }
    // The daemon finishes what a killed program has asked it for.
    guard try await domain.waitUntilAtRest(timeout: .seconds(60)) else {
      throw ActionFailure(
        "libvirt is still working on domain \(domain.name), perhaps on the snapshot \(name) that an earlier run began",
        remedy: "wait for it to end (`virsh domjobinfo \(domain.name)`), then try again")
    }
    if try await list().contains(where: { $0.name == name }) { return }
    let inventory = try await Inventory.read(.disks, from: connection)
    guard let own = inventory.domains[domain.name] else { return }
    let users = ImageUsers(inventory)
    let snapshots = try await list()
    var sources: [String: String] = [:]
    for disk in (own.running ?? own.inactive).devices(Vocabulary.disk) {
      if let target = disk.value(at: .diskTarget) { sources[target] = DiskSource.path(of: disk) }
    }
    // Checked for all before any is touched.
    for (target, path) in present.sorted(by: { $0.key < $1.key }) {
      let user =
        users.all(path).first.map { "domain \($0)" }
        ?? snapshots.first { $0.disks.values.contains(path) }.map { "the snapshot \($0.name)" }
      if let user {
        throw ActionFailure(
          "\(path), where the overlay of disk \(target) goes, is used by \(user)",
          remedy: "choose another name for the snapshot")
      }
    }
    var merged: Set<String> = []
    if own.isActive {
      var overlays: [String: String] = [:]
      for (target, path) in present { overlays[path] = sources[target] }
      do {
        merged = try await ForgottenOverlays(domain: domain).release(overlays)
      } catch let error as LibvirtError where error.isUnsupported {
        // What QEMU has open is seen below.
      }
    }
    for (target, path) in present.sorted(by: { $0.key < $1.key }) {
      try remove(path, asOverlayOf: sources[target], target, isMerged: merged.contains(path))
    }
  }

  private func remove(
    _ path: String, asOverlayOf source: String?, _ target: String, isMerged: Bool
  ) throws {
    let place = try FilePlace(path, links: .own)
    guard let status = try place.folder.status(place.name) else { return }
    // An earlier run may have merged it: the mark shows that as long as it is an overlay on this very image.
    let wasMerged = MergeMark.read(path: path) == .done
    guard let source, isMerged || wasMerged && stands(place, on: source) || holdsNothing(place, asOverlayOf: source)
    else {
      throw ActionFailure(
        "\(path), where the overlay of disk \(target) goes, exists and may hold data",
        remedy: "move it away or delete it, or choose another name for the snapshot")
    }
    var deletion = FileDeletion(path: path, identity: status.identity)
    deletion.requiresClosed = true
    do throws(ImageError) {
      _ = try deletion.delete()
    } catch .locked {
      throw ActionFailure(
        "\(path), which an earlier attempt at the snapshot created as an overlay of disk \(target), is open in QEMU, and "
          + "libvirt does not know of it",
        remedy:
          "install libvirt-qemu.so.0, which lets Vireo ask QEMU to close it, or shut the guest down and look at the file"
      )
    } catch {
      throw ActionFailure(error)
    }
  }

  /// Whether a file is what is left of an overlay on an image that nothing was ever written to: libvirt makes an empty file,
  /// and QEMU a qcow2 image of it.
  private func holdsNothing(_ place: FilePlace, asOverlayOf source: String) -> Bool {
    guard let image = try? OpenImage(at: place), let length = try? image.info(format: .raw).fileLength else {
      return false
    }
    guard length > 0 else { return true }
    guard let info = try? image.info(format: .qcow2), let qcow2 = info.qcow2 else {
      // Cut off while it was made: shorter than the first cluster of data would need it to be, with QEMU's clusters.
      return length <= 4 << 16 && beginsAsQcow2(image)
    }
    guard qcow2.snapshotCount == 0, !qcow2.hasExternalDataFile,
      (try? image.isBlank(.qcow2, hasBacking: true)) ?? false
    else { return false }
    // The backing file's name is the last thing that QEMU writes.
    guard let backing = info.backingFile else { return true }
    return stands(place, on: source, backing)
  }

  /// Whether a file is an overlay on an image.
  private func stands(_ place: FilePlace, on source: String) -> Bool {
    guard let image = try? OpenImage(at: place), let info = try? image.info(format: .qcow2),
      let backing = info.backingFile
    else { return false }
    return stands(place, on: source, backing)
  }

  private func stands(_ place: FilePlace, on source: String, _ backing: StoredName) -> Bool {
    guard let name = backing.string else { return false }
    return isOneFile(name.hasPrefix("/") ? name : folder(of: place.path) + "/" + name, source)
  }

  private func beginsAsQcow2(_ image: OpenImage) -> Bool {
    // A header that was not written yet reads as zeros.
    guard let bytes = try? image.start(4) else { return false }
    return bytes == [0x51, 0x46, 0x49, 0xFB] || bytes == [0, 0, 0, 0]
  }
}
