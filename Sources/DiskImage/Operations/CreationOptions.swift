// What a new qcow2 image can be asked for, and which wishes go together: refused in words before anything is made.

/// The version of the qcow2 format, with the names that `qemu-img create -o compat=` gives them.
public enum Qcow2Compatibility: String, Sendable, Codable, CaseIterable {
  /// For QEMU before 1.1: no feature bits, so none of the options that need one.
  case version2 = "0.10"
  /// Everything that the format offers.
  case version3 = "1.1"
}

/// Which space a new image's file gets at once, with QEMU's words.
public enum Preallocation: String, Sendable, Codable, CaseIterable {
  /// Space comes with writes.
  case off
  /// qcow2: every cluster has its place in the file and all tables are written, but the data stays a hole.
  case metadata
  /// The file system reserves all space, without writing it.
  case falloc
  /// Zeros are written to all of it.
  case full
}

extension ImageCreation {
  /// A header with what was asked for; places of tables are not filled in.
  ///
  /// - Throws: ``ImageError/invalidRequest(path:what:reason:)`` for what no qcow2 image can have.
  func qcow2Header(size: UInt64, path: String) throws(ImageError) -> Qcow2Header {
    guard clusterSize.nonzeroBitCount == 1, Qcow2Limit.clusterBits.contains(clusterSize.trailingZeroBitCount) else {
      throw .invalidRequest(
        path: path, what: "the cluster size \(clusterSize)", reason: "is not a power of two from 512 to 2097152")
    }
    guard refcountBits.nonzeroBitCount == 1, (1...64).contains(refcountBits) else {
      throw .invalidRequest(
        path: path, what: "the refcount width \(refcountBits)", reason: "is none of 1, 2, 4, 8, 16, 32, 64")
    }
    if compatibility == .version2 { try checkVersion2(path: path) }
    var header = Qcow2Header()
    if compatibility == .version2 {
      header.version = 2
      header.headerLength = UInt32(Qcow2Header.version2Length)
    }
    header.clusterBits = UInt32(clusterSize.trailingZeroBitCount)
    header.refcountOrder = UInt32(refcountBits.trailingZeroBitCount)
    header.size = size
    if lazyRefcounts { header.compatible.insert(.lazyRefcounts) }
    if extendedL2 {
      guard Int(header.clusterBits) >= Qcow2Limit.extendedL2ClusterBits else {
        throw .invalidRequest(
          path: path, what: "the cluster size \(clusterSize)", reason: "is below the 16384 that subclusters need")
      }
      header.incompatible.insert(.extendedL2)
    }
    if compression == .zstd {
      header.compressionType = 1
      header.incompatible.insert(.compressionType)
    }
    if let backing {
      header.extensions.append(Qcow2Extension(.backingFormat, Array(backing.format.rawValue.utf8)))
      header.backingFile = StoredName(backing.name)
    }
    // QEMU leaves the names out when clusters are small, to have room for the backing file's name, and where there are
    // no features to name.
    if clusterSize > 4096, header.version >= 3 {
      header.extensions.append(Qcow2Extension(.featureNames, FeatureNames.written))
    }
    return header
  }

  /// Version 2 has no feature bits and 16-bit refcounts.
  private func checkVersion2(path: String) throws(ImageError) {
    let wishes: [(String, Bool)] = [
      ("refcounts of \(refcountBits) bits", refcountBits != 16), ("lazy refcounts", lazyRefcounts),
      ("subclusters (extended L2 entries)", extendedL2), ("zstd compression", compression == .zstd),
    ]
    for (what, asked) in wishes where asked {
      throw .invalidRequest(
        path: path, what: what, reason: "require version 1.1 of qcow2")
    }
  }

  /// Refuses preallocation where it cannot be, or would hide the backing file.
  func checkPreallocation(path: String) throws(ImageError) {
    guard preallocation != .off else { return }
    let what = "preallocation '\(preallocation.rawValue)'"
    if format == .raw, preallocation == .metadata {
      throw .invalidRequest(
        path: path, what: what, reason: "is not for a raw image, which has no metadata; use 'falloc' or 'full'")
    }
    guard backing != nil else { return }
    guard extendedL2 else {
      throw .invalidRequest(
        path: path, what: what,
        reason: "would hide the backing file; leave it off, or turn subclusters (extended L2 entries) on")
    }
  }
}
