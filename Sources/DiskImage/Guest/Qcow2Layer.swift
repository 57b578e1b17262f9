// A qcow2 image as a layer: guest offsets through the L1 and L2 tables to places in the file (QEMU's qcow2 specification, "Cluster mapping").

/// A qcow2 image, or one of its snapshots, open for reading.
struct Qcow2Layer: ImageLayer {
  let header: Qcow2Header
  let source: any ByteSource
  let data: any ByteSource
  let virtualSize: UInt64
  let tables: Qcow2TableReader
  /// Where the L1 table is: two layers of one file that share it show the same disk.
  let l1Offset: UInt64
  let l1Entries: UInt64
  private let geometry: Qcow2Geometry
  private let hasDataFile: Bool
  /// Whether all files are at hand that hold the guest's data.
  private let isWhole: Bool
  private let streams: ClusterDecompressor

  /// Opens the active disk.
  ///
  /// - Parameter dataFile: the external data file, for an image that has one.
  init(_ header: Qcow2Header, of source: any ByteSource, dataFile: (any ByteSource)? = nil) {
    self.init(
      header, of: source, l1Offset: header.l1TableOffset, l1Entries: UInt64(header.l1Size),
      virtualSize: header.size / 512 * 512, dataFile: dataFile)
  }

  /// Opens a disk below another L1 table: a snapshot's.
  init(
    _ header: Qcow2Header, of source: any ByteSource, l1Offset: UInt64, l1Entries: UInt64, virtualSize: UInt64,
    dataFile: (any ByteSource)? = nil
  ) {
    self.header = header
    self.source = source
    data = dataFile ?? source
    hasDataFile = header.incompatible.contains(.externalDataFile)
    isWhole = !hasDataFile || dataFile != nil
    self.virtualSize = virtualSize
    self.l1Offset = l1Offset
    self.l1Entries = l1Entries
    geometry = header.geometry
    tables = Qcow2TableReader(source)
    streams = ClusterDecompressor(type: header.compressionType, clusterSize: Int(header.geometry.clusterSize))
  }

  private func malformed(_ field: String, _ reason: String, at offset: UInt64) -> ImageError {
    .malformed(path: source.name, field: field, reason: reason, offset: offset)
  }

  /// The L2 table that maps a guest offset, or 0 when there is none.
  private func l2Table(for offset: UInt64) throws(ImageError) -> UInt64 {
    let index = offset >> UInt64(geometry.l1Shift)
    guard index < l1Entries else { return 0 }
    let place = l1Offset + index * 8
    let table = try tables.word(at: place, "L1 table") & Qcow2Limit.hostOffsetMask
    guard geometry.isAligned(table) else {
      throw malformed("L1 table", "names an L2 table inside a cluster", at: place)
    }
    return table
  }

  /// Where the L2 entry of a guest offset is in the file, below a table.
  private func place(of offset: UInt64, in table: UInt64) -> UInt64 {
    table + ((offset >> UInt64(geometry.clusterBits)) & UInt64(geometry.l2Entries - 1)) * UInt64(geometry.l2EntrySize)
  }

  /// - Parameters:
  ///   - place: where the entry is in the file.
  ///   - offset: a guest offset that it maps.
  private func entry(
    in slice: Qcow2TableReader.Slice, at place: UInt64, for offset: UInt64
  ) throws(ImageError) -> Qcow2ClusterEntry {
    let index = slice.index(of: place)
    // The file may end inside a table: what lies behind its end is not a table.
    guard index + geometry.l2EntrySize / 8 <= slice.words.count else {
      throw malformed("L2 table", "lies beyond the end of the file", at: place)
    }
    let entry: Qcow2ClusterEntry
    if geometry.extendedL2 {
      entry = Qcow2ClusterEntry(
        word: slice.words[index], bitmap: slice.words[index + 1], geometry: geometry, hasDataFile: hasDataFile)
    } else {
      entry = Qcow2ClusterEntry(word: slice.words[index], geometry: geometry, hasDataFile: hasDataFile)
    }
    let start = offset & ~(geometry.clusterSize - 1)
    if let fault = entry.fault(version: header.version, guestOffset: start) {
      throw malformed("L2 table", fault, at: place)
    }
    return entry
  }

  func extent(at offset: UInt64, limit: UInt64) throws(ImageError) -> LayerExtent {
    let end = offset + min(limit, virtualSize - offset)
    var run: LayerExtent?
    var position = offset
    while position < end {
      let table = try l2Table(for: position)
      if table == 0 {
        let next = min(end, ((position >> UInt64(geometry.l1Shift)) + 1) << UInt64(geometry.l1Shift))
        guard Self.extend(&run, by: LayerExtent(content: .unallocated, length: next - position)) else { break }
        position = next
        continue
      }
      let first = place(of: position, in: table)
      let slice = try tables.slice(at: first, "L2 table")
      let tableEnd = table + geometry.clusterSize
      let sliceEnd = min(tableEnd, slice.start + Qcow2TableReader.sliceLength)
      var place = first
      var goesOn = true
      while place < sliceEnd, position < end, goesOn {
        let piece = try piece(of: entry(in: slice, at: place, for: position), at: position, end: end)
        goesOn = Self.extend(&run, by: piece)
        if goesOn { position += piece.length }
        if position & (geometry.clusterSize - 1) == 0 { place += UInt64(geometry.l2EntrySize) }
      }
      if !goesOn { break }
    }
    return run ?? LayerExtent(content: .unallocated, length: end - offset)
  }

  /// The part of one cluster, from `offset` on, that is of one kind.
  private func piece(
    of entry: Qcow2ClusterEntry, at offset: UInt64, end: UInt64
  ) throws(ImageError) -> LayerExtent {
    let inside = offset & (geometry.clusterSize - 1)
    var kind = entry.kind
    var length = min(geometry.clusterSize - inside, end - offset)
    if kind == .data, geometry.extendedL2 {
      let size = geometry.clusterSize / 32
      let first = Int(inside / size)
      kind = entry.subcluster(first)
      var last = first + 1
      while last < 32, entry.subcluster(last) == kind { last += 1 }
      length = min(length, UInt64(last) * size - inside)
    }
    let reserved = entry.hasHostCluster ? entry.hostOffset + inside : nil
    switch kind {
    case .unallocated: return LayerExtent(content: .unallocated, length: length, reservedPlace: reserved)
    case .zero: return LayerExtent(content: .zero, length: length, reservedPlace: reserved)
    case .compressed: return LayerExtent(content: .compressed, length: length)
    case .data:
      // The last cluster of a file may be cut short, by less than a cluster.
      if isWhole, let fileLength = data.length, entry.hostOffset >= fileLength {
        throw malformed("L2 table", "maps a cluster beyond the end of the file", at: entry.hostOffset)
      }
      return LayerExtent(content: .data(host: entry.hostOffset + inside), length: length)
    }
  }

  /// Joins a piece to a run when they are one; says whether it did.
  private static func extend(_ run: inout LayerExtent?, by piece: LayerExtent) -> Bool {
    guard let known = run else {
      run = piece
      return true
    }
    switch (known.content, piece.content) {
    case (.compressed, .compressed): break
    case (.unallocated, .unallocated) where known.reservedPlace.map({ $0 + known.length }) == piece.reservedPlace: break
    case (.zero, .zero) where known.reservedPlace.map({ $0 + known.length }) == piece.reservedPlace: break
    case (.data(let host), .data(let next)) where host + known.length == next: break
    default: return false
    }
    run?.length += piece.length
    return true
  }

  func readCompressed(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) {
    var done = 0
    while done < buffer.count {
      let position = offset + UInt64(done)
      let inside = Int(position & (geometry.clusterSize - 1))
      let place = place(of: position, in: try l2Table(for: position))
      let range = try entry(in: tables.slice(at: place, "L2 table"), at: place, for: position).compressedRange
      let stream = try source.read(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound))
      let count = min(Int(geometry.clusterSize) - inside, buffer.count - done)
      let target = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + count])
      guard streams.decompress(stream, from: inside, into: target) else {
        throw malformed("compressed cluster", "the stream is damaged or too short", at: range.lowerBound)
      }
      done += count
    }
  }

  func checkReadable() throws(ImageError) {
    if header.cryptMethod != 0 {
      throw .unsupported(
        path: source.name, feature: "reading the data of an encrypted image",
        remedy: "decrypt it with 'qemu-img convert --object secret,…'")
    }
    if !isWhole {
      throw .unsupported(
        path: source.name, feature: "reading an image without its external data file", remedy: "allow its data file")
    }
  }
}
