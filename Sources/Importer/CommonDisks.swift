// Domains that are imported together and write to the same disk, such as two definitions of one guest: only one of them can
// ever run.

import Inventory
import Planner
import Vocabulary
import XMLTree

/// The disks that several of the imported domains write to.
struct CommonDisks {
  /// For each domain that shares a disk the others that have it, by name.
  private(set) var exclusions: [ObjectReference: [String]] = [:]

  init(of objects: [HostObject], in inventory: Inventory) {
    var users: [String: [(domain: ObservedDomain, isShared: Bool)]] = [:]
    for case .domain(let domain) in objects {
      for disk in domain.inactive.devices(Vocabulary.disk) where !disk.exists(at: .diskReadOnly) {
        guard let path = DiskSource.path(of: disk, in: inventory) else { continue }
        users[path, default: []].append((domain, disk.exists(at: .diskShareable)))
      }
    }
    var pairs: [String: Set<String>] = [:]
    for common in users.values where common.count > 1 {
      for user in common {
        let others = common.filter { other in
          // Those that do run at the same time do not exclude each other, whatever becomes of the disk.
          other.domain.name != user.domain.name && !(other.isShared && user.isShared)
            && !(other.domain.isActive && user.domain.isActive)
        }
        pairs[user.domain.name, default: []].formUnion(others.map(\.domain.name))
      }
    }
    for (name, others) in pairs where !others.isEmpty {
      exclusions[ObjectReference(.domain, name)] = others.sorted()
    }
  }
}
