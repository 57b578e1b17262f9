// An image and everything it stands on, from the top down.

internal import SystemCalls

/// A backing chain: the image itself first, its base last.
public struct BackingChain: Sendable, Equatable {
  /// The default for the longest chain that is followed.
  public static let defaultLimit = 64

  /// The images from the top to the base; paths are absolute, as QEMU would resolve them (symbolic links kept).
  public let images: [ImageInfo]

  /// The image that the chain was read from.
  public var top: ImageInfo { images[0] }
  /// The last image, which has no backing file.
  public var base: ImageInfo { images[images.count - 1] }
  /// The last image as a chain of its own.
  public var baseAlone: BackingChain { BackingChain(images: [base]) }

  /// An image that is supposed to exist where nobody can look: of the format that is declared, one sector long, on
  /// its own or on others like it.
  public static func supposed(
    path: String, format: ImageFormat, on backing: (path: String, format: ImageFormat)...
  ) -> BackingChain {
    BackingChain(
      images: ([(path, format)] + backing).map {
        ImageInfo(path: $0.0, format: $0.1, virtualSize: 512, fileLength: 512)
      })
  }

  /// Reads the headers of an image and of everything it stands on. Takes no locks, and opens no data file.
  ///
  /// - Parameters:
  ///   - path: the top image; relative to the current directory unless absolute.
  ///   - format: its declared format; nil detects, for images that no guest could write.
  ///   - references: where backing files may lie; decided before each is opened.
  ///   - limit: the most images that are followed.
  ///   - followsLinks: whether `path` itself may be a symbolic link.
  /// - Throws: ``ImageError``; among others ``ImageError/backingFormatMissing(path:backing:)``,
  ///   ``ImageError/referenceNotAllowed(path:reference:resolved:allowed:)``, ``ImageError/chainLoop(path:)``.
  public static func read(
    path: String, format: ImageFormat?, references: ReferencePolicy = .anywhere, limit: Int = defaultLimit,
    followsLinks: Bool = true
  ) throws(ImageError) -> BackingChain {
    try read(
      LocalFile(path: absolutePath(path), followsLinks: followsLinks), format: format, references: references,
      limit: limit)
  }

  /// As ``read(path:format:references:limit:followsLinks:)``, of a file that is open.
  static func read(
    _ file: LocalFile, format: ImageFormat?, references: ReferencePolicy, limit: Int = defaultLimit
  ) throws(ImageError) -> BackingChain {
    var images: [ImageInfo] = []
    var seen: Set<FileIdentity> = []
    var next = try ImageInfo.read(file: file, format: format)
    while true {
      if let identity = next.identity, !seen.insert(identity).inserted { throw .chainLoop(path: next.path) }
      images.append(next)
      guard let backing = try openBacking(of: next, references: references) else { break }
      guard images.count < limit else { throw .chainTooLong(path: images[0].path, limit: limit) }
      next = try ImageInfo.read(file: backing.file, format: backing.format)
    }
    return BackingChain(images: images)
  }

  /// Opens the backing file of an image, if it has one and may.
  static func openBacking(
    of image: ImageInfo, references: ReferencePolicy, access: LocalFile.Access = .read
  ) throws(ImageError) -> (file: LocalFile, format: ImageFormat)? {
    try references.checkDataFile(of: image)
    guard let name = image.backingFile,
      let path = try BackingName.resolve(name, referrer: image.path)
    else { return nil }
    let json = try BackingName.json(name, referrer: image.path)
    let ofName = json.map { StoredName($0.format.rawValue) }
    guard let stored = image.backingFormat ?? ofName else {
      throw .backingFormatMissing(path: image.path, backing: name)
    }
    guard let format = stored.string.flatMap(ImageFormat.init(rawValue:)) else {
      throw .unsupported(
        path: image.path, feature: "backing format '\(stored)'", remedy: "convert the backing file to qcow2 or raw")
    }
    if let ofName, ofName != stored {
      throw .referenceUnsupported(
        path: image.path, reference: name, reason: "its name says \(ofName), but the recorded format is '\(stored)'")
    }
    return (try references.open(path, reference: name, referrer: image.path, access: access), format)
  }
}

/// A path that does not depend on the current directory.
func absolutePath(_ path: String) throws(ImageError) -> String {
  if path.hasPrefix("/") { return path }
  return try systemCall("find the current folder for", path, FileNames.currentFolder()) + "/" + path
}
