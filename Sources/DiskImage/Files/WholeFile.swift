// Small files that are there whole or not at all.

internal import Failpoints

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
    let place = try FilePlace(path)
    try publish(bytes, as: place, access: access, replacing: replacing)
  }

  /// As ``publish(_:as:access:replacing:)``, in a folder that is held open.
  package static func publish(
    _ bytes: [UInt8], as place: FilePlace, access: FileAccess, replacing: Bool = false
  ) throws(ImageError) {
    let folder = place.folder
    let file = try NewFile(in: folder)
    try file.write(bytes, at: 0)
    try file.setAccess(access)
    guard replacing else { return try file.publish(as: place.name, flushingDirectory: true) }
    let new = ".\(place.name).partial"
    _ = try? folder.remove(new)
    try file.publish(as: new, flushingDirectory: false)
    do throws(ImageError) {
      _ = try Failpoint.around("rename \(folder.path(of: new))") { () throws(ImageError) in
        try folder.rename(new, to: place.name, replacing: true)
      }
    } catch {
      _ = try? folder.remove(new)
      throw error
    }
    try folder.flush()
  }
}
