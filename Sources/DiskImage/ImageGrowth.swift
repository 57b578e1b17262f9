// Growing images in place: raw and qcow2, under QEMU's locks.

/// Makes images larger.
public enum ImageGrowth {
  /// Grows an image's virtual disk to `size` bytes; the new range reads as zeros.
  ///
  /// The image is locked as QEMU locks it, so a running guest's disk is refused. For qcow2 the switch is one write of
  /// header bytes 24...47 between two flushes: a crash leaves the old disk or the new one, and leaked clusters at worst.
  ///
  /// - Parameters:
  ///   - path: an existing image; a regular file.
  ///   - format: its format, never detected here.
  ///   - size: the new virtual size in bytes, a multiple of 512.
  ///   - references: where a qcow2 image's backing file may lie; its size decides what must be hidden.
  /// - Returns: the virtual size before; equal to `size` when there was nothing to do.
  /// - Throws: ``ImageError/wouldShrink(path:from:to:)``, ``ImageError/locked(path:by:)``,
  ///   ``ImageError/needsRepair(path:reason:)``, ``ImageError/unsupported(path:feature:remedy:)`` before the first
  ///   write; ``ImageError/noSpace(path:operation:)`` and others with the disk unchanged.
  @discardableResult
  public static func grow(
    path: String, format: ImageFormat, to size: UInt64, references: ReferencePolicy = .anywhere
  ) throws(ImageError) -> UInt64 {
    guard size % 512 == 0, size <= UInt64(Int64.max) - 511 else {
      throw .invalidRequest(path: path, what: "the size \(size)", reason: "is not a multiple of 512 bytes below 2^63")
    }
    let file = try LocalFile(path: path, access: .readWrite)
    guard file.status.kind == .regularFile else {
      throw .unsupported(
        path: path, feature: "growing an image on a block device", remedy: "grow the volume, then use 'qemu-img resize'"
      )
    }
    try ImageLock.take(.write, on: file)
    switch format {
    case .raw: return try growRaw(file, to: size)
    case .qcow2:
      let header = try Qcow2Header(from: file)
      guard let old = try checked(header.size, to: size, path: path) else { return size }
      let info = ImageInfo(header, of: file)
      let backing = try BackingChain.openBacking(of: info, references: references)
      var backingSize: UInt64 = 0
      if let backing { backingSize = try ImageInfo.read(file: backing.file, format: backing.format).virtualSize }
      var growth = try Qcow2Growth(header, of: file, backingSize: backingSize)
      try growth.run(to: size)
      return old
    }
  }

  /// The old size when there is something to do, nil when the sizes are equal.
  private static func checked(_ old: UInt64, to size: UInt64, path: String) throws(ImageError) -> UInt64? {
    if size < old { throw .wouldShrink(path: path, from: old, to: size) }
    return size == old ? nil : old
  }

  private static func growRaw(_ file: LocalFile, to size: UInt64) throws(ImageError) -> UInt64 {
    guard let old = try checked(file.length ?? 0, to: size, path: file.name) else { return size }
    try file.setLength(size)
    try file.flush()
    return old
  }
}
