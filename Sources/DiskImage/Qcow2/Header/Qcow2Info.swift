// What a qcow2 header says, for people and inventories.

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

extension Qcow2Info {
  /// What a header says.
  init(_ header: Qcow2Header) {
    let hasDataFile = header.incompatible.contains(.externalDataFile)
    self.init(
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
