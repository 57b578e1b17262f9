// Changing a qcow2 image from one sound state to the next with a single write: all that changes is written beside what is there, and one write of the header's first sector switches to it.

/// The next state of a locked image while it is built.
///
/// Nothing that the present state uses is written to: changed tables and refcount blocks get clusters that are free in
/// the present state, by its refcounts and by its references both. ``commit()`` makes these durable, then writes the
/// header's first sector (size, tables, refcounts, snapshots and feature bits all lie in it: QEMU's qcow2 specification,
/// "Header"), then flushes again. Cut anywhere, the image is the old one or the new one, each with refcounts that are
/// right for it; nothing is ever leaked.
///
/// Belongs to one operation on one thread.
final class Qcow2Transaction {
  let storage: any ImageStorage
  let geometry: Qcow2Geometry
  /// The present state.
  let references: Qcow2References
  /// The header to be: what it says about refcounts is filled in by ``commit()``.
  var header: Qcow2Header
  /// Entries of the active L1 table to be; see ``writeL1()``.
  var l1: [UInt64]
  /// Whether the active L1 table gets another place even if it does not change.
  var movesL1 = false
  /// What must not be reached by new clusters, because it would make room for something that the image does not have.
  var ceiling: UInt64?
  /// Whether some cluster went down to one reference, so that a flag somewhere has to say so.
  private(set) var hasNewlyUnshared = false

  private let presentL1: [UInt64]
  private var stored: StoredRefcounts { references.stored }
  private let fileLength: UInt64
  /// Refcount blocks to be, by index, and the clusters that they will lie in.
  private var blocks: [Int: RefcountBlock] = [:]
  private var blockPlaces: [Int: UInt64] = [:]
  private var unplaced: Set<Int> = []
  /// No cluster below is free.
  private var searchStart: UInt64 = 1
  /// One past the last cluster that was taken.
  private var takenEnd: UInt64 = 0
  /// Builds all refcounts again and takes nothing from the present ones.
  private let isRebuilding: Bool

  private var shift: UInt64 { UInt64(geometry.clusterBits) }

  /// Starts from a sound image.
  ///
  /// - Parameter references: the present state, walked over under the lock that is held.
  /// - Throws: ``ImageError/needsRepair(path:reason:)`` when something contradicts the format or the image is marked;
  ///   nothing was written then.
  convenience init(_ references: Qcow2References, of storage: any ImageStorage) throws(ImageError) {
    let header = references.header
    try header.checkChangeable(path: storage.name)
    if references.findings.checkErrors > 0 || references.findings.corruptions > 0 {
      throw .needsRepair(
        path: storage.name,
        reason: references.findings.firstCorruption ?? "it could not be checked completely")
    }
    try self.init(mending: references, of: storage)
  }

  /// Starts from an image as it is, whatever its state.
  ///
  /// - Parameter rebuilding: the next state's refcounts are made from its references alone.
  init(
    mending references: Qcow2References, of storage: any ImageStorage, rebuilding: Bool = false
  ) throws(ImageError) {
    self.storage = storage
    isRebuilding = rebuilding
    self.references = references
    header = references.header
    geometry = references.geometry
    fileLength = references.fileLength
    presentL1 = try Self.l1Table(at: header.l1TableOffset, header.l1Size, "L1 table", references, storage)
    l1 = presentL1
  }

  /// An L1 table of the present state; zeros for what the file ends before.
  static func l1Table(
    at offset: UInt64, _ entries: UInt32, _ what: String, _ references: Qcow2References, _ storage: any ImageStorage
  ) throws(ImageError) -> [UInt64] {
    let count = Int(entries) * 8
    guard references.cutL1Tables.contains(offset) else {
      return try storage.read(what, at: offset, exactly: count).bigEndianTable
    }
    let bytes = try storage.read(at: offset, count: count)
    let whole = bytes.prefix(bytes.count / 8 * 8)
    return (whole + [UInt8](repeating: 0, count: count - whole.count)).bigEndianTable
  }

  // MARK: References

  /// References to a cluster in the next state.
  func count(of cluster: UInt64) throws(ImageError) -> UInt64 {
    let index = Int(clamping: cluster / geometry.refcountsPerBlock)
    if let block = blocks[index] { return block[Int(cluster % geometry.refcountsPerBlock)] }
    return isRebuilding ? 0 : try stored.count(of: cluster)
  }

  /// Sets how many references a cluster has in the next state.
  func setCount(of cluster: UInt64, to value: UInt64) throws(ImageError) {
    let index = Int(clamping: cluster / geometry.refcountsPerBlock)
    try openBlock(index)
    blocks[index]?[Int(cluster % geometry.refcountsPerBlock)] = value
  }

  /// Makes a block one of those that change.
  private func openBlock(_ index: Int) throws(ImageError) {
    guard blocks[index] == nil else { return }
    blocks[index] =
      try (isRebuilding ? nil : stored.block(index))
      ?? RefcountBlock(bytes: [UInt8](repeating: 0, count: Int(geometry.clusterSize)), order: geometry.refcountOrder)
    unplaced.insert(index)
  }

  /// Adds references to clusters.
  ///
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` when a count cannot go so high.
  func add(_ times: UInt64 = 1, to clusters: Range<UInt64>) throws(ImageError) {
    var reachesOne = false
    if let cluster = try change(clusters, by: times, isIncrease: true, &reachesOne) {
      throw .invalidRequest(
        path: storage.name, what: "another reference to cluster \(cluster)",
        reason: "is more than refcounts of \(geometry.refcountBits) bits can say; convert the image to wider ones")
    }
  }

  /// Takes references to clusters away.
  func remove(_ times: UInt64 = 1, from clusters: Range<UInt64>) throws(ImageError) {
    if let cluster = try change(clusters, by: times, isIncrease: false, &hasNewlyUnshared) {
      throw .needsRepair(
        path: storage.name, reason: "cluster \(cluster) is referenced more often than its refcount says")
    }
  }

  /// - Returns: the cluster whose count cannot be changed so.
  private func change(
    _ clusters: Range<UInt64>, by times: UInt64, isIncrease: Bool, _ reachesOne: inout Bool
  ) throws(ImageError) -> UInt64? {
    var first = clusters.lowerBound
    while first < clusters.upperBound {
      let index = Int(clamping: first / geometry.refcountsPerBlock)
      let start = UInt64(index) * geometry.refcountsPerBlock
      let end = min(clusters.upperBound, start + geometry.refcountsPerBlock)
      try openBlock(index)
      let failed = blocks[index]?.change(
        Int(first - start)..<Int(end - start), by: times, isIncrease: isIncrease, maximum: geometry.maximumRefcount,
        reachesOne: &reachesOne)
      if let failed { return start + UInt64(failed) }
      first = end
    }
    return nil
  }

  /// Clusters that hold a range of the file.
  func clusters(at offset: UInt64, bytes: UInt64) -> Range<UInt64> {
    offset >> shift..<(offset >> shift) + geometry.clusters(for: bytes)
  }

  // MARK: New clusters

  /// Clusters in a row that nothing uses, each with one reference.
  ///
  /// - Returns: the first one's offset in the file.
  func take(_ count: UInt64 = 1) throws(ImageError) -> UInt64 {
    var first = searchStart
    var length: UInt64 = 0
    while length < count {
      let cluster = first + length
      if try isFree(cluster) {
        length += 1
      } else {
        first = cluster + 1
        length = 0
      }
    }
    let end = first + count
    guard end <= Qcow2Limit.hostOffsetMask >> shift,
      end / geometry.refcountsPerBlock < Qcow2Limit.refcountTableBytes / 8
    else {
      throw .unsupported(
        path: storage.name, feature: "a file of that many clusters",
        remedy: "convert the image to one with larger clusters")
    }
    if let ceiling, end > ceiling {
      throw .unsupported(
        path: storage.name,
        feature: "repairing an image whose free space overlaps data behind the end of the file",
        remedy: "save its readable data with 'convert'")
    }
    if count == 1 || first == searchStart { searchStart = end }
    takenEnd = max(takenEnd, end)
    for cluster in first..<end { try setCount(of: cluster, to: 1) }
    return first << shift
  }

  private func isFree(_ cluster: UInt64) throws(ImageError) -> Bool {
    guard try count(of: cluster) == 0 else { return false }
    return try isFreeAtPresent(cluster)
  }

  /// Makes the file reach so many clusters.
  func reach(_ end: UInt64) { takenEnd = max(takenEnd, end) }

  /// Neither counted nor referred to in the present state. While its refcounts are rebuilt they mean nothing.
  private func isFreeAtPresent(_ cluster: UInt64) throws(ImageError) -> Bool {
    guard references.tally.count(of: cluster) == 0, references.beyond.count(of: cluster) == 0 else { return false }
    if isRebuilding { return true }
    return try stored.count(of: cluster) == 0
  }

  /// Whether a cluster that the next state uses is new in it, so that it may be written.
  func isNew(_ offset: UInt64) throws(ImageError) -> Bool {
    guard try count(of: offset >> shift) > 0 else { return false }
    return try isFreeAtPresent(offset >> shift)
  }

  /// Writes to new clusters; what is left of the last one becomes zeros.
  func write(_ bytes: [UInt8], at offset: UInt64, _ what: String) throws(ImageError) {
    var bytes = bytes
    if offset >= fileLength {
      // Behind the end of the file there are zeros already.
      bytes.removeLast(bytes.count - 1 - (bytes.lastIndex { $0 != 0 } ?? 0))
    } else {
      let room = geometry.clusters(for: UInt64(bytes.count)) << shift
      bytes += [UInt8](repeating: 0, count: Int(room) - bytes.count)
    }
    try storage.write(bytes, at: offset, what)
  }

  // MARK: Switching

  /// Writes the next state's refcounts, makes everything durable, and switches to it.
  ///
  /// - Throws: ``ImageError``; the image is the old one then, or, when the last flush failed, one of the two.
  func commit() throws(ImageError) {
    let names: Qcow2HeaderNames?
    do throws(ImageError) {
      try writeL1IfChanged()
      header.autoclear.formIntersection(.maintained)
      if !unplaced.isEmpty { try writeRefcounts() }
      names = try layOutNames()
      for part in names?.before ?? [] { try storage.write(part.bytes, at: part.offset, "the backing file's name") }
      let end = takenEnd << shift
      if end > storage.length ?? 0 { try storage.setLength(end) }
      if end > 0 || names?.before.isEmpty == false { try storage.flush() }
    } catch {
      takeBack()
      throw error
    }
    let sector: [UInt8]
    if let names { sector = names.sector } else { sector = try header.firstSector(of: storage) }
    try storage.write(sector, at: 0, "the header")
    try storage.flush()
    if let after = names?.after {
      try storage.write(after.rest, at: UInt64(Qcow2Header.sectorLength), "the feature names")
      try storage.flush()
      try storage.write(after.sector, at: 0, "the header")
      try storage.flush()
    }
    try giveBackSpace()
  }

  private func layOutNames() throws(ImageError) -> Qcow2HeaderNames? {
    let present = references.header
    if header.backingFile == present.backingFile, header.extensions == present.extensions { return nil }
    return try Qcow2HeaderNames(replacing: present, with: &header, path: storage.name)
  }

  /// What was written behind the end of the file means nothing yet.
  func takeBack() { if takenEnd << shift > fileLength { try? storage.setLength(fileLength) } }

  private func writeL1IfChanged() throws(ImageError) {
    guard l1 != presentL1 || movesL1 else { return }
    // One that the file ends before has no references in the next state.
    if !references.cutL1Tables.contains(references.header.l1TableOffset) {
      try remove(from: clusters(at: references.header.l1TableOffset, bytes: UInt64(presentL1.count) * 8))
    }
    header.l1Size = UInt32(l1.count)
    header.l1TableOffset = 0
    guard !l1.isEmpty else { return }
    header.l1TableOffset = try take(geometry.clusters(for: UInt64(l1.count) * 8))
    try write([UInt8](bigEndianTable: l1), at: header.l1TableOffset, "the L1 table")
  }

  /// Finds places for the changed blocks and the table, each of which may change more blocks, and writes them.
  private func writeRefcounts() throws(ImageError) {
    var table = isRebuilding ? [] : stored.table
    if !isRebuilding {
      try remove(from: clusters(at: references.header.refcountTableOffset, bytes: UInt64(table.count) * 8))
    }
    var tableOffset: UInt64 = 0
    var tableClusters: UInt64 = 0
    while true {
      while let index = unplaced.min() {
        unplaced.remove(index)
        blockPlaces[index] = try take()
        if !isRebuilding, let old = stored.blockOffset(index) { try remove(from: old >> shift..<(old >> shift) + 1) }
      }
      let entries = max(table.count, (blockPlaces.keys.max() ?? 0) + 1)
      let needed = geometry.clusters(for: UInt64(entries) * 8)
      if needed > tableClusters {
        if tableClusters > 0 { try remove(from: clusters(at: tableOffset, bytes: tableClusters << shift)) }
        tableOffset = try take(needed)
        tableClusters = needed
      }
      if unplaced.isEmpty { break }
    }
    table += [UInt64](repeating: 0, count: Int(tableClusters << shift) / 8 - table.count)
    for (index, place) in blockPlaces.sorted(by: { $0.value < $1.value }) {
      guard let block = blocks[index] else { continue }
      table[index] = place
      try write(block.bytes, at: place, "a refcount block")
    }
    try write([UInt8](bigEndianTable: table), at: tableOffset, "the refcount table")
    header.refcountTableOffset = tableOffset
    header.refcountTableClusters = UInt32(tableClusters)
  }

  /// Less is not worth the file system's work: the next change uses it.
  private static let discardMinimum: UInt64 = 1 << 20

  /// Ends the file behind the last cluster that is used, and makes holes of the others that are not used any more. Not
  /// flushed: what of it a crash undoes is space that the next change uses.
  private func giveBackSpace() throws(ImageError) {
    // What a lost table led to stays in the file until something else takes its place: it is all that is left of the data.
    guard references.cutL1Tables.isEmpty else { return }
    var freed: [Range<UInt64>] = []
    for index in blocks.keys.sorted() {
      guard let old = try stored.block(index), let new = blocks[index] else { continue }
      let first = UInt64(index) * geometry.refcountsPerBlock
      guard first < references.fileClusters else { break }
      for entry in 0..<Int(min(geometry.refcountsPerBlock, references.fileClusters - first))
      where old[entry] != 0 && new[entry] == 0 {
        let cluster = first + UInt64(entry)
        if let last = freed.last, last.upperBound == cluster {
          freed[freed.count - 1] = last.lowerBound..<cluster + 1
        } else {
          freed.append(cluster..<cluster + 1)
        }
      }
    }
    guard freed.reduce(0, { $0 + UInt64($1.count) }) << shift >= Self.discardMinimum else { return }
    let end = try usedEnd() << shift
    let length = storage.length ?? 0
    if end < length { try storage.setLength(end) }
    for run in freed where run.lowerBound << shift < end {
      try storage.discard(run.lowerBound << shift..<min(run.upperBound << shift, end))
    }
  }

  /// Whether a refcount block of the next state is known to be zeros without looking at its counts.
  private func isAllZero(_ index: Int) throws(ImageError) -> Bool {
    if blocks[index] != nil { return false }
    if isRebuilding || stored.blockOffset(index) == nil { return true }
    return try stored.isHole(index)
  }

  /// One past the last cluster of the file that the next state uses.
  private func usedEnd() throws(ImageError) -> UInt64 {
    var end = max(references.endCluster, takenEnd)
    while end > 1, try count(of: end - 1) == 0 {
      // A sparse file may have room for more clusters than can be looked at one by one.
      let index = Int(clamping: (end - 1) / geometry.refcountsPerBlock)
      end = try isAllZero(index) ? max(1, UInt64(index) * geometry.refcountsPerBlock) : end - 1
    }
    return end
  }
}

extension Qcow2Header.AutoclearFeatures {
  /// Features that stay true when an image is changed here: bitmaps go with guest data, and what would change that
  /// refuses images that have some.
  fileprivate static let maintained: Self = [.bitmaps, .rawExternalData]
}

extension Qcow2Header {
  /// Refuses images that may not be changed, whatever they hold.
  func checkChangeable(path: String) throws(ImageError) {
    if incompatible.contains(.corrupt) { throw .needsRepair(path: path, reason: "the image is marked corrupt") }
    if incompatible.contains(.dirty) {
      throw .needsRepair(path: path, reason: "the image was not closed properly; its refcounts may be stale")
    }
    if incompatible.contains(.externalDataFile) {
      throw .unsupported(
        path: path, feature: "changing an image with an external data file",
        remedy: "convert it to one without: 'vireo image convert --allow-data-file'")
    }
  }

  /// Refuses changes of guest data that an image's bitmaps would not know of.
  func checkHasNoBitmaps(path: String, changing what: String) throws(ImageError) {
    guard autoclear.contains(.bitmaps), extensionData(.bitmaps) != nil else { return }
    throw .unsupported(
      path: path, feature: "\(what) an image with dirty bitmaps, which would become wrong",
      remedy: "remove them with 'qemu-img bitmap --remove'")
  }

  /// The first sector of the file with this header's fields in place of the present ones; the rest stays as it is.
  fileprivate func firstSector(of storage: any ImageStorage) throws(ImageError) -> [UInt8] {
    var sector = try storage.read("header", at: 0, exactly: Self.sectorLength)
    let fields = fixedFields()
    sector.replaceSubrange(0..<min(fields.count, sector.count), with: fields.prefix(sector.count))
    return sector
  }

  /// What is written in one piece, or not at all.
  static let sectorLength = 512
}
