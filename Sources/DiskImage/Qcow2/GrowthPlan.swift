// What growing a qcow2 image takes, worked out by reading only. Everything that can be refused is refused here, before the first write.

/// The changes that make an image larger. Offsets in bytes of the file, indexes in table entries.
///
/// The new range must read as zeros. Four things could show through and are dealt with: the rest of the last cluster,
/// L2 entries behind the old end, L1 entries behind it (VM state), and a backing file that is longer than the old disk.
struct Qcow2GrowthPlan {
  /// An L2 table to be written: in place when `isNew` is false.
  struct Table {
    let l1Index: Int
    var entries: [UInt64]
    /// The present table's offset, if there is one.
    let oldOffset: UInt64?
    /// Whether the table gets a cluster of its own (there was none, or snapshots share the old one).
    let isNew: Bool
    /// Words that differ from the present table; what an in-place write covers.
    var changed: ClosedRange<Int>?
    /// A copy of the last data cluster, because snapshots share the old one: its L2 word and content.
    var dataCopy: (word: Int, content: [UInt8])?
  }

  let newSize: UInt64
  /// L1 entries as they shall be; pointers to new tables are filled in once their place is known.
  var l1: [UInt64]
  var tables: [Table] = []
  /// Range of the file to fill with zeros: the old last cluster behind the old end.
  var zeroedTail: Range<UInt64>?
  /// References that go away with the switch: host cluster and how many.
  var dropped: [UInt64: UInt64] = [:]
}

/// Works out a ``Qcow2GrowthPlan``.
struct Qcow2GrowthPlanner {
  let header: Qcow2Header
  let storage: any ImageStorage
  let refcounts: Refcounts
  let fileLength: UInt64
  let l1: [UInt64]
  /// Virtual size of the backing file; 0 without one.
  let backingSize: UInt64

  private var geometry: Qcow2Geometry { header.geometry }
  private var wordsPerEntry: Int { geometry.l2EntrySize / 8 }

  private func malformed(_ field: String, _ reason: String, at offset: UInt64) -> ImageError {
    .malformed(path: storage.name, field: field, reason: reason, offset: offset)
  }

  func plan(newSize: UInt64) throws(ImageError) -> Qcow2GrowthPlan {
    let needed = Int(geometry.l1Needed(for: header.size))
    let newNeeded = geometry.l1Needed(for: newSize)
    guard newNeeded <= Qcow2Limit.l1Entries else {
      throw .invalidRequest(
        path: storage.name, what: "the size \(newSize)",
        reason: "is more than clusters of \(geometry.clusterSize) bytes can map; convert to larger clusters")
    }
    var plan = Qcow2GrowthPlan(newSize: newSize, l1: l1)
    plan.l1 += [UInt64](repeating: 0, count: max(0, Int(newNeeded) - l1.count))
    try dropVMState(from: needed, in: &plan)
    let firstNew = geometry.clusters(for: header.size)
    let coveredEnd = max(firstNew, geometry.clusters(for: min(newSize, backingSize)))
    if needed > 0, header.size & ((1 << UInt64(geometry.l1Shift)) - 1) != 0 {
      try planLastTable(needed - 1, firstNew: firstNew, coveredEnd: coveredEnd, in: &plan)
    }
    try planCovers(from: needed, to: coveredEnd, in: &plan)
    return plan
  }

  /// L1 entries behind the old end map VM state, which must not become part of the disk.
  private func dropVMState(from needed: Int, in plan: inout Qcow2GrowthPlan) throws(ImageError) {
    var seen: Set<UInt64> = []
    for index in needed..<max(needed, l1.count) where l1[index] != 0 {
      plan.l1[index] = 0
      let offset = l1[index] & Qcow2Limit.hostOffsetMask
      guard offset != 0 else { continue }
      guard seen.insert(offset).inserted else {
        throw .needsRepair(path: storage.name, reason: "two L1 entries share the L2 table at \(offset)")
      }
      let table = try readTable(offset)
      for word in stride(from: 0, to: table.count, by: wordsPerEntry) { try drop(table[word], in: &plan) }
      plan.dropped[offset >> UInt64(geometry.clusterBits), default: 0] += 1
    }
  }

  /// Counts what one L2 entry refers to as dropped.
  private func drop(_ entry: UInt64, in plan: inout Qcow2GrowthPlan) throws(ImageError) {
    let shift = UInt64(geometry.clusterBits)
    if entry & Qcow2Entry.compressed != 0 {
      let bits = UInt64(62 - (geometry.clusterBits - 8))
      let start = entry & ((1 << bits) - 1)
      let sectors = (entry & (Qcow2Entry.compressed - 1)) >> bits
      // The stream touches its first sector and `sectors` more.
      let end = (start & ~511) + (sectors + 1) * 512
      for cluster in (start >> shift)...((end - 1) >> shift) { plan.dropped[cluster, default: 0] += 1 }
    } else if entry & Qcow2Limit.hostOffsetMask != 0 {
      plan.dropped[(entry & Qcow2Limit.hostOffsetMask) >> shift, default: 0] += 1
    }
  }

  private func readTable(_ offset: UInt64) throws(ImageError) -> [UInt64] {
    guard geometry.isAligned(offset) else {
      throw malformed("L1 table", "names an L2 table inside a cluster", at: offset)
    }
    guard try refcounts.count(of: offset >> UInt64(geometry.clusterBits)) > 0 else {
      throw .needsRepair(path: storage.name, reason: "the L2 table at \(offset) is counted as free")
    }
    return try storage.read("L2 table", at: offset, exactly: Int(geometry.clusterSize)).bigEndianTable
  }

  /// The table that maps the old end: its last cluster's rest, and the entries behind it.
  private func planLastTable(
    _ index: Int, firstNew: UInt64, coveredEnd: UInt64, in plan: inout Qcow2GrowthPlan
  ) throws(ImageError) {
    let offset = l1[index] & Qcow2Limit.hostOffsetMask
    let tableStart = UInt64(index) << UInt64(geometry.l2Bits)
    let present =
      offset == 0 ? [UInt64](repeating: 0, count: geometry.l2Entries * wordsPerEntry) : try readTable(offset)
    let tableCount = try refcounts.count(of: offset >> UInt64(geometry.clusterBits))
    let isShared = offset != 0 && tableCount != 1
    var table = Qcow2GrowthPlan.Table(
      l1Index: index, entries: present, oldOffset: offset == 0 ? nil : offset, isNew: offset == 0 || isShared)
    if header.size & (geometry.clusterSize - 1) != 0 {
      let word = Int(firstNew - 1 - tableStart) * wordsPerEntry
      try planTail(word, in: &table, plan: &plan)
    }
    for entry in Int(firstNew - tableStart)..<geometry.l2Entries {
      let word = entry * wordsPerEntry
      try drop(table.entries[word], in: &plan)
      let covered = tableStart + UInt64(entry) < coveredEnd ? coverEntry : emptyEntry
      for (position, value) in covered.enumerated() { table.entries[word + position] = value }
    }
    let differing = present.indices.filter { table.entries[$0] != present[$0] }
    guard let low = differing.first ?? table.dataCopy?.word, let high = differing.last ?? table.dataCopy?.word else {
      return
    }
    table.changed = min(low, table.dataCopy?.word ?? low)...max(high, table.dataCopy?.word ?? high)
    if table.isNew, let old = table.oldOffset { plan.dropped[old >> UInt64(geometry.clusterBits), default: 0] += 1 }
    plan.tables.append(table)
  }

  private var emptyEntry: [UInt64] { [UInt64](repeating: 0, count: wordsPerEntry) }
  private var coverEntry: [UInt64] { geometry.extendedL2 ? [0, Qcow2Entry.allSubclustersZero] : [Qcow2Entry.zero] }

  /// The last cluster's bytes behind the old end, which shrinking leaves as they were.
  private func planTail(
    _ word: Int, in table: inout Qcow2GrowthPlan.Table, plan: inout Qcow2GrowthPlan
  ) throws(ImageError) {
    let entry = table.entries[word]
    let host = entry & Qcow2Limit.hostOffsetMask
    let used = header.size & (geometry.clusterSize - 1)
    let readsAsZeros =
      geometry.extendedL2
      ? table.entries[word + 1] == Qcow2Entry.allSubclustersZero : entry & Qcow2Entry.zero != 0 && header.version >= 3
    if entry & Qcow2Entry.compressed != 0 {
      throw refusedTail("a compressed last cluster that the old size ends in")
    }
    if readsAsZeros { return }
    if backingSize > header.size, host == 0 || geometry.extendedL2 {
      throw refusedTail("a backing file that is longer than the disk, when the disk ends inside a cluster")
    }
    guard host != 0 else { return }
    guard header.cryptMethod == 0 else { throw refusedTail("an encrypted last cluster that the old size ends in") }
    guard geometry.isAligned(host) else { throw malformed("L2 table", "names a cluster inside another", at: host) }
    let cluster = host >> UInt64(geometry.clusterBits)
    switch try refcounts.count(of: cluster) {
    case 0: throw .needsRepair(path: storage.name, reason: "the data cluster at \(host) is counted as free")
    case 1:
      let end = min(host + geometry.clusterSize, fileLength)
      if host + used < end { plan.zeroedTail = host + used..<end }
    default:
      // A snapshot may be longer than the disk and needs these bytes: copy.
      var content = try storage.read(at: host, count: Int(geometry.clusterSize))
      content = Array(content.prefix(Int(used)))
      content += [UInt8](repeating: 0, count: Int(geometry.clusterSize) - content.count)
      table.dataCopy = (word, content)
      plan.dropped[cluster, default: 0] += 1
    }
  }

  private func refusedTail(_ feature: String) -> ImageError {
    .unsupported(
      path: storage.name, feature: "growing \(feature)",
      remedy: "grow it with 'qemu-img resize', or convert it first")
  }

  /// Tables that hide a longer backing file behind zeros, where the old disk had no tables at all.
  private func planCovers(from needed: Int, to coveredEnd: UInt64, in plan: inout Qcow2GrowthPlan) throws(ImageError) {
    guard backingSize > header.size else { return }
    guard header.version >= 3 else {
      throw .unsupported(
        path: storage.name, feature: "growing a version 2 image over a backing file longer than it",
        remedy: "make it version 3 with 'qemu-img amend -o compat=1.1'")
    }
    // Every table but the last is the same, and kept in memory once.
    let full = (0..<geometry.l2Entries).flatMap { _ in coverEntry }
    var index = needed
    while UInt64(index) << UInt64(geometry.l2Bits) < coveredEnd {
      let start = UInt64(index) << UInt64(geometry.l2Bits)
      let covered = Int(min(UInt64(geometry.l2Entries), coveredEnd - start))
      var entries = full
      if covered < geometry.l2Entries {
        let rest = covered * wordsPerEntry..<entries.count
        entries.replaceSubrange(rest, with: repeatElement(0, count: rest.count))
      }
      plan.tables.append(.init(l1Index: index, entries: entries, oldOffset: nil, isNew: true))
      index += 1
    }
  }
}
