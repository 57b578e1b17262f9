// The qcow2 header and its extensions as named fields (QEMU's qcow2 specification, "Header" and "Header extensions").

/// The header cluster of a qcow2 image, versions 2 and 3.
struct Qcow2Header: Sendable, Equatable {
  static let version2Length = 72
  static let minimumVersion3Length = 104
  /// The length with the compression type, as QEMU writes since 5.1.
  static let currentLength = 112

  var version: UInt32 = 3
  var backingFileOffset: UInt64 = 0
  var backingFileSize: UInt32 = 0
  var clusterBits: UInt32 = 16
  /// Virtual size in bytes.
  var size: UInt64 = 0
  var cryptMethod: UInt32 = 0
  /// Entries of the active L1 table.
  var l1Size: UInt32 = 0
  var l1TableOffset: UInt64 = 0
  var refcountTableOffset: UInt64 = 0
  var refcountTableClusters: UInt32 = 0
  var snapshotCount: UInt32 = 0
  var snapshotsOffset: UInt64 = 0
  var incompatible: IncompatibleFeatures = []
  var compatible: CompatibleFeatures = []
  var autoclear: AutoclearFeatures = []
  var refcountOrder: UInt32 = 4
  var headerLength: UInt32 = 112
  /// 0 zlib, 1 zstd.
  var compressionType: UInt8 = 0
  /// What lies between the fields known here and `headerLength`, kept byte for byte.
  var unknownFields = [UInt8](repeating: 0, count: 7)
  var extensions: [Qcow2Extension] = []
  var backingFile: StoredName?

  struct IncompatibleFeatures: OptionSet, Sendable {
    let rawValue: UInt64
    static let dirty = Self(rawValue: 1 << 0)
    static let corrupt = Self(rawValue: 1 << 1)
    static let externalDataFile = Self(rawValue: 1 << 2)
    static let compressionType = Self(rawValue: 1 << 3)
    static let extendedL2 = Self(rawValue: 1 << 4)
    static let known: Self = [.dirty, .corrupt, .externalDataFile, .compressionType, .extendedL2]
  }

  struct CompatibleFeatures: OptionSet, Sendable {
    let rawValue: UInt64
    static let lazyRefcounts = Self(rawValue: 1 << 0)
  }

  struct AutoclearFeatures: OptionSet, Sendable {
    let rawValue: UInt64
    static let bitmaps = Self(rawValue: 1 << 0)
    static let rawExternalData = Self(rawValue: 1 << 1)
  }

  var geometry: Qcow2Geometry {
    Qcow2Geometry(
      clusterBits: Int(clusterBits), extendedL2: incompatible.contains(.extendedL2), refcountOrder: Int(refcountOrder))
  }

  /// Offset one past the last byte that extensions may use.
  var extensionsEnd: UInt64 { backingFileOffset != 0 ? backingFileOffset : 1 << UInt64(clusterBits) }

  func extensionData(_ type: Qcow2Extension.Kind) -> [UInt8]? {
    extensions.first { $0.type == type.rawValue }?.data
  }

  /// The backing file's format as stored.
  var backingFormat: StoredName? { extensionData(.backingFormat).map(StoredName.init(bytes:)) }

  /// The external data file's name as stored; meaningful with its feature bit only.
  var dataFile: StoredName? { extensionData(.dataFile).map(StoredName.init(bytes:)) }
}

/// One header extension. Unknown ones are carried along untouched, padding included.
struct Qcow2Extension: Sendable, Equatable {
  enum Kind: UInt32 {
    case end = 0
    case backingFormat = 0xE279_2ACA
    case featureNames = 0x6803_F857
    case bitmaps = 0x2385_2875
    case crypto = 0x0537_BE77
    case dataFile = 0x4441_5441
  }

  var type: UInt32
  var data: [UInt8]
  /// The bytes that fill up to a multiple of 8; zeros unless another program left something there.
  var padding: [UInt8]

  init(type: UInt32, data: [UInt8], padding: [UInt8]) {
    self.type = type
    self.data = data
    self.padding = padding
  }

  init(_ kind: Kind, _ data: [UInt8]) {
    self.init(type: kind.rawValue, data: data, padding: Array(repeating: 0, count: (8 - data.count % 8) % 8))
  }
}
