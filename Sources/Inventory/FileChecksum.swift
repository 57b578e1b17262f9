// The SHA-256 of a file's content, with the library that uses the processor's own instructions for it.

import Checksum
package import DiskImage

/// SHA-256 checksums of whole files, read block by block.
package enum FileChecksum {
  /// The checksum of what a path leads to, in lower-case hexadecimal.
  ///
  /// - Parameter report: hears how many bytes have been read, after each mebibyte.
  package static func sha256(of path: String, report: (UInt64) -> Void = { _ in }) throws(ImageError) -> String {
    try sha256(of: OpenImage(stated: path, links: .all), report: report)
  }

  /// The checksum of an image that is held open.
  package static func sha256(of image: OpenImage, report: (UInt64) -> Void = { _ in }) throws(ImageError) -> String {
    let checksum = Checksum()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var done: UInt64 = 0
    while true {
      let count = try image.read(at: done, into: buffer)
      if count == 0 { return hexadecimal(checksum.finish()) }
      checksum.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      done += UInt64(count)
      report(done)
    }
  }
}
