// The bytes of an empty qcow2 image: header, refcount table, refcount blocks, L1 table, in QEMU's order, computed in memory.

/// An empty qcow2 image, as the parts of its file that are not zero.
struct NewQcow2Image: Sendable {
  /// The file's length; everything outside ``parts`` reads as zeros.
  let length: UInt64
  /// What to write where.
  let parts: [(offset: UInt64, bytes: [UInt8])]

  /// Lays out an image.
  ///
  /// - Parameters:
  ///   - header: features, size, backing file and extensions; table fields are filled in here.
  ///   - path: the image's path, for messages.
  init(_ template: Qcow2Header, path: String) throws(ImageError) {
    var header = template
    let geometry = header.geometry
    let clusterSize = geometry.clusterSize
    let l1Entries = try Self.l1Entries(header, path: path)
    // Header, table, blocks and L1 are themselves counted: repeat until table and blocks are large enough for all.
    let l1Clusters = geometry.clusters(for: l1Entries * 8)
    var tableClusters: UInt64 = 1
    var blocks: UInt64 = 1
    while true {
      let total = 1 + tableClusters + blocks + l1Clusters
      let perBlock = geometry.refcountsPerBlock
      let neededBlocks = (total + perBlock - 1) / perBlock
      let neededTable = geometry.clusters(for: neededBlocks * 8)
      if neededBlocks <= blocks, neededTable <= tableClusters { break }
      blocks = max(blocks, neededBlocks)
      tableClusters = max(tableClusters, neededTable)
    }
    let total = 1 + tableClusters + blocks + l1Clusters
    let firstBlock = (1 + tableClusters) * clusterSize
    let l1Offset = firstBlock + blocks * clusterSize
    header.refcountTableOffset = clusterSize
    header.refcountTableClusters = UInt32(tableClusters)
    header.l1Size = UInt32(l1Entries)
    header.l1TableOffset = l1Entries == 0 ? 0 : l1Offset

    var parts = [(offset: UInt64(0), bytes: try header.layOut(path: path))]
    let table = (0..<blocks).map { firstBlock + $0 * clusterSize }
    parts.append((clusterSize, [UInt8](bigEndianTable: table)))
    for (index, offset) in table.enumerated() {
      let first = UInt64(index) * geometry.refcountsPerBlock
      let count = Int(min(geometry.refcountsPerBlock, total > first ? total - first : 0))
      guard count > 0 else { continue }
      let size = RefcountBlock.length(of: count, order: geometry.refcountOrder)
      var block = RefcountBlock(bytes: [UInt8](repeating: 0, count: size), order: geometry.refcountOrder)
      for entry in 0..<count { block[entry] = 1 }
      parts.append((offset, block.bytes))
    }
    self.parts = parts
    length = l1Offset + l1Entries * 8
  }

  /// Entries of the L1 table of a new image.
  ///
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` when the size takes more than QEMU reads.
  static func l1Entries(_ header: Qcow2Header, path: String) throws(ImageError) -> UInt64 {
    let geometry = header.geometry
    let entries = geometry.l1Needed(for: header.size)
    guard entries <= Qcow2Limit.l1Entries else {
      let largest = Qcow2Limit.l1Entries << UInt64(geometry.l1Shift)
      throw .invalidRequest(
        path: path, what: "the size \(header.size)",
        reason:
          "is more than the \(largest) bytes that clusters of \(geometry.clusterSize) bytes can map; use larger clusters"
      )
    }
    return entries
  }
}
