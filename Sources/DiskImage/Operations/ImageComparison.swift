// Whether two disks show a guest the same bytes: the answer of `compare`.

internal import SystemCalls

/// A comparison of two disks, as `qemu-img compare` makes it.
///
/// What both say is zero, and what both take from the same place of the same file (a shared base, most often), is not
/// read.
public struct ImageComparison: Sendable {
  /// How two disks compare.
  public enum Outcome: Sendable, Equatable {
    /// The guest sees the same bytes; behind the end of the shorter disk the longer one has zeros.
    case identical
    /// The bytes differ, at this offset for the first time.
    case contentDiffers(at: UInt64)
    /// Strict comparisons only: the sizes in bytes differ.
    case sizesDiffer(UInt64, UInt64)
    /// Strict comparisons only: from this offset on one disk has data, and the other zeros or nothing.
    case allocationDiffers(at: UInt64)
  }

  /// How far a comparison is, in bytes of the longer disk.
  public struct Progress: Sendable, Equatable {
    /// Bytes that are done.
    public let done: UInt64
    /// All bytes.
    public let total: UInt64
  }

  /// Whether sizes and allocation must be equal too: data, zeros and unallocated ranges at the same places.
  public var isStrict = false

  /// A comparison that looks at bytes only.
  public init() {}

  /// Bytes read at a time, of each disk.
  static let blockSize: UInt64 = 1 << 20

  /// Compares two disks.
  ///
  /// - Parameters:
  ///   - first: one disk.
  ///   - second: the other.
  ///   - progress: told now and then; may throw to stop.
  /// - Throws: ``ImageError`` when a disk cannot be read, and what `progress` throws.
  public func run(
    _ first: GuestDisk, _ second: GuestDisk,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) -> Outcome {
    if isStrict, first.virtualSize != second.virtualSize {
      return .sizesDiffer(first.virtualSize, second.virtualSize)
    }
    let total = max(first.virtualSize, second.virtualSize)
    let pair = DiskPair(first, second)
    let block = PairBuffer(count: Int(min(Self.blockSize, total)))
    var offset: UInt64 = 0
    var told: UInt64 = 0
    while offset < total {
      let run = try pair.run(at: offset)
      if isStrict, !run.isAlike { return .allocationDiffers(at: offset) }
      if run.isSame {
        offset += run.length
      } else {
        let count = min(run.length, Self.blockSize)
        if let place = try pair.firstDifference(run, count: Int(count), in: block) {
          return .contentDiffers(at: offset + UInt64(place))
        }
        offset += count
      }
      if offset - told >= 64 << 20 || offset == total {
        told = offset
        try progress(Progress(done: offset, total: total))
      }
    }
    return .identical
  }
}

/// Two disks side by side; behind the end of one there are zeros.
struct DiskPair {
  let first: GuestDisk
  let second: GuestDisk
  /// For every image of the first disk, the images of the second that show the same: same file, same tables.
  private let twins: [[Bool]]

  init(_ first: GuestDisk, _ second: GuestDisk) {
    self.first = first
    self.second = second
    twins = first.layers.map { layer in second.layers.map { layer.showsSame(as: $0) } }
  }

  /// A run that is of one kind in both.
  struct Run {
    let length: UInt64
    /// nil behind the end of a disk.
    let first: GuestDisk.Extent?
    let second: GuestDisk.Extent?
    /// Whether the bytes are equal without a look.
    let isSame: Bool

    /// Whether both have data, both zeros, or both nothing.
    var isAlike: Bool {
      switch (first?.content, second?.content) {
      case (.absent?, .absent?), (.zero?, .zero?): true
      case (.data?, .data?), (.compressed?, .compressed?), (.data?, .compressed?), (.compressed?, .data?): true
      default: false
      }
    }
  }

  func run(at offset: UInt64, limit: UInt64 = .max) throws(ImageError) -> Run {
    let one = offset < first.virtualSize ? try first.extent(at: offset, limit: limit) : nil
    let other = offset < second.virtualSize ? try second.extent(at: offset, limit: one?.length ?? limit) : nil
    let length = min(one?.length ?? .max, other?.length ?? .max)
    let isSame: Bool
    if one?.readsAsZeros ?? true, other?.readsAsZeros ?? true {
      isSame = true
    } else if let one, let other, twins[one.depth][other.depth] {
      isSame = one.content == other.content
    } else {
      isSame = false
    }
    return Run(length: length, first: one, second: other, isSame: isSame)
  }

  /// Reads both and gives the place of the first byte, of `count`, that differs.
  func firstDifference(_ run: Run, count: Int, in block: PairBuffer) throws(ImageError) -> Int? {
    let one = UnsafeMutableRawBufferPointer(rebasing: block.first[..<count])
    let other = UnsafeMutableRawBufferPointer(rebasing: block.second[..<count])
    try read(run.first, of: first, into: one)
    try read(run.second, of: second, into: other)
    guard !CMemory.areEqual(.init(one), .init(other)) else { return nil }
    return one.indices.first { one[$0] != other[$0] }
  }

  private func read(
    _ extent: GuestDisk.Extent?, of disk: GuestDisk, into buffer: UnsafeMutableRawBufferPointer
  ) throws(ImageError) {
    if let extent {
      try disk.read(extent, into: buffer)
    } else {
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
    }
  }
}

extension ImageLayer {
  /// Whether the guest's bytes of two images are the same bytes of one file, wherever one looks: where their extents are
  /// of one kind, there is nothing to compare.
  fileprivate func showsSame(as other: any ImageLayer) -> Bool {
    guard let file = source as? LocalFile, let otherFile = other.source as? LocalFile,
      file.status.identity == otherFile.status.identity
    else { return false }
    switch (self, other) {
    case (is RawLayer, is RawLayer): return true
    case (let one as Qcow2Layer, let two as Qcow2Layer): return one.l1Offset == two.l1Offset
    default: return false
    }
  }
}

/// Room for a block of each of two disks.
final class PairBuffer {
  let first: UnsafeMutableRawBufferPointer
  let second: UnsafeMutableRawBufferPointer

  init(count: Int) {
    first = .allocate(byteCount: max(count, 1), alignment: 4096)
    second = .allocate(byteCount: max(count, 1), alignment: 4096)
  }

  deinit {
    first.deallocate()
    second.deallocate()
  }
}
