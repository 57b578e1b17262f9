// What one L2 entry says about its guest cluster (QEMU's qcow2 specification, "Cluster mapping", "Extended L2 Entries", "Compressed Clusters Descriptor").

/// One entry of an L2 table, taken apart. Any 128 bits can be taken apart; what contradicts the format is a `fault`.
struct Qcow2ClusterEntry: Sendable, Equatable {
  /// The first eight bytes.
  let word: UInt64
  /// The subcluster bitmap; 0 without extended L2 entries.
  let bitmap: UInt64
  let geometry: Qcow2Geometry
  /// Whether guest data is in an external data file: ``hostOffset`` is a place there, and 0 can be one.
  let hasDataFile: Bool

  init(word: UInt64, bitmap: UInt64 = 0, geometry: Qcow2Geometry, hasDataFile: Bool = false) {
    self.word = word
    self.bitmap = bitmap
    self.geometry = geometry
    self.hasDataFile = hasDataFile
  }

  enum Kind: Sendable, Equatable {
    /// The backing file shows through (in an extended entry: where the bitmap says neither).
    case unallocated
    /// The guest's bytes lie at ``hostOffset`` (in an extended entry: where the bitmap has them).
    case data
    /// Reads as zeros; ``hostOffset`` is 0 or a cluster that is kept for later writes.
    case zero
    /// A stream at ``compressedRange``.
    case compressed
  }

  /// The kind of the whole entry. An extended entry with a cluster is `data` whatever its bitmap says; see
  /// ``subcluster(_:)``.
  var kind: Kind {
    if isCompressed { return .compressed }
    if !geometry.extendedL2, word & Qcow2Entry.zero != 0 { return .zero }
    if geometry.extendedL2, bitmap == Qcow2Entry.allSubclustersZero { return .zero }
    return !hasHostCluster && (!geometry.extendedL2 || bitmap == 0) ? .unallocated : .data
  }

  var isCompressed: Bool { word & Qcow2Entry.compressed != 0 }
  var isCopied: Bool { word & Qcow2Entry.copied != 0 }

  /// The host cluster's offset, or 0. Means nothing in a compressed entry.
  var hostOffset: UInt64 { word & Qcow2Limit.hostOffsetMask }

  /// Whether there is a host cluster, with data or kept for later. In a data file the first cluster is at offset 0, and
  /// only the flag shows it.
  var hasHostCluster: Bool {
    if hostOffset != 0 { return true }
    let isZero = !geometry.extendedL2 && word & Qcow2Entry.zero != 0
    return hasDataFile && isCopied && !isZero
  }

  /// What one of an extended entry's 32 subclusters is.
  func subcluster(_ index: Int) -> Kind {
    if bitmap & (1 << UInt64(32 + index)) != 0 { return .zero }
    return bitmap & (1 << UInt64(index)) != 0 ? .data : .unallocated
  }

  /// The bytes of the file that a compressed cluster's stream may take up: an upper bound, in whole sectors at the end.
  var compressedRange: Range<UInt64> {
    let bits = UInt64(62 - (geometry.clusterBits - 8))
    let start = word & ((1 << bits) - 1)
    let sectors = (word & (Qcow2Entry.compressed - 1)) >> bits
    return start..<(start & ~511) + (sectors + 1) * 512
  }

  /// The host clusters of the image that this entry counts as references to: none, one, or those that a stream touches.
  var hostClusters: Range<UInt64> {
    let shift = UInt64(geometry.clusterBits)
    if isCompressed {
      let range = compressedRange
      return range.lowerBound >> shift..<((range.upperBound - 1) >> shift) + 1
    }
    let cluster = hostOffset >> shift
    return hostOffset == 0 || hasDataFile ? cluster..<cluster : cluster..<cluster + 1
  }

  /// Why the entry cannot be read, or nil.
  ///
  /// - Parameters:
  ///   - version: the image's.
  ///   - guestOffset: where the cluster is in the disk: the place in a data file must be the same.
  func fault(version: UInt32, guestOffset: UInt64? = nil) -> String? {
    if isCompressed {
      if hasDataFile { return "a compressed cluster in an image with an external data file" }
      if geometry.extendedL2, bitmap != 0 { return "a compressed cluster with a subcluster bitmap" }
      return compressedRange.lowerBound > Qcow2Limit.hostOffsetMask | 0x1FF
        ? "a compressed cluster beyond the highest offset" : nil
    }
    if !geometry.extendedL2, word & Qcow2Entry.zero != 0, version < 3 { return "a zero cluster in a version 2 image" }
    if !geometry.isAligned(hostOffset) { return "a cluster inside another" }
    if hasDataFile, hasHostCluster, let guestOffset, hostOffset != guestOffset {
      return "a cluster that is at another place in the data file than in the disk"
    }
    guard geometry.extendedL2 else { return nil }
    let allocated = UInt32(truncatingIfNeeded: bitmap)
    if allocated & UInt32(truncatingIfNeeded: bitmap >> 32) != 0 { return "a subcluster that is both data and zero" }
    return !hasHostCluster && allocated != 0 ? "subclusters of data without a cluster" : nil
  }
}
