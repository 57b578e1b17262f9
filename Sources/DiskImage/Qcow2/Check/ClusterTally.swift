// How often each cluster of a file is referred to, and as what: sparse, because a file of a few kilobytes can claim to be exabytes long.

/// What a reference makes of a cluster. A sound image has one kind a cluster.
struct ClusterKind: OptionSet, Sendable, Equatable {
  let rawValue: UInt8
  static let header = Self(rawValue: 1 << 0)
  static let refcounts = Self(rawValue: 1 << 1)
  static let l1Table = Self(rawValue: 1 << 2)
  static let l2Table = Self(rawValue: 1 << 3)
  static let snapshotTable = Self(rawValue: 1 << 4)
  static let data = Self(rawValue: 1 << 5)
  static let compressed = Self(rawValue: 1 << 6)
  /// The encryption header, and bitmaps with their tables.
  static let other = Self(rawValue: 1 << 7)

  /// Whether a cluster is used as two things at once. Guest data may share: whoever writes to such a cluster copies it.
  var isContradiction: Bool { rawValue.nonzeroBitCount > 1 && !isSubset(of: [.data, .compressed]) }

  /// Of the kinds of a contradiction the one that stays where it is when a repair gives the others a place of their own;
  /// refcounts are re-created anyway.
  var keeper: Self {
    let order: [Self] = [.header, .other, .l1Table, .snapshotTable, .l2Table]
    return order.first { contains($0) } ?? [.data, .compressed]
  }

  /// The kinds in words.
  var names: String {
    let names: [(Self, String)] = [
      (.header, "the header"), (.refcounts, "refcounts"), (.l1Table, "an L1 table"), (.l2Table, "an L2 table"),
      (.snapshotTable, "the snapshot table"), (.data, "data"), (.compressed, "compressed data"),
      (.other, "an encryption header or bitmap"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: " and ")
  }
}

/// References by cluster. Memory follows the clusters that are referred to, in groups of 64.
struct ClusterTally {
  private static let groupBits: UInt64 = 6
  private static let groupSize = 1 << groupBits
  /// About a gigabyte. Images that honest programs write get there with terabytes of data.
  private static let maximumGroups = 3 << 20

  private var places: [UInt64: Int] = [:]
  private var counts: [UInt32] = []
  private var kinds: [UInt8] = []
  private var lastGroup = UInt64.max
  private var lastPlace = 0

  /// Whether references were left out because they are scattered over more of the file than memory is spent on.
  private(set) var isOverflown = false

  /// Enters `times` references to a cluster.
  mutating func add(_ times: UInt64, to cluster: UInt64, as kind: ClusterKind) {
    let group = cluster >> Self.groupBits
    if group != lastGroup {
      if let known = places[group] {
        lastPlace = known
      } else {
        guard places.count < Self.maximumGroups else {
          isOverflown = true
          return
        }
        lastPlace = counts.count
        places[group] = lastPlace
        counts.append(contentsOf: repeatElement(0, count: Self.groupSize))
        kinds.append(contentsOf: repeatElement(0, count: Self.groupSize))
      }
      lastGroup = group
    }
    let index = lastPlace + Int(cluster & UInt64(Self.groupSize - 1))
    let (sum, overflow) = counts[index].addingReportingOverflow(UInt32(clamping: times))
    counts[index] = overflow ? .max : sum
    kinds[index] |= kind.rawValue
  }

  /// References to a cluster; the largest number stands for that many or more.
  func count(of cluster: UInt64) -> UInt64 {
    guard let place = places[cluster >> Self.groupBits] else { return 0 }
    return UInt64(counts[place + Int(cluster & UInt64(Self.groupSize - 1))])
  }

  /// What a cluster is referred to as.
  func kind(of cluster: UInt64) -> ClusterKind {
    guard let place = places[cluster >> Self.groupBits] else { return [] }
    return ClusterKind(rawValue: kinds[place + Int(cluster & UInt64(Self.groupSize - 1))])
  }

  /// The lowest cluster that is referred to.
  var first: UInt64? {
    guard let group = places.keys.min(), let place = places[group] else { return nil }
    return (0..<Self.groupSize).first { counts[place + $0] != 0 }.map { group << Self.groupBits | UInt64($0) }
  }

  /// Calls `body` for every cluster that is referred to, in ascending order.
  func forEach(_ body: (UInt64, UInt64, ClusterKind) throws(ImageError) -> Void) throws(ImageError) {
    for group in places.keys.sorted() {
      guard let place = places[group] else { continue }
      for index in 0..<Self.groupSize where counts[place + index] != 0 {
        try body(
          group << Self.groupBits | UInt64(index), UInt64(counts[place + index]),
          ClusterKind(rawValue: kinds[place + index]))
      }
    }
  }
}
