// Numbers that follow from cluster size, L2 entry size and refcount width (QEMU's qcow2 specification, "Cluster mapping" and "Host cluster management").

/// A qcow2 image's derived sizes. Valid only for checked header values, so nothing here can overflow.
struct Qcow2Geometry: Sendable, Equatable {
  /// log2 of the cluster size, 9...21.
  let clusterBits: Int
  /// Whether L2 entries are 16 bytes, with a subcluster bitmap.
  let extendedL2: Bool
  /// log2 of the refcount width, 0...6.
  let refcountOrder: Int

  var clusterSize: UInt64 { 1 << UInt64(clusterBits) }
  var l2EntrySize: Int { extendedL2 ? 16 : 8 }
  /// log2 of the entries in an L2 table.
  var l2Bits: Int { clusterBits - (extendedL2 ? 4 : 3) }
  var l2Entries: Int { 1 << l2Bits }
  /// log2 of the guest bytes below one L1 entry.
  var l1Shift: Int { clusterBits + l2Bits }
  var refcountBits: Int { 1 << refcountOrder }
  /// Clusters that one refcount block describes.
  var refcountsPerBlock: UInt64 { (clusterSize * 8) >> UInt64(refcountOrder) }
  var maximumRefcount: UInt64 { refcountOrder == 6 ? .max : (1 << UInt64(refcountBits)) - 1 }

  /// L1 entries that a virtual size needs.
  func l1Needed(for size: UInt64) -> UInt64 {
    (size >> UInt64(l1Shift)) + (size & ((1 << UInt64(l1Shift)) - 1) == 0 ? 0 : 1)
  }

  /// Clusters that hold `bytes`.
  func clusters(for bytes: UInt64) -> UInt64 {
    (bytes >> UInt64(clusterBits)) + (bytes & (clusterSize - 1) == 0 ? 0 : 1)
  }

  func isAligned(_ offset: UInt64) -> Bool { offset & (clusterSize - 1) == 0 }

  /// Whether a file ends before or inside of a table that can have been its last: less than a cluster is missing.
  func isCutOff(_ offset: UInt64, _ bytes: UInt64, _ fileLength: UInt64) -> Bool {
    let (end, overflow) = offset.addingReportingOverflow(bytes)
    let (reach, tooLong) = fileLength.addingReportingOverflow(clusterSize)
    return isAligned(offset) && offset > 0 && !overflow && !tooLong && end > fileLength && end < reach
  }
}

/// Bounds that QEMU enforces when it opens an image (`block/qcow2.h`).
enum Qcow2Limit {
  /// QCOW_MIN_CLUSTER_BITS...QCOW_MAX_CLUSTER_BITS
  static let clusterBits = 9...21
  /// Extended L2 entries: subclusters are a 32nd of a cluster and at least 512 bytes.
  static let extendedL2ClusterBits = 14
  /// QCOW_MAX_L1_SIZE: 32 MiB
  static let l1Entries: UInt64 = 4_194_304
  /// QCOW_MAX_REFTABLE_SIZE
  static let refcountTableBytes: UInt64 = 8 << 20
  /// QCOW_MAX_SNAPSHOTS
  static let snapshots: UInt32 = 65_536
  static let backingNameBytes: UInt32 = 1_023
  static let backingFormatBytes = 15
  /// Host offsets in L1 and L2 entries are below 2^56.
  static let hostOffsetMask: UInt64 = 0x00FF_FFFF_FFFF_FE00
}

/// Flag bits of L1 and L2 entries (QEMU's qcow2 specification, "Cluster mapping").
enum Qcow2Entry {
  /// The cluster's refcount is exactly one.
  static let copied: UInt64 = 1 << 63
  static let compressed: UInt64 = 1 << 62
  /// Reads as zeros (version 3, not with extended L2 entries).
  static let zero: UInt64 = 1
  /// QEMU's L1E_RESERVED_MASK: what must be 0 in an L1 entry.
  static let l1Reserved: UInt64 = 0x7F00_0000_0000_01FF
  /// QEMU's L2E_STD_RESERVED_MASK: what must be 0 in the entry of a cluster that is not compressed.
  static let l2Reserved: UInt64 = 0x3F00_0000_0000_01FE
  /// Subcluster bitmap of a cluster that reads as zeros throughout.
  static let allSubclustersZero: UInt64 = 0xFFFF_FFFF_0000_0000
}
