// Which parts of a disk lie where, and in which image of its chain: the answer of `map`.

/// A walk over a disk's extents, joined as `qemu-img map` joins them.
public enum ImageMap {
  /// A run of the disk that is alike; the fields are those of `qemu-img map --output=json`.
  public struct Extent: Sendable, Equatable {
    /// Offset in the disk, in bytes.
    public var start: UInt64
    /// Bytes.
    public var length: UInt64
    /// Which image decides: 0 is the top.
    public var depth: Int
    /// Whether any image of the chain has it; without, a longer chain below would show through.
    public var present: Bool
    /// Whether it is known to read as zeros without looking at data.
    public var zero: Bool
    /// Whether it takes up clusters of data (or, of a raw file, is not a hole).
    public var data: Bool
    /// Whether its clusters are compressed.
    public var compressed: Bool
    /// Where it is in the file of the image that decides, in bytes; nil when nowhere, or not as it is.
    public var offset: UInt64?

    /// Joins the next extent to this one, when they are one.
    fileprivate mutating func join(_ next: Extent) -> Bool {
      guard depth == next.depth, present == next.present, zero == next.zero, data == next.data,
        compressed == next.compressed, offset.map({ $0 + length }) == next.offset
      else { return false }
      length += next.length
      return true
    }
  }

  /// Reads an image's map. Takes no memory to speak of, whatever the disk's size.
  ///
  /// - Parameters:
  ///   - path: the top image.
  ///   - format: its declared format; nil detects, for images that no guest could write.
  ///   - references: where backing files may lie.
  ///   - sharing: whether QEMU's locks are left out, so that an image in use can be mapped.
  ///   - each: told every extent in the order of the disk; may throw to stop.
  /// - Throws: what ``GuestDisk/open(path:format:snapshot:references:sharing:)`` throws,
  ///   ``ImageError/malformed(path:field:reason:offset:)`` for broken tables, and what `each` throws.
  public static func read(
    path: String, format: ImageFormat? = nil, references: ReferencePolicy = .anywhere, sharing: Bool = false,
    each: (Extent) throws(ImageError) -> Void
  ) throws(ImageError) {
    try read(GuestDisk.open(path: path, format: format, references: references, sharing: sharing), each: each)
  }

  /// As ``read(path:format:references:sharing:each:)``, of a disk that is open.
  public static func read(
    _ disk: GuestDisk, each: (Extent) throws(ImageError) -> Void
  ) throws(ImageError) {
    var known: Extent?
    var preallocation = disk.layers.map { AssignedClusters($0) }
    var offset: UInt64 = 0
    while offset < disk.virtualSize {
      let found = try disk.extent(at: offset)
      var next = Extent(found, encrypted: disk.layers[found.depth].isEncrypted)
      try preallocation[found.depth].look(at: &next)
      offset += next.length
      if known?.join(next) == true { continue }
      if let known { try each(known) }
      known = next
    }
    if let known { try each(known) }
  }
}

extension ImageMap.Extent {
  fileprivate init(_ extent: GuestDisk.Extent, encrypted: Bool) {
    self.init(
      start: extent.offset, length: extent.length, depth: extent.depth, present: extent.content != .absent,
      zero: extent.readsAsZeros, data: false, compressed: false, offset: nil)
    switch extent.content {
    case .absent, .zero: offset = extent.reservedPlace
    case .compressed:
      data = true
      compressed = true
    case .data(let host):
      data = true
      offset = host
    }
    // What lies in an encrypted file is not what the guest sees.
    if encrypted { offset = nil }
  }
}

extension ImageLayer {
  fileprivate var isEncrypted: Bool { ((self as? Qcow2Layer)?.header.cryptMethod ?? 0) != 0 }
}

/// Finds data clusters that were only assigned, not written: holes of the file read as zeros.
///
/// Asking the file system for every cluster is slow, so QEMU does it only for images with more clusters counted than
/// the file has room for, and so does this (QEMU: qcow2_detect_metadata_preallocation in block/qcow2-refcount.c).
private struct AssignedClusters {
  private let layer: Qcow2Layer?
  private var isLikely: Bool?

  init(_ layer: any ImageLayer) { self.layer = layer as? Qcow2Layer }

  /// Shortens an extent of data to what is all written, or all hole.
  mutating func look(at extent: inout ImageMap.Extent) throws(ImageError) {
    guard extent.data, let host = extent.offset, let layer, let image = layer.source as? LocalFile,
      let file = layer.data as? LocalFile
    else { return }
    // Refcounts that cannot be read say nothing of the data.
    if isLikely == nil { isLikely = (try? Self.isLikely(layer.header, image)) ?? false }
    guard isLikely == true else { return }
    let end = host + extent.length
    let data = file.nextData(from: host, end: end)
    extent.zero = data.lowerBound > host
    extent.length = max((extent.zero ? data.lowerBound : data.upperBound), host + 1) - host
  }

  private static func isLikely(_ header: Qcow2Header, _ file: LocalFile) throws(ImageError) -> Bool {
    let geometry = header.geometry
    let real = file.status.bytesOnDisk >> UInt64(geometry.clusterBits)
    let threshold = max(real * 10 / 9, real + 2)
    let refcounts = try StoredRefcounts(header, of: file)
    var counted: UInt64 = 0
    // A file may claim to be longer than anything on its file system: what is looked at follows what it takes up there.
    let end = min(geometry.clusters(for: file.length ?? 0), threshold * 8 + 65536)
    for cluster in 0..<end where try refcounts.count(of: cluster) != 0 {
      counted += 1
      if counted >= threshold { return true }
    }
    return false
  }
}
