// The bytes of open files: reading and writing by offset, lengths, holes, and making them durable.

internal import Glibc
package import SystemPackage

extension FileDescriptor {
  // MARK: Reading

  /// Fills as much of `buffer` from `offset` on as the file has.
  ///
  /// - Returns: the number of bytes; fewer than the buffer holds at the end of the file only.
  package func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
    guard let start = Int64(exactly: offset), start <= Int64.max - Int64(buffer.count) else { return 0 }
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = try typed { try read(fromAbsoluteOffset: start + Int64(done), into: rest) }
      if count == 0 { break }
      done += count
    }
    return done
  }

  /// Reads what comes next, up to so many bytes, or to the end of the file.
  package func content(limit: Int) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: Swift.min(limit, 64 << 10))
    while bytes.count < limit {
      let wanted = Swift.min(buffer.count, limit - bytes.count)
      let count = try typed { try buffer.withUnsafeMutableBytes { try read(into: .init(rebasing: $0[..<wanted])) } }
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return bytes
  }

  // MARK: Writing

  /// Writes all of `bytes` at `offset`.
  package func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) {
    guard let start = Int64(exactly: offset), start <= Int64.max - Int64(bytes.count) else { throw .fileTooLarge }
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      done += try typed { try write(toAbsoluteOffset: start + Int64(done), rest) }
    }
  }

  /// Writes all of `bytes` at `offset`.
  package func writeAll(_ bytes: [UInt8], at offset: UInt64) throws(Errno) {
    var failure: Errno?
    bytes.withUnsafeBytes { buffer in
      do throws(Errno) { try writeAll(buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Writes at `offset` in one call.
  ///
  /// - Returns: how many bytes were written, which may be fewer than all.
  package func writeOnce(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
    guard let start = Int64(exactly: offset) else { throw .fileTooLarge }
    return try typed { try write(toAbsoluteOffset: start, bytes) }
  }

  /// Writes all of `bytes` where the file stands.
  ///
  /// - Throws: `resourceTemporarilyUnavailable` never: a stream that does not block is waited for.
  package func writeAll(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
    var rest = bytes
    while !rest.isEmpty {
      do throws(Errno) {
        let count = try typed { try write(rest) }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } catch .resourceTemporarilyUnavailable {
        var waiting = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
        _ = poll(&waiting, 1, -1)
      }
    }
  }

  /// Writes all of `bytes` where the file stands.
  package func writeAll(_ bytes: [UInt8]) throws(Errno) {
    var failure: Errno?
    bytes.withUnsafeBytes { buffer in
      do throws(Errno) { try writeAll(buffer) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  // MARK: Lengths and space

  /// How many bytes a block device has; `stat` reports none.
  package func deviceLength() throws(Errno) -> UInt64 {
    UInt64(try typed { try seek(offset: 0, from: .end) })
  }

  /// Sets the file's length.
  package func setLength(_ length: UInt64) throws(Errno) {
    guard let length = Int64(exactly: length) else { throw .fileTooLarge }
    try typed { try resize(to: length) }
  }

  /// The next range that holds data, from `offset` up; empty at `end` when only a hole is left. A file system that
  /// knows no holes gives everything.
  package func nextData(from offset: UInt64, end: UInt64) -> Range<UInt64> {
    // `unistd.h`: SEEK_DATA and SEEK_HOLE.
    let data = Glibc.lseek(rawValue, off_t(offset), 3)
    if data < 0 { return lastError == .noSuchAddressOrDevice ? end..<end : offset..<end }
    let start = Swift.min(UInt64(data), end)
    let hole = Glibc.lseek(rawValue, data, 4)
    return start..<(hole < 0 ? end : Swift.max(start, Swift.min(UInt64(hole), end)))
  }

  /// fallocate(2); posix_fallocate(3) would write zeros where the file system cannot reserve space.
  private typealias Allocate = @convention(c) (Int32, Int32, off_t, off_t) -> Int32
  private static let allocate = LoadedLibrary.function("fallocate", as: Allocate.self)

  /// Reserves space for the first bytes of the file, which becomes as long.
  package func reserve(_ length: UInt64) throws(Errno) {
    guard let allocate = Self.allocate, let length = off_t(exactly: length) else { throw .notSupportedOnSocket }
    try retrying { allocate(rawValue, 0, 0, length) }
  }

  /// Gives a range's space back to the file system; it reads as zeros then.
  package func discard(_ range: Range<UInt64>) throws(Errno) {
    guard let allocate = Self.allocate else { throw .notSupportedOnSocket }
    // `linux/falloc.h`: FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE.
    try retrying { allocate(rawValue, 3, off_t(range.lowerBound), off_t(range.upperBound - range.lowerBound)) }
  }

  /// Shares all blocks of another file, where the file system can (reflink).
  package func clone(_ source: FileDescriptor) throws(Errno) {
    // `linux/fs.h`: FICLONE, `_IOW(0x94, 9, int)`.
    try retrying { ioctl(rawValue, 0x4004_9409, source.rawValue) }
  }

  // MARK: Durability

  /// Makes everything written so far durable, and what is known of the file. Of a folder: its names.
  package func flush() throws(Errno) { try retrying { fsync(rawValue) } }

  /// Makes everything written so far durable, the length too when it changed (fdatasync(2)).
  package func flushData() throws(Errno) { try retrying { fdatasync(rawValue) } }
}
