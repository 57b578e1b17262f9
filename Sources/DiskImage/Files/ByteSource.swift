// The one thing that reading an image takes: bytes at an offset. Local files, and whatever else can be read by range.

/// Something that image bytes can be read from.
///
/// Calls block; they may come from several threads at once.
public protocol ByteSource: Sendable {
  /// What to call it in messages: a path for files.
  var name: String { get }

  /// Length in bytes, or nil when it is not known (a stream's first part).
  var length: UInt64? { get }

  /// Fills `buffer` with the bytes from `offset` on.
  ///
  /// - Returns: how many bytes were read; fewer than the buffer holds only at the end of the source, 0 beyond it.
  /// - Throws: ``ImageError`` when reading fails.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int
}

extension ByteSource {
  /// Reads up to `count` bytes from `offset` on; fewer only at the end of the source.
  public func read(at offset: UInt64, count: Int) throws(ImageError) -> [UInt8] {
    var failure: ImageError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(ImageError) {
        filled = try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads exactly `count` bytes; the source's end before them is a damaged image.
  func read(_ field: String, at offset: UInt64, exactly count: Int) throws(ImageError) -> [UInt8] {
    let bytes = try read(at: offset, count: count)
    guard bytes.count == count else {
      throw .malformed(path: name, field: field, reason: "lies beyond the end of the file", offset: offset)
    }
    return bytes
  }
}

/// An image that can also be changed in place. Tests put a layer here that forgets writes.
protocol ImageStorage: ByteSource {
  /// Writes all bytes at `offset`, growing the file when needed.
  func write(_ bytes: [UInt8], at offset: UInt64, _ what: String) throws(ImageError)
  /// Makes everything written so far durable (fdatasync: the length too when it changed).
  func flush() throws(ImageError)
  /// Sets the file's length.
  func setLength(_ length: UInt64) throws(ImageError)
  /// Gives a range's space back to the file system, where that can be; it reads as zeros then, or as before.
  func discard(_ range: Range<UInt64>) throws(ImageError)
}

/// Bytes in memory.
public struct MemorySource: ByteSource {
  /// What to call it in messages.
  public let name: String
  private let bytes: [UInt8]
  private let knownLength: Bool

  /// Wraps bytes; `isWhole` false says that they are only the first part of something longer.
  public init(name: String, bytes: [UInt8], isWhole: Bool = true) {
    self.name = name
    self.bytes = bytes
    knownLength = isWhole
  }

  /// The number of bytes; nil for the first part of something longer.
  public var length: UInt64? { knownLength ? UInt64(bytes.count) : nil }

  /// Copies bytes; what lies beyond them is the end of the source. Never throws.
  public func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    guard offset < UInt64(bytes.count) else { return 0 }
    let start = Int(offset)
    let count = min(buffer.count, bytes.count - start)
    buffer.copyBytes(from: bytes[start..<start + count])
    return count
  }
}
