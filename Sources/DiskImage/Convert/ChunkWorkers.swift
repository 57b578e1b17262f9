// What becomes of a chunk of guest data in each kind of image: raw, qcow2, qcow2 with compressed clusters.

/// The memory of one chunk, aligned for direct writes.
private final class ChunkBuffer {
  let bytes: UnsafeMutableRawBufferPointer

  init(_ count: Int) { bytes = .allocate(byteCount: count, alignment: TargetFile.directAlignment) }

  deinit { bytes.deallocate() }

  /// Fills the buffer with a chunk and zeros up to a multiple of `grain`; gives that part.
  func read(_ chunk: Range<UInt64>, of disk: GuestDisk, grain: Int) throws(ImageError) -> UnsafeRawBufferPointer {
    let count = Int(chunk.upperBound - chunk.lowerBound)
    let padded = (count + grain - 1) / grain * grain
    try disk.read(at: chunk.lowerBound, into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]))
    if padded > count {
      UnsafeMutableRawBufferPointer(rebasing: bytes[count..<padded]).initializeMemory(as: UInt8.self, repeating: 0)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[..<padded])
  }
}

/// Writes data to the place that it has in the disk, and leaves holes for zeros.
final class RawChunkWorker: ChunkWorker {
  private let disk: GuestDisk
  private let file: TargetFile
  private let buffer: ChunkBuffer
  private var content = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Zeros are looked for in blocks of the page size: no file system has smaller holes.
  static let block = 4096

  init(_ disk: GuestDisk, to file: TargetFile, step: Int) {
    self.disk = disk
    self.file = file
    buffer = ChunkBuffer(step)
  }

  func prepare(_ chunk: Range<UInt64>) throws(ImageError) { content = try buffer.read(chunk, of: disk, grain: 1) }

  func place(_ chunk: Range<UInt64>) {}

  func write(_ chunk: Range<UInt64>) throws(ImageError) {
    try ZeroBlocks.forEachDataPart(of: content, block: Self.block, gap: 0) { (part) throws(ImageError) in
      try file.writeData(
        UnsafeRawBufferPointer(rebasing: content[part]), at: chunk.lowerBound + UInt64(part.lowerBound))
    }
  }
}

/// Writes each cluster that is not zero to a host cluster of its own.
final class ClusterChunkWorker: ChunkWorker {
  private let disk: GuestDisk
  private let file: TargetFile
  private let image: SequentialQcow2Image
  private let geometry: Qcow2Geometry
  private let clusterSize: Int
  private let buffer: ChunkBuffer
  private var content = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Per cluster, the subclusters that hold data; 0 for a cluster of zeros, all of them without subclusters.
  private var allocated: [UInt32] = []
  /// Parts of the chunk that lie in the file as they lie in the buffer.
  private var runs: [(part: Range<Int>, offset: UInt64)] = []
  /// Zeros inside a run of clusters stay holes from this many bytes on.
  private static let holeMinimum = 64 << 10

  init(_ disk: GuestDisk, to image: SequentialQcow2Image, in file: TargetFile, _ geometry: Qcow2Geometry, step: Int) {
    self.disk = disk
    self.file = file
    self.image = image
    self.geometry = geometry
    clusterSize = Int(geometry.clusterSize)
    buffer = ChunkBuffer(step)
  }

  func prepare(_ chunk: Range<UInt64>) throws(ImageError) {
    content = try buffer.read(chunk, of: disk, grain: clusterSize)
    allocated.removeAll(keepingCapacity: true)
    guard let base = content.baseAddress else { return }
    for start in stride(from: 0, to: content.count, by: clusterSize) {
      guard geometry.extendedL2 else {
        allocated.append(ZeroBlocks.isZero(base + start, count: clusterSize) ? 0 : .max)
        continue
      }
      let size = clusterSize / 32
      var bits: UInt32 = 0
      for index in 0..<32 where !ZeroBlocks.isZero(base + start + index * size, count: size) {
        bits |= 1 << UInt32(index)
      }
      allocated.append(bits)
    }
  }

  func place(_ chunk: Range<UInt64>) throws(ImageError) {
    runs.removeAll(keepingCapacity: true)
    let first = chunk.lowerBound >> UInt64(geometry.clusterBits)
    for (index, allocated) in allocated.enumerated() where allocated != 0 {
      let offset = try image.map(first + UInt64(index), allocated: allocated)
      let start = index * clusterSize
      if let last = runs.last, last.part.upperBound == start, last.offset + UInt64(last.part.count) == offset {
        runs[runs.count - 1].part = last.part.lowerBound..<start + clusterSize
      } else {
        runs.append((start..<start + clusterSize, offset))
      }
    }
  }

  func write(_ chunk: Range<UInt64>) throws(ImageError) {
    for (run, offset) in runs {
      let bytes = UnsafeRawBufferPointer(rebasing: content[run])
      let block = min(RawChunkWorker.block, clusterSize)
      try ZeroBlocks.forEachDataPart(of: bytes, block: block, gap: Self.holeMinimum) { (part) throws(ImageError) in
        try file.writeData(UnsafeRawBufferPointer(rebasing: bytes[part]), at: offset + UInt64(part.lowerBound))
      }
    }
  }
}

/// Compresses each cluster that is not zero; what does not become smaller is written as it is.
final class CompressingChunkWorker: ChunkWorker {
  private enum Cluster {
    case zero
    case plain
    /// Where in the output buffer the stream is.
    case stream(Range<Int>)
  }

  private let disk: GuestDisk
  private let file: TargetFile
  private let image: SequentialQcow2Image
  private let geometry: Qcow2Geometry
  private let clusterSize: Int
  private let compressor: ClusterCompressor
  private let input: ChunkBuffer
  private let output: ChunkBuffer
  private var content = UnsafeRawBufferPointer(start: nil, count: 0)
  private var clusters: [Cluster] = []
  /// What to write: a part of a buffer, and where it goes.
  private var runs: [(compressed: Bool, part: Range<Int>, offset: UInt64)] = []

  init(
    _ disk: GuestDisk, to image: SequentialQcow2Image, in file: TargetFile, _ geometry: Qcow2Geometry, step: Int,
    compressor: ClusterCompressor
  ) {
    self.disk = disk
    self.file = file
    self.image = image
    self.geometry = geometry
    self.compressor = compressor
    clusterSize = Int(geometry.clusterSize)
    input = ChunkBuffer(step)
    output = ChunkBuffer(step)
  }

  func prepare(_ chunk: Range<UInt64>) throws(ImageError) {
    content = try input.read(chunk, of: disk, grain: clusterSize)
    clusters.removeAll(keepingCapacity: true)
    var end = 0
    for start in stride(from: 0, to: content.count, by: clusterSize) {
      let cluster = UnsafeRawBufferPointer(rebasing: content[start..<start + clusterSize])
      guard let base = cluster.baseAddress, !ZeroBlocks.isZero(base, count: clusterSize) else {
        clusters.append(.zero)
        continue
      }
      let room = UnsafeMutableRawBufferPointer(rebasing: output.bytes[end..<end + clusterSize])
      guard let count = compressor.compress(cluster, into: room) else {
        clusters.append(.plain)
        continue
      }
      clusters.append(.stream(end..<end + count))
      end += count
    }
  }

  func place(_ chunk: Range<UInt64>) throws(ImageError) {
    runs.removeAll(keepingCapacity: true)
    let first = chunk.lowerBound >> UInt64(geometry.clusterBits)
    for (index, cluster) in clusters.enumerated() {
      switch cluster {
      case .zero: break
      case .plain:
        let start = index * clusterSize
        add(false, start..<start + clusterSize, at: try image.map(first + UInt64(index)))
      case .stream(let part):
        add(true, part, at: try image.map(first + UInt64(index), stream: part.count))
      }
    }
  }

  private func add(_ compressed: Bool, _ part: Range<Int>, at offset: UInt64) {
    if let last = runs.last, last.compressed == compressed, last.part.upperBound == part.lowerBound,
      last.offset + UInt64(last.part.count) == offset
    {
      runs[runs.count - 1].part = last.part.lowerBound..<part.upperBound
    } else {
      runs.append((compressed, part, offset))
    }
  }

  func write(_ chunk: Range<UInt64>) throws(ImageError) {
    for (compressed, part, offset) in runs {
      if compressed {
        try file.write(UnsafeRawBufferPointer(rebasing: output.bytes[part]), at: offset)
      } else {
        try file.writeData(UnsafeRawBufferPointer(rebasing: content[part]), at: offset)
      }
    }
  }
}
