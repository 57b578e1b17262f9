// Who uses which files: one that another domain writes to must not become a disk or a base image here, and nobody may
// write to a base image.

import Inventory
import Vocabulary
import XMLTree

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
          guard let path = DiskSource.path(of: disk), !disk.exists(at: .diskReadOnly) else { continue }
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
