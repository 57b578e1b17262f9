// What an image's header and its file say: the answer of `info`, and what an inventory records per disk.

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

/// The part of ``ImageInfo`` that comes from a qcow2 header.
public struct Qcow2Info: Sendable, Equatable {
  /// How guest data is encrypted.
  public enum Encryption: String, Sendable, Codable { case none, aes, luks }
  /// How compressed clusters are compressed.
  public enum Compression: String, Sendable, Codable, CaseIterable { case zlib, zstd }

  /// 2 or 3.
  public var version: Int
  /// Cluster size in bytes.
  public var clusterSize: UInt64
  /// The backing file's name as stored.
  public var backingFile: StoredName?
  /// The backing file's format as stored.
  public var backingFormat: StoredName?
  /// The name of the external data file as stored; see ``hasExternalDataFile``.
  public var dataFile: StoredName?
  /// Whether guest data is kept in another file, named or not.
  public var hasExternalDataFile: Bool
  /// Whether that file by itself is a raw image of the same disk.
  public var isDataFileRaw: Bool
  /// Whether writers may postpone refcount updates.
  public var lazyRefcounts: Bool
  /// Width of a reference count: 1, 2, 4 ... 64.
  public var refcountBits: Int
  /// Whether clusters are divided into subclusters.
  public var extendedL2: Bool
  /// How compressed clusters, if there are any, are compressed.
  public var compression: Compression
  /// The refcounts may be stale: readable, to be repaired before it is written.
  public var dirty: Bool
  /// A program found damage: readable, to be repaired before it is written.
  public var corrupt: Bool
  /// How guest data is encrypted.
  public var encryption: Encryption
  /// Internal snapshots.
  public var snapshotCount: Int
  /// Whether dirty bitmaps are stored that are in step with the data.
  public var hasBitmaps: Bool

  /// `compat` as qemu-img shows it: "0.10" for version 2, "1.1" for version 3.
  public var compat: String { version == 2 ? "0.10" : "1.1" }
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
    switch format {
    case nil where seen == .qcow2, .qcow2?:
      return ImageInfo(try Qcow2Header(start: start, of: source), of: source)
    default:
      let length = source.length ?? 0
      let sectors = length / 512 + (length % 512 == 0 ? 0 : 1)
      return ImageInfo(
        path: source.name, format: .raw, looksLike: seen, virtualSize: sectors * 512, fileLength: length)
    }
  }

  /// The description of a qcow2 image with this header.
  init(_ header: Qcow2Header, of source: some ByteSource) {
    path = source.name
    format = .qcow2
    virtualSize = header.size / 512 * 512
    fileLength = source.length ?? 0
    let hasDataFile = header.incompatible.contains(.externalDataFile)
    qcow2 = Qcow2Info(
      version: Int(header.version), clusterSize: header.geometry.clusterSize, backingFile: header.backingFile,
      backingFormat: header.backingFile == nil ? nil : header.backingFormat,
      dataFile: hasDataFile ? header.dataFile : nil, hasExternalDataFile: hasDataFile,
      isDataFileRaw: header.autoclear.contains(.rawExternalData),
      lazyRefcounts: header.compatible.contains(.lazyRefcounts), refcountBits: header.geometry.refcountBits,
      extendedL2: header.incompatible.contains(.extendedL2), compression: header.compressionType == 1 ? .zstd : .zlib,
      dirty: header.incompatible.contains(.dirty), corrupt: header.incompatible.contains(.corrupt),
      encryption: [.none, .aes, .luks][Int(header.cryptMethod)], snapshotCount: Int(header.snapshotCount),
      hasBitmaps: header.autoclear.contains(.bitmaps) && header.extensionData(.bitmaps) != nil)
  }
}
