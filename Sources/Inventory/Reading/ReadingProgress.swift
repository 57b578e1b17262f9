// What takes long while a host is looked at, for whoever waits for it.

/// How far a reading is with something that takes long.
public enum ReadingProgress: Sendable {
  /// A file is read as a whole to learn its checksum; `done` of `total` bytes are read.
  case hashing(path: String, done: UInt64, total: UInt64)
  /// The file's checksum is known.
  case hashed(path: String)
}
