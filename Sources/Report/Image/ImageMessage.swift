// One line for each change to an image that went well.

import Vocabulary

/// What was done to an image.
public enum ImageMessage {
  /// `disk.qcow2: created, 20 GiB`
  public static func created(_ path: String, size: UInt64) -> String { line(path, "created, \(ByteCount.text(size))") }

  /// `disk.qcow2: 20 GiB now, 10 GiB before`
  public static func resized(_ path: String, from old: UInt64, to size: UInt64) -> String {
    line(
      path,
      old == size ? "is \(ByteCount.text(size)) already" : "\(ByteCount.text(size)) now, \(ByteCount.text(old)) before")
  }

  /// `disk.qcow2: snapshot 'pristine' taken`
  ///
  /// - Parameter done: what was done to it.
  public static func snapshot(_ path: String, _ name: String, _ done: String) -> String {
    line(path, "snapshot '\(name)' \(done)")
  }

  /// `overlay.qcow2: stands on base.qcow2`
  public static func rebased(_ path: String, onto backing: String?) -> String {
    line(path, "stands on \(backing ?? "nothing")")
  }

  /// `overlay.qcow2: committed to its backing file`
  public static func committed(_ path: String) -> String { line(path, "committed to its backing file") }

  /// `disk.qcow2: no snapshots`
  public static func noSnapshots(_ path: String) -> String { line(path, "no snapshots") }

  private static func line(_ path: String, _ text: String) -> String { SafeText.clean("\(path): \(text)") + "\n" }
}
