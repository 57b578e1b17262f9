// Reads a qcow2 header from bytes. The only place that does; every check that QEMU makes when it opens an image, in QEMU's order (block/qcow2.c, qcow2_do_open).

extension Qcow2Header {
  /// What the first read fetches: enough for every header that QEMU writes with ordinary names.
  static let firstRead = 4096

  /// Reads and checks the header of an image: one read, or two when extensions or names lie further out.
  ///
  /// - Throws: ``ImageError/malformed(path:field:reason:offset:)``, ``ImageError/unsupported(path:feature:remedy:)``,
  ///   or ``ImageError/notA(_:path:looksLike:)`` without the magic.
  ///
  /// - Parameter checking: lets wrong places of the refcounts and the snapshot table through, which a check reports and a
  ///   repair mends; see ``StoredRefcounts/tableFault`` and ``Qcow2SnapshotTable/faults``.
  init(from source: some ByteSource, checking: Bool = false) throws(ImageError) {
    try self.init(start: source.read(at: 0, count: Self.firstRead), of: source, checking: checking)
  }

  /// As ``init(from:checking:)``, with the first bytes already at hand.
  init(start: [UInt8], of source: some ByteSource, checking: Bool = false) throws(ImageError) {
    var parser = HeaderParser(bytes: start, path: source.name, fileLength: source.length, isChecking: checking)
    var header = try parser.fixedFields()
    // Beyond the end of a short file QEMU reads zeros, and zeros end the extension list.
    let wanted = min(Int(header.extensionsEnd) + Int(header.backingFileSize), 1 << Int(header.clusterBits))
    if wanted > start.count, start.count >= Self.firstRead {
      if !parser.extensionsEndWithin(header) || header.backingFileOffset + UInt64(header.backingFileSize) > start.count
      {
        parser.bytes = try source.read(at: 0, count: wanted)
      }
    }
    if parser.bytes.count < wanted {
      parser.bytes += [UInt8](repeating: 0, count: wanted - parser.bytes.count)
    }
    try parser.readExtensions(into: &header)
    try parser.checkTables(header)
    try parser.readNames(into: &header)
    self = header
  }
}

/// One header's bytes while they are taken apart.
private struct HeaderParser {
  var bytes: [UInt8]
  let path: String
  let fileLength: UInt64?
  let isChecking: Bool

  func malformed(_ field: String, _ reason: String, at offset: Int) -> ImageError {
    .malformed(path: path, field: field, reason: reason, offset: UInt64(offset))
  }

  /// Everything up to header_length, checked as far as it can be without extensions.
  func fixedFields() throws(ImageError) -> Qcow2Header {
    guard bytes.count >= 4, bytes[0..<4].elementsEqual(RecognisedFormat.qcow2Magic) else {
      throw .notA(.qcow2, path: path, looksLike: RecognisedFormat(start: bytes))
    }
    guard bytes.count >= Qcow2Header.version2Length else {
      throw malformed("header", "the file ends inside it", at: bytes.count)
    }
    var header = Qcow2Header()
    header.version = bytes.bigEndian32(at: 4)
    guard header.version == 2 || header.version == 3 else {
      throw .unsupported(
        path: path, feature: "qcow version \(header.version)",
        remedy: header.version == 1 ? "convert it with 'qemu-img convert -f qcow -O qcow2'" : nil)
    }
    header.backingFileOffset = bytes.bigEndian64(at: 8)
    header.backingFileSize = bytes.bigEndian32(at: 16)
    header.clusterBits = bytes.bigEndian32(at: 20)
    header.size = bytes.bigEndian64(at: 24)
    header.cryptMethod = bytes.bigEndian32(at: 32)
    header.l1Size = bytes.bigEndian32(at: 36)
    header.l1TableOffset = bytes.bigEndian64(at: 40)
    header.refcountTableOffset = bytes.bigEndian64(at: 48)
    header.refcountTableClusters = bytes.bigEndian32(at: 56)
    header.snapshotCount = bytes.bigEndian32(at: 60)
    header.snapshotsOffset = bytes.bigEndian64(at: 64)
    guard Qcow2Limit.clusterBits.contains(Int(header.clusterBits)) else {
      throw malformed("cluster_bits", "\(header.clusterBits) is outside 9 to 21", at: 20)
    }
    let clusterSize: UInt64 = 1 << UInt64(header.clusterBits)
    if header.version == 2 {
      header.headerLength = UInt32(Qcow2Header.version2Length)
      header.unknownFields = []
    } else {
      try readVersion3Fields(into: &header, clusterSize: clusterSize)
    }
    guard header.backingFileOffset <= clusterSize else {
      throw malformed("backing_file_offset", "\(header.backingFileOffset) is outside the first cluster", at: 8)
    }
    if header.backingFileOffset != 0 {
      guard header.backingFileOffset >= UInt64(header.headerLength) else {
        throw malformed("backing_file_offset", "\(header.backingFileOffset) is inside the header", at: 8)
      }
      let limit = min(UInt64(Qcow2Limit.backingNameBytes), clusterSize - header.backingFileOffset)
      guard UInt64(header.backingFileSize) <= limit else {
        throw malformed("backing_file_size", "\(header.backingFileSize) is more than the \(limit) allowed", at: 16)
      }
    } else {
      header.backingFileSize = 0
    }
    try checkFeatures(header)
    return header
  }

  private func readVersion3Fields(into header: inout Qcow2Header, clusterSize: UInt64) throws(ImageError) {
    guard bytes.count >= Qcow2Header.minimumVersion3Length else {
      throw malformed("header", "the file ends inside it", at: bytes.count)
    }
    header.incompatible = .init(rawValue: bytes.bigEndian64(at: 72))
    header.compatible = .init(rawValue: bytes.bigEndian64(at: 80))
    header.autoclear = .init(rawValue: bytes.bigEndian64(at: 88))
    header.refcountOrder = bytes.bigEndian32(at: 96)
    header.headerLength = bytes.bigEndian32(at: 100)
    guard header.headerLength >= Qcow2Header.minimumVersion3Length, header.headerLength % 8 == 0,
      UInt64(header.headerLength) <= clusterSize
    else {
      throw malformed(
        "header_length", "\(header.headerLength) is not a multiple of 8 from 104 to the cluster size", at: 100)
    }
    // A header longer than the first read is not a header that any program writes.
    guard Int(header.headerLength) <= bytes.count else {
      throw malformed("header_length", "\(header.headerLength) is longer than any known header", at: 100)
    }
    let length = Int(header.headerLength)
    if length > 104 { header.compressionType = bytes[104] }
    header.unknownFields = length > 105 ? Array(bytes[105..<length]) : []
  }

  private func checkFeatures(_ header: Qcow2Header) throws(ImageError) {
    guard header.compressionType <= 1 else {
      throw .unsupported(path: path, feature: "compression type \(header.compressionType)", remedy: nil)
    }
    guard (header.compressionType != 0) == header.incompatible.contains(.compressionType) else {
      throw malformed("compression_type", "contradicts the compression type feature bit", at: 104)
    }
    let unknown = header.incompatible.subtracting(.known)
    guard unknown.isEmpty else {
      throw .unsupported(
        path: path, feature: "feature " + names(of: unknown.rawValue, in: header).joined(separator: ", "),
        remedy: "a newer program wrote this image; use that one")
    }
    if header.incompatible.contains(.extendedL2), Int(header.clusterBits) < Qcow2Limit.extendedL2ClusterBits {
      throw malformed("cluster_bits", "extended L2 entries need clusters of 16 KiB or more", at: 20)
    }
    guard header.refcountOrder <= 6 else {
      throw malformed("refcount_order", "\(header.refcountOrder) is above 6", at: 96)
    }
    guard header.cryptMethod <= 2 else {
      throw .unsupported(path: path, feature: "encryption method \(header.cryptMethod)", remedy: nil)
    }
    if header.autoclear.contains(.rawExternalData), !header.incompatible.contains(.externalDataFile) {
      throw malformed("autoclear_features", "raw external data without an external data file", at: 88)
    }
  }

  /// Names for feature bits out of the image's own table: foreign text, so escaped and short.
  private func names(of bits: UInt64, in header: Qcow2Header) -> [String] {
    var copy = header
    var padded = self
    let end = Int(min(header.extensionsEnd, UInt64(bytes.count)))
    padded.bytes = Array(bytes[..<end])
    try? padded.readExtensions(into: &copy, lenient: true)
    let table = FeatureNames(copy.extensionData(.featureNames) ?? [])
    return (0..<64).filter { bits & (1 << UInt64($0)) != 0 }.map { bit in
      "bit \(bit)" + (table.name(.incompatible, bit: bit).map { " ('\($0)')" } ?? "")
    }
  }

  /// Whether the extension list is known to end within the bytes at hand.
  func extensionsEndWithin(_ header: Qcow2Header) -> Bool {
    var offset = UInt64(header.headerLength)
    while offset < header.extensionsEnd {
      guard offset + 8 <= UInt64(bytes.count) else { return false }
      let type = bytes.bigEndian32(at: Int(offset))
      if type == Qcow2Extension.Kind.end.rawValue { return true }
      offset += 8 + (UInt64(bytes.bigEndian32(at: Int(offset) + 4)) + 7) / 8 * 8
      if offset > UInt64(bytes.count) { return false }
    }
    return true
  }

  /// The extension list. Lengths are added up in 64 bits, so none can wrap.
  func readExtensions(into header: inout Qcow2Header, lenient: Bool = false) throws(ImageError) {
    let end = min(header.extensionsEnd, UInt64(bytes.count))
    var offset = UInt64(header.headerLength)
    while offset + 8 <= end {
      let type = bytes.bigEndian32(at: Int(offset))
      if type == Qcow2Extension.Kind.end.rawValue { break }
      let length = UInt64(bytes.bigEndian32(at: Int(offset) + 4))
      let start = offset + 8
      guard length <= end - start else {
        if lenient { return }
        throw malformed(
          "header extension 0x\(String(type, radix: 16))", "its \(length) bytes do not fit the header cluster",
          at: Int(offset))
      }
      let padded = min(start + (length + 7) / 8 * 8, end)
      let stored = Qcow2Extension(
        type: type, data: Array(bytes[Int(start)..<Int(start + length)]),
        padding: Array(bytes[Int(start + length)..<Int(padded)]))
      if !lenient { try check(stored, header, at: Int(offset)) }
      header.extensions.append(stored)
      offset = padded
    }
  }

  private func check(_ stored: Qcow2Extension, _ header: Qcow2Header, at offset: Int) throws(ImageError) {
    switch Qcow2Extension.Kind(rawValue: stored.type) {
    case .backingFormat:
      guard stored.data.count <= Qcow2Limit.backingFormatBytes else {
        throw malformed("backing format", "is longer than 15 bytes", at: offset)
      }
    case .crypto:
      guard header.cryptMethod == 2, stored.data.count == 16 else {
        throw malformed("encryption header pointer", "does not go with the encryption method", at: offset)
      }
      let place = stored.data.bigEndian64(at: 0)
      guard header.geometry.isAligned(place), fits(place, stored.data.bigEndian64(at: 8)) else {
        throw malformed("encryption header pointer", "points outside the file or into a cluster", at: offset)
      }
    case .bitmaps where header.autoclear.contains(.bitmaps):
      guard stored.data.count == 24 else { throw malformed("bitmaps", "is not 24 bytes long", at: offset) }
      let count = stored.data.bigEndian32(at: 0)
      let place = stored.data.bigEndian64(at: 16)
      guard stored.data.bigEndian32(at: 4) == 0 else {
        throw malformed("bitmaps", "the reserved field is not zero", at: offset)
      }
      guard (1...65_535).contains(count), stored.data.bigEndian64(at: 8) <= 64 << 20,
        header.geometry.isAligned(place), fits(place, stored.data.bigEndian64(at: 8))
      else {
        throw malformed("bitmaps", "the directory is outside its limits or the file", at: offset)
      }
    default: break
    }
  }

  /// Whether `count` bytes from `offset` lie inside the file, or just below 2^63 when its length is not known.
  private func fits(_ offset: UInt64, _ count: UInt64) -> Bool {
    let (end, overflow) = offset.addingReportingOverflow(count)
    return !overflow && end <= (fileLength ?? UInt64(Int64.max))
  }

  /// Counts, offsets and the place of the tables that the header points at.
  func checkTables(_ header: Qcow2Header) throws(ImageError) {
    let geometry = header.geometry
    let clusterSize = geometry.clusterSize
    if !isChecking {
      let refcountClusters = UInt64(header.refcountTableClusters)
      guard refcountClusters > 0 else { throw malformed("refcount_table_clusters", "is 0", at: 56) }
      guard refcountClusters <= Qcow2Limit.refcountTableBytes / clusterSize else {
        throw malformed("refcount_table_clusters", "\(refcountClusters) is more than 8 MiB", at: 56)
      }
      try checkPlace("refcount_table_offset", header.refcountTableOffset, refcountClusters * clusterSize, 48, geometry)
      guard header.snapshotCount <= Qcow2Limit.snapshots else {
        throw malformed("nb_snapshots", "\(header.snapshotCount) is more than 65536", at: 60)
      }
      if header.snapshotCount > 0 {
        try checkPlace("snapshots_offset", header.snapshotsOffset, UInt64(header.snapshotCount) * 40, 64, geometry)
      }
    } else if header.snapshotCount > 0, !geometry.isAligned(header.snapshotsOffset) {
      throw malformed("snapshots_offset", "\(header.snapshotsOffset) is inside a cluster", at: 64)
    }
    guard UInt64(header.l1Size) <= Qcow2Limit.l1Entries else {
      throw malformed("l1_size", "\(header.l1Size) is more than 32 MiB of entries", at: 36)
    }
    let needed = geometry.l1Needed(for: header.size)
    guard UInt64(header.l1Size) >= needed else {
      throw malformed(
        "l1_size", "\(header.l1Size) entries cannot hold \(header.size) bytes, \(needed) are needed", at: 36)
    }
    let l1Length = UInt64(header.l1Size) * 8
    // A check reports that the file ends before or inside of the table, and a repair gives it another.
    let isCutOff = isChecking && fileLength.map { geometry.isCutOff(header.l1TableOffset, l1Length, $0) } ?? false
    if header.l1Size > 0, !isCutOff {
      try checkPlace("l1_table_offset", header.l1TableOffset, l1Length, 40, geometry)
    }
  }

  private func checkPlace(
    _ field: String, _ offset: UInt64, _ bytes: UInt64, _ position: Int, _ geometry: Qcow2Geometry
  ) throws(ImageError) {
    guard geometry.isAligned(offset) else { throw malformed(field, "\(offset) is inside a cluster", at: position) }
    guard offset != 0 else { throw malformed(field, "points at the header", at: position) }
    guard fits(offset, bytes) else {
      throw malformed(field, "the table at \(offset) lies beyond the end of the file", at: position)
    }
  }

  /// What the extensions must have brought, and the backing file's name.
  func readNames(into header: inout Qcow2Header) throws(ImageError) {
    if header.cryptMethod == 2, header.extensionData(.crypto) == nil {
      throw malformed("crypt_method", "LUKS without an encryption header", at: 32)
    }
    if header.incompatible.contains(.externalDataFile), header.extensionData(.dataFile)?.isEmpty != false {
      throw malformed("incompatible_features", "an external data file without a name", at: 72)
    }
    if header.backingFileOffset != 0, header.backingFileSize > 0 {
      let start = Int(header.backingFileOffset)
      header.backingFile = StoredName(bytes: Array(bytes[start..<start + Int(header.backingFileSize)]))
    }
  }
}
