// Resizing images in place: raw and qcow2, under QEMU's locks.

/// Makes images larger, or smaller where nothing is lost.
public enum ImageResize {
  /// What a size below the present one does.
  public enum Shrinking: Sendable {
    /// It is refused.
    case refused
    /// It is done when the image's map proves that nothing lies behind the new end: no data, in the image or below it.
    case unusedOnly
    /// It is done whatever the disk holds; what lies behind the new end is lost.
    case discarding
  }

  /// Gives an image's virtual disk the size `size`; a new range reads as zeros.
  ///
  /// The image is locked as QEMU locks it, so a running guest's disk is refused. A qcow2 image switches with one write of
  /// its header between two flushes: a crash leaves the old disk or the new one.
  ///
  /// - Parameters:
  ///   - path: an existing image.
  ///   - format: its format, never detected here.
  ///   - size: the new virtual size in bytes, a multiple of 512.
  ///   - shrinking: what a size below the present one does.
  ///   - references: where a qcow2 image's backing files may lie; what lies behind the old end of the disk is hidden.
  /// - Returns: the virtual size before; equal to `size` when there was nothing to do.
  /// - Throws: ``ImageError/wouldShrink(path:from:to:)``, ``ImageError/shrinkLosesData(path:to:bytes:)``,
  ///   ``ImageError/locked(path:by:)``, ``ImageError/needsRepair(path:reason:)``,
  ///   ``ImageError/unsupported(path:feature:remedy:)`` before the first write;
  ///   ``ImageError/noSpace(path:operation:)`` and others with the disk unchanged.
  @discardableResult
  public static func resize(
    path: String, format: ImageFormat, to size: UInt64, shrinking: Shrinking = .refused,
    references: ReferencePolicy = .anywhere
  ) throws(ImageError) -> UInt64 {
    try resize(
      LocalFile(path: path, access: .readWrite), format: format, to: size, shrinking: shrinking, references: references)
  }

  /// As ``resize(path:format:to:shrinking:references:)``, of a file that is open for writing.
  static func resize(
    _ file: LocalFile, format: ImageFormat, to size: UInt64, shrinking: Shrinking, references: ReferencePolicy
  ) throws(ImageError) -> UInt64 {
    let path = file.name
    guard size % 512 == 0, size <= UInt64(Int64.max) - 511 else {
      throw .invalidRequest(path: path, what: "the size \(size)", reason: "is not a multiple of 512 bytes below 2^63")
    }
    guard format == .qcow2 || file.status.kind == .regularFile else {
      throw .unsupported(path: path, feature: "resizing a block device", remedy: "resize the volume that it is")
    }
    try ImageLock.take(.write, on: file)
    switch format {
    case .raw: return try resizeRaw(file, to: size, shrinking: shrinking)
    case .qcow2:
      let header = try Qcow2Header(from: file)
      if header.size == size { return size }
      var info = ImageInfo(header, of: file)
      info.identity = file.status.identity
      let below = try GuestDisk.open(below: info, references: references)
      return try resize(file, to: size, shrinking: shrinking, below: below)
    }
  }

  /// As ``resize(path:format:to:shrinking:references:)``, of a qcow2 image that is open and locked.
  static func resize(
    _ storage: any ImageStorage, to size: UInt64, shrinking: Shrinking, below: GuestDisk?
  ) throws(ImageError) -> UInt64 {
    try Qcow2Change.run(storage) { (change) throws(ImageError) in
      let present = change.header.size
      if size < present {
        let disk = GuestDisk(layers: [Qcow2Layer(change.header, of: storage)] + (below?.layers ?? []))
        try checkShrinking(disk, to: size, present: present, shrinking)
      }
      if size != present { try Qcow2Resizing(change: change, below: below).resize(to: size) }
      return present
    }
  }

  private static func resizeRaw(
    _ file: LocalFile, to size: UInt64, shrinking: Shrinking
  ) throws(ImageError) -> UInt64 {
    let present = file.length ?? 0
    if size == present { return size }
    if size < present {
      try checkShrinking(GuestDisk(layers: [RawLayer(file)]), to: size, present: present, shrinking)
    }
    try file.setLength(size)
    try file.flush()
    return present
  }

  private static func checkShrinking(
    _ disk: GuestDisk, to size: UInt64, present: UInt64, _ shrinking: Shrinking
  ) throws(ImageError) {
    switch shrinking {
    case .refused: throw .wouldShrink(path: disk.layers[0].source.name, from: present, to: size)
    case .discarding: return
    case .unusedOnly: break
    }
    var offset = size
    var inTheWay: UInt64 = 0
    while offset < disk.virtualSize {
      let extent = try disk.extent(at: offset)
      if !extent.readsAsZeros { inTheWay += extent.length }
      offset += extent.length
    }
    guard inTheWay == 0 else {
      throw .shrinkLosesData(path: disk.layers[0].source.name, to: size, bytes: inTheWay)
    }
  }
}
