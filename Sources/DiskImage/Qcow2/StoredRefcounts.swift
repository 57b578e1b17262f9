// The reference counts that an image's file holds (QEMU's qcow2 specification, "Host cluster management"): looked up by cluster, with memory that is bounded.

/// The refcount table and blocks of an image, for reading. Belongs to one operation on one thread.
final class StoredRefcounts {
  private let source: any ByteSource
  let geometry: Qcow2Geometry
  /// Offsets of the blocks as stored, reserved bits and all.
  let table: [UInt64]
  private let fileClusters: UInt64
  private var blocks: [Int: RefcountBlock] = [:]
  private var latest: (index: Int, block: RefcountBlock?) = (-1, nil)

  /// Why there is no table where the header says, or nil. The table is empty then, and every count zero.
  let tableFault: String?

  /// Bytes of blocks that are kept.
  private static let cacheBytes = 16 << 20

  init(_ header: Qcow2Header, of source: any ByteSource) throws(ImageError) {
    self.source = source
    geometry = header.geometry
    fileClusters = geometry.clusters(for: source.length ?? .max)
    tableFault = Self.fault(header, fileLength: source.length ?? UInt64(Int64.max))
    guard tableFault == nil else {
      table = []
      return
    }
    let count = Int(header.refcountTableClusters) << Int(header.clusterBits)
    table = try source.read("refcount table", at: header.refcountTableOffset, exactly: count).bigEndianTable
  }

  /// What the header says of the table that cannot be (QEMU's qcow2 specification, "Host cluster management").
  private static func fault(_ header: Qcow2Header, fileLength: UInt64) -> String? {
    let offset = header.refcountTableOffset
    let clusters = UInt64(header.refcountTableClusters)
    if clusters == 0 { return "has no clusters" }
    if clusters > Qcow2Limit.refcountTableBytes / header.geometry.clusterSize { return "is longer than 8 MiB" }
    if offset == 0 { return "is recorded at the header" }
    if !header.geometry.isAligned(offset) { return "at \(offset) begins inside a cluster" }
    let (end, overflow) = offset.addingReportingOverflow(clusters << UInt64(header.clusterBits))
    return overflow || end > fileLength ? "at \(offset) lies beyond the end of the file" : nil
  }

  /// What is wrong with an entry of the table, or nil.
  func fault(_ index: Int) -> String? {
    let entry = table[index]
    guard entry != 0 else { return nil }
    if entry & 0x1FF != 0 { return "has reserved bits" }
    if !geometry.isAligned(entry) { return "is not a cluster's offset" }
    return entry >> UInt64(geometry.clusterBits) >= fileClusters ? "lies beyond the end of the file" : nil
  }

  /// Whether every entry of the table can be followed.
  var isSound: Bool { tableFault == nil && table.indices.allSatisfy { fault($0) == nil } }

  /// Whether a block is a hole of the file, where all counts are zero. Sparse files can claim a great many of them.
  func isHole(_ index: Int) throws(ImageError) -> Bool {
    guard let offset = blockOffset(index), let file = source as? LocalFile, file.isSparse else { return false }
    return file.nextData(from: offset, end: offset + geometry.clusterSize).isEmpty
  }

  /// Where the block with this table index is, or nil when there is none (or none that could be).
  func blockOffset(_ index: Int) -> UInt64? {
    guard index < table.count, table[index] != 0, fault(index) == nil else { return nil }
    return table[index]
  }

  /// A block, or nil when there is none: all its counts are zero then.
  func block(_ index: Int) throws(ImageError) -> RefcountBlock? {
    if latest.index == index { return latest.block }
    var found = blocks[index]
    if found == nil, let offset = blockOffset(index) {
      // The file may end inside of the block: what is behind is zero.
      var bytes = try source.read(at: offset, count: Int(geometry.clusterSize))
      bytes += [UInt8](repeating: 0, count: Int(geometry.clusterSize) - bytes.count)
      let block = RefcountBlock(bytes: bytes, order: geometry.refcountOrder)
      if blocks.count >= max(4, Self.cacheBytes >> geometry.clusterBits) { blocks = [:] }
      blocks[index] = block
      found = block
    }
    latest = (index, found)
    return found
  }

  /// The reference count of a host cluster.
  func count(of cluster: UInt64) throws(ImageError) -> UInt64 {
    let index = Int(clamping: cluster / geometry.refcountsPerBlock)
    guard index < table.count else { return 0 }
    return try block(index)?[Int(cluster % geometry.refcountsPerBlock)] ?? 0
  }
}
