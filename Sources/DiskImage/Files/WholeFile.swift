// Small files that are there whole or not at all.

/// A file that is written in one go.
public enum WholeFile {
  /// Makes a file with this content, durable when this returns. An existing file is never replaced.
  ///
  /// - Throws: ``ImageError/alreadyExists(path:)`` when the name is taken, others for the folder and the writing.
  public static func publish(_ bytes: [UInt8], as path: String, access: FileAccess) throws(ImageError) {
    let file = try NewFile(in: directoryPart(of: path))
    try file.write(bytes, at: 0)
    try file.setAccess(access)
    try file.publish(as: path, flushingDirectory: true)
  }
}
