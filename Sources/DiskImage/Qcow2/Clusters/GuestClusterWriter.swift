// Other contents for clusters of a guest's disk, from its start to its end, as part of a transaction.

/// Replaces guest clusters in ascending order. Each L2 table is read and written once; memory does not follow the disk.
struct GuestClusterWriter {
  private let change: Qcow2Transaction
  private let geometry: Qcow2Geometry
  /// The table being changed: its index in the L1 table, and its words as they were and as they shall be.
  private var open: (index: Int, present: [UInt64], words: [UInt64])?

  init(_ change: Qcow2Transaction) {
    self.change = change
    geometry = change.geometry
  }

  /// What a guest cluster is to become.
  enum Content {
    /// These bytes, a whole cluster.
    case data([UInt8])
    /// Zeros, whatever lies below.
    case zero
    /// Nothing: what lies below shows through.
    case nothing
  }

  /// Replaces a guest cluster, above all that were replaced before or in the same table.
  mutating func put(_ cluster: UInt64, _ content: Content) throws(ImageError) {
    try enter(Int(cluster >> UInt64(geometry.l2Bits)))
    let place = Int(cluster & UInt64(geometry.l2Entries - 1)) * change.wordsPerEntry
    guard let words = open?.words else { return }
    try change.remove(from: change.entry(words, at: place).hostClusters)
    let entry = try newEntry(content)
    open?.words[place] = entry.word
    if geometry.extendedL2 { open?.words[place + 1] = entry.bitmap }
  }

  private func newEntry(_ content: Content) throws(ImageError) -> (word: UInt64, bitmap: UInt64) {
    switch content {
    case .nothing: return (0, 0)
    case .zero where change.header.version >= 3:
      return geometry.extendedL2 ? (0, Qcow2Entry.allSubclustersZero) : (Qcow2Entry.zero, 0)
    case .zero:
      // Version 2 has no mark for zeros. Without anything below there is no need for one.
      if change.header.backingFile == nil { return (0, 0) }
      return try newEntry(.data([UInt8](repeating: 0, count: Int(geometry.clusterSize))))
    case .data(let bytes):
      let offset = try change.take()
      try change.write(bytes, at: offset, "a data cluster")
      return (offset | Qcow2Entry.copied, UInt64(UInt32.max))
    }
  }

  private mutating func enter(_ index: Int) throws(ImageError) {
    if open?.index == index { return }
    try leave()
    let offset = change.l1[index] & Qcow2Limit.hostOffsetMask
    let words = offset == 0 ? change.emptyTable : try change.table(at: offset)
    open = (index, words, words)
  }

  private mutating func leave() throws(ImageError) {
    guard let (index, present, words) = open else { return }
    open = nil
    guard words != present else { return }
    try change.replaceTable(index, with: words)
  }

  /// Writes the last table.
  mutating func finish() throws(ImageError) { try leave() }
}
