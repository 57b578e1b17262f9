// Making new images: raw, qcow2, and qcow2 overlays on a backing file.

/// An image under way to its file. Nothing appears under its name until it is complete and durable, and an existing file is
/// never replaced.
public struct NewImage: Sendable {
  let creation: ImageCreation

  /// An image that is not there yet, as it is described.
  public init(_ creation: ImageCreation) { self.creation = creation }

  /// Makes the image.
  ///
  /// - Parameters:
  ///   - path: the file to appear; its folder must exist.
  ///   - syncDirectory: make the name durable too. Whoever makes many images in one folder passes false and calls
  ///     ``flushFolder(_:)`` once at the end.
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
    guard let size = creation.virtualSize ?? backingInfo?.virtualSize else {
      throw .invalidRequest(path: path, what: "a new image without a backing file", reason: "needs a size")
    }
    guard size % 512 == 0, size <= UInt64(Int64.max) - 511 else {
      throw .invalidRequest(path: path, what: "the size \(size)", reason: "is not a multiple of 512 bytes below 2^63")
    }
    let header = creation.format == .raw ? nil : try creation.qcow2Header(size: size, path: path)
    try creation.checkPreallocation(path: path)
    let image = try header.flatMap { (header) throws(ImageError) in
      creation.preallocation == .off ? try NewQcow2Image(header, path: path) : nil
    }
    do throws(ImageError) {
      let file = try NewFile(in: place.folder)
      // Before the mode, which may forbid it.
      if let origin = creation.origin { OriginMark.put(origin, on: file.descriptor) }
      if let image {
        for part in image.parts { try file.write(part.bytes, at: part.offset) }
        try file.setLength(image.length)
      } else {
        try preallocate(TargetFile(file, path: path), header: header, size: size, progress: progress)
      }
      try file.setAccess(creation.access)
      try file.publish(as: place.name, flushingDirectory: syncDirectory)
    } catch .noSpace(_, let operation) {
      throw .noSpace(path: path, operation: operation)
    }
    return size
  }

  private func readBacking(for path: String) throws(ImageError) -> ImageInfo? {
    guard let backing = creation.backing else { return nil }
    guard creation.format == .qcow2 else {
      throw .invalidRequest(path: path, what: "a raw image", reason: "cannot have a backing file; use qcow2")
    }
    guard let named = try BackingName.resolve(StoredName(backing.name), referrer: path) else {
      throw .invalidRequest(path: path, what: "the backing file's name", reason: "is empty")
    }
    return try ImageInfo.read(path: backing.path ?? named, format: backing.format)
  }
}
