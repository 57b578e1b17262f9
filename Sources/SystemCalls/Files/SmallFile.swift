// Small files that are read or written in one go.

package import SystemPackage

/// A file that fits into memory.
package enum SmallFile {
  /// The beginning of a file, up to so many bytes.
  ///
  /// - Parameter options: of the opening; `nonBlocking` so that a FIFO hangs nobody.
  package static func read(
    _ path: String, limit: Int, _ options: FileDescriptor.OpenOptions = .nonBlocking
  ) throws(Errno) -> [UInt8] {
    let file = try OpenFile(path, .readOnly, options)
    return try file.descriptor.content(limit: limit)
  }

  /// The beginning of a file as a text, what is not UTF-8 in it replaced; nil where it cannot be read.
  package static func text(
    _ path: String, limit: Int, _ options: FileDescriptor.OpenOptions = .nonBlocking
  ) -> String? {
    (try? read(path, limit: limit, options)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Makes a file, which must not exist, with this content.
  ///
  /// What was written before a failure stays. For files that must be whole, use a new name and then rename(2).
  package static func make(_ bytes: [UInt8], _ path: String, mode: UInt32) throws(Errno) {
    let file = try OpenFile(path, .writeOnly, [.create, .exclusiveCreate], mode: mode)
    try file.descriptor.writeAll(bytes)
  }
}
