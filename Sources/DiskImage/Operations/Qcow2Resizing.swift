// Another size for a qcow2 disk, as one transaction. What lies behind an old end never becomes part of the disk.

/// Makes a locked image's disk larger or smaller.
///
/// The new range of a grown disk must read as zeros. Four things could show through: the rest of the last cluster, L2
/// entries behind the old end, L1 entries behind it (VM state), and a backing file that is longer than the old disk.
struct Qcow2Resizing {
  let change: Qcow2Transaction
  /// What the image stands on.
  let below: GuestDisk?

  private var geometry: Qcow2Geometry { change.geometry }
  private var clusterMask: UInt64 { geometry.clusterSize - 1 }

  /// Changes the size, in bytes; a smaller one gives up what lies behind it.
  func resize(to size: UInt64) throws(ImageError) {
    let present = change.header.size
    try check(size)
    let needed = Int(geometry.l1Needed(for: size))
    let end = min(size, present)
    // VM state, and what a smaller disk does not map.
    let kept = Int(geometry.l1Needed(for: end))
    try change.removeTree(change.l1[kept...])
    change.l1.removeSubrange(kept...)
    var writer = GuestClusterWriter(change)
    try cleanLastCluster(end, &writer)
    try dropEntries(from: geometry.clusters(for: end), &writer)
    change.l1 += [UInt64](repeating: 0, count: needed - kept)
    try hideBelow(from: end, to: size, &writer)
    try writer.finish()
    change.header.size = size
    if change.hasNewlyUnshared { try change.sealCopied() }
  }

  private func check(_ size: UInt64) throws(ImageError) {
    let path = change.storage.name
    guard geometry.l1Needed(for: size) <= Qcow2Limit.l1Entries else {
      throw .invalidRequest(
        path: path, what: "the size \(size)",
        reason: "is more than clusters of \(geometry.clusterSize) bytes can map; convert to larger clusters")
    }
    try change.header.checkHasNoBitmaps(path: path, changing: "resizing")
    // Programs that know version 2 only take a snapshot's disk for as large as the present one; QEMU refuses too.
    if change.header.version < 3, change.header.snapshotCount > 0 {
      throw .unsupported(
        path: path, feature: "resizing a version 2 image with internal snapshots",
        remedy: "delete the snapshots, or convert the image with 'qemu-img amend -o compat=1.1'")
    }
    // Snapshots that do not record their size have the disk's, and would change with it.
    if let snapshot = change.references.snapshots.snapshots.first(where: { $0.diskSize == nil }) {
      throw .unsupported(
        path: path, feature: "resizing an image whose snapshot '\(snapshot.name)' does not record its disk size",
        remedy: "delete the snapshot, or convert it to an image of its own")
    }
  }

  /// The last cluster with zeros behind `end`, where that is not what a longer disk would read anyway.
  private func cleanLastCluster(_ end: UInt64, _ writer: inout GuestClusterWriter) throws(ImageError) {
    let used = Int(end & clusterMask)
    guard used != 0 else { return }
    let start = end & ~clusterMask
    let disk = longerDisk(to: start + geometry.clusterSize)
    var content = [UInt8](repeating: 0, count: Int(geometry.clusterSize))
    var failure: ImageError?
    content.withUnsafeMutableBytes { buffer in
      do throws(ImageError) { try disk.read(at: start, into: buffer) } catch { failure = error }
    }
    if let failure {
      guard case .unsupported = failure else { throw failure }
      throw .unsupported(
        path: change.storage.name, feature: "resizing an encrypted image in the middle of a cluster",
        remedy: "choose a size that is a multiple of \(geometry.clusterSize) bytes, or use 'qemu-img resize'")
    }
    guard content[used...].contains(where: { $0 != 0 }) else { return }
    content.replaceSubrange(used..., with: repeatElement(0, count: content.count - used))
    let isZero = !content.contains { $0 != 0 }
    try writer.put(start >> UInt64(geometry.clusterBits), isZero ? .zero : .data(content))
  }

  /// The disk as if it went on to `size`, inside of its last cluster.
  private func longerDisk(to size: UInt64) -> GuestDisk {
    let header = change.references.header
    let layer = Qcow2Layer(
      header, of: change.storage, l1Offset: header.l1TableOffset, l1Entries: UInt64(header.l1Size), virtualSize: size)
    return GuestDisk(layers: [layer] + (below?.layers ?? []))
  }

  /// Entries of the last table behind the end.
  private func dropEntries(from first: UInt64, _ writer: inout GuestClusterWriter) throws(ImageError) {
    let inTable = first & UInt64(geometry.l2Entries - 1)
    guard inTable != 0 else { return }
    let index = Int(first >> UInt64(geometry.l2Bits))
    let offset = change.l1[index] & Qcow2Limit.hostOffsetMask
    guard offset != 0 else { return }
    let words = try change.table(at: offset)
    let start = UInt64(index) << UInt64(geometry.l2Bits)
    for entry in inTable..<UInt64(geometry.l2Entries) {
      let place = Int(entry) * change.wordsPerEntry
      guard words[place] != 0 || change.entry(words, at: place).bitmap != 0 else { continue }
      try writer.put(start + entry, .nothing)
    }
  }

  /// Zeros over what a longer backing file would show.
  private func hideBelow(
    from end: UInt64, to size: UInt64, _ writer: inout GuestClusterWriter
  ) throws(ImageError) {
    guard let below, below.virtualSize > end, size > end else { return }
    let last = geometry.clusters(for: min(size, below.virtualSize))
    let first = geometry.clusters(for: end)
    guard first < last else { return }
    for cluster in first..<last { try writer.put(cluster, .zero) }
  }
}
