// The walk over everything that a qcow2 image refers to, and its comparison with the stored refcounts: what `check` reports and what every change in place looks at first.

/// All references of an image, counted by cluster, and what contradicts the format.
///
/// Work and memory follow what the file really holds: each table is read once however often it is named, tables that
/// overlap are refused, and holes of a sparse file are passed over.
final class Qcow2References {
  let header: Qcow2Header
  let source: any ByteSource
  let stored: StoredRefcounts
  let geometry: Qcow2Geometry
  let fileLength: UInt64
  /// Clusters that begin inside of the file.
  let fileClusters: UInt64
  private(set) var tally = ClusterTally()
  /// References that reach a whole cluster or more beyond the end of the file: damage, and yet nothing may be put there.
  private(set) var beyond = ClusterTally()
  /// One past the highest of those clusters that a repair lets the file reach; 0 when there are none.
  private(set) var reachableEnd: UInt64 = 0
  /// The snapshots; after a repair, where ``snapshotFaults`` lists faults.
  private(set) var snapshots = Qcow2SnapshotTable()
  /// Whether the snapshot table must be written again.
  private(set) var snapshotsNeedWriting = false
  /// Where L1 tables are that the file ends before or inside of. What of them is missing maps nothing in a repaired image.
  private(set) var cutL1Tables: Set<UInt64> = []
  /// Clusters of the encryption header and of bitmaps, once for each reference.
  private(set) var otherClusters: [Range<UInt64>] = []
  private(set) var findings = CheckFindings()
  /// What the active disk's L2 entries are; see ``ImageCheck/Result``.
  private(set) var allocatedClusters: UInt64 = 0
  private(set) var fragmentedClusters: UInt64 = 0
  private(set) var compressedClusters: UInt64 = 0
  /// One past the highest cluster that is referred to or counted.
  private(set) var endCluster: UInt64 = 0

  /// How often an L2 table is named, by all L1 tables and by the active one.
  struct Uses {
    var all: UInt64 = 0
    var active: UInt64 = 0
  }
  private(set) var l2Tables: [UInt64: Uses] = [:]
  private let decompressor: ClusterDecompressor?

  /// Walks an image.
  ///
  /// - Parameter decodingData: decompresses every compressed cluster too.
  /// - Throws: ``ImageError`` when the file cannot be read, or its refcount table lies outside of it.
  init(_ header: Qcow2Header, of source: any ByteSource, decodingData: Bool = false) throws(ImageError) {
    self.header = header
    self.source = source
    geometry = header.geometry
    fileLength = source.length ?? 0
    fileClusters = geometry.clusters(for: fileLength)
    stored = try StoredRefcounts(header, of: source)
    decompressor =
      decodingData
      ? ClusterDecompressor(type: header.compressionType, clusterSize: Int(header.geometry.clusterSize)) : nil
    refer(to: 0, bytes: geometry.clusterSize, as: .header, "the header")
    countRefcountStructures()
    try countSnapshotTable()
    try countL1Tables()
    try countL2Tables()
    countEncryption()
    try countBitmaps()
    try compare()
  }

  private var shift: UInt64 { UInt64(geometry.clusterBits) }

  /// Enters references to all clusters of a range of the file.
  ///
  /// - Returns: whether the range lies in the file; what reaches a whole cluster or more beyond its end is damage and is
  ///   not counted.
  @discardableResult
  private func refer(
    to offset: UInt64, bytes: UInt64, times: UInt64 = 1, as kind: ClusterKind, _ what: @autoclosure () -> String
  ) -> Bool {
    guard bytes > 0 else { return true }
    let (end, overflow) = offset.addingReportingOverflow(bytes)
    guard !overflow, end < fileLength + geometry.clusterSize else {
      let canReach = !overflow && end <= reachLimit && (kind == .data || kind == .compressed)
      findings.corruption("\(what()) at \(offset) lies beyond the end of the file", canReach ? .mendable : .stays)
      if canReach { reachableEnd = max(reachableEnd, geometry.clusters(for: end)) }
      reserve(offset, bytes: overflow ? .max - offset : bytes, kind)
      return false
    }
    for cluster in offset >> shift...(end - 1) >> shift where !tally.isOverflown {
      tally.add(times, to: cluster, as: kind)
    }
    if kind == .other { otherClusters.append(offset >> shift..<(end - 1) >> shift + 1) }
    return true
  }

  /// Notes that something is said to be in a place beyond the end of the file, so that nothing else is put there.
  private func reserve(_ offset: UInt64, bytes: UInt64, _ kind: ClusterKind) {
    // Nothing that is too long to be believed is believed; no structure takes more.
    let clusters = min(geometry.clusters(for: bytes), ((Qcow2Limit.l1Entries * 8) >> shift) + 1)
    for cluster in (offset >> shift)..<(offset >> shift) + clusters where !beyond.isOverflown {
      beyond.add(1, to: cluster, as: kind)
    }
  }

  /// How long a repair lets the file become for what is mapped behind its end: more than an honest file of this disk and
  /// its snapshots can have been, and not much more.
  private var reachLimit: UInt64 {
    let disks = min(UInt64(snapshots.snapshots.count) + 1, 16)
    let (data, overflow) = header.size.multipliedReportingOverflow(by: 2 * disks)
    guard !overflow, data < 1 << 60 else { return 1 << 60 }
    return max(data, fileLength) + 64 << 20
  }

  // MARK: Tables

  private func countRefcountStructures() {
    if let fault = stored.tableFault {
      findings.corruption("the refcount table \(fault)", .breaksRefcounts)
    } else {
      refer(
        to: header.refcountTableOffset, bytes: UInt64(header.refcountTableClusters) << shift, as: .refcounts,
        "the refcount table")
    }
    var seen: Set<UInt64> = []
    for index in stored.table.indices where stored.table[index] != 0 {
      if let fault = stored.fault(index) {
        findings.corruption("entry \(index) of the refcount table \(fault)", .breaksRefcounts)
      } else if !seen.insert(stored.table[index]).inserted {
        findings.corruption("entry \(index) of the refcount table names a block twice", .breaksRefcounts)
      } else {
        refer(to: stored.table[index], bytes: geometry.clusterSize, as: .refcounts, "refcount block \(index)")
      }
    }
  }

  private func countSnapshotTable() throws(ImageError) {
    guard header.snapshotCount > 0 else {
      // QEMU does not open an image whose table of no snapshots is nowhere.
      if !geometry.isAligned(header.snapshotsOffset) || header.snapshotsOffset > UInt64(Int64.max) {
        findings.corruption("the snapshot table of no snapshots is recorded at \(header.snapshotsOffset)", .mendable)
      }
      return
    }
    if header.incompatible.contains(.externalDataFile) {
      findings.corruption("snapshots in an image whose data is in another file")
    }
    let checked = try Qcow2SnapshotTable.checked(header, of: source)
    // One of the two places that the header says is wrong. A table that reads as one is believed.
    if let place = placeUsedOtherwise(), !checked.isConvincing(header, fileLength: fileLength) {
      findings.corruption("the snapshot table is recorded at \(header.snapshotsOffset), where \(place) is", .mendable)
      snapshotsNeedWriting = true
      return
    }
    snapshots = checked.table
    for fault in checked.faults { findings.corruption(fault, .mendable) }
    snapshotsNeedWriting = !checked.faults.isEmpty
    refer(to: header.snapshotsOffset, bytes: snapshots.storedLength, as: .snapshotTable, "the snapshot table")
  }

  /// What lies where the header says that the snapshot table is, when the header itself says that something else is there.
  private func placeUsedOtherwise() -> String? {
    let place = header.snapshotsOffset
    func isIn(_ offset: UInt64, _ bytes: UInt64) -> Bool { place >= offset && place - offset < bytes }
    if place == 0 { return "the header" }
    if header.l1Size > 0, isIn(header.l1TableOffset, UInt64(header.l1Size) * 8) { return "the L1 table" }
    if stored.tableFault == nil, isIn(header.refcountTableOffset, UInt64(header.refcountTableClusters) << shift) {
      return "the refcount table"
    }
    return stored.table.contains(place) ? "a refcount block" : nil
  }

  private struct L1Place: Hashable {
    let offset: UInt64
    let entries: UInt64
  }

  private func countL1Tables() throws(ImageError) {
    var uses: [L1Place: Uses] = [:]
    if header.l1Size > 0 {
      uses[L1Place(offset: header.l1TableOffset, entries: UInt64(header.l1Size))] = Uses(all: 1, active: 1)
    }
    for snapshot in snapshots.snapshots where snapshot.l1Size > 0 {
      let entries = UInt64(snapshot.l1Size)
      guard entries <= Qcow2Limit.l1Entries, geometry.isAligned(snapshot.l1TableOffset) else {
        findings.corruption(
          "the L1 table of snapshot '\(snapshot.name)' is too long or begins inside a cluster", .hidesReferences)
        continue
      }
      if geometry.l1Needed(for: snapshot.size(in: header)) > entries {
        // What QEMU does not find in it reads as zeros.
        findings.corruption("the L1 table of snapshot '\(snapshot.name)' is too short for its disk", .mendable)
      }
      uses[L1Place(offset: snapshot.l1TableOffset, entries: entries), default: Uses()].all += 1
    }
    // Tables that overlap would be read over and over.
    var end: UInt64 = 0
    for (place, uses) in uses.sorted(by: { ($0.key.offset, $0.key.entries) < ($1.key.offset, $1.key.entries) }) {
      guard place.offset >= end else {
        findings.corruption("the L1 table at \(place.offset) overlaps another one", .hidesReferences)
        continue
      }
      if geometry.isCutOff(place.offset, place.entries * 8, fileLength) {
        end = place.offset + place.entries * 8
        try readCutL1(place, uses)
        continue
      }
      guard place.offset <= fileLength, place.entries * 8 <= fileLength - place.offset else {
        reserve(place.offset, bytes: place.entries * 8, .l1Table)
        findings.corruption("the L1 table at \(place.offset) lies beyond the end of the file", .hidesReferences)
        continue
      }
      refer(to: place.offset, bytes: place.entries * 8, times: uses.all, as: .l1Table, "the L1 table")
      end = place.offset + place.entries * 8
      try readL1(place, uses)
    }
  }

  /// Reads what is there of an L1 table that the file ends before or inside of.
  private func readCutL1(_ place: L1Place, _ uses: Uses) throws(ImageError) {
    cutL1Tables.insert(place.offset)
    let kept = (fileLength - min(place.offset, fileLength)) / 8
    let disks =
      (uses.active > 0 ? ["the disk"] : [])
      + snapshots.snapshots.filter { $0.l1TableOffset == place.offset }.prefix(3).map { "snapshot '\($0.name)'" }
    let content = header.backingFile == nil ? "zeros" : "the backing file"
    findings.corruption(
      "the file ends \(kept == 0 ? "before" : "inside") the L1 table at \(place.offset), which says where the data of "
        + disks.joined(separator: " and ") + " is: a repair makes "
        + (kept == 0
          ? "all of it read as \(content)" : "it read as \(content) from byte \(kept << UInt64(geometry.l1Shift)) on"),
      .mendable)
    refer(to: place.offset, bytes: place.entries * 8, times: uses.all, as: .l1Table, "the L1 table")
    try readL1(L1Place(offset: place.offset, entries: kept), uses)
  }

  private static let pieceBytes: UInt64 = 1 << 20

  private func readL1(_ place: L1Place, _ uses: Uses) throws(ImageError) {
    var offset = place.offset
    let end = place.offset + place.entries * 8
    while offset < end {
      let pieceEnd = min(end, offset + Self.pieceBytes)
      defer { offset = pieceEnd }
      guard let words = try words(offset..<pieceEnd) else { continue }
      for (index, entry) in words.enumerated() where entry != 0 {
        note(l1Entry: entry, at: offset + UInt64(index) * 8, uses)
      }
    }
  }

  private func note(l1Entry entry: UInt64, at place: UInt64, _ uses: Uses) {
    if entry & Qcow2Entry.l1Reserved != 0 {
      findings.corruption("the L1 entry at \(place) has reserved bits", .mendable)
    }
    let table = entry & Qcow2Limit.hostOffsetMask
    guard table != 0 else {
      // QEMU takes it for a table at the file's start.
      if entry & Qcow2Entry.copied != 0 {
        findings.corruption("the L1 entry at \(place) has flags and no L2 table", .mendable)
      }
      return
    }
    guard geometry.isAligned(table) else {
      findings.corruption("the L1 entry at \(place) names an L2 table inside a cluster", .hidesReferences)
      return
    }
    if uses.active > 0 { checkCopied(entry & Qcow2Entry.copied != 0, table, "the L1 entry at \(place)") }
    // QEMU takes what is missing for zeros. A later byte behind the end would become part of the table.
    guard table <= fileLength, geometry.clusterSize <= fileLength - table else {
      reserve(table, bytes: geometry.clusterSize, .l2Table)
      findings.corruption("the L2 table at \(table) lies beyond the end of the file", .hidesReferences)
      return
    }
    refer(to: table, bytes: geometry.clusterSize, times: uses.all, as: .l2Table, "the L2 table")
    let (sum, overflow) = l2Tables[table, default: Uses()].all.addingReportingOverflow(uses.all)
    l2Tables[table, default: Uses()].all = overflow ? .max : sum
    l2Tables[table, default: Uses()].active += uses.active
  }

  /// The flag says whether a cluster has exactly one reference; only below the active L1 table is it kept true.
  private func checkCopied(_ isCopied: Bool, _ offset: UInt64, _ what: @autoclosure () -> String) {
    guard let count = try? stored.count(of: offset >> shift), isCopied != (count == 1) else { return }
    findings.corruption(
      "\(what()) \(isCopied ? "says" : "does not say") that the cluster at \(offset) has one reference; its refcount is \(count)",
      offset < fileLength ? .mendable : .stays)
  }

  /// A part of the file as words; nil for a hole, which holds nothing but zeros.
  private func words(_ range: Range<UInt64>) throws(ImageError) -> [UInt64]? {
    if let file = source as? LocalFile, file.isSparse {
      let data = file.nextData(from: range.lowerBound, end: range.upperBound)
      if data.lowerBound >= range.upperBound { return nil }
    }
    return try source.read(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound)).bigEndianTable
  }

  // MARK: Guest data

  private func countL2Tables() throws(ImageError) {
    for (table, uses) in l2Tables.sorted(by: { $0.key < $1.key }) {
      guard let words = try words(table..<table + geometry.clusterSize) else { continue }
      var contiguous: UInt64 = 0
      let step = geometry.l2EntrySize / 8
      var index = 0
      while index + step <= words.count {
        let word = words[index]
        if word != 0 || (step == 2 && words[index + 1] != 0) {
          let entry = Qcow2ClusterEntry(word: word, bitmap: step == 2 ? words[index + 1] : 0, geometry: geometry)
          try note(entry, at: table + UInt64(index) * 8, uses, &contiguous)
        }
        index += step
      }
    }
  }

  private func note(
    _ entry: Qcow2ClusterEntry, at place: UInt64, _ uses: Uses, _ contiguous: inout UInt64
  ) throws(ImageError) {
    let hasDataFile = header.incompatible.contains(.externalDataFile)
    // Whatever is wrong with it, what it refers to is not free.
    if let fault = entry.fault(version: header.version) {
      findings.corruption(
        "the L2 entry at \(place): \(fault)", entry.isMendable(version: header.version) ? .mendable : .stays)
    }
    if entry.isCompressed {
      if entry.isCopied {
        findings.corruption("the L2 entry at \(place): a compressed cluster marked as not shared", .mendable)
      }
      guard !hasDataFile else {
        findings.corruption("the L2 entry at \(place): a compressed cluster in an image whose data is in another file")
        return
      }
      let range = entry.compressedRange
      refer(
        to: range.lowerBound & ~511, bytes: range.upperBound - (range.lowerBound & ~511), times: uses.all,
        as: .compressed, "a compressed cluster")
      if uses.active > 0 {
        compressedClusters += uses.active
        allocatedClusters += uses.active
        fragmentedClusters += uses.active
      }
      try decode(range, place)
      return
    }
    if entry.word & Qcow2Entry.l2Reserved != 0 {
      findings.corruption("the L2 entry at \(place) has reserved bits", .mendable)
    }
    let host = entry.hostOffset
    guard host != 0 || (hasDataFile && entry.isCopied) else { return }
    if uses.active > 0 {
      allocatedClusters += uses.active
      if contiguous != 0, host != contiguous { fragmentedClusters += uses.active }
      contiguous = host + geometry.clusterSize
    }
    // Clusters of a data file are not counted.
    guard !hasDataFile else { return }
    refer(to: host, bytes: geometry.clusterSize, times: uses.all, as: .data, "a data cluster")
    if uses.active > 0 { checkCopied(entry.isCopied, host, "the L2 entry at \(place)") }
  }

  private func decode(_ range: Range<UInt64>, _ place: UInt64) throws(ImageError) {
    guard let decompressor else { return }
    let stream = try source.read(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound))
    let cluster = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(geometry.clusterSize), alignment: 16)
    defer { cluster.deallocate() }
    if !decompressor.decompress(stream, from: 0, into: cluster) {
      findings.corruption("the L2 entry at \(place): the compressed data is damaged")
    }
  }

  // MARK: The rest

  /// Far above what LUKS takes for its key slots.
  private static let encryptionHeaderLimit: UInt64 = 64 << 20

  private func countEncryption() {
    guard let pointer = header.extensionData(.crypto), pointer.count == 16 else { return }
    let length = pointer.bigEndian64(at: 8)
    guard length <= Self.encryptionHeaderLimit else {
      findings.corruption("the encryption header has \(length) bytes")
      return
    }
    refer(to: pointer.bigEndian64(at: 0), bytes: length, as: .other, "the encryption header")
  }

  private func countBitmaps() throws(ImageError) {
    guard header.autoclear.contains(.bitmaps), header.extensionData(.bitmaps) != nil else { return }
    do throws(ImageError) {
      var end: UInt64 = 0
      let directory = try Qcow2BitmapDirectory(header, of: source)
      refer(to: directory.offset, bytes: directory.length, as: .other, "the bitmap directory")
      for table in directory.tables.sorted(by: { $0.offset < $1.offset }) {
        guard table.offset >= end, refer(to: table.offset, bytes: table.length, as: .other, "a bitmap's table") else {
          findings.corruption(
            "the bitmap table at \(table.offset) overlaps another one or lies outside of the file", .hidesReferences)
          continue
        }
        end = table.offset + table.length
        // A table may claim a gigabyte.
        for start in stride(from: table.offset, to: end, by: Int(Self.pieceBytes)) {
          for entry in try words(start..<min(end, start + Self.pieceBytes)) ?? [] {
            let place = entry & Qcow2Limit.hostOffsetMask
            if place != 0 { refer(to: place, bytes: geometry.clusterSize, as: .other, "a bitmap's data") }
          }
        }
      }
    } catch .malformed(_, let field, let reason, _) {
      findings.corruption("\(field): \(reason)", .hidesReferences)
    }
  }

  /// Whether a repair can give all but one of the uses of a cluster a place of their own.
  private func canSeparate(_ kind: ClusterKind) -> Bool {
    // LUKS encrypts a cluster for its place.
    !kind.isSuperset(of: [.header, .other]) && (header.cryptMethod != 2 || kind.isDisjoint(with: [.data, .compressed]))
  }

  // MARK: Comparison

  private func compare() throws(ImageError) {
    if tally.isOverflown {
      findings.error("the image refers to clusters all over a file of \(fileLength) bytes, more than the check reads")
    }
    try tally.forEach { (cluster, references, kind) throws(ImageError) in
      endCluster = max(endCluster, cluster + 1)
      if kind.isContradiction {
        findings.corruption("cluster \(cluster) is used as \(kind.names)", canSeparate(kind) ? .mendable : .stays)
      }
      if references > geometry.maximumRefcount {
        findings.corruption(
          "cluster \(cluster) has \(references) references, more than a refcount here can say",
          .exceedsRefcounts)
        return
      }
      let count = try stored.count(of: cluster)
      if count < references {
        findings.corruption(
          "cluster \(cluster) has \(references) references; its refcount is \(count)",
          count == 0 ? .breaksRefcounts : .mendable)
      }
    }
    var seen: Set<UInt64> = []
    for index in stored.table.indices {
      guard let offset = stored.blockOffset(index), seen.insert(offset).inserted else { continue }
      let first = UInt64(index) * geometry.refcountsPerBlock
      guard first < fileClusters else { break }
      guard try !stored.isHole(index), let block = try stored.block(index) else { continue }
      for entry in 0..<Int(min(geometry.refcountsPerBlock, fileClusters - first)) {
        let count = block[entry]
        guard count != 0 else { continue }
        let cluster = first + UInt64(entry)
        endCluster = max(endCluster, cluster + 1)
        let references = tally.count(of: cluster)
        if count > references {
          findings.leak("cluster \(cluster) is leaked: \(references) references; its refcount is \(count)")
        }
      }
    }
  }
}
