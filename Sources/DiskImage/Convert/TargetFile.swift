// The file that a conversion writes, shared by its threads: metadata through the page cache, guest data past it where that works.

internal import Failpoints
internal import Glibc

/// Positional writes to a ``NewFile``, from several threads. Lives no longer than the file.
final class TargetFile: Sendable {
  /// Data in pieces of at least this size goes straight to the device; for smaller ones the cache gathers better.
  static let directMinimum = 128 << 10
  /// What addresses, offsets and lengths of direct writes are multiples of.
  static let directAlignment = 4096

  /// What to call it in messages: the path that it will have.
  let path: String
  let descriptor: Int32
  /// The same file opened past the page cache, or -1 where the file system has no such thing.
  private let direct: Int32

  init(_ file: borrowing NewFile, path: String) {
    self.path = path
    descriptor = file.descriptor
    direct = open("/proc/self/fd/\(file.descriptor)", O_WRONLY | O_CLOEXEC | Linux.openDirect)
  }

  deinit { if direct >= 0 { close(direct) } }

  /// Writes all of `bytes` at `offset`, through the page cache.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ImageError) {
    guard let base = bytes.baseAddress else { return }
    Failpoint.pass("write a part of the new \(path)")
    var done = 0
    while done < bytes.count {
      done += try systemCall("write the image", path) {
        pwrite(descriptor, base + done, bytes.count - done, off_t(offset) + off_t(done))
      }
    }
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
    guard direct >= 0, bytes.count >= Self.directMinimum, Int(truncatingIfNeeded: offset) & mask == 0,
      let base = bytes.baseAddress, Int(bitPattern: base) & mask == 0
    else { return try write(bytes, at: offset) }
    let whole = bytes.count & ~mask
    var done = 0
    while done < whole {
      let count = pwrite(direct, base + done, whole - done, off_t(offset) + off_t(done))
      if count > 0, count & mask == 0 {
        done += count
      } else if count >= 0 || errno != EINTR {
        // A device with larger sectors, a full one, a short write: the way through the cache says what is wrong.
        break
      }
    }
    if done < bytes.count {
      try write(UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + UInt64(done))
    }
  }

  func setLength(_ length: UInt64) throws(ImageError) {
    guard let length = off_t(exactly: length) else { throw .io(operation: "set the length", path: path, errno: EFBIG) }
    try systemCall("set the length of the image", path) { ftruncate(descriptor, length) }
  }
}
