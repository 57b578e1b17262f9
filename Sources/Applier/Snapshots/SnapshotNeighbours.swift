// Other domains whose disks stand on the files of a domain: what they read must not change under them.

import DiskImage
import Inventory
import Planner
import Vocabulary
import XMLTree

extension DomainSnapshots {
  enum Change: String {
    case revert
    case delete
  }

  /// Throws where another domain's disk is, or stands on, a file that would be written to or removed.
  func requireNobodyElse(onWhatChanges snapshot: ObservedSnapshot, _ change: Change) async throws {
    // Forgetting what is inside an image changes nothing that anybody reads.
    guard change == .revert || snapshot.kind == .external else { return }
    let inventory = try await Inventory.read(.disks, from: connection)
    guard let own = inventory.domains[domain.name] else { return }
    let users = ImageUsers(inventory)
    for file in Self.changedFiles(of: own, snapshot, change, inventory).sorted() {
      guard let other = users.other(than: domain.name, using: file) else { continue }
      throw ActionFailure(
        "domain \(other) needs \(file), which would \(change == .revert ? "become" : "not stay") what it was",
        remedy: "copy or flatten the disk of \(other) first (`vireo image convert`, `vireo image rebase`)")
    }
  }

  /// The files that are written to or removed: for an external snapshot its overlay with all that stands on it, and when
  /// it is merged what it stands on; for an internal one the images themselves.
  private static func changedFiles(
    of domain: ObservedDomain, _ snapshot: ObservedSnapshot, _ change: Change, _ inventory: Inventory
  ) -> Set<String> {
    var files: Set<String> = []
    for disk in (domain.running ?? domain.inactive).devices(Vocabulary.disk) {
      guard let target = disk.value(at: .diskTarget), let entry = snapshot.disks[target],
        let top = DiskSource.path(of: disk)
      else { continue }
      guard snapshot.kind == .external, let overlay = entry, case .image(let chain)? = inventory.files[top],
        let place = chain.images.firstIndex(where: { $0.path == overlay })
      else {
        files.insert(top)
        continue
      }
      let end = change == .delete ? min(place + 1, chain.images.count - 1) : place
      files.formUnion(chain.images[...end].map(\.path))
    }
    // The definition of the time comes back, with the disks that it names.
    if change == .revert {
      for disk in snapshot.definition?.devices(Vocabulary.disk) ?? [] where !disk.exists(at: .diskReadOnly) {
        if let path = DiskSource.path(of: disk) { files.insert(path) }
      }
    }
    return files
  }
}
