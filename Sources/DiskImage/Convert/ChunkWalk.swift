// Cuts a disk into the chunks that a conversion works on; long stretches of zeros are in none of them.

/// Goes over a disk once, from its start to its end.
struct ChunkWalk {
  let disk: GuestDisk
  /// Where to stop, at most the disk's size.
  let end: UInt64
  /// No chunk is longer, or goes over a multiple of this many bytes.
  let step: UInt64
  /// Chunks begin and end at multiples of this many bytes (the last one at the disk's end). Divides `step`.
  let grain: UInt64
  private var position: UInt64 = 0
  /// Zeros of fewer bytes do not end a chunk: two small ones cost more than reading the zeros.
  private static let gap: UInt64 = 64 << 10

  init(_ disk: GuestDisk, end: UInt64, step: UInt64, grain: UInt64) {
    self.disk = disk
    self.end = min(end, disk.virtualSize)
    self.step = step
    self.grain = grain
  }

  /// The next chunk that holds data, or nil at the end.
  mutating func next() throws(ImageError) -> Range<UInt64>? {
    // Zeros are looked for further and further ahead, so that a huge empty disk takes few steps and data not many.
    var reach = step
    while position < end {
      let extent = try disk.extent(at: position, limit: min(reach, end - position))
      guard extent.readsAsZeros else { break }
      position += extent.length
      reach = min(reach &<< 1, 1 << 50)
    }
    guard position < end else { return nil }
    let start = position / grain * grain
    let limit = min((start / step + 1) * step, end)
    var dataEnd = position
    while position < limit {
      let extent = try disk.extent(at: position, limit: limit - position)
      if extent.readsAsZeros {
        if extent.offset + extent.length - dataEnd >= max(Self.gap, grain) { break }
        position += extent.length
      } else {
        position += extent.length
        dataEnd = position
      }
    }
    let stop = min(dataEnd % grain == 0 ? dataEnd : (dataEnd / grain + 1) * grain, limit)
    position = max(position, stop)
    return start..<stop
  }
}
