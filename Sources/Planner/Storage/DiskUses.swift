// Who uses which files: one that another domain writes to must not become a disk or a base image here, and nobody may
// write to a base image.

package import Inventory
package import Vocabulary
package import XMLTree

/// The files that the host's domains have as disks and may write to. What they read besides, and what their disks stand on:
/// ``ImageUsers``.
struct DiskUses: Sendable {
  /// What to do about a file that another domain writes to.
  static let sharingRemedy =
    "two guests that write to one disk destroy it: give each its own disk; if their file system supports it, both "
    + "disks need `shareable: true`; if only one of the two ever runs, both domains need `exclusive-with`"

  private var users: [String: Set<String>] = [:]
  /// Those of the users whose own definition lets others write to the file.
  private var sharers: [String: Set<String>] = [:]

  init(_ inventory: Inventory) {
    for domain in inventory.domains.values {
      // A guest keeps a disk that left its definition until it stops.
      for definition in [domain.inactive, domain.running].compactMap({ $0 }) {
        for disk in definition.devices(Vocabulary.disk) {
          // Media that are read-only may be shared.
          guard let path = DiskSource.path(of: disk, in: inventory), !disk.exists(at: .diskReadOnly) else { continue }
          if disk.exists(at: .diskShareable) {
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
  /// - Parameters:
  ///   - isShared: whether `domain` lets others write to it, too. Those that do the same are not in its way.
  ///   - exclusions: domains that never run at the same time.
  func other(than domain: String, using path: String, isShared: Bool, besides exclusions: [String] = []) -> String? {
    let others = (users[path] ?? []).union(isShared ? [] : sharers[path] ?? [])
    return others.filter { $0 != domain && !exclusions.contains($0) }.min()
  }
}

extension DiskSource {
  /// The file of a disk, which may be a volume of one of the host's pools; nil for what has none.
  package static func path(of disk: XMLElement, in inventory: Inventory) -> String? {
    if let path = path(of: disk) { return path }
    guard disk[attribute: "type"] == "volume", let pool = disk.value(at: .diskVolumePool),
      let name = disk.value(at: .diskVolumeName), let folder = inventory.pools?[pool]?.path
    else { return nil }
    return "\(folder)/\(name)"
  }
}
