// A light look before an image is changed: the tables that the change relies on must be where nothing else is, and be counted.

enum Qcow2Precheck {
  /// Header, refcount structures and L1 table must not overlap, lie in the file, and have a count of one.
  ///
  /// - Returns: the host clusters that these and the active L2 tables take up.
  static func checkPlaces(
    _ header: Qcow2Header, l1: [UInt64], refcounts: Refcounts, path: String
  ) throws(ImageError) -> Set<UInt64> {
    let geometry = header.geometry
    let shift = UInt64(geometry.clusterBits)
    var owners: [UInt64: String] = [0: "the header"]
    func claim(_ first: UInt64, _ count: UInt64, _ owner: String) throws(ImageError) {
      for cluster in first..<first + count {
        if let other = owners.updateValue(owner, forKey: cluster) {
          throw .needsRepair(path: path, reason: "cluster \(cluster) is both \(other) and \(owner)")
        }
      }
    }
    let l1Clusters = geometry.clusters(for: UInt64(l1.count) * 8)
    try claim(header.refcountTableOffset >> shift, UInt64(header.refcountTableClusters), "the refcount table")
    if l1Clusters > 0 { try claim(header.l1TableOffset >> shift, l1Clusters, "the L1 table") }
    for cluster in owners.keys where try refcounts.count(of: cluster) != 1 {
      throw .needsRepair(path: path, reason: "the refcount of cluster \(cluster) (\(owners[cluster] ?? "")) is not 1")
    }
    for index in refcounts.table.indices {
      guard let offset = refcounts.blockOffset(index) else { continue }
      guard geometry.isAligned(offset) else {
        throw .malformed(
          path: path, field: "refcount table", reason: "entry \(index) is no cluster offset", offset: offset)
      }
      try claim(offset >> shift, 1, "refcount block \(index)")
    }
    var clusters = Set(owners.keys)
    for entry in l1 {
      let offset = entry & Qcow2Limit.hostOffsetMask
      guard offset != 0 else { continue }
      guard geometry.isAligned(offset) else {
        throw .malformed(path: path, field: "L1 table", reason: "names an L2 table inside a cluster", offset: offset)
      }
      if let other = owners[offset >> shift] {
        throw .needsRepair(path: path, reason: "cluster \(offset >> shift) is both \(other) and an L2 table")
      }
      clusters.insert(offset >> shift)
    }
    return clusters
  }

  /// No cluster that the disk maps may lie behind the end of the file, where new clusters are about to be placed.
  ///
  /// Reads every active L2 table once; snapshots' own tables are not looked at.
  static func checkNothingBehindEnd(
    _ header: Qcow2Header, l1: [UInt64], of storage: any ImageStorage, fileLength: UInt64
  ) throws(ImageError) {
    let geometry = header.geometry
    let shift = UInt64(geometry.clusterBits)
    let end = geometry.clusters(for: fileLength)
    for offset in Set(l1.map { $0 & Qcow2Limit.hostOffsetMask }).sorted() where offset != 0 {
      let table = try storage.read("L2 table", at: offset, exactly: Int(geometry.clusterSize)).bigEndianTable
      for word in stride(from: 0, to: table.count, by: geometry.l2EntrySize / 8) {
        let entry = table[word]
        let isCompressed = entry & Qcow2Entry.compressed != 0
        let mask = isCompressed ? (1 << UInt64(62 - (geometry.clusterBits - 8))) - 1 : Qcow2Limit.hostOffsetMask
        guard (entry & mask) >> shift < end else {
          throw .needsRepair(
            path: storage.name, reason: "the L2 table at \(offset) maps a cluster behind the end of the file")
        }
      }
    }
  }

  /// Snapshots must record their own disk size, or they would grow with the disk.
  static func checkSnapshots(_ header: Qcow2Header, of storage: any ImageStorage) throws(ImageError) {
    guard header.version >= 3 else { return }
    var offset = header.snapshotsOffset
    for number in 0..<header.snapshotCount {
      let entry = try storage.read("snapshot table", at: offset, exactly: 40)
      let extra = UInt64(entry.bigEndian32(at: 36))
      guard (16...1024).contains(extra) else {
        throw .needsRepair(path: storage.name, reason: "snapshot \(number) does not record its disk size")
      }
      let length = 40 + extra + UInt64(entry.bigEndian16(at: 12)) + UInt64(entry.bigEndian16(at: 14))
      offset += (length + 7) / 8 * 8
    }
  }
}
