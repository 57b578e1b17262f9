// Making new images: raw, qcow2, and qcow2 overlays on a backing file.

/// A new image to be made. Nothing appears under its name until it is complete and durable, and an existing file is never replaced.
public struct ImageCreation: Sendable, Equatable {
  /// The image that an overlay stands on.
  public struct Backing: Sendable, Equatable {
    /// The name to store: absolute, or relative to the overlay's own folder.
    public var name: String
    /// The backing file's format; always stored with the name.
    public var format: ImageFormat
    /// Where the backing file is for this process, to look at its header; nil resolves `name` as QEMU does.
    public var path: String?

    /// A backing file by name and format.
    public init(name: String, format: ImageFormat, path: String? = nil) {
      self.name = name
      self.format = format
      self.path = path
    }
  }

  /// The image's format.
  public var format: ImageFormat
  /// Virtual size in bytes, a multiple of 512; nil takes the backing file's.
  public var virtualSize: UInt64?
  /// qcow2 cluster size in bytes: a power of two from 512 to 2 MiB.
  public var clusterSize: UInt64 = 65536
  /// What a qcow2 overlay stands on.
  public var backing: Backing?
  /// The version of the qcow2 format.
  public var compatibility = Qcow2Compatibility.version3
  /// Lets programs that write the image postpone refcount updates, at the price of a repair after a crash.
  public var lazyRefcounts = false
  /// Width of a reference count: 1, 2, 4, 8, 16, 32 or 64.
  public var refcountBits = 16
  /// Subclusters (a 32nd of a cluster each); clusters of 16 KiB or more.
  public var extendedL2 = false
  /// How compressed clusters are compressed. QEMU reads zstd since 5.1.
  public var compression = Qcow2Info.Compression.zlib
  /// Which space the file gets at once.
  public var preallocation = Preallocation.off
  /// Mode and owner of the new file.
  public var access = FileAccess()
  /// What ``OriginMark`` says of the new file; nil for no mark.
  public var origin: String?

  /// A new image of a format and size.
  public init(format: ImageFormat, virtualSize: UInt64? = nil, backing: Backing? = nil) {
    self.format = format
    self.virtualSize = virtualSize
    self.backing = backing
  }

  /// Makes the image.
  ///
  /// - Parameters:
  ///   - path: the file to appear; its folder must exist.
  ///   - syncDirectory: make the name durable too. Whoever makes many images in one folder passes false and calls
  ///     ``syncDirectory(_:)`` once at the end.
  ///   - progress: told how many bytes of its space are written, where that is asked for; throws to stop.
  /// - Returns: the virtual size in bytes.
  /// - Throws: ``ImageError/alreadyExists(path:)``, ``ImageError/invalidRequest(path:what:reason:)``, and what reading
  ///   the backing file's header and writing files throw. Nothing is left behind on failure.
  @discardableResult
  public func create(
    at path: String, syncDirectory: Bool = true,
    progress: (UInt64) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) -> UInt64 {
    try create(at: FilePlace(path), syncDirectory: syncDirectory, progress: progress)
  }

  /// As ``create(at:syncDirectory:progress:)``, in a folder that is held open.
  @discardableResult
  package func create(
    at place: FilePlace, syncDirectory: Bool = true,
    progress: (UInt64) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) -> UInt64 {
    let path = place.path
    let backingInfo = try readBacking(for: path)
    guard let size = virtualSize ?? backingInfo?.virtualSize else {
      throw .invalidRequest(path: path, what: "a new image without a backing file", reason: "needs a size")
    }
    guard size % 512 == 0, size <= UInt64(Int64.max) - 511 else {
      throw .invalidRequest(path: path, what: "the size \(size)", reason: "is not a multiple of 512 bytes below 2^63")
    }
    let header = format == .raw ? nil : try qcow2Header(size: size, path: path)
    try checkPreallocation(path: path)
    let image = try header.flatMap { (header) throws(ImageError) in
      preallocation == .off ? try NewQcow2Image(header, path: path) : nil
    }
    do throws(ImageError) {
      let file = try NewFile(in: place.folder)
      // Before the mode, which may forbid it.
      if let origin { OriginMark.put(origin, on: file.descriptor) }
      if let image {
        for part in image.parts { try file.write(part.bytes, at: part.offset) }
        try file.setLength(image.length)
      } else {
        try preallocate(TargetFile(file, path: path), header: header, size: size, progress: progress)
      }
      try file.setAccess(access)
      try file.publish(as: place.name, flushingDirectory: syncDirectory)
    } catch .noSpace(_, let operation) {
      throw .noSpace(path: path, operation: operation)
    }
    return size
  }

  /// Makes the names in a folder durable, after images were made there without.
  public static func syncDirectory(_ path: String) throws(ImageError) {
    try flushDirectory(path)
  }

  private func readBacking(for path: String) throws(ImageError) -> ImageInfo? {
    guard let backing else { return nil }
    guard format == .qcow2 else {
      throw .invalidRequest(path: path, what: "a raw image", reason: "cannot have a backing file; use qcow2")
    }
    guard let named = try BackingName.resolve(StoredName(backing.name), referrer: path) else {
      throw .invalidRequest(path: path, what: "the backing file's name", reason: "is empty")
    }
    return try ImageInfo.read(path: backing.path ?? named, format: backing.format)
  }
}
