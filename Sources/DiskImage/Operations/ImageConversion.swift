// Making an image of another: another format, cluster size or compression, without its backing files, sparse, on all cores.

internal import SystemCalls

/// A disk, or one of its internal snapshots, to be written as a new image that stands on nothing.
///
/// The new image appears under its name when it is complete and durable, or not at all; an existing file is never
/// replaced. What reads as zeros takes no space in it. Memory stays below 64 MiB whatever the disk's size.
public struct ImageConversion: Sendable, Equatable {
  /// What is read.
  public struct Source: Sendable, Equatable {
    /// The top image.
    public var path: String
    /// Its declared format; nil detects, for images that no guest could write.
    public var format: ImageFormat?
    /// Reads this internal snapshot, with the snapshot's own size; nil reads the present disk.
    public var snapshot: SnapshotSelector?
    /// Where backing files may lie.
    public var references: ReferencePolicy
    /// Leaves QEMU's locks out, so that an image in use can be read; what is read then may be torn.
    public var sharing: Bool

    /// An image to read, with all that it stands on.
    public init(
      path: String, format: ImageFormat? = nil, snapshot: SnapshotSelector? = nil,
      references: ReferencePolicy = .anywhere, sharing: Bool = false
    ) {
      self.path = path
      self.format = format
      self.snapshot = snapshot
      self.references = references
      self.sharing = sharing
    }
  }

  /// What is read.
  public var source: Source
  /// Format, options, mode and owner of the new image. Its size may be nil (the source's) or larger; a backing file or
  /// preallocation are refused.
  public var target: ImageCreation
  /// Compresses clusters, for qcow2.
  public var compressed = false
  /// Threads that read, compress and write; fewer are used where memory would grow too much. The default keeps all cores
  /// busy while some threads wait for files.
  public var jobs: Int
  /// Makes the new name durable right away; see ``flushFolder(_:)``.
  public var syncDirectory = true

  /// A conversion of `source` to what `target` says.
  public init(_ source: Source, to target: ImageCreation) {
    self.source = source
    self.target = target
    jobs = max(4, min(64, 2 * ThisProcess.processors))
  }

  /// How far a conversion is, in bytes of the disk; zeros count as done.
  public struct Progress: Sendable, Equatable {
    /// Bytes that are done.
    public let done: UInt64
    /// The new disk's size in bytes.
    public let total: UInt64
  }

  /// Reads the source and makes the new image.
  ///
  /// - Parameters:
  ///   - path: the file to appear; its folder must exist.
  ///   - progress: told now and then, on the calling thread; throws to stop.
  /// - Returns: the new image's virtual size in bytes.
  /// - Throws: ``ImageError``: ``ImageError/alreadyExists(path:)``, ``ImageError/invalidRequest(path:what:reason:)`` for
  ///   options that do not go together, ``ImageError/malformed(path:field:reason:offset:)`` for a damaged source, what
  ///   ``GuestDisk/open(path:format:snapshot:references:sharing:)`` and `progress` throw. Nothing is left behind.
  @discardableResult
  public func convert(
    to path: String, progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) -> UInt64 {
    try checkTarget(path)
    let disk = try GuestDisk.open(
      path: source.path, format: source.format, snapshot: source.snapshot, references: source.references,
      sharing: source.sharing)
    return try convert(disk, to: path, progress: progress)
  }

  /// As ``convert(to:progress:)``, of a disk that is open: ``source`` is not looked at.
  @discardableResult
  public func convert(
    _ disk: GuestDisk, to path: String,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) -> UInt64 {
    try checkTarget(path)
    let size = target.virtualSize ?? disk.virtualSize
    guard size >= disk.virtualSize else {
      throw .wouldShrink(path: disk.layers.first?.source.name ?? path, from: disk.virtualSize, to: size)
    }
    guard size % 512 == 0, size <= UInt64(Int64.max) - 511 else {
      throw .invalidRequest(path: path, what: "the size \(size)", reason: "is not a multiple of 512 bytes below 2^63")
    }
    let header = target.format == .qcow2 ? try target.qcow2Header(size: size, path: path) : nil
    do throws(ImageError) {
      let place = try FilePlace(path)
      let file = try NewFile(in: place.folder)
      let output = TargetFile(file, path: path)
      func tell(_ done: UInt64) throws(ImageError) { try progress(Progress(done: done, total: size)) }
      if let header {
        let image = try SequentialQcow2Image(header, in: output)
        try run(disk, to: output, header: header, image: image, path: path, progress: tell)
        try image.finish()
      } else {
        if !Self.clone(disk, to: output) {
          try output.setLength(size)
          try run(disk, to: output, header: nil, image: nil, path: path, progress: tell)
        }
        try output.setLength(size)
      }
      try tell(size)
      try file.setAccess(target.access)
      try file.publish(as: place.name, flushingDirectory: syncDirectory)
    } catch .noSpace(_, let operation) {
      throw .noSpace(path: path, operation: operation)
    }
    return size
  }

  private func checkTarget(_ path: String) throws(ImageError) {
    guard target.backing == nil else {
      throw .invalidRequest(
        path: path, what: "a converted image", reason: "has no backing file; create an overlay to add one")
    }
    guard target.preallocation == .off else {
      throw .invalidRequest(
        path: path, what: "preallocation '\(target.preallocation.rawValue)'",
        reason: "is for new, empty images; a converted one keeps its source's holes")
    }
    guard !compressed || target.format == .qcow2 else {
      throw .invalidRequest(path: path, what: "a raw image", reason: "cannot be compressed; use qcow2")
    }
    guard jobs > 0 else {
      throw .invalidRequest(path: path, what: "work on \(jobs) threads", reason: "is not possible; give at least 1")
    }
    // Asked again, without a gap, when the file gets its name; this saves the work.
    if FileStatus.isTaken(path) { throw .alreadyExists(path: path) }
  }

  /// Shares the blocks of a raw source with a raw copy, where the file system can.
  private static func clone(_ disk: GuestDisk, to file: TargetFile) -> Bool {
    guard disk.layers.count == 1, let layer = disk.layers[0] as? RawLayer, let input = layer.file as? LocalFile else {
      return false
    }
    return (try? file.descriptor.clone(input.descriptor)) != nil
  }

  /// Bytes of guest data that are worked on as one.
  private static let plainStep: UInt64 = 1 << 20
  private static let compressingStep: UInt64 = 256 << 10
  /// What all workers' buffers and contexts may take together, in bytes.
  private static let memory: UInt64 = 32 << 20

  private func run(
    _ disk: GuestDisk, to file: TargetFile, header: Qcow2Header?, image: SequentialQcow2Image?, path: String,
    progress: (UInt64) throws(ImageError) -> Void
  ) throws(ImageError) {
    let grain = header.map { $0.geometry.clusterSize } ?? UInt64(RawChunkWorker.block)
    // A compressed cluster of the source must not be taken apart by two chunks: it would be decompressed twice.
    let sourceCluster = disk.layers.compactMap { ($0 as? Qcow2Layer)?.header.geometry.clusterSize }.max() ?? 0
    let step = max(grain, sourceCluster, compressed ? Self.compressingStep : Self.plainStep)
    let each = step * (compressed ? 2 : 1) + (compressed ? 1 << 20 + grain * 2 : 0) + sourceCluster * 2
    let count = min(UInt64(jobs), max(2, Self.memory / each))
    var workers: [any ChunkWorker] = []
    for _ in 0..<count {
      if let header, let image {
        let geometry = header.geometry
        if compressed {
          let compressor = try ClusterCompressor(
            target.compression, clusterSize: Int(geometry.clusterSize), path: path)
          workers.append(
            CompressingChunkWorker(disk, to: image, in: file, geometry, step: Int(step), compressor: compressor))
        } else {
          workers.append(ClusterChunkWorker(disk, to: image, in: file, geometry, step: Int(step)))
        }
      } else {
        workers.append(RawChunkWorker(disk, to: file, step: Int(step)))
      }
    }
    let walk = ChunkWalk(disk, end: disk.virtualSize, step: step, grain: grain)
    try ConversionCrew(workers, over: walk, path: path).run(progress: progress)
  }
}
