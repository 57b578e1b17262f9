// Looking at images that no domain owns: the snapshots inside of them, and who stands on one that is to change.

import BlockingWork
import DiskImage

extension Inventory {
  /// Reads what a plan needs to know of volumes beside their headers, which have been read.
  mutating func readVolumes(_ request: InventoryRequest, on pool: BlockingPool) async throws {
    // A header says how many snapshots there are: the tables of images without any are not looked for.
    let paths = request.volumes.keys.sorted().filter { path in
      guard case .image(let chain)? = files[path] else { return false }
      return chain.top.qcow2?.snapshotCount ?? 0 > 0
    }
    for (path, snapshots) in zip(paths, await pool.map(paths) { Self.imageSnapshots(of: $0) }) {
      imageSnapshots[path] = try snapshots.get()
    }
    guard request.volumes.contains(where: { lacks($0.value, at: $0.key) }) else { return }
    var everything = request
    everything.domains = .all
    let questions = FileQuestion.all(everything, of: self).filter { files[$0.path] == nil }
    for (question, answer) in zip(questions, await pool.map(questions) { $0.answer() }) {
      files[question.path] = try answer.get().file
    }
  }

  /// Whether an image that is there is to become something else.
  private func lacks(_ volume: InventoryRequest.Volume, at path: String) -> Bool {
    guard case .image(let chain)? = files[path] else { return false }
    let present = (try? imageSnapshots[path]?.get()) ?? []
    return volume.size.map { $0 != chain.top.virtualSize } ?? false
      || !volume.snapshots.isSubset(of: present.map(\.name))
  }

  /// The snapshots inside of an image. A guest may have it open.
  private static func imageSnapshots(of path: String) -> Result<[ObservedImageSnapshot], ImageError> {
    Result { () throws(ImageError) in
      try ImageSnapshots.list(path: path, sharing: true).map {
        ObservedImageSnapshot(id: $0.id.description, name: $0.name.description)
      }
    }
  }
}
