// Taking, reverting to, deleting and renaming internal snapshots, each as one transaction (QEMU's qcow2 specification, "Snapshots").

extension Qcow2Transaction {
  /// Takes a snapshot of the disk as it is.
  ///
  /// The disk and its snapshot share the L2 tables, as QEMU has it; tables that said of a cluster that it is not shared
  /// are written again without that.
  func takeSnapshot(_ template: Qcow2Snapshot) throws(ImageError) -> Qcow2Snapshot {
    let needed = Int(geometry.l1Needed(for: header.size))
    var moved: [UInt64: UInt64] = [:]
    for (offset, times) in Self.tables(of: l1[..<needed]) {
      var words = try mappedTable(at: offset) ?? []
      var isChanged = false
      try forEachRun(words) { (clusters) throws(ImageError) in try add(times, to: clusters) }
      try forEachEntry(words) { (index, entry) throws(ImageError) in
        guard entry.isCopied, !entry.isCompressed else { return }
        words[index] &= ~Qcow2Entry.copied
        isChanged = true
      }
      guard isChanged else {
        try add(times, to: cluster(of: offset))
        continue
      }
      // One entry of it was not shared, so neither was the table.
      let place = try place(words)
      try add(2 * times - 1, to: cluster(of: place))
      try remove(times, from: cluster(of: offset))
      moved[offset] = place
    }
    for index in 0..<needed {
      let offset = l1[index] & Qcow2Limit.hostOffsetMask
      l1[index] = moved[offset] ?? offset
    }
    var snapshot = template
    snapshot.diskSize = header.size
    snapshot.l1Size = UInt32(needed)
    snapshot.l1TableOffset = 0
    if needed > 0 {
      snapshot.l1TableOffset = try take(geometry.clusters(for: UInt64(needed) * 8))
      try write([UInt8](bigEndianTable: l1[..<needed]), at: snapshot.l1TableOffset, "a snapshot's L1 table")
    }
    var table = references.snapshots
    table.snapshots.append(snapshot)
    try setSnapshots(table)
    return snapshot
  }

  /// Makes the disk what it was when a snapshot was taken, size included. Its VM state stays with the snapshot alone.
  func revert(to snapshot: Qcow2Snapshot) throws(ImageError) {
    let size = snapshot.size(in: header)
    let needed = Int(geometry.l1Needed(for: size))
    let entries = try l1(of: snapshot)
    guard needed <= entries.count else {
      throw .malformed(
        path: storage.name, field: "L1 table of snapshot '\(snapshot.name)'", reason: "is too short for its disk",
        offset: snapshot.l1TableOffset)
    }
    let present = l1
    l1 = entries[..<needed].map { $0 & Qcow2Limit.hostOffsetMask }
    // In this order no count goes higher than before.
    try removeTree(present)
    try addTree(l1)
    header.size = size
    try sealCopied()
  }

  /// Deletes a snapshot.
  func deleteSnapshot(at index: Int) throws(ImageError) {
    var table = references.snapshots
    let snapshot = table.snapshots.remove(at: index)
    try removeTree(l1(of: snapshot))
    try remove(from: clusters(at: snapshot.l1TableOffset, bytes: UInt64(snapshot.l1Size) * 8))
    try setSnapshots(table)
    if hasNewlyUnshared { try sealCopied() }
  }

  /// Gives the data of a snapshot that nothing else refers to back to the file system, before the snapshot is deleted. Tables
  /// and counts stay as they are, and so the image is sound at every moment.
  ///
  /// - Returns: whether there is any.
  func discardData(of snapshot: Qcow2Snapshot) throws(ImageError) -> Bool {
    var found = false
    for (table, _) in Self.tables(of: try l1(of: snapshot)) {
      try forEachRun(mappedTable(at: table) ?? []) { (clusters) throws(ImageError) in
        var start = clusters.lowerBound
        while start < clusters.upperBound {
          func isOnly(_ cluster: UInt64) -> Bool {
            references.tally.count(of: cluster) == 1 && references.tally.kind(of: cluster) == .data
          }
          guard let first = (start..<clusters.upperBound).first(where: isOnly) else { return }
          let end = (first..<clusters.upperBound).first { !isOnly($0) } ?? clusters.upperBound
          try storage.discard(first << UInt64(geometry.clusterBits)..<end << UInt64(geometry.clusterBits))
          found = true
          start = end
        }
      }
    }
    if found { try storage.flush() }
    return found
  }

  /// Gives a snapshot another name.
  func renameSnapshot(at index: Int, to name: StoredName) throws(ImageError) {
    var table = references.snapshots
    table.snapshots[index].name = name
    try setSnapshots(table)
  }

  /// Whether the disk has the size and the very tables of a snapshot.
  func isPresent(_ snapshot: Qcow2Snapshot) throws(ImageError) -> Bool {
    let needed = Int(geometry.l1Needed(for: header.size))
    guard snapshot.size(in: header) == header.size, snapshot.l1Size >= needed, l1.count >= needed else { return false }
    let entries = try l1(of: snapshot)
    return zip(entries, l1[..<needed]).allSatisfy { $0 & Qcow2Limit.hostOffsetMask == $1 & Qcow2Limit.hostOffsetMask }
  }

  /// The entries of a snapshot's L1 table.
  func l1(of snapshot: Qcow2Snapshot) throws(ImageError) -> [UInt64] {
    try Self.l1Table(
      at: snapshot.l1TableOffset, snapshot.l1Size, "L1 table of snapshot '\(snapshot.name)'", references, storage)
  }
}
