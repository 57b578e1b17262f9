// An image in memory that can be changed, with a bound, so that an operation gone wild is noticed.

@testable import DiskImage
import Synchronization

final class MemoryImage: ImageStorage {
  private static let limit: UInt64 = 8 << 20
  private let bytes: Mutex<[UInt8]>
  let name = "/images/fuzz.qcow2"

  init(_ bytes: [UInt8]) { self.bytes = Mutex(bytes) }

  var content: [UInt8] { bytes.withLock { $0 } }

  var length: UInt64? { UInt64(bytes.withLock { $0.count }) }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    bytes.withLock { bytes in
      guard offset < UInt64(bytes.count) else { return 0 }
      let start = Int(offset)
      let count = min(buffer.count, bytes.count - start)
      buffer.copyBytes(from: bytes[start..<start + count])
      return count
    }
  }

  func write(_ new: [UInt8], at offset: UInt64, _ what: String) throws(ImageError) {
    guard offset <= Self.limit - UInt64(new.count) else { throw .noSpace(path: name, operation: what) }
    bytes.withLock { bytes in
      let end = Int(offset) + new.count
      if bytes.count < end { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
      bytes.replaceSubrange(Int(offset)..<end, with: new)
    }
  }

  func flush() throws(ImageError) {}

  func discard(_ range: Range<UInt64>) throws(ImageError) {
    bytes.withLock { bytes in
      for index in Int(range.lowerBound)..<min(Int(range.upperBound), bytes.count) { bytes[index] = 0 }
    }
  }

  func setLength(_ length: UInt64) throws(ImageError) {
    guard length <= Self.limit else { throw .noSpace(path: name, operation: "set the length") }
    bytes.withLock { bytes in
      if UInt64(bytes.count) > length {
        bytes.removeLast(bytes.count - Int(length))
      } else {
        bytes += [UInt8](repeating: 0, count: Int(length) - bytes.count)
      }
    }
  }
}
