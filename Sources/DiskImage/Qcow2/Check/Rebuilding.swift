// The next state of a damaged image, made from what refers to what: every use of a cluster gets a place of its own, every count follows the references, and what the guest reads stays (QEMU's qcow2 specification, "Host cluster management").

/// Builds the refcounts of an image again, and with them whatever tables must change for that.
///
/// Nothing of the present state is written to: a table that changes, and whatever shares a cluster with something of another
/// kind, is copied to clusters that nothing refers to.
struct Qcow2Rebuilding {
  private let change: Qcow2Transaction
  private let found: Qcow2References
  private let geometry: Qcow2Geometry
  /// Where L2 tables are in the next state, by their present places.
  private var places: [UInt64: UInt64] = [:]
  /// Copies of clusters that could not be shared, by what they are copies of; as long as one can take more references.
  private var copies: [Range<UInt64>: UInt64] = [:]

  private var shift: UInt64 { UInt64(geometry.clusterBits) }

  /// Prepares the next state in a transaction that was started for rebuilding.
  ///
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` when something is referred to more often than counts can say
  ///   and cannot be copied.
  static func run(_ change: Qcow2Transaction) throws(ImageError) {
    var rebuilding = Self(change)
    try rebuilding.run()
  }

  private init(_ change: Qcow2Transaction) {
    self.change = change
    found = change.references
    geometry = change.geometry
  }

  private mutating func run() throws(ImageError) {
    if found.reachableEnd > 0 { change.reach(found.reachableEnd) }
    try change.add(to: 0..<1)
    for clusters in found.otherClusters { try change.add(to: clusters) }
    for (table, uses) in found.l2Tables.sorted(by: { $0.key < $1.key }) { try keep(table, uses.all) }
    try keepActiveL1()
    try keepSnapshots()
  }

  /// Whether something must go elsewhere because another kind of thing stays in one of its clusters.
  private func mustMove(_ clusters: Range<UInt64>, _ kind: ClusterKind) -> Bool {
    clusters.contains { cluster in
      let kinds = found.tally.kind(of: cluster)
      return kinds.isContradiction && kinds.keeper.isDisjoint(with: kind)
    }
  }

  // MARK: L1 tables

  private func moved(_ entry: UInt64) -> UInt64 {
    let table = entry & Qcow2Limit.hostOffsetMask
    return places[table] ?? table
  }

  private func keepActiveL1() throws(ImageError) {
    let header = found.header
    guard header.l1Size > 0 else { return }
    let clusters = change.clusters(at: header.l1TableOffset, bytes: UInt64(header.l1Size) * 8)
    let isCut = found.cutL1Tables.contains(header.l1TableOffset)
    if !isCut { try change.add(to: clusters) }
    for index in change.l1.indices where change.l1[index] & Qcow2Limit.hostOffsetMask != 0 {
      let place = moved(change.l1[index])
      // A flag that is wrong is corrected when all counts are known.
      if place != change.l1[index] & Qcow2Limit.hostOffsetMask { change.l1[index] = place }
    }
    if isCut || mustMove(clusters, .l1Table) { change.movesL1 = true }
  }

  private func keepSnapshots() throws(ImageError) {
    var table = found.snapshots
    for index in table.snapshots.indices { try keep(&table.snapshots[index]) }
    let header = found.header
    let clusters = change.clusters(at: header.snapshotsOffset, bytes: found.snapshots.storedLength)
    guard found.snapshotsNeedWriting || table != found.snapshots || mustMove(clusters, .snapshotTable) else {
      if header.snapshotCount > 0 { try change.add(to: clusters) } else { change.header.snapshotsOffset = 0 }
      return
    }
    // The present table has no references in the next state.
    change.header.snapshotCount = 0
    try change.setSnapshots(table)
  }

  private func keep(_ snapshot: inout Qcow2Snapshot) throws(ImageError) {
    let size = Int(snapshot.l1Size)
    let clusters = change.clusters(at: snapshot.l1TableOffset, bytes: UInt64(size) * 8)
    var entries = try change.l1(of: snapshot)
    var isChanged =
      size > 0 && (found.cutL1Tables.contains(snapshot.l1TableOffset) || mustMove(clusters, .l1Table))
    for index in entries.indices where entries[index] != 0 {
      let place = moved(entries[index])
      if place == 0 {
        entries[index] = 0
        isChanged = true
        continue
      }
      guard place != entries[index] & Qcow2Limit.hostOffsetMask || entries[index] & Qcow2Entry.l1Reserved != 0 else {
        continue
      }
      entries[index] = place
      isChanged = true
    }
    let needed = geometry.l1Needed(for: snapshot.size(in: found.header))
    if needed > Qcow2Limit.l1Entries {
      // No disk is so large: its size is what the table maps.
      snapshot.diskSize = UInt64(size) << UInt64(geometry.l1Shift)
    } else if needed > UInt64(size) {
      entries += [UInt64](repeating: 0, count: Int(needed) - size)
      isChanged = true
    }
    guard isChanged else { return try change.add(to: clusters) }
    snapshot.l1Size = UInt32(entries.count)
    snapshot.l1TableOffset = try change.take(geometry.clusters(for: UInt64(entries.count) * 8))
    try change.write([UInt8](bigEndianTable: entries), at: snapshot.l1TableOffset, "a snapshot's L1 table")
  }

  // MARK: L2 tables and what is below

  /// Counts an L2 table, which is named so many times, and what it maps.
  private mutating func keep(_ table: UInt64, _ times: UInt64) throws(ImageError) {
    let isMoving = mustMove(change.cluster(of: table), .l2Table)
    let present = try change.mappedTable(at: table)
    var words = present ?? (isMoving ? change.emptyTable : [])
    let step = change.wordsPerEntry
    for index in stride(from: 0, to: words.count, by: step) where words[index] != 0 {
      var entry = change.entry(words, at: index)
      if entry.isZeroBeforeVersion3(found.header.version) {
        words[index] = try zeroWord(times)
        continue
      }
      if let (word, bitmap) = entry.mended(version: found.header.version) {
        words[index] = word
        if step == 2 { words[index + 1] = bitmap }
        entry = change.entry(words, at: index)
      }
      if let word = try keep(entry, times) { words[index] = word }
    }
    if isMoving || words != present ?? [] {
      let place = try change.place(words)
      if times > 1 { try change.add(times - 1, to: change.cluster(of: place)) }
      places[table] = place
    } else {
      try change.add(times, to: change.cluster(of: table))
    }
  }

  /// What stands for zeros where there is no mark for them: nothing, or over a backing file a cluster of zeros.
  private mutating func zeroWord(_ times: UInt64) throws(ImageError) -> UInt64 {
    guard found.header.backingFile != nil else { return 0 }
    // No cluster has this name: it stands for one of zeros, which can be shared.
    if let place = copies[0..<0], geometry.maximumRefcount - (try change.count(of: place >> shift)) >= times {
      try change.add(times, to: change.cluster(of: place))
      return place
    }
    let place = try change.take()
    if times > 1 { try change.add(times - 1, to: change.cluster(of: place)) }
    try change.write([UInt8](repeating: 0, count: Int(geometry.clusterSize)), at: place, "a cluster of zeros")
    copies[0..<0] = place
    return place
  }

  /// Counts what an entry of an L2 table refers to.
  ///
  /// - Returns: the entry's first word when it must refer to something else.
  private mutating func keep(_ entry: Qcow2ClusterEntry, _ times: UInt64) throws(ImageError) -> UInt64? {
    var clusters = entry.hostClusters
    guard let last = clusters.last, !entry.hasDataFile else { return nil }
    if !entry.isCompressed, !geometry.isAligned(entry.hostOffset) { clusters = clusters.lowerBound..<last + 2 }
    // What lies too far behind the end of the file to be believed stays damage.
    guard clusters.upperBound <= max(found.fileClusters + 1, found.reachableEnd) else { return nil }
    let kind: ClusterKind = entry.isCompressed ? .compressed : .data
    var isFull = false
    for cluster in clusters where geometry.maximumRefcount - (try change.count(of: cluster)) < times { isFull = true }
    let isUsedOtherwise = found.header.cryptMethod != 2 && mustMove(clusters, kind)
    guard isFull || isUsedOtherwise, found.header.cryptMethod != 2,
      geometry.isAligned(entry.hostOffset) || entry.isCompressed
    else {
      try change.add(times, to: clusters)
      return nil
    }
    let place = try copy(clusters, times)
    return entry.moved(by: Int64(bitPattern: place) - Int64(bitPattern: clusters.lowerBound << shift))
  }

  /// Adds references to a copy of clusters.
  private mutating func copy(_ clusters: Range<UInt64>, _ times: UInt64) throws(ImageError) -> UInt64 {
    let count = UInt64(clusters.count)
    if let place = copies[clusters] {
      let used = try change.count(of: place >> shift)
      if geometry.maximumRefcount - used >= times {
        try change.add(times, to: change.clusters(at: place, bytes: count << shift))
        return place
      }
    }
    let place = try change.take(count)
    if times > 1 { try change.add(times - 1, to: change.clusters(at: place, bytes: count << shift)) }
    let bytes = try change.storage.read(at: clusters.lowerBound << shift, count: Int(count << shift))
    if !bytes.isEmpty { try change.write(bytes, at: place, "a copy of what is used twice") }
    copies[clusters] = place
    return place
  }
}

extension Qcow2ClusterEntry {
  /// Whether the entry says by a mark that only version 3 has that its cluster reads as zeros.
  func isZeroBeforeVersion3(_ version: UInt32) -> Bool {
    version < 3 && !isCompressed && !geometry.extendedL2 && word & Qcow2Entry.zero != 0
  }

  /// Whether a repair knows what to make of a fault.
  func isMendable(version: UInt32) -> Bool { isZeroBeforeVersion3(version) || mended(version: version) != nil }

  /// The words of an entry without what contradicts the format, where the guest reads the same with them; nil when there is
  /// nothing to mend, or nobody can know how.
  func mended(version: UInt32) -> (word: UInt64, bitmap: UInt64)? {
    if isCompressed {
      let mended = word & ~Qcow2Entry.copied
      return mended == word ? nil : (mended, bitmap)
    }
    if !geometry.isAligned(hostOffset) {
      // A cluster that is kept for later writes holds nothing yet.
      if geometry.extendedL2 { return UInt32(truncatingIfNeeded: bitmap) == 0 ? (0, bitmap) : nil }
      return word & Qcow2Entry.zero != 0 && version >= 3 ? (Qcow2Entry.zero, bitmap) : nil
    }
    let mended = word & ~Qcow2Entry.l2Reserved
    return mended == word ? nil : (mended, bitmap)
  }

  /// The first word of an entry that refers to a copy so many bytes behind (or before) what it refers to now.
  func moved(by distance: Int64) -> UInt64 {
    if isCompressed {
      let mask: UInt64 = (1 << UInt64(62 - (geometry.clusterBits - 8))) - 1
      return word & ~mask | UInt64(bitPattern: Int64(bitPattern: word & mask) + distance) & mask
    }
    let place = UInt64(bitPattern: Int64(bitPattern: hostOffset) + distance) & Qcow2Limit.hostOffsetMask
    return word & ~(Qcow2Limit.hostOffsetMask | Qcow2Entry.copied) | place
  }
}
