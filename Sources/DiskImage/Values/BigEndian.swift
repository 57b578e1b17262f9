// Big-endian integers in byte arrays, as every qcow2 structure stores them. Callers check bounds first: these are for ranges known to exist.

extension [UInt8] {
  /// The 16-bit integer at `offset`.
  func bigEndian16(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }

  /// The 32-bit integer at `offset`.
  func bigEndian32(at offset: Int) -> UInt32 {
    UInt32(self[offset]) << 24 | UInt32(self[offset + 1]) << 16 | UInt32(self[offset + 2]) << 8
      | UInt32(self[offset + 3])
  }

  /// The 64-bit integer at `offset`.
  func bigEndian64(at offset: Int) -> UInt64 {
    UInt64(bigEndian32(at: offset)) << 32 | UInt64(bigEndian32(at: offset + 4))
  }

  /// Puts an integer's bytes at `offset`, which must exist.
  mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    let size = Value.bitWidth / 8
    for index in 0..<size {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * (size - 1 - index)))
    }
  }

  /// Adds an integer's bytes at the end.
  mutating func append<Value: FixedWidthInteger>(bigEndian value: Value) {
    let offset = count
    append(contentsOf: repeatElement(0, count: Value.bitWidth / 8))
    put(value, at: offset)
  }

  /// A table of 64-bit entries as bytes.
  init(bigEndianTable entries: some Collection<UInt64>) {
    let count = entries.count * 8
    self.init(unsafeUninitializedCapacity: count) { buffer, filled in
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      for (index, entry) in entries.enumerated() {
        bytes.storeBytes(of: entry.bigEndian, toByteOffset: index * 8, as: UInt64.self)
      }
      filled = count
    }
  }

  /// The bytes as a table of 64-bit entries; a partial entry at the end is left out.
  var bigEndianTable: [UInt64] {
    withUnsafeBytes { bytes in
      let count = bytes.count / 8
      return [UInt64](unsafeUninitializedCapacity: count) { words, filled in
        for index in 0..<count {
          words[index] = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        }
        filled = count
      }
    }
  }
}
