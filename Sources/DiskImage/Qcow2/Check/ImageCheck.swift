// Whether an image's metadata are sound, and mending what is not: the answer of `check`.

/// Looks for damage in qcow2 images, as `qemu-img check` does.
public enum ImageCheck {
  /// What is to be mended.
  public enum Repair: String, Sendable, CaseIterable {
    /// Nothing: the image is only read.
    case none
    /// Clusters that are counted and not used.
    case leaks
    /// Everything that can be: refcounts, wrong flags, the dirty and corrupt marks.
    case all
  }

  /// One thing that was found.
  public struct Finding: Sendable, Equatable {
    /// How bad it is.
    public enum Kind: String, Sendable {
      /// The image contradicts its format: data may be lost when it is written to.
      case corruption
      /// Space is taken up by nothing.
      case leak
      /// Something could not be looked at.
      case error
    }

    /// How bad it is.
    public let kind: Kind
    /// What it is; without line breaks or control characters.
    public let text: String
    /// Whether it was mended.
    public let isFixed: Bool
  }

  /// What a check found, with the numbers of `qemu-img check`.
  public struct Result: Sendable, Equatable {
    /// Corruptions that are left.
    public var corruptions: UInt64
    /// Leaked clusters that are left.
    public var leaks: UInt64
    /// Things that could not be looked at.
    public var checkErrors: UInt64
    /// Corruptions that were mended.
    public var corruptionsFixed: UInt64
    /// Leaked clusters that were given back.
    public var leaksFixed: UInt64
    /// Where the last used cluster ends, in bytes of the file.
    public var imageEndOffset: UInt64
    /// Clusters of the guest's disk.
    public var totalClusters: UInt64
    /// Of these, the ones that have a place in the file.
    public var allocatedClusters: UInt64
    /// Of these, the ones that do not lie right behind the one before.
    public var fragmentedClusters: UInt64
    /// Of the allocated ones, those that are compressed.
    public var compressedClusters: UInt64
    /// What was found, in words: the first 1,000.
    public var findings: [Finding]
  }

  /// Checks a qcow2 image, and repairs it when asked.
  ///
  /// A repair that is cut off leaves the image as it was: all that changes is written beside it and takes its place with
  /// one write.
  ///
  /// - Parameters:
  ///   - path: the image.
  ///   - repair: what is to be mended.
  ///   - decodingData: decompresses every compressed cluster too.
  ///   - sharing: leaves QEMU's locks out when nothing is to be mended; what is found in an image in use may be false.
  /// - Throws: ``ImageError`` when it cannot be checked: no qcow2 image, in use, a header that says nothing certain.
  public static func check(
    path: String, repair: Repair = .none, decodingData: Bool = false, sharing: Bool = false
  ) throws(ImageError) -> Result {
    let file = try LocalFile(path: path, access: repair == .none ? .read : .readWrite)
    if repair != .none || !sharing { try ImageLock.take(repair == .none ? .read : .write, on: file) }
    return try check(file, repair: repair, decodingData: decodingData)
  }

  static func check(
    _ storage: any ImageStorage, repair: Repair, decodingData: Bool = false
  ) throws(ImageError) -> Result {
    let header = try Qcow2Header(from: storage, checking: true)
    let before = try Qcow2References(header, of: storage, decodingData: decodingData)
    guard try Qcow2Repair.mend(before, of: storage, repair) else { return Result(before) }
    let after = try Qcow2References(
      Qcow2Header(from: storage, checking: true), of: storage, decodingData: decodingData)
    return Result(after, mended: before)
  }

  /// Checks a qcow2 image in any source of bytes; its length has to be known.
  public static func check(_ source: any ByteSource, decodingData: Bool = false) throws(ImageError) -> Result {
    let header = try Qcow2Header(from: source, checking: true)
    return Result(try Qcow2References(header, of: source, decodingData: decodingData))
  }
}

extension ImageCheck.Result {
  init(_ references: Qcow2References, mended before: Qcow2References? = nil) {
    let found = references.findings
    corruptions = found.corruptions
    leaks = found.leaks
    checkErrors = found.checkErrors
    let earlier = before?.findings
    corruptionsFixed = earlier.map { $0.corruptions - min($0.corruptions, found.corruptions) } ?? 0
    leaksFixed = earlier.map { $0.leaks - min($0.leaks, found.leaks) } ?? 0
    let geometry = references.geometry
    imageEndOffset = references.endCluster << UInt64(geometry.clusterBits)
    totalClusters = geometry.clusters(for: references.header.size)
    allocatedClusters = references.allocatedClusters
    fragmentedClusters = references.fragmentedClusters
    compressedClusters = references.compressedClusters
    let left = Set(found.texts.map(\.text))
    let told = (earlier?.texts ?? []).filter { !left.contains($0.text) }
    findings =
      told.map { ImageCheck.Finding(kind: $0.kind, text: $0.text, isFixed: true) }
      + found.texts.map { ImageCheck.Finding(kind: $0.kind, text: $0.text, isFixed: false) }
  }
}
