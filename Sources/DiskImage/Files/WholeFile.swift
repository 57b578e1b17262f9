// Small files that are there whole or not at all.

internal import Failpoints
internal import Glibc

/// A file that is written in one go.
public enum WholeFile {
  /// Makes a file with this content, durable when this returns.
  ///
  /// - Parameter replacing: whether a file of the name is replaced; otherwise it stays as it is. A run that is killed
  ///   right before the replacement leaves a hidden file `.NAME.partial`, which the next one takes away.
  /// - Throws: ``ImageError/alreadyExists(path:)`` when the name is taken, others for the folder and the writing.
  public static func publish(
    _ bytes: [UInt8], as path: String, access: FileAccess, replacing: Bool = false
  ) throws(ImageError) {
    let folder = directoryPart(of: path)
    let file = try NewFile(in: folder)
    try file.write(bytes, at: 0)
    try file.setAccess(access)
    guard replacing else { return try file.publish(as: path, flushingDirectory: true) }
    let new = "\(folder)/.\(namePart(of: path)).partial"
    unlink(new)
    try file.publish(as: new, flushingDirectory: false)
    do throws(ImageError) {
      _ = try Failpoint.around("rename \(new)") { () throws(ImageError) in
        try systemCall("replace", path) { rename(new, path) }
      }
    } catch {
      unlink(new)
      throw error
    }
    try flushDirectory(folder)
  }
}
