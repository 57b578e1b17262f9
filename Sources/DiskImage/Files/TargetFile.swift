// The file that a conversion writes, shared by its threads: metadata through the page cache, guest data past it where that works.

internal import Failpoints
internal import SystemCalls
internal import SystemPackage

/// Positional writes to a ``NewFile``, from several threads. Lives no longer than the file.
final class TargetFile: Sendable {
  /// Data in pieces of at least this size goes straight to the device; for smaller ones the cache gathers better.
  static let directMinimum = 128 << 10
  /// What addresses, offsets and lengths of direct writes are multiples of.
  static let directAlignment = 4096

  /// What to call it in messages: the path that it will have.
  let path: String
  private let number: Int32
  /// The same file opened past the page cache; nil where the file system has no such thing.
  private let direct: OpenFile?

  /// What system calls know the file by.
  var descriptor: FileDescriptor { FileDescriptor(rawValue: number) }

  init(_ file: borrowing NewFile, path: String) {
    self.path = path
    number = file.descriptor.rawValue
    direct = try? OpenFile("/proc/self/fd/\(number)", .writeOnly, .direct)
  }

  /// Writes all of `bytes` at `offset`, through the page cache.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ImageError) {
    guard !bytes.isEmpty else { return }
    Failpoint.pass("write a part of the new \(path)")
    try systemCall("write the image", path, descriptor.writeAll(bytes, at: offset))
  }

  /// Writes all of `bytes` at `offset`, through the page cache.
  func write(_ bytes: [UInt8], at offset: UInt64) throws(ImageError) {
    var failure: ImageError?
    bytes.withUnsafeBytes { buffer in
      do throws(ImageError) { try write(buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Writes guest data, past the page cache when it is large and aligned. The ranges of two calls never meet.
  func writeData(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ImageError) {
    let mask = Self.directAlignment - 1
    guard let direct = direct.descriptor, bytes.count >= Self.directMinimum,
      Int(truncatingIfNeeded: offset) & mask == 0,
      let base = bytes.baseAddress, Int(bitPattern: base) & mask == 0
    else { return try write(bytes, at: offset) }
    let whole = bytes.count & ~mask
    var done = 0
    while done < whole {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done..<whole])
      // A device with larger sectors, a full one, a short write: the way through the cache says what is wrong.
      guard let count = try? direct.writeOnce(rest, at: offset + UInt64(done)), count > 0, count & mask == 0 else {
        break
      }
      done += count
    }
    if done < bytes.count {
      try write(UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + UInt64(done))
    }
  }

  func setLength(_ length: UInt64) throws(ImageError) {
    try systemCall("set the length of the image", path, descriptor.setLength(length))
  }
}
