// L1 and L2 tables of a transaction: trees counted, tables replaced, and the flag of unshared clusters kept true (QEMU's qcow2 specification, "Cluster mapping").

extension Qcow2Transaction {
  /// The tables that L1 entries name, each once, with how often it is named; lowest offset first.
  static func tables(of l1: some Sequence<UInt64>) -> [(offset: UInt64, times: UInt64)] {
    var times: [UInt64: UInt64] = [:]
    for entry in l1 where entry & Qcow2Limit.hostOffsetMask != 0 {
      times[entry & Qcow2Limit.hostOffsetMask, default: 0] += 1
    }
    return times.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// An L2 table's words. A new one may be the last thing in the file, and then lacks the zeros that it ends with.
  func table(at offset: UInt64) throws(ImageError) -> [UInt64] {
    let count = Int(geometry.clusterSize)
    guard try isNew(offset) else { return try storage.read("L2 table", at: offset, exactly: count).bigEndianTable }
    let bytes = try storage.read(at: offset, count: count)
    return (bytes + [UInt8](repeating: 0, count: count - bytes.count)).bigEndianTable
  }

  /// As ``table(at:)``; nil for a hole of the file, which maps nothing. Sparse files can claim millions of those.
  func mappedTable(at offset: UInt64) throws(ImageError) -> [UInt64]? {
    if let file = storage as? LocalFile, file.isSparse, offset < references.fileLength,
      file.nextData(from: offset, end: min(offset + geometry.clusterSize, references.fileLength)).isEmpty,
      try !isNew(offset)
    {
      return nil
    }
    return try table(at: offset)
  }

  /// The words of an L2 table without a mapping.
  var emptyTable: [UInt64] { [UInt64](repeating: 0, count: Int(geometry.clusterSize) / 8) }

  /// Words in an L2 entry: two with subclusters.
  var wordsPerEntry: Int { geometry.l2EntrySize / 8 }

  func entry(_ words: [UInt64], at index: Int) -> Qcow2ClusterEntry {
    Qcow2ClusterEntry(
      word: words[index], bitmap: geometry.extendedL2 ? words[index + 1] : 0, geometry: geometry,
      hasDataFile: header.incompatible.contains(.externalDataFile))
  }

  /// Calls `body` with the entries of a table that are not empty, and the index of each one's first word.
  func forEachEntry(
    _ words: [UInt64], _ body: (Int, Qcow2ClusterEntry) throws(ImageError) -> Void
  ) throws(ImageError) {
    for index in stride(from: 0, to: words.count, by: wordsPerEntry) where words[index] != 0 {
      try body(index, entry(words, at: index))
    }
  }

  /// Calls `body` with the host clusters that a table refers to, those in a row together; twice with what is referred to
  /// twice.
  func forEachRun(
    _ words: [UInt64], _ body: (Range<UInt64>) throws(ImageError) -> Void
  ) throws(ImageError) {
    var run: Range<UInt64> = 0..<0
    try forEachEntry(words) { (_, entry) throws(ImageError) in
      let clusters = entry.hostClusters
      if clusters.lowerBound == run.upperBound {
        run = run.lowerBound..<clusters.upperBound
      } else if !clusters.isEmpty {
        if !run.isEmpty { try body(run) }
        run = clusters
      }
    }
    if !run.isEmpty { try body(run) }
  }

  /// Clusters of one table.
  func cluster(of table: UInt64) -> Range<UInt64> { clusters(at: table, bytes: geometry.clusterSize) }

  /// Writes a table to a new cluster.
  func place(_ words: [UInt64]) throws(ImageError) -> UInt64 {
    let offset = try take()
    try write([UInt8](bigEndianTable: words), at: offset, "an L2 table")
    return offset
  }

  /// Adds a reference to all that L1 entries lead to.
  func addTree(_ l1: some Sequence<UInt64>) throws(ImageError) {
    for (offset, times) in Self.tables(of: l1) {
      try forEachRun(mappedTable(at: offset) ?? []) { (clusters) throws(ImageError) in try add(times, to: clusters) }
      try add(times, to: cluster(of: offset))
    }
  }

  /// Takes a reference away from all that L1 entries lead to.
  func removeTree(_ l1: some Sequence<UInt64>) throws(ImageError) {
    for (offset, times) in Self.tables(of: l1) {
      try forEachRun(mappedTable(at: offset) ?? []) { (clusters) throws(ImageError) in try remove(times, from: clusters)
      }
      try remove(times, from: cluster(of: offset))
    }
  }

  /// Gives an L1 entry another L2 table, in a new cluster; one that maps nothing is left out.
  func replaceTable(_ index: Int, with words: [UInt64]) throws(ImageError) {
    let old = l1[index] & Qcow2Limit.hostOffsetMask
    if old != 0 { try remove(from: cluster(of: old)) }
    l1[index] = words.allSatisfy { $0 == 0 } ? 0 : try place(words) | Qcow2Entry.copied
  }

  /// Makes the flags of the active tables say which clusters have one reference. Tables that say it already stay, and so
  /// do entries that lead nowhere.
  func sealCopied() throws(ImageError) {
    var moved: [UInt64: UInt64] = [:]
    for (offset, times) in Self.tables(of: l1) where try canFollow(offset) {
      guard var words = try mappedTable(at: offset) else { continue }
      var isChanged = false
      try forEachEntry(words) { (index, entry) throws(ImageError) in
        guard !entry.isCompressed, !entry.hasDataFile, entry.hostOffset != 0,
          entry.fault(version: header.version) == nil,
          entry.isCopied != (try count(of: entry.hostOffset >> UInt64(geometry.clusterBits)) == 1)
        else { return }
        words[index] ^= Qcow2Entry.copied
        isChanged = true
      }
      guard isChanged else { continue }
      if try isNew(offset) {
        try write([UInt8](bigEndianTable: words), at: offset, "an L2 table")
      } else {
        let place = try place(words)
        if times > 1 { try add(times - 1, to: cluster(of: place)) }
        try remove(times, from: cluster(of: offset))
        moved[offset] = place
      }
    }
    for index in l1.indices {
      let old = l1[index] & Qcow2Limit.hostOffsetMask
      if old == 0 { l1[index] = 0 }
      guard old != 0, try canFollow(old) else { continue }
      let offset = moved[old] ?? old
      let isOnly = try count(of: offset >> UInt64(geometry.clusterBits)) == 1
      l1[index] = offset | (isOnly ? Qcow2Entry.copied : 0)
    }
  }

  /// Whether a table can be where an L1 entry of a damaged image says.
  private func canFollow(_ table: UInt64) throws(ImageError) -> Bool {
    guard geometry.isAligned(table) else { return false }
    if table >> UInt64(geometry.clusterBits) < references.fileClusters { return true }
    return try isNew(table)
  }

  /// Puts the table of snapshots in place of the present one.
  func setSnapshots(_ table: Qcow2SnapshotTable) throws(ImageError) {
    if header.snapshotCount > 0 {
      try remove(from: clusters(at: header.snapshotsOffset, bytes: references.snapshots.storedLength))
    }
    header.snapshotCount = UInt32(table.snapshots.count)
    header.snapshotsOffset = 0
    guard !table.snapshots.isEmpty else { return }
    let bytes = table.bytes
    guard bytes.count <= Qcow2Snapshot.maximumTableBytes, table.snapshots.count <= Int(Qcow2Limit.snapshots) else {
      throw .invalidRequest(
        path: storage.name, what: "another snapshot",
        reason: "is more than the \(Qcow2Limit.snapshots) that fit; delete some")
    }
    header.snapshotsOffset = try take(geometry.clusters(for: UInt64(bytes.count)))
    try write(bytes, at: header.snapshotsOffset, "the snapshot table")
  }
}
