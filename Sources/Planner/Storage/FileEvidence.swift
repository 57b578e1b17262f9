// How it is known that Vireo has made a file. Everything else is somebody's.

public import DiskImage
import Inventory
import XMLTree

/// Looks for proof that files are Vireo's.
struct EvidenceSearch {
  private let census: FileCensus
  private let options: CollectionOptions
  private let hostKeys: Set<String>
  /// The domains that files belonged to, by path.
  private var removed: [String: (domain: String, inode: UInt64)] = [:]
  /// Images that Vireo made for the disks of domains that there are.
  private var recorded: Set<String> = []

  /// How long a file may look like garbage because its maker has not finished yet.
  static let restingTime = 24 * 3600

  init(_ census: FileCensus, _ options: CollectionOptions) {
    self.census = census
    self.options = options
    hostKeys = census.hostKeys
    for removal in options.removals {
      for file in removal.files {
        guard let inode = file.inode, file.role != .nvram || Self.isMadeByLibvirt(file.path, removal.name) else {
          continue
        }
        removed[census.names[file.path] ?? file.path] = (removal.name, inode)
      }
    }
    for domain in census.domains {
      guard let record = OwnershipRecord(in: domain.inactive), options.stack.map({ record.stack == $0 }) ?? true
      else { continue }
      for disk in record.devices(of: "disks") {
        guard let path = record[fileOf: disk] else { continue }
        recorded.insert(census.names[path] ?? path)
      }
    }
  }

  /// Why a file that nobody refers to may go; nil for a file of others.
  func evidence(for file: FileCensus.File) -> GarbageCollection.Evidence? {
    if options.also.contains(file.path) { return .named }
    if let removal = removed[file.path], removal.inode == file.identity.inode {
      return .removal(domain: removal.domain)
    }
    // What was made through another connection is used by domains that this one does not know.
    if let origin = file.origin, !hostKeys.contains(origin.connection) { return nil }
    if let stack = options.stack, let origin = file.origin, origin.stack != stack { return nil }
    if Self.isUnfinished(file.path) { return isResting(file.modified) ? .leftover : nil }
    if let sha256 = Self.checksum(inNameOf: file.path) {
      return file.origin != nil || isResting(file.changed) ? .baseImage(sha256: sha256) : nil
    }
    if let origin = file.origin {
      // A volume has no owner by its nature: that no domain needs it says nothing.
      return origin.object.hasPrefix("\(ObjectReference.Kind.volume.rawValue) ") ? nil : .origin(origin)
    }
    return overlay(file.path, depth: 0).map { .overlay(on: $0) }
  }

  private func isResting(_ moment: Int) -> Bool { moment <= census.moment - Self.restingTime }

  // MARK: Overlays

  /// The image that a snapshot's overlay stands on, where that is Vireo's and the names fit; see `SnapshotChoice`.
  private func overlay(_ path: String, depth: Int) -> String? {
    guard depth < BackingChain.defaultLimit, census.links[path]?.problem == nil,
      let below = census.links[path]?.files, below.count == 1, let backing = below.first,
      SnapshotChoice.isOverlay(path, on: backing), Self.checksum(inNameOf: backing) == nil
    else { return nil }
    if recorded.contains(backing) { return backing }
    guard let file = census.files[backing] else { return overlay(backing, depth: depth + 1) }
    if let removal = removed[backing], removal.inode == file.identity.inode { return backing }
    if let origin = file.origin {
      return hostKeys.contains(origin.connection) && options.stack ?? origin.stack == origin.stack ? backing : nil
    }
    return overlay(backing, depth: depth + 1) == nil ? nil : backing
  }

  // MARK: Names

  /// Whether a file of UEFI variables has the place and name that libvirt chooses; others are somebody's.
  private static func isMadeByLibvirt(_ path: String, _ domain: String) -> Bool {
    let parts = path.split(separator: "/")
    return parts.dropLast().last == "nvram" && parts.last?.hasPrefix("\(domain)_VARS.") == true
  }

  /// The checksum in the name of a copy of a base image; nil for other names. See `InventoryRequest.Copy`.
  static func checksum(inNameOf path: String) -> String? { CopyName.parts(of: path)?.sha256 }
}

/// The name of a copy of a base image; see `InventoryRequest.Copy`.
public enum CopyName {
  /// The checksum and the format that a name has; nil for other names.
  public static func parts(of path: String) -> (sha256: String, format: ImageFormat)? {
    let name = path.split(separator: "/").last ?? ""
    guard let dot = name.lastIndex(of: "."),
      let format = ImageFormat(rawValue: String(name[name.index(after: dot)...])),
      let hyphen = name[..<dot].lastIndex(of: "-"), hyphen != name.startIndex
    else { return nil }
    let digits = name[name.index(after: hyphen)..<dot]
    let isChecksum =
      digits.utf8.count == 64 && digits.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    return isChecksum ? (String(digits), format) : nil
  }
}

extension EvidenceSearch {

  /// Whether a file has the name that an image has until it is complete, where its file system cannot hold files without
  /// names.
  static func isUnfinished(_ path: String) -> Bool {
    let name = path.split(separator: "/").last ?? ""
    guard name.hasPrefix("."), name.hasSuffix(".partial") else { return false }
    let middle = name.dropFirst().dropLast(".partial".count)
    return middle.utf8.count > 8 && middle.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) }
  }
}
