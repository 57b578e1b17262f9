// The SHA-256 of a file's content, with the library that uses the processor's own instructions for it.

import Checksum
package import DiskImage
import Glibc

package enum FileChecksum {
  /// The checksum in lower-case hexadecimal.
  ///
  /// - Parameters:
  ///   - followsLinks: whether the file at the end of a symbolic link counts.
  ///   - report: hears how many bytes have been read, after each mebibyte.
  package static func sha256(
    of path: String, followsLinks: Bool = true, report: (UInt64) -> Void = { _ in }
  ) throws(ImageError) -> String {
    // A FIFO would be waited for, and a device has no end.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW))
    guard descriptor >= 0 else { throw .io(operation: "open", path: path, errno: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, [S_IFREG, S_IFBLK].contains(status.st_mode & S_IFMT) else {
      throw .io(operation: "read", path: path, errno: EINVAL)
    }
    let checksum = Checksum()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var done: UInt64 = 0
    while true {
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .io(operation: "read", path: path, errno: errno) }
      if count == 0 { return hexadecimal(checksum.finish()) }
      checksum.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      done += UInt64(count)
      report(done)
    }
  }
}
