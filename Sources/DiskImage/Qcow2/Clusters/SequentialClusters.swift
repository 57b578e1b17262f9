// Host clusters of an image that is written from front to back: handed out in order, counted, and each refcount block written once (QEMU's qcow2 specification, "Host cluster management").

/// Hands out the clusters of a new image's file, lowest first, and keeps their reference counts.
///
/// The first cluster of a block's range holds the block itself, unless the range lies in a longer row of clusters. A
/// block is written as soon as no count in it can change, so memory does not follow the image's size. One thread at a
/// time.
final class SequentialClusters {
  private let file: TargetFile
  private let geometry: Qcow2Geometry
  /// The next cluster that nobody has.
  private(set) var next: UInt64 = 0
  /// Where each block is.
  private var table: [UInt64] = []
  /// Blocks that are not written yet, by index, the newest last.
  private var open: [(index: Int, block: RefcountBlock)] = []
  /// Where the next compressed stream may begin: inside the cluster that the last one ends in, or 0.
  private var streamEnd: UInt64 = 0

  init(_ geometry: Qcow2Geometry, in file: TargetFile) {
    self.geometry = geometry
    self.file = file
  }

  private func index(of cluster: UInt64) -> Int { Int(cluster / geometry.refcountsPerBlock) }

  private func count(of cluster: UInt64) -> UInt64 {
    let wanted = index(of: cluster)
    guard let place = open.lastIndex(where: { $0.index == wanted }) else { return 0 }
    return open[place].block[Int(cluster % geometry.refcountsPerBlock)]
  }

  private func setCount(of cluster: UInt64, to value: UInt64) {
    let wanted = index(of: cluster)
    guard let place = open.lastIndex(where: { $0.index == wanted }) else { return }
    open[place].block[Int(cluster % geometry.refcountsPerBlock)] = value
  }

  private func addBlock(at cluster: UInt64) throws(ImageError) {
    guard UInt64(table.count) < Qcow2Limit.refcountTableBytes / 8,
      cluster < (Qcow2Limit.hostOffsetMask >> UInt64(geometry.clusterBits))
    else {
      throw .unsupported(
        path: file.path, feature: "a qcow2 file of so many clusters of \(geometry.clusterSize) bytes",
        remedy: "use larger clusters or narrower refcounts")
    }
    let bytes = [UInt8](repeating: 0, count: Int(geometry.clusterSize))
    open.append((table.count, RefcountBlock(bytes: bytes, order: geometry.refcountOrder)))
    table.append(cluster << UInt64(geometry.clusterBits))
  }

  /// Writes the blocks in which nothing will change any more.
  private func writeFinished() throws(ImageError) {
    let current = index(of: next)
    let stream = streamEnd == 0 ? current : index(of: streamEnd >> UInt64(geometry.clusterBits))
    for (index, block) in open where index < current && index != stream {
      try file.write(block.bytes, at: table[index])
    }
    open.removeAll { $0.index < current && $0.index != stream }
  }

  /// One cluster with a count of one.
  ///
  /// - Returns: its offset in the file.
  func take() throws(ImageError) -> UInt64 {
    if index(of: next) >= table.count {
      try addBlock(at: next)
      setCount(of: next, to: 1)
      next += 1
      try writeFinished()
    }
    let cluster = next
    setCount(of: cluster, to: 1)
    next += 1
    return cluster << UInt64(geometry.clusterBits)
  }

  /// Clusters in a row, each with a count of one; blocks that they need lie behind them.
  ///
  /// - Returns: the first one's offset in the file.
  func take(row clusters: UInt64) throws(ImageError) -> UInt64 {
    let first = next
    let blocks = missingBlocks(through: first + clusters)
    for position in 0..<blocks { try addBlock(at: first + clusters + position) }
    next = first + clusters + blocks
    for cluster in first..<next { setCount(of: cluster, to: 1) }
    try writeFinished()
    return first << UInt64(geometry.clusterBits)
  }

  /// How many blocks are missing for all clusters below `end` and the missing blocks themselves, if they come next.
  private func missingBlocks(through end: UInt64) -> UInt64 {
    var blocks: UInt64 = 0
    while true {
      let needed = (end + blocks + geometry.refcountsPerBlock - 1) / geometry.refcountsPerBlock
      let missing = needed > UInt64(table.count) ? needed - UInt64(table.count) : 0
      if missing == blocks { return blocks }
      blocks = missing
    }
  }

  /// Room for a compressed stream, right behind the one before where that is possible: clusters are shared, and count
  /// each stream that touches them.
  ///
  /// - Parameter length: bytes, fewer than a cluster's.
  /// - Returns: the stream's offset in the file.
  func take(stream length: Int) throws(ImageError) -> UInt64 {
    let size = geometry.clusterSize
    if streamEnd != 0 {
      let offset = streamEnd
      let cluster = offset >> UInt64(geometry.clusterBits)
      let users = count(of: cluster)
      let end = offset + UInt64(length)
      if users < geometry.maximumRefcount {
        if end <= (cluster + 1) * size {
          setCount(of: cluster, to: users + 1)
          streamEnd = geometry.isAligned(end) ? 0 : end
          return offset
        }
        if next == cluster + 1, index(of: next) < table.count {
          setCount(of: cluster, to: users + 1)
          _ = try take()
          streamEnd = geometry.isAligned(end) ? 0 : end
          return offset
        }
      }
    }
    // The old cluster's block must not wait any longer.
    streamEnd = 0
    let offset = try take()
    streamEnd = offset + UInt64(length)
    return offset
  }

  /// Places and writes the refcount table and the last blocks.
  ///
  /// - Returns: the table's offset, and its length in clusters.
  func finish() throws(ImageError) -> (offset: UInt64, clusters: UInt64) {
    streamEnd = 0
    var clusters: UInt64 = 1
    while true {
      let entries = UInt64(table.count) + missingBlocks(through: next + clusters)
      let needed = geometry.clusters(for: entries * 8)
      if needed <= clusters { break }
      clusters = needed
    }
    guard clusters << UInt64(geometry.clusterBits) <= max(Qcow2Limit.refcountTableBytes, geometry.clusterSize) else {
      throw .unsupported(
        path: file.path, feature: "a refcount table of \(clusters) clusters", remedy: "use larger clusters")
    }
    let offset = try take(row: clusters)
    for (index, block) in open { try file.write(block.bytes, at: table[index]) }
    open = []
    try file.write([UInt8](bigEndianTable: table), at: offset)
    return (offset, clusters)
  }
}
