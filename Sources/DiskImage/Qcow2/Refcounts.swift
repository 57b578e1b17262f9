// The refcount table and its blocks while an image is changed: look up, plan new clusters at the end of the file, lower what was dropped.

/// The reference counts of one open image. Blocks are read when needed; changes stay in memory until written.
///
/// Belongs to one operation on one thread.
final class Refcounts {
  private let storage: any ImageStorage
  private let geometry: Qcow2Geometry
  private(set) var table: [UInt64]
  private var blocks: [Int: RefcountBlock] = [:]
  private var changed: Set<Int> = []

  init(_ header: Qcow2Header, of storage: any ImageStorage) throws(ImageError) {
    self.storage = storage
    geometry = header.geometry
    let count = Int(header.refcountTableClusters) << Int(header.clusterBits)
    table = try storage.read("refcount table", at: header.refcountTableOffset, exactly: count).bigEndianTable
  }

  func malformed(_ field: String, _ reason: String, at offset: UInt64) -> ImageError {
    .malformed(path: storage.name, field: field, reason: reason, offset: offset)
  }

  /// Where the block with this table index is, or nil when it does not exist.
  func blockOffset(_ index: Int) -> UInt64? {
    guard index < table.count, table[index] & ~0x1FF != 0 else { return nil }
    return table[index] & ~0x1FF
  }

  private func loadBlock(_ index: Int) throws(ImageError) -> Bool {
    if blocks[index] != nil { return true }
    guard let offset = blockOffset(index) else { return false }
    guard geometry.isAligned(offset), table[index] & 0x1FF == 0 else {
      throw malformed("refcount table", "entry \(index) is no cluster offset", at: offset)
    }
    let bytes = try storage.read("refcount block \(index)", at: offset, exactly: Int(geometry.clusterSize))
    blocks[index] = RefcountBlock(bytes: bytes, order: geometry.refcountOrder)
    return true
  }

  private func place(of cluster: UInt64) -> (block: Int, entry: Int) {
    (Int(clamping: cluster / geometry.refcountsPerBlock), Int(cluster % geometry.refcountsPerBlock))
  }

  /// The reference count of a host cluster.
  func count(of cluster: UInt64) throws(ImageError) -> UInt64 {
    let place = place(of: cluster)
    guard try loadBlock(place.block) else { return 0 }
    return blocks[place.block]?[place.entry] ?? 0
  }

  /// Sets a count in memory; its block must exist.
  func setCount(of cluster: UInt64, to value: UInt64) throws(ImageError) {
    let place = place(of: cluster)
    guard try loadBlock(place.block) else {
      throw malformed("refcount table", "no block for cluster \(cluster)", at: cluster << UInt64(geometry.clusterBits))
    }
    blocks[place.block]?[place.entry] = value
    changed.insert(place.block)
  }

  /// Writes the blocks that changed. Does not flush.
  func writeChanged() throws(ImageError) {
    for index in changed.sorted() {
      guard let offset = blockOffset(index), let block = blocks[index] else { continue }
      try storage.write(block.bytes, at: offset, "a refcount block")
    }
    changed = []
  }

  // MARK: New clusters

  /// Clusters at the end of the file, with the refcount structures that they need. A plan; nothing is written yet.
  struct Extension {
    /// First of the clusters asked for.
    var first: UInt64
    /// Clusters asked for.
    var count: UInt64
    /// Table indexes of new blocks; they lie right behind the clusters asked for, in this order.
    var newBlocks: [Int] = []
    /// Clusters of a new refcount table behind the new blocks; 0 keeps the table.
    var newTableClusters: UInt64 = 0
    var total: UInt64 { count + UInt64(newBlocks.count) + newTableClusters }
    var firstBlock: UInt64 { first + count }
    var firstTableCluster: UInt64 { firstBlock + UInt64(newBlocks.count) }
    /// One past the last cluster.
    var end: UInt64 { first + total }
  }

  /// How many clusters behind the end of the file are looked at for free ones.
  private static let searchLimit: UInt64 = 1 << 16

  /// Plans `count` clusters in a row behind the end of the file, where nothing that the image uses can be.
  func planExtension(_ count: UInt64, fileLength: UInt64) throws(ImageError) -> Extension {
    var plan = Extension(first: geometry.clusters(for: fileLength), count: count)
    while true {
      fit(&plan)
      guard UInt64(plan.newTableClusters) <= Qcow2Limit.refcountTableBytes / geometry.clusterSize,
        plan.end <= Qcow2Limit.hostOffsetMask >> UInt64(geometry.clusterBits)
      else {
        throw .unsupported(
          path: storage.name, feature: "a file of that many clusters",
          remedy: "convert the image to one with larger clusters")
      }
      // Counts behind the end of the file are not zero when something was to be written there and was not.
      var lastUsed: UInt64?
      for cluster in plan.first..<plan.end where try self.count(of: cluster) != 0 { lastUsed = cluster }
      guard let lastUsed else { return plan }
      plan.first = lastUsed + 1
      guard plan.first - geometry.clusters(for: fileLength) < Self.searchLimit else {
        throw .needsRepair(path: storage.name, reason: "clusters far behind the end of the file are counted as used")
      }
    }
  }

  /// Finds how many new blocks and table clusters a plan needs, each of which may need more of the other.
  private func fit(_ plan: inout Extension) {
    plan.newBlocks = []
    plan.newTableClusters = 0
    while true {
      let firstIndex = Int(plan.first / geometry.refcountsPerBlock)
      let lastIndex = Int((plan.end - 1) / geometry.refcountsPerBlock)
      let missing = (firstIndex...lastIndex).filter { blockOffset($0) == nil }
      var tableClusters: UInt64 = 0
      if lastIndex >= table.count {
        tableClusters = geometry.clusters(for: UInt64(max(lastIndex + 1, table.count * 3 / 2)) * 8)
      }
      if missing.count == plan.newBlocks.count, tableClusters == plan.newTableClusters { return }
      plan.newBlocks = missing
      plan.newTableClusters = max(tableClusters, plan.newTableClusters)
    }
  }

  /// Enters a plan's clusters with a count of one, in memory, and writes its new blocks and table, to which nothing
  /// points yet. Changed old blocks are left for ``writeChanged()``.
  func writeNewStructures(_ plan: Extension) throws(ImageError) {
    let shift = UInt64(geometry.clusterBits)
    if plan.newTableClusters > 0 {
      let entries = Int(plan.newTableClusters << shift) / 8
      table += [UInt64](repeating: 0, count: entries - table.count)
    }
    for (position, index) in plan.newBlocks.enumerated() {
      table[index] = (plan.firstBlock + UInt64(position)) << shift
      blocks[index] = RefcountBlock(
        bytes: [UInt8](repeating: 0, count: Int(geometry.clusterSize)), order: geometry.refcountOrder)
    }
    for cluster in plan.first..<plan.end { try setCount(of: cluster, to: 1) }
    for index in plan.newBlocks {
      guard let offset = blockOffset(index), let block = blocks[index] else { continue }
      try storage.write(block.bytes, at: offset, "a new refcount block")
      changed.remove(index)
    }
    if plan.newTableClusters > 0 {
      try storage.write([UInt8](bigEndianTable: table), at: plan.firstTableCluster << shift, "the new refcount table")
    }
  }

  /// Makes a plan's new blocks part of the table in place. For plans that keep the table.
  func writeTableEntries(_ plan: Extension, tableOffset: UInt64) throws(ImageError) {
    guard let first = plan.newBlocks.first, let last = plan.newBlocks.last else { return }
    try storage.write(
      [UInt8](bigEndianTable: table[first...last]), at: tableOffset + UInt64(first) * 8, "the refcount table")
  }
}
