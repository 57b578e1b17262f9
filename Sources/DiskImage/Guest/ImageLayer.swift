// One image of a chain as what its guest sees: runs of data, zeros, and places where the image below shows through.

/// A run of guest bytes of one kind, in one image.
struct LayerExtent: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    /// The image below shows through; zeros when there is none.
    case unallocated
    /// Zeros, whatever lies below. An image may keep a place for them in its file.
    case zero
    /// Bytes of the file from `host` on, as they are.
    case data(host: UInt64)
    /// Compressed streams, a cluster each; the run begins and ends where the caller asked, inside clusters perhaps.
    case compressed
  }

  var content: Content
  /// Bytes.
  var length: UInt64
  /// Where the file keeps a place for a run that has no data: clusters that were allocated ahead, or a raw file's hole.
  var reservedPlace: UInt64?
}

/// One image of a chain, open for reading. May be used from several threads.
protocol ImageLayer: Sendable {
  /// The file, as it was opened.
  var source: any ByteSource { get }
  /// The file that guest data is in: the image's own, or its external data file.
  var data: any ByteSource { get }
  /// The disk that the guest sees, in bytes.
  var virtualSize: UInt64 { get }

  /// The run that begins at `offset`, below ``virtualSize``.
  ///
  /// - Parameter limit: bytes to look at, at least 1; a run may be shorter than what is alike.
  func extent(at offset: UInt64, limit: UInt64) throws(ImageError) -> LayerExtent

  /// Reads guest bytes of a compressed run; may go over several clusters, all of them compressed.
  func readCompressed(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError)

  /// Refuses images whose bytes are not what a guest sees (encrypted ones).
  func checkReadable() throws(ImageError)
}

extension ImageLayer {
  var data: any ByteSource { source }
}

/// A raw image: data and holes, as the file system knows them.
struct RawLayer: ImageLayer {
  let file: any ByteSource
  let virtualSize: UInt64

  init(_ file: any ByteSource) {
    self.file = file
    // Whole sectors, as QEMU counts them; no file is as long as 2^63 bytes.
    virtualSize = (min(file.length ?? 0, UInt64(Int64.max) - 511) + 511) / 512 * 512
  }

  var source: any ByteSource { file }

  func extent(at offset: UInt64, limit: UInt64) throws(ImageError) -> LayerExtent {
    let end = offset + min(limit, virtualSize - offset)
    guard let local = file as? LocalFile else { return LayerExtent(content: .data(host: offset), length: end - offset) }
    let data = local.nextData(from: offset, end: end)
    if data.lowerBound > offset {
      return LayerExtent(content: .zero, length: data.lowerBound - offset, reservedPlace: offset)
    }
    return LayerExtent(content: .data(host: offset), length: max(data.upperBound, offset + 1) - offset)
  }

  func readCompressed(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) {
    throw .invalidRequest(path: file.name, what: "a raw image", reason: "has no compressed clusters")
  }

  func checkReadable() {}
}
