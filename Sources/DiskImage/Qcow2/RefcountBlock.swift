// One cluster of reference counts, 1 to 64 bits each (QEMU's qcow2 specification, "Host cluster management").

struct RefcountBlock: Sendable {
  private(set) var bytes: [UInt8]
  private let order: Int

  init(bytes: [UInt8], order: Int) {
    self.bytes = bytes
    self.order = order
  }

  /// Counts below a byte are packed from the lowest bits up; wider ones are big endian.
  subscript(index: Int) -> UInt64 {
    get {
      switch order {
      case 0...2:
        let width = 1 << order
        let bit = index * width
        return UInt64(bytes[bit / 8] >> UInt8(bit % 8)) & ((1 << UInt64(width)) - 1)
      case 3: return UInt64(bytes[index])
      case 4: return UInt64(bytes.bigEndian16(at: index * 2))
      case 5: return UInt64(bytes.bigEndian32(at: index * 4))
      default: return bytes.bigEndian64(at: index * 8)
      }
    }
    set {
      switch order {
      case 0...2:
        let width = 1 << order
        let bit = index * width
        let mask = UInt8((1 << width) - 1) << UInt8(bit % 8)
        bytes[bit / 8] = bytes[bit / 8] & ~mask | UInt8(truncatingIfNeeded: newValue) << UInt8(bit % 8) & mask
      case 3: bytes[index] = UInt8(truncatingIfNeeded: newValue)
      case 4: bytes.put(UInt16(truncatingIfNeeded: newValue), at: index * 2)
      case 5: bytes.put(UInt32(truncatingIfNeeded: newValue), at: index * 4)
      default: bytes.put(newValue, at: index * 8)
      }
    }
  }

  /// Changes counts in a row, by `times` more or less.
  ///
  /// - Returns: the first that would go below zero or above `maximum`, and changes none from it on; nil when all could.
  mutating func change(
    _ entries: Range<Int>, by times: UInt64, isIncrease: Bool, maximum: UInt64, reachesOne: inout Bool
  ) -> Int? {
    if order == 4, times <= UInt64(UInt16.max) {
      // What nearly all images have, without a detour.
      let times = UInt16(times)
      return bytes.withUnsafeMutableBytes { buffer in
        for entry in entries {
          let count = UInt16(bigEndian: buffer.loadUnaligned(fromByteOffset: entry * 2, as: UInt16.self))
          let (changed, overflow) =
            isIncrease ? count.addingReportingOverflow(times) : count.subtractingReportingOverflow(times)
          if overflow { return entry }
          if changed == 1 { reachesOne = true }
          buffer.storeBytes(of: changed.bigEndian, toByteOffset: entry * 2, as: UInt16.self)
        }
        return nil
      }
    }
    for entry in entries {
      let count = self[entry]
      let (changed, overflow) =
        isIncrease ? count.addingReportingOverflow(times) : count.subtractingReportingOverflow(times)
      if overflow || changed > maximum { return entry }
      if changed == 1 { reachesOne = true }
      self[entry] = changed
    }
    return nil
  }

  /// Bytes that the first `count` counts take up.
  static func length(of count: Int, order: Int) -> Int { (count * (1 << order) + 7) / 8 }
}
