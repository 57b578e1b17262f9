// What a snapshot's record says of files is not proof: whoever may write to libvirt can have it name any file of the host
// (`virsh snapshot-create --redefine`). Before a file is written to or deleted for a snapshot's sake, the files themselves have
// to show that they are the domain's own.

import DiskImage
import Inventory
import Libvirt
import Planner
import SystemCalls
import Vocabulary
import XMLTree

/// Proves of files that a snapshot names that they are the domain's own.
struct SnapshotProof {
  private let domain: String
  private let uuid: String
  /// The definitions that the domain has: stored, and of a guest that runs.
  private let definitions: [XMLElement]
  /// Files that Vireo has recorded as those of disks: on none of them an overlay was ever put in their place.
  private let ownFiles: [String]

  init(of domain: LibvirtDomain, on connection: LibvirtConnection) async throws {
    let stored = try await connection.storedDefinition(of: domain)
    let running = try await domain.isActive() ? [connection.runningDefinition(of: domain)] : []
    self.init(domain: domain.name, uuid: domain.uuid, definitions: running + [stored])
  }

  init(domain: String, uuid: String, definitions: [XMLElement]) {
    (self.domain, self.uuid, self.definitions) = (domain, uuid, definitions)
    ownFiles = definitions.compactMap { OwnershipRecord(in: $0) }.flatMap(\.diskFiles)
  }

  /// Throws where a snapshot names a file that is not the domain's to change: an overlay that stands on none of the domain's
  /// images, or a disk of its definition that would come back and is not.
  func require(_ snapshot: ObservedSnapshot, for change: DomainSnapshots.Change) throws(ActionFailure) {
    for (target, overlay) in snapshot.disks.sorted(by: { $0.key < $1.key }) {
      guard snapshot.kind == .external, let overlay, let reason = obstacle(overlay, ofDisk: target) else { continue }
      throw refusal(snapshot, "\(overlay) as an overlay of disk \(target), and \(reason)")
    }
    guard change == .revert, let then = snapshot.definition else { return }
    if let name = then.value(at: "name"), name != domain { throw refusal(snapshot, "the domain \(name)") }
    if let other = then.value(at: .uuid), other != uuid { throw refusal(snapshot, "the UUID \(other)") }
    for disk in then.devices(Vocabulary.disk) where !disk.exists(at: .diskReadOnly) {
      guard let path = DiskSource.path(of: disk), Self.isBaseImage(path) else { continue }
      throw refusal(snapshot, "the base image \(path) as a disk, which must not change")
    }
  }

  private func refusal(_ snapshot: ObservedSnapshot, _ what: String) -> ActionFailure {
    ActionFailure(
      "the snapshot \(snapshot.name) of domain \(domain) names \(what)",
      remedy:
        "nothing was changed; look at `virsh snapshot-dumpxml \(domain) \(snapshot.name)`, and have libvirt forget it with "
        + "`virsh snapshot-delete \(domain) \(snapshot.name) --metadata`")
  }

  // MARK: Overlays

  /// Those of a snapshot's overlays that are the domain's own.
  func ownOverlays(of snapshot: ObservedSnapshot) -> [String] {
    snapshot.disks.compactMap { target, overlay in
      overlay.flatMap { obstacle($0, ofDisk: target) == nil ? $0 : nil }
    }.sorted()
  }

  /// Why a file is not the overlay of a disk of the domain; nil for one that is, and for none.
  func obstacle(_ overlay: String, ofDisk target: String) -> String? {
    guard let status = fileStatus(overlay) else { return nil }
    guard status.isRegular else { return "it is not a regular file" }
    if ownFiles.contains(where: { isOneFile($0, overlay) }) { return "it is the disk's own file" }
    if Self.isBaseImage(overlay) { return "it is a base image" }
    let below: [String]
    do throws(ImageError) {
      below = try Self.below(overlay)
    } catch .permissionDenied {
      // Not this user's to read, nor to change: libvirt does what is to be done, by rules of its own.
      return nil
    } catch {
      return "it cannot be read as one"
    }
    guard let backing = below.first else { return "it has no backing file" }
    if Self.isBaseImage(backing) { return "its backing file is the base image \(backing)" }
    let images = images(ofDisk: target)
    guard below.contains(where: { path in (images + ownFiles).contains { isOneFile($0, path) } }) else {
      return "its backing file is not an image of that disk"
    }
    // What Vireo made for the disk is below all overlays that snapshots put on it.
    let own = ownFiles.filter { own in images.contains { isOneFile($0, own) } }
    guard own.isEmpty || own.contains(where: { own in below.contains { isOneFile($0, own) } }) else {
      return "its backing file is not the disk's own file"
    }
    return nil
  }

  /// The images that a disk of the domain is made of, in its definitions.
  private func images(ofDisk target: String) -> [String] {
    definitions.flatMap { definition -> [String] in
      let disks = definition.devices(Vocabulary.disk)
      guard let disk = disks.first(where: { $0.value(at: .diskTarget) == target }),
        let path = DiskSource.path(of: disk)
      else { return [] }
      let isQcow2 = disk.value(at: .diskFormat) == ImageFormat.qcow2.rawValue
      return [path] + (isQcow2 ? (try? Self.below(path)) ?? [] : [])
    }
  }

  /// The files that a qcow2 image stands on, as far as they can be followed.
  private static func below(_ path: String) throws(ImageError) -> [String] {
    var found: [String] = []
    var info = try ImageInfo.read(path: path, format: .qcow2)
    while let next = info.backingPath, !found.contains(next), found.count < BackingChain.defaultLimit {
      found.append(next)
      guard info.backingFormat?.string == ImageFormat.qcow2.rawValue,
        let further = try? ImageInfo.read(path: next, format: .qcow2)
      else { break }
      info = further
    }
    return found
  }

  /// A copy of a base image, by its name or by its mark.
  private static func isBaseImage(_ path: String) -> Bool {
    if CopyName.parts(of: path) != nil { return true }
    return OriginMark.read(path: path).flatMap(FileOrigin.init(text:))?.object.hasPrefix("image ") ?? false
  }

  // MARK: Other files

  /// Whether a file keeps the memory of this domain's guest, by its content: it begins as QEMU's saved states do in libvirt,
  /// with the definition of the guest that was saved.
  func isMemory(_ path: String) -> Bool {
    guard fileStatus(path)?.isRegular == true, let place = try? FilePlace(path, links: .own),
      let file = try? OpenImage(at: place), let head = try? file.start(Self.headLength),
      head.count > Self.headLength - 1
    else { return false }
    let magic = String(decoding: head[..<16], as: UTF8.self)
    guard magic == "LibvirtQemudSave" || magic == "LibvirtQemudPart" else { return false }
    // The number after the version is the length of what follows the head, in the byte order of this host.
    let length = head[20..<24].enumerated().reduce(0) { $0 | Int($1.element) << ($1.offset * 8) }
    guard (1...(16 << 20)).contains(length), let whole = try? file.start(Self.headLength + length) else { return false }
    let text = whole.dropFirst(Self.headLength).prefix { $0 != 0 }
    return (try? XMLElement.parse(bytes: Array(text)))?.value(at: .uuid) == uuid
  }

  /// libvirt's `virQEMUSaveHeader`: a magic, five numbers, and fourteen that are unused.
  private static let headLength = 16 + 5 * 4 + 14 * 4

  /// Whether the memory of a snapshot is in a file that Vireo has named, beside an image of the domain, and is this domain's.
  func isOwnMemory(_ path: String, of snapshot: ObservedSnapshot) -> Bool {
    let disks = (definitions + [snapshot.definition].compactMap(\.self)).flatMap {
      $0.devices(Vocabulary.disk).compactMap { $0.value(at: .diskTarget) }
    }
    let images = Set(disks).flatMap(images(ofDisk:)) + ownFiles
    guard !snapshot.name.contains("/"),
      images.contains(where: { SnapshotChoice.memoryFile(beside: $0, named: snapshot.name) == path })
    else { return false }
    return isMemory(path)
  }

  /// Whether a file that is not recorded may go with a domain: an overlay on a file that is, or the memory of its guest.
  func mayGo(_ path: String) -> Bool {
    guard fileStatus(path) != nil, !ownFiles.contains(path) else { return true }
    if isMemory(path) { return true }
    guard !Self.isBaseImage(path), let place = try? FilePlace(path, links: .own), let image = try? OpenImage(at: place),
      let name = try? image.info(format: .qcow2).backingFile?.string
    else { return false }
    let backing = name.hasPrefix("/") ? name : folder(of: path) + "/" + name
    // What is below may be gone: a run that was cut off has deleted it.
    return ownFiles.contains { $0 == backing || SnapshotChoice.isOverlay(backing, on: $0) || isOneFile($0, backing) }
  }
}
