// Where an image keeps its dirty bitmaps (QEMU's qcow2 specification, "Bitmaps"): read to count their clusters, never changed.

/// The directory of an image's bitmaps.
struct Qcow2BitmapDirectory {
  /// A bitmap's table of clusters.
  struct Table {
    /// Offset in the file.
    let offset: UInt64
    /// Bytes.
    let length: UInt64
  }

  /// QEMU's BME_MAX_TABLE_SIZE, in entries.
  private static let maximumTableEntries: UInt32 = 0x800_0000
  private static let entryLength = 24

  let offset: UInt64
  let length: UInt64
  private(set) var tables: [Table] = []

  /// Reads the directory that the header's extension points at; its place and length were checked with the header.
  init(_ header: Qcow2Header, of source: any ByteSource) throws(ImageError) {
    let pointer = header.extensionData(.bitmaps) ?? []
    guard pointer.count == 24 else {
      throw .malformed(path: source.name, field: "bitmaps", reason: "is not 24 bytes long", offset: 0)
    }
    length = pointer.bigEndian64(at: 8)
    offset = pointer.bigEndian64(at: 16)
    let bytes = try source.read("bitmap directory", at: offset, exactly: Int(length))
    var place = 0
    for number in 0..<pointer.bigEndian32(at: 0) {
      func malformed(_ reason: String) -> ImageError {
        .malformed(
          path: source.name, field: "bitmap directory, entry \(number)", reason: reason, offset: offset + UInt64(place))
      }
      guard place + Self.entryLength <= bytes.count else { throw malformed("lies beyond the directory's end") }
      let entries = bytes.bigEndian32(at: place + 8)
      guard entries <= Self.maximumTableEntries else { throw malformed("has a table of \(entries) entries") }
      tables.append(Table(offset: bytes.bigEndian64(at: place), length: UInt64(entries) * 8))
      let names = Int(bytes.bigEndian16(at: place + 18)) + Int(clamping: bytes.bigEndian32(at: place + 20))
      place += (Self.entryLength + names + 7) / 8 * 8
    }
    guard place <= bytes.count else {
      throw .malformed(
        path: source.name, field: "bitmap directory", reason: "its last entry lies beyond its end", offset: offset)
    }
  }
}
