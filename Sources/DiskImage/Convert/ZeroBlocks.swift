// Finding zeros in guest data, at the speed of memory: what reads as zeros takes no space in a new image.

enum ZeroBlocks {
  /// Whether `count` bytes from `start` on are all zero.
  @inline(__always)
  static func isZero(_ start: UnsafeRawPointer, count: Int) -> Bool {
    var offset = 0
    // Most data shows itself in its first bytes.
    if count >= 16 {
      let first = start.loadUnaligned(as: UInt64.self)
      let last = start.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
      if first | last != 0 { return false }
    }
    while offset + 128 <= count {
      let low = start.loadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
      let high = start.loadUnaligned(fromByteOffset: offset + 64, as: SIMD8<UInt64>.self)
      if low | high != SIMD8<UInt64>() { return false }
      offset += 128
    }
    while offset < count {
      if start.load(fromByteOffset: offset, as: UInt8.self) != 0 { return false }
      offset += 1
    }
    return true
  }

  /// The parts of a buffer that hold something else than zeros.
  ///
  /// - Parameters:
  ///   - block: what is looked at as one; parts begin at multiples of it.
  ///   - gap: zeros of fewer bytes than this are left inside a part.
  ///   - body: gets each part, in order, as a range of the buffer.
  static func forEachDataPart(
    of buffer: UnsafeRawBufferPointer, block: Int, gap: Int,
    _ body: (Range<Int>) throws(ImageError) -> Void
  ) throws(ImageError) {
    guard let base = buffer.baseAddress else { return }
    var start: Int?
    var end = 0
    var offset = 0
    while offset < buffer.count {
      let count = min(block, buffer.count - offset)
      if !isZero(base + offset, count: count) {
        if let known = start, offset - end > 0, offset - end >= gap {
          try body(known..<end)
          start = offset
        } else if start == nil {
          start = offset
        }
        end = offset + count
      }
      offset += count
    }
    if let start { try body(start..<end) }
  }
}
