// What an overlay holds, written into its backing file.

/// Gives a backing file the content of an overlay on it.
public enum ImageCommit {
  /// How far the work is, in bytes of the overlay's disk.
  public typealias Progress = ImageRebase.Progress

  /// Writes everything that an overlay holds into its backing file, which grows to the overlay's size when it is
  /// smaller, and empties the overlay.
  ///
  /// A qcow2 backing file gets it all at once, with one write of its header; a raw one piece by piece. The overlay's disk
  /// is the same at every moment: until its backing file holds everything the overlay still has it. Other overlays on the
  /// same backing file see their disks change.
  ///
  /// - Parameters:
  ///   - path: the overlay, qcow2.
  ///   - emptying: false leaves the overlay as it is.
  ///   - references: where backing files may lie.
  ///   - progress: told now and then; throws to stop.
  /// - Throws: ``ImageError``: ``ImageError/locked(path:by:)`` when either file is in use,
  ///   ``ImageError/refused(path:reason:)`` when the backing file is marked read-only,
  ///   ``ImageError/unsupported(path:feature:remedy:)`` for images with bitmaps or an overlay with internal snapshots.
  public static func commit(
    path: String, emptying: Bool = true, references: ReferencePolicy = .anywhere,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) {
    let file = try LocalFile(path: absolutePath(path), access: .readWrite)
    try ImageLock.take(.write, on: file)
    let info = ImageInfo(try Qcow2Header(from: file), of: file)
    guard let backing = try BackingChain.openBacking(of: info, references: references, access: .readWrite) else {
      throw .invalidRequest(path: path, what: "the image", reason: "has no backing file to commit to")
    }
    guard backing.file.status.identity != file.status.identity else { throw .chainLoop(path: file.name) }
    guard backing.file.status.mode & 0o222 != 0 else {
      throw .refused(
        path: backing.file.name, reason: "is marked read-only, like a base image, so nothing is committed to it")
    }
    try ImageLock.take(.write, on: backing.file)
    // The backing file is locked already, and by this process.
    let below = try GuestDisk.open(
      backing.file, format: backing.format, references: references, holdingTop: true, above: file.status.identity)
    try commit(file, into: backing.file, format: backing.format, below: below, emptying: emptying, progress: progress)
  }

  /// As ``commit(path:emptying:references:progress:)``, of images that are open and locked.
  ///
  /// - Parameter below: the disk of the backing file, over what it stands on.
  static func commit(
    _ overlay: any ImageStorage, into base: any ImageStorage, format: ImageFormat, below: GuestDisk, emptying: Bool,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) {
    let header = try Qcow2Header(from: overlay)
    try header.checkChangeable(path: overlay.name)
    try header.checkHasNoBitmaps(path: overlay.name, changing: "committing")
    guard header.snapshotCount == 0 else {
      throw .unsupported(
        path: overlay.name, feature: "committing an image with internal snapshots, which would then show another disk",
        remedy: "delete the snapshots, or convert them to images of their own, first")
    }
    let top = Qcow2Layer(header, of: overlay)
    try top.checkReadable()
    let walk = CommitWalk(top: top, disk: GuestDisk(layers: [top] + below.layers))
    switch format {
    case .raw: try write(walk, toRaw: base, progress: progress)
    case .qcow2: try write(walk, to: base, below: below, progress: progress)
    }
    guard emptying else { return }
    try Qcow2Change.run(overlay) { (change) throws(ImageError) in
      try change.removeTree(change.l1)
      change.l1 = [UInt64](repeating: 0, count: Int(change.geometry.l1Needed(for: change.header.size)))
    }
  }

  private static func write(
    _ walk: CommitWalk, to base: any ImageStorage, below: GuestDisk,
    progress: (Progress) throws(ImageError) -> Void
  ) throws(ImageError) {
    try Qcow2Change.run(base) { (change) throws(ImageError) in
      try Qcow2Layer(change.header, of: base).checkReadable()
      try change.header.checkHasNoBitmaps(path: base.name, changing: "committing to")
      let under = below.layers.count > 1 ? GuestDisk(layers: Array(below.layers.dropFirst())) : nil
      if walk.disk.virtualSize > change.header.size {
        try Qcow2Resizing(change: change, below: under).resize(to: walk.disk.virtualSize)
      }
      var writer = GuestClusterWriter(change)
      try walk.forEachBlock(of: change.geometry.clusterSize, progress: progress) { (start, end) throws(ImageError) in
        let size = change.geometry.clusterSize
        // A longer backing file goes on behind the overlay's end, with what it has there.
        var content = try ImageRebase.content(of: walk.disk, start, end: end, size: size)
        if end < start + size, below.virtualSize > end {
          content = try appended(content, from: below, start..<start + size, at: end)
        }
        try writer.put(start / size, content)
      }
      try writer.finish()
      if change.hasNewlyUnshared { try change.sealCopied() }
    }
  }

  /// The cluster with what the longer backing file has behind the overlay's end.
  private static func appended(
    _ content: GuestClusterWriter.Content, from below: GuestDisk, _ range: Range<UInt64>, at end: UInt64
  ) throws(ImageError) -> GuestClusterWriter.Content {
    var bytes = [UInt8](repeating: 0, count: range.count)
    if case .data(let known) = content { bytes = known }
    let rest = try ImageRebase.content(
      of: below, end, end: min(range.upperBound, below.virtualSize), size: range.upperBound - end)
    if case .data(let known) = rest { bytes.replaceSubrange(Int(end - range.lowerBound)..., with: known) }
    return bytes.contains { $0 != 0 } ? .data(bytes) : .zero
  }

  /// Bytes written to a raw file at a time.
  private static let rawBlock: UInt64 = 1 << 20

  private static func write(
    _ walk: CommitWalk, toRaw base: any ImageStorage, progress: (Progress) throws(ImageError) -> Void
  ) throws(ImageError) {
    if walk.disk.virtualSize > base.length ?? 0 { try base.setLength(walk.disk.virtualSize) }
    try walk.forEachBlock(of: rawBlock, progress: progress) { (start, end) throws(ImageError) in
      switch try ImageRebase.content(of: walk.disk, start, end: end, size: end - start) {
      case .data(let bytes): try base.write(bytes, at: start, "the backing file")
      case .zero, .nothing:
        try base.write([UInt8](repeating: 0, count: Int(end - start)), at: start, "the backing file")
      }
    }
    try base.flush()
  }
}

/// The parts of a disk that its top image decides.
private struct CommitWalk {
  let top: Qcow2Layer
  let disk: GuestDisk

  /// Calls `body` for each block in which the top image holds something, once, in ascending order.
  func forEachBlock(
    of size: UInt64, progress: (ImageCommit.Progress) throws(ImageError) -> Void,
    _ body: (_ start: UInt64, _ end: UInt64) throws(ImageError) -> Void
  ) throws(ImageError) {
    let total = disk.virtualSize
    var offset: UInt64 = 0
    var told: UInt64 = 0
    while offset < total {
      let own = try top.extent(at: offset, limit: total - offset)
      if own.content == .unallocated {
        offset += own.length
      } else {
        let start = offset / size * size
        let end = min(start + size, total)
        try body(start, end)
        offset = end
      }
      if offset - told >= 64 << 20 || offset >= total {
        told = offset
        try progress(ImageCommit.Progress(done: min(offset, total), total: total))
      }
    }
  }
}
