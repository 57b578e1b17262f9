// What a guest sees of an image and everything it stands on: read by range, or walked extent by extent.

/// A disk open for reading: an image, or one of its internal snapshots, over its backing chain.
///
/// May be used from several threads. Files stay open, and locked, as long as the value lives.
public final class GuestDisk: Sendable {
  /// The images from the top to the base.
  let layers: [any ImageLayer]
  /// The disk's size in bytes.
  public let virtualSize: UInt64

  init(layers: [any ImageLayer]) {
    self.layers = layers
    virtualSize = layers.first?.virtualSize ?? 0
  }

  /// The files that hold the guest's data, from the top down, one an image: those that an extent's `depth` and place
  /// are about.
  public var dataFiles: [String] { layers.map(\.data.name) }

  /// A run of the disk that is alike.
  public struct Extent: Sendable, Equatable {
    /// What the run is, with the words of `qemu-img map`.
    public enum Content: Sendable, Equatable {
      /// In no image of the chain: reads as zeros.
      case absent
      /// Zeros that an image of the chain says are zeros.
      case zero
      /// Bytes of an image file from this offset on.
      case data(host: UInt64)
      /// Compressed clusters of an image file.
      case compressed
    }

    /// Offset in the disk, in bytes.
    public var offset: UInt64
    /// Bytes.
    public var length: UInt64
    /// Which image decides: 0 is the top.
    public var depth: Int
    /// What it decides.
    public var content: Content
    /// Where the deciding image's file keeps a place for a run without data, if it does (clusters allocated ahead, or a
    /// hole of a raw file).
    public var reservedPlace: UInt64?

    /// Whether the run reads as zeros without looking at any data.
    public var readsAsZeros: Bool { content == .absent || content == .zero }
  }

  /// The run that begins at `offset`, below ``virtualSize``.
  ///
  /// - Parameter limit: bytes to look at, at least 1. A run may be shorter than what is alike.
  public func extent(at offset: UInt64, limit: UInt64 = .max) throws(ImageError) -> Extent {
    guard offset < virtualSize, limit > 0 else { throw outside(offset, limit) }
    return try extent(at: offset, limit: limit, from: 0)
  }

  /// As ``extent(at:limit:)``, of what the images from `layer` down hold.
  func extent(at offset: UInt64, limit: UInt64, from layer: Int) throws(ImageError) -> Extent {
    var length = min(limit, virtualSize - offset)
    var depth = layer
    while true {
      let found = try layers[depth].extent(at: offset, limit: length)
      length = min(length, found.length)
      let content: Extent.Content
      switch found.content {
      case .zero:
        return Extent(offset: offset, length: length, depth: depth, content: .zero, reservedPlace: found.reservedPlace)
      case .data(let host): content = .data(host: host)
      case .compressed: content = .compressed
      case .unallocated:
        let next = depth + 1
        let size = next < layers.count ? layers[next].virtualSize : 0
        // Behind the end of a shorter backing file there are zeros, and the image above is said to have them.
        guard offset < size else {
          return Extent(
            offset: offset, length: length, depth: depth, content: .absent, reservedPlace: found.reservedPlace)
        }
        length = min(length, size - offset)
        depth = next
        continue
      }
      return Extent(offset: offset, length: length, depth: depth, content: content)
    }
  }

  /// Reads the bytes that a guest reads from `offset` on; all of them must lie in the disk.
  public func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) {
    guard offset <= virtualSize, UInt64(buffer.count) <= virtualSize - offset else {
      throw outside(offset, UInt64(buffer.count))
    }
    try read(at: offset, into: buffer, from: 0)
  }

  private func outside(_ offset: UInt64, _ count: UInt64) -> ImageError {
    .invalidRequest(
      path: layers.first?.source.name ?? "", what: "reading \(count) bytes at \(offset)",
      reason: "goes beyond the disk's \(virtualSize)")
  }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, from layer: Int) throws(ImageError) {
    var done = 0
    while done < buffer.count {
      let extent = try extent(at: offset + UInt64(done), limit: UInt64(buffer.count - done), from: layer)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + Int(extent.length)])
      try read(extent, into: part)
      done += part.count
    }
  }

  /// Reads a whole extent, or its first `buffer.count` bytes.
  func read(_ extent: Extent, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) {
    switch extent.content {
    case .absent, .zero: buffer.initializeMemory(as: UInt8.self, repeating: 0)
    case .compressed:
      try layers[extent.depth].checkReadable()
      try layers[extent.depth].readCompressed(at: extent.offset, into: buffer)
    case .data(let host):
      try layers[extent.depth].checkReadable()
      let count = try layers[extent.depth].data.read(at: host, into: buffer)
      // The file's last cluster, or a raw file's last sector, may be cut short.
      if count < buffer.count {
        UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).initializeMemory(as: UInt8.self, repeating: 0)
      }
    }
  }
}
