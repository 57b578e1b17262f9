// What an image's header and its file say: the answer of `info`, and what an inventory records per disk.

public import SystemCalls

/// An image as its header and the file system describe it.
///
/// Reading it opens one file, once, takes no lock, and follows no reference.
public struct ImageInfo: Sendable, Equatable {
  /// The path as it was given (in a ``BackingChain``: absolute).
  public var path: String
  /// The declared format, or the detected one when none was declared.
  public var format: ImageFormat
  /// What the first bytes look like when that is not `format`: a raw image that begins with a qcow2 header was either
  /// declared wrongly or written so by its guest. A hint for a warning, never a reason to open it differently.
  public var looksLike: RecognisedFormat?
  /// How the content contradicts the name: a hint for where nobody states the format.
  public var misnomer: Misnomer?
  /// The size that the guest sees, in bytes: whole sectors, rounded as QEMU does.
  public var virtualSize: UInt64
  /// The file's length in bytes (0 when the source does not know).
  public var fileLength: UInt64
  /// Bytes that the file takes up on its file system, or nil for what is not a local file.
  public var bytesOnDisk: UInt64?
  /// Device and inode, or nil for what is not a local file.
  public var identity: FileIdentity?
  /// Modification time in nanoseconds since 1970, or nil for what is not a local file.
  public var modified: Int64?
  /// Permission bits, or nil for what is not a local file.
  public var mode: UInt32?
  /// The number of the user who owns the file, or nil for what is not a local file.
  public var owner: UInt32?
  /// Whether the file has other names (hard links) and no mark of its origin: it may be a file of another folder.
  public var hasOtherNames = false
  /// What only qcow2 images have.
  public var qcow2: Qcow2Info?

  /// The backing file's name as stored, if there is one.
  public var backingFile: StoredName? { qcow2?.backingFile }
  /// The backing file's format as stored, if it is recorded.
  public var backingFormat: StoredName? { qcow2?.backingFormat }
  /// Where the backing file is by its name alone, seen from the current folder when ``path`` is; nil when there is none
  /// or its name is not a file's.
  public var backingPath: String? {
    guard let found = backingFile.flatMap({ try? BackingName.resolve($0, referrer: path) }) else { return nil }
    return !path.contains("/") && found.hasPrefix("./") ? String(found.dropFirst(2)) : found
  }
}

extension ImageInfo {
  /// Reads what a local image says about itself, in one open and one or two small reads.
  ///
  /// - Parameters:
  ///   - path: a regular file or block device.
  ///   - format: the declared format. nil detects: a qcow2 magic means qcow2, anything else raw; do so only with files
  ///     that no guest could write. A declared format is never overruled by what the bytes look like.
  /// - Throws: ``ImageError/notA(_:path:looksLike:)`` when a declared qcow2 image has no such header,
  ///   ``ImageError/malformed(path:field:reason:offset:)`` and ``ImageError/unsupported(path:feature:remedy:)`` for its
  ///   content, others for the file.
  public static func read(path: String, format: ImageFormat? = nil) throws(ImageError) -> ImageInfo {
    try read(file: LocalFile(path: path), format: format)
  }

  static func read(file: LocalFile, format: ImageFormat?) throws(ImageError) -> ImageInfo {
    var info = try read(from: file, format: format)
    info.bytesOnDisk = file.status.bytesOnDisk
    info.identity = file.status.identity
    info.modified = file.status.modified
    info.mode = file.status.mode
    info.owner = file.status.owner
    info.hasOtherNames =
      file.status.kind == .regularFile && file.status.names > 1 && OriginMark.read(file.descriptor) == nil
    return info
  }

  /// Reads what an image says about itself from any source of bytes; see ``read(path:format:)``.
  public static func read(from source: some ByteSource, format: ImageFormat? = nil) throws(ImageError) -> ImageInfo {
    let count = format == .raw ? RecognisedFormat.bytesNeeded : Qcow2Header.firstRead
    let start = try source.read(at: 0, count: count)
    let seen = RecognisedFormat(start: start)
    let misnomer = Misnomer(Array(start.prefix(RecognisedFormat.bytesNeeded)), of: source)
    switch format {
    case nil where seen == .qcow2, .qcow2?:
      var info = ImageInfo(try Qcow2Header(start: start, of: source), of: source)
      info.misnomer = misnomer
      return info
    default:
      let length = source.length ?? 0
      let sectors = length / 512 + (length % 512 == 0 ? 0 : 1)
      return ImageInfo(
        path: source.name, format: .raw, looksLike: seen, misnomer: misnomer, virtualSize: sectors * 512,
        fileLength: length)
    }
  }

  /// The description of a qcow2 image with this header.
  init(_ header: Qcow2Header, of source: some ByteSource) {
    path = source.name
    format = .qcow2
    virtualSize = header.size / 512 * 512
    fileLength = source.length ?? 0
    qcow2 = Qcow2Info(header)
  }
}
