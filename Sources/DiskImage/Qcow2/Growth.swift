// Grows a qcow2 image in place. The order of writes and flushes is the point: cut anywhere, the disk is as before or as wanted, and leaked clusters are the worst leftover.

/// Grows a locked qcow2 image.
///
/// Rules kept: a structure is on disk before anything points at it; counts on disk are never below the references on
/// disk; a count is lowered only when the reference is gone from disk; the switch is one write inside sector 0.
struct Qcow2Growth {
  private var header: Qcow2Header
  private let storage: any ImageStorage
  private let refcounts: Refcounts
  private let l1: [UInt64]
  private let fileLength: UInt64
  private let backingSize: UInt64
  /// Clusters of the header, the refcount structures, the L1 table and the active L2 tables.
  private let metadata: Set<UInt64>

  /// Reads and checks what growing touches.
  ///
  /// - Parameters:
  ///   - header: the image's header, read under its lock.
  ///   - backingSize: the backing file's virtual size in bytes; 0 without one.
  init(_ header: Qcow2Header, of storage: any ImageStorage, backingSize: UInt64) throws(ImageError) {
    self.header = header
    self.storage = storage
    self.backingSize = backingSize
    fileLength = storage.length ?? 0
    try Self.checkWritable(header, path: storage.name)
    try Qcow2Precheck.checkSnapshots(header, of: storage)
    refcounts = try Refcounts(header, of: storage)
    let l1Bytes = try storage.read("L1 table", at: header.l1TableOffset, exactly: Int(header.l1Size) * 8)
    l1 = l1Bytes.bigEndianTable
    metadata = try Qcow2Precheck.checkPlaces(header, l1: l1, refcounts: refcounts, path: storage.name)
  }

  private static func checkWritable(_ header: Qcow2Header, path: String) throws(ImageError) {
    if header.incompatible.contains(.corrupt) {
      throw .needsRepair(path: path, reason: "the image is marked corrupt")
    }
    if header.incompatible.contains(.dirty) {
      throw .needsRepair(path: path, reason: "the image was not closed properly; its refcounts may be stale")
    }
    if header.incompatible.contains(.externalDataFile) {
      throw .unsupported(path: path, feature: "changing an image with an external data file", remedy: nil)
    }
    if header.autoclear.contains(.bitmaps), header.extensionData(.bitmaps) != nil {
      throw .unsupported(
        path: path, feature: "growing an image with dirty bitmaps",
        remedy: "remove them with 'qemu-img bitmap --remove'")
    }
    if header.version == 2, header.snapshotCount > 0 {
      throw .unsupported(
        path: path, feature: "growing a version 2 image with snapshots, which would grow too",
        remedy: "make it version 3 with 'qemu-img amend -o compat=1.1'")
    }
  }

  /// Grows the virtual disk to `size` bytes, above the present size.
  mutating func run(to size: UInt64) throws(ImageError) {
    let planner = Qcow2GrowthPlanner(
      header: header, storage: storage, refcounts: refcounts, fileLength: fileLength, l1: l1, backingSize: backingSize)
    var plan = try planner.plan(newSize: size)
    let geometry = header.geometry
    let shift = UInt64(geometry.clusterBits)

    // The places of everything new, in a row behind the end of the file: data copies and L2 tables, then the L1 table.
    let l1Room = geometry.clusters(for: UInt64(l1.count) * 8)
    let l1Clusters = geometry.clusters(for: UInt64(plan.l1.count) * 8)
    let movesL1 = l1Clusters > l1Room
    let contentClusters = plan.tables.reduce(UInt64(0)) { $0 + ($1.isNew ? 1 : 0) + ($1.dataCopy == nil ? 0 : 1) }
    let newClusters = contentClusters + (movesL1 ? l1Clusters : 0)
    var extent: Refcounts.Extension?
    if newClusters > 0 {
      try Qcow2Precheck.checkNothingBehindEnd(header, l1: l1, of: storage, fileLength: fileLength)
      extent = try refcounts.planExtension(newClusters, fileLength: fileLength)
    }
    var next = extent?.first ?? 0
    for index in plan.tables.indices {
      if let copy = plan.tables[index].dataCopy {
        plan.tables[index].entries[copy.word] = next << shift | Qcow2Entry.copied
        next += 1
      }
      if plan.tables[index].isNew {
        plan.l1[plan.tables[index].l1Index] = next << shift | Qcow2Entry.copied
        next += 1
      }
    }
    // What the switch leaves behind.
    var lowered = plan.dropped
    if movesL1 {
      for cluster in 0..<l1Room { lowered[(header.l1TableOffset >> shift) + cluster, default: 0] += 1 }
    }
    if let extent, extent.newTableClusters > 0 {
      for cluster in 0..<UInt64(header.refcountTableClusters) {
        lowered[(header.refcountTableOffset >> shift) + cluster, default: 0] += 1
      }
    }
    try checkLowered(lowered, plan)

    // Nothing on disk points at what is written first, so a failure here can take it all back.
    if !header.autoclear.isEmpty {
      header.autoclear = []
      try storage.write([UInt8](repeating: 0, count: 8), at: UInt64(Qcow2Header.Offset.autoclear), "the feature bits")
      try storage.flush()
    }
    if let extent {
      do throws(ImageError) {
        try writeContent(plan, l1Offset: movesL1 ? next << shift : nil, end: extent.end << shift)
        try refcounts.writeNewStructures(extent)
      } catch {
        try? storage.setLength(fileLength)
        throw error
      }
    }
    if let tail = plan.zeroedTail {
      try storage.write([UInt8](repeating: 0, count: tail.count), at: tail.lowerBound, "the last cluster")
    }
    if !movesL1, plan.l1.count > l1.count {
      // Room in the L1 table's last cluster: not part of the table until the switch.
      try storage.write(
        [UInt8](bigEndianTable: plan.l1[l1.count...]), at: header.l1TableOffset + UInt64(l1.count) * 8, "the L1 table")
    }
    try refcounts.writeChanged()
    if extent != nil || plan.zeroedTail != nil || plan.l1.count > l1.count { try storage.flush() }

    if let extent { try publishRefcounts(extent) }
    try writePointers(plan, movesL1: movesL1)

    header.size = size
    header.l1Size = UInt32(plan.l1.count)
    if movesL1 { header.l1TableOffset = next << shift }
    try storage.write(header.sizeFields, at: UInt64(Qcow2Header.Offset.size), "the header")
    try storage.flush()

    // Only now are the old references gone from disk.
    guard !lowered.isEmpty else { return }
    for (cluster, references) in lowered {
      try refcounts.setCount(of: cluster, to: refcounts.count(of: cluster) - references)
    }
    try refcounts.writeChanged()
    try storage.flush()
  }

  /// Counts must cover what is to be dropped, and no data cluster may be a table; if not, the image needs repair, not
  /// growth.
  private func checkLowered(_ lowered: [UInt64: UInt64], _ plan: Qcow2GrowthPlan) throws(ImageError) {
    for (cluster, references) in lowered where try refcounts.count(of: cluster) < references {
      throw .needsRepair(
        path: storage.name, reason: "cluster \(cluster) is referenced more often than its refcount says")
    }
    let shift = UInt64(header.geometry.clusterBits)
    let tables = Set(l1.map { ($0 & Qcow2Limit.hostOffsetMask) >> shift })
    for cluster in plan.dropped.keys where metadata.contains(cluster) && !tables.contains(cluster) {
      throw .needsRepair(path: storage.name, reason: "cluster \(cluster) is both metadata and guest data")
    }
    if let tail = plan.zeroedTail, metadata.contains(tail.lowerBound >> shift) {
      throw .needsRepair(path: storage.name, reason: "the last data cluster is also metadata")
    }
  }

  /// New tables and data copies; the file reaches `end` afterwards.
  private func writeContent(_ plan: Qcow2GrowthPlan, l1Offset: UInt64?, end: UInt64) throws(ImageError) {
    let shift = UInt64(header.geometry.clusterBits)
    try storage.setLength(end)
    for table in plan.tables {
      if let copy = table.dataCopy {
        let offset = table.entries[copy.word] & Qcow2Limit.hostOffsetMask
        try storage.write(copy.content, at: offset, "a data cluster")
      }
      if table.isNew {
        let offset = plan.l1[table.l1Index] & Qcow2Limit.hostOffsetMask
        try storage.write([UInt8](bigEndianTable: table.entries), at: offset, "an L2 table")
      }
    }
    if let l1Offset {
      let room = Int(header.geometry.clusters(for: UInt64(plan.l1.count) * 8) << shift)
      var bytes = [UInt8](bigEndianTable: plan.l1)
      bytes += [UInt8](repeating: 0, count: room - bytes.count)
      try storage.write(bytes, at: l1Offset, "the L1 table")
    }
  }

  private mutating func publishRefcounts(_ extent: Refcounts.Extension) throws(ImageError) {
    if extent.newTableClusters > 0 {
      header.refcountTableOffset = extent.firstTableCluster << UInt64(header.geometry.clusterBits)
      header.refcountTableClusters = UInt32(extent.newTableClusters)
      try storage.write(header.refcountTableFields, at: UInt64(Qcow2Header.Offset.refcountTable), "the header")
      try storage.flush()
    } else if !extent.newBlocks.isEmpty {
      try refcounts.writeTableEntries(extent, tableOffset: header.refcountTableOffset)
      try storage.flush()
    }
  }

  /// Entries of tables that stay where they are. Each change shows the guest the same bytes as before.
  private func writePointers(_ plan: Qcow2GrowthPlan, movesL1: Bool) throws(ImageError) {
    var written = false
    for table in plan.tables where !table.isNew {
      guard let offset = table.oldOffset, let changed = table.changed else { continue }
      try storage.write(
        [UInt8](bigEndianTable: table.entries[changed]), at: offset + UInt64(changed.lowerBound) * 8, "an L2 table")
      written = true
    }
    if !movesL1, let low = l1.indices.first(where: { l1[$0] != plan.l1[$0] }),
      let high = l1.indices.last(where: { l1[$0] != plan.l1[$0] })
    {
      try storage.write(
        [UInt8](bigEndianTable: plan.l1[low...high]), at: header.l1TableOffset + UInt64(low) * 8, "the L1 table")
      written = true
    }
    if written { try storage.flush() }
  }
}
