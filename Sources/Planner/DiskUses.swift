// Who uses which files: one that another domain writes to must not become a disk or a base image here, and nobody may
// write to a base image.

package import Inventory
public import XMLTree

/// The files that the host's domains have as disks.
package struct DiskUses {
  private var users: [String: Set<String>] = [:]

  /// Which files count.
  package enum Scope {
    /// Those that a domain may write to.
    case writable
    /// All that a domain needs: media, and whatever its disks stand on.
    case everyImage
  }

  /// Nobody's.
  init() {}

  package init(_ inventory: Inventory, _ scope: Scope = .writable) {
    for domain in inventory.domains.values {
      // A guest keeps a disk that left its definition until it stops.
      for definition in [domain.inactive, domain.running].compactMap({ $0 }) {
        for disk in definition.first("devices")?.all("disk") ?? [] {
          guard let path = DiskSource.path(of: disk) else { continue }
          // Media that are read-only may be shared.
          guard scope == .everyImage || !disk.exists(at: "readonly") else { continue }
          users[path, default: []].insert(domain.name)
          guard scope == .everyImage, case .image(let chain)? = inventory.files[path] else { continue }
          for image in chain.images { users[image.path, default: []].insert(domain.name) }
        }
      }
    }
  }

  /// A domain that has the file.
  func user(of path: String) -> String? { users[path]?.min() }

  /// A domain other than `domain` that has the file.
  package func other(than domain: String, using path: String) -> String? {
    users[path]?.filter { $0 != domain }.min()
  }
}

/// The file or device that a disk element names.
public enum DiskSource {
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
