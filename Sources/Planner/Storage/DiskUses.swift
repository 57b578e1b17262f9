// Who uses which files: one that another domain writes to must not become a disk or a base image here, and nobody may
// write to a base image.

import Inventory
public import XMLTree

/// The files that the host's domains have as disks and may write to. What they read besides, and what their disks stand on:
/// ``ImageUsers``.
struct DiskUses {
  private var users: [String: Set<String>] = [:]
  /// Those of the users whose own definition lets others write to the file.
  private var sharers: [String: Set<String>] = [:]

  init(_ inventory: Inventory) {
    for domain in inventory.domains.values {
      // A guest keeps a disk that left its definition until it stops.
      for definition in [domain.inactive, domain.running].compactMap({ $0 }) {
        for disk in definition.first("devices")?.all("disk") ?? [] {
          // Media that are read-only may be shared.
          guard let path = DiskSource.path(of: disk, in: inventory), !disk.exists(at: "readonly") else { continue }
          if disk.exists(at: "shareable") {
            sharers[path, default: []].insert(domain.name)
          } else {
            users[path, default: []].insert(domain.name)
          }
        }
      }
    }
  }

  /// A domain that has the file.
  func user(of path: String) -> String? { (users[path] ?? []).union(sharers[path] ?? []).min() }

  /// A domain other than `domain` that has the file.
  ///
  /// - Parameter isShared: whether `domain` lets others write to it, too. Those that do the same are not in its way.
  func other(than domain: String, using path: String, isShared: Bool) -> String? {
    let others = (users[path] ?? []).union(isShared ? [] : sharers[path] ?? [])
    return others.filter { $0 != domain }.min()
  }
}

/// The file or device that a disk element names.
public enum DiskSource {
  /// The path in a disk's `source`; nil for an empty tray, and for what is reached otherwise: over a network, or as a
  /// volume of a pool.
  public static func path(of disk: XMLElement) -> String? {
    switch disk[attribute: "type"] {
    case "file", nil: disk.value(at: "source/@file")
    case "block": disk.value(at: "source/@dev")
    default: nil
    }
  }

  /// The file of a disk, which may be a volume of one of the host's pools; nil for what has none.
  static func path(of disk: XMLElement, in inventory: Inventory) -> String? {
    if let path = path(of: disk) { return path }
    guard disk[attribute: "type"] == "volume", let pool = disk.value(at: "source/@pool"),
      let name = disk.value(at: "source/@volume"), let folder = inventory.pools?[pool]?.path
    else { return nil }
    return "\(folder)/\(name)"
  }

  /// Whether a disk is an empty tray.
  public static func isTray(_ disk: XMLElement) -> Bool {
    disk.first("source") == nil && ["cdrom", "floppy"].contains(disk[attribute: "device"])
  }

  /// Puts a path; one below `/dev` is a block device to libvirt.
  public static func put(_ path: String?, into disk: inout XMLElement) {
    guard self.path(of: disk) != path || path == nil else { return }
    let isDevice = path?.hasPrefix("/dev/") ?? false
    disk.removeAll("source")
    disk[attribute: "type"] = isDevice ? "block" : "file"
    guard let path else { return }
    let source = XMLElement("source", [isDevice ? "dev" : "file": path])
    // Behind the driver, where libvirt writes it.
    let index = disk.children.lastIndex { $0.element?.name == "driver" }
    disk.insert(source, at: index.map { $0 + 1 } ?? 0)
  }
}
