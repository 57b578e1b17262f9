// Another backing file for an overlay, or none: what its guest sees stays.

/// Changes what a qcow2 overlay stands on.
public enum ImageRebase {
  /// How far the work is, in bytes of the disk; zeros count as done.
  public struct Progress: Sendable, Equatable {
    /// Bytes that are done.
    public let done: UInt64
    /// The disk's size in bytes.
    public let total: UInt64
  }

  /// Puts an overlay on another backing file.
  ///
  /// Where the old and the new one differ, the overlay gets the old content; what both take from the same place is not
  /// read. Data, tables and the new name become valid together, with one write of the header.
  ///
  /// - Parameters:
  ///   - path: the overlay.
  ///   - backing: what it shall stand on, under the name that is to be stored; nil for nothing, which gives the overlay
  ///     all that it showed of its backing files.
  ///   - metadataOnly: changes the recorded name and format and compares nothing: for a backing file that was moved.
  ///   - references: where old and new backing files may lie.
  ///   - progress: told now and then; throws to stop, with the overlay as it was.
  /// - Throws: ``ImageError``: for a backing file that cannot be opened or leads back to the overlay;
  ///   ``ImageError/unsupported(path:feature:remedy:)`` for an overlay with internal snapshots, which would show another
  ///   disk then (not with `metadataOnly`).
  public static func rebase(
    path: String, onto backing: ImageCreation.Backing?, metadataOnly: Bool = false,
    references: ReferencePolicy = .anywhere,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) {
    let file = try LocalFile(path: absolutePath(path), access: .readWrite)
    try ImageLock.take(.write, on: file)
    var info = ImageInfo(try Qcow2Header(from: file), of: file)
    info.identity = file.status.identity
    let target = backing.map { (name: StoredName($0.name), format: $0.format) }
    if metadataOnly {
      return try Qcow2Change.run(file) { (change) throws(ImageError) in change.header.setBacking(target) }
    }
    let new = try open(backing, for: file, references: references)
    let old = try GuestDisk.open(below: info, references: references)
    try rebase(file, onto: target, from: old, to: new, progress: progress)
  }

  private static func open(
    _ backing: ImageCreation.Backing?, for overlay: LocalFile, references: ReferencePolicy
  ) throws(ImageError) -> GuestDisk? {
    guard let backing else { return nil }
    let name = StoredName(backing.name)
    guard let path = try BackingName.resolve(name, referrer: overlay.name) else {
      throw .invalidRequest(path: overlay.name, what: "the backing file's name", reason: "is empty")
    }
    let file = try references.open(path, reference: name, referrer: overlay.name)
    return try GuestDisk.open(
      file, format: backing.format, references: references, above: overlay.status.identity)
  }

  /// As ``rebase(path:onto:metadataOnly:references:progress:)``, of an overlay that is open and locked.
  ///
  /// - Parameters:
  ///   - old: what the overlay stands on.
  ///   - new: what it shall stand on.
  static func rebase(
    _ storage: any ImageStorage, onto backing: (name: StoredName, format: ImageFormat)?, from old: GuestDisk?,
    to new: GuestDisk?, progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) {
    try Qcow2Change.run(storage) { (change) throws(ImageError) in
      guard change.header.snapshotCount == 0 else {
        throw .unsupported(
          path: storage.name, feature: "rebasing an image with internal snapshots, which would then show another disk",
          remedy: "delete the snapshots, or convert them to images of their own, first")
      }
      let overlay = Qcow2Layer(change.header, of: storage)
      try overlay.checkReadable()
      change.header.setBacking(backing)
      try fill(change, overlay, from: old, to: new, progress: progress)
    }
  }

  /// Copies the clusters that would read differently into the overlay.
  private static func fill(
    _ change: Qcow2Transaction, _ overlay: Qcow2Layer, from old: GuestDisk?, to new: GuestDisk?,
    progress: (Progress) throws(ImageError) -> Void
  ) throws(ImageError) {
    let total = overlay.virtualSize
    let before = GuestDisk(layers: [overlay] + (old?.layers ?? []))
    let pair = DiskPair(old ?? GuestDisk(layers: []), new ?? GuestDisk(layers: []))
    let size = change.geometry.clusterSize
    let block = PairBuffer(count: Int(size))
    var writer = GuestClusterWriter(change)
    var offset: UInt64 = 0
    var told: UInt64 = 0
    while offset < total {
      let start = offset & ~(size - 1)
      let end = min(start + size, total)
      let own = try overlay.extent(at: offset, limit: total - offset)
      if own.content != .unallocated {
        offset += own.length
      } else {
        let run = try pair.run(at: offset, limit: own.length)
        let length = min(run.length, own.length)
        if run.isSame {
          offset += length
        } else if try pair.firstDifference(run, count: Int(min(length, end - offset)), in: block) == nil {
          offset += min(length, end - offset)
        } else {
          try writer.put(start / size, content(of: before, start, end: end, size: size))
          offset = end
        }
      }
      if offset - told >= 64 << 20 || offset >= total {
        told = offset
        try progress(Progress(done: min(offset, total), total: total))
      }
    }
    try writer.finish()
    if change.hasNewlyUnshared { try change.sealCopied() }
  }

  /// A whole cluster as a guest sees it; zeros behind the disk's end.
  static func content(
    of disk: GuestDisk, _ start: UInt64, end: UInt64, size: UInt64
  ) throws(ImageError) -> GuestClusterWriter.Content {
    var bytes = [UInt8](repeating: 0, count: Int(size))
    var failure: ImageError?
    let isZero = bytes.withUnsafeMutableBytes { buffer in
      do throws(ImageError) {
        try disk.read(at: start, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(end - start)]))
      } catch {
        failure = error
      }
      return ZeroBlocks.isZero(buffer.baseAddress!, count: buffer.count)
    }
    if let failure { throw failure }
    return isZero ? .zero : .data(bytes)
  }
}
