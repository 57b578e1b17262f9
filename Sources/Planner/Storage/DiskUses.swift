// Who uses which files: one that another domain writes to must not become a disk or a base image here, and nobody may
// write to a base image.

import Inventory
public import XMLTree

/// The files that the host's domains have as disks and may write to. What they read besides, and what their disks stand on:
/// ``ImageUsers``.
struct DiskUses {
  private var users: [String: Set<String>] = [:]

  init(_ inventory: Inventory) {
    for domain in inventory.domains.values {
      // A guest keeps a disk that left its definition until it stops.
      for definition in [domain.inactive, domain.running].compactMap({ $0 }) {
        for disk in definition.first("devices")?.all("disk") ?? [] {
          // Media that are read-only may be shared.
          guard let path = DiskSource.path(of: disk), !disk.exists(at: "readonly") else { continue }
          users[path, default: []].insert(domain.name)
        }
      }
    }
  }

  /// A domain that has the file.
  func user(of path: String) -> String? { users[path]?.min() }

  /// A domain other than `domain` that has the file.
  func other(than domain: String, using path: String) -> String? {
    users[path]?.filter { $0 != domain }.min()
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
