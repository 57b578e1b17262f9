// A qcow2 image written from its first guest cluster to its last: L2 tables as they fill up, L1 table in pieces, header at the end (QEMU's qcow2 specification, "Cluster mapping").

/// A new image whose guest clusters are mapped in ascending order. Nothing is read back, every table is written once, and
/// memory does not follow the image's size. One thread at a time; guest data is written by others, to the places given
/// here.
final class SequentialQcow2Image {
  private var header: Qcow2Header
  private let geometry: Qcow2Geometry
  private let file: TargetFile
  private let clusters: SequentialClusters
  private let compressedOffsetBits: UInt64

  /// The L2 table being filled: its index in the L1 table, place, entries, and the range of bytes that is not zero.
  private var l2Index: UInt64?
  private var l2Offset: UInt64 = 0
  private var l2: [UInt8]
  private var l2Used = 0..<0
  /// L1 entries from `l1First` on that are not written yet.
  private var l1: [UInt64] = []
  private var l1First: UInt64 = 0
  private static let l1PieceEntries = 8192

  /// Starts an image.
  ///
  /// - Parameters:
  ///   - header: features, size, backing file and extensions; table fields are filled in here.
  ///   - file: an empty file.
  init(_ template: Qcow2Header, in file: TargetFile) throws(ImageError) {
    header = template
    geometry = header.geometry
    self.file = file
    compressedOffsetBits = UInt64(62 - (geometry.clusterBits - 8))
    clusters = SequentialClusters(geometry, in: file)
    l2 = [UInt8](repeating: 0, count: Int(geometry.clusterSize))
    let l1Entries = try NewQcow2Image.l1Entries(header, path: file.path)
    _ = try clusters.take(row: 1 + geometry.clusters(for: l1Entries * 8))
    header.l1Size = UInt32(l1Entries)
    header.l1TableOffset = l1Entries == 0 ? 0 : geometry.clusterSize
  }

  /// The end of the clusters handed out so far, in bytes.
  var length: UInt64 { clusters.next << UInt64(geometry.clusterBits) }

  /// Maps a guest cluster to a new host cluster.
  ///
  /// - Parameters:
  ///   - cluster: the guest cluster, above all that were mapped before.
  ///   - allocated: with extended L2 entries, the subclusters that hold data; the others read as zeros.
  /// - Returns: the host cluster's offset in the file.
  func map(_ cluster: UInt64, allocated: UInt32 = .max) throws(ImageError) -> UInt64 {
    try enter(cluster)
    let offset = try clusters.take()
    setEntry(of: cluster, to: offset | Qcow2Entry.copied, bitmap: UInt64(allocated))
    return offset
  }

  /// Maps a guest cluster to a compressed stream.
  ///
  /// - Parameter length: the stream's bytes, fewer than a cluster's.
  /// - Returns: the stream's offset in the file.
  func map(_ cluster: UInt64, stream length: Int) throws(ImageError) -> UInt64 {
    try enter(cluster)
    let offset = try clusters.take(stream: length)
    let end = offset + UInt64(length)
    guard end <= min(1 << compressedOffsetBits, Qcow2Limit.hostOffsetMask) else {
      throw .unsupported(
        path: file.path, feature: "compressed clusters so far into a file", remedy: "convert it without compression")
    }
    let moreSectors = (end - 1) >> 9 - offset >> 9
    setEntry(of: cluster, to: Qcow2Entry.compressed | moreSectors << compressedOffsetBits | offset, bitmap: 0)
    return offset
  }

  private func enter(_ cluster: UInt64) throws(ImageError) {
    let index = cluster >> UInt64(geometry.l2Bits)
    if index == l2Index { return }
    try leaveTable()
    l2Index = index
    l2Offset = try clusters.take()
    if l1.isEmpty || index - l1First >= UInt64(Self.l1PieceEntries) {
      try writeL1()
      l1First = index
    }
    l1 += repeatElement(0, count: Int(index - l1First) - l1.count)
    l1.append(l2Offset | Qcow2Entry.copied)
  }

  private func setEntry(of cluster: UInt64, to word: UInt64, bitmap: UInt64) {
    let place = Int(cluster & UInt64(geometry.l2Entries - 1)) * geometry.l2EntrySize
    l2.put(word, at: place)
    if geometry.extendedL2 { l2.put(bitmap, at: place + 8) }
    l2Used = (l2Used.isEmpty ? place : l2Used.lowerBound)..<place + geometry.l2EntrySize
  }

  private func leaveTable() throws(ImageError) {
    guard l2Index != nil, !l2Used.isEmpty else { return }
    try file.write(Array(l2[l2Used]), at: l2Offset + UInt64(l2Used.lowerBound))
    for place in l2Used { l2[place] = 0 }
    l2Used = 0..<0
    l2Index = nil
  }

  private func writeL1() throws(ImageError) {
    guard !l1.isEmpty else { return }
    try file.write([UInt8](bigEndianTable: l1), at: header.l1TableOffset + l1First * 8)
    l1 = []
  }

  /// Writes what is left, the header last, and sets the file's length.
  ///
  /// - Returns: the file's length in bytes.
  @discardableResult
  func finish() throws(ImageError) -> UInt64 {
    try leaveTable()
    try writeL1()
    let table = try clusters.finish()
    header.refcountTableOffset = table.offset
    header.refcountTableClusters = UInt32(table.clusters)
    try file.setLength(length)
    try file.write(header.layOut(path: file.path), at: 0)
    return length
  }
}
