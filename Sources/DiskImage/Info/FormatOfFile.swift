// What the first and the last bytes of a file look like.

extension RecognisedFormat {
  /// Recognises a file by its first and its last bytes; nil for what is not a regular file or block device that can be
  /// read, and for what looks like nothing known.
  public init?(path: String) {
    guard let file = try? LocalFile(path: path),
      let start = try? file.read(at: 0, count: Self.bytesNeeded)
    else { return nil }
    if let seen = Self(start: start) {
      self = seen
      return
    }
    // A VHD of fixed size and a DMG have nothing but a footer.
    guard let length = file.length, length >= 512, let end = try? file.read(at: length - 512, count: 512) else {
      return nil
    }
    if end.starts(with: Array("conectix".utf8)) {
      self = .vhd
    } else if end.starts(with: Array("koly".utf8)) {
      self = .dmg
    } else {
      return nil
    }
  }
}
