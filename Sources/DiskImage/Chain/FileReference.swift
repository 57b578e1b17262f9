// What a file refers to, for whoever asks what may be deleted: an image's own references one by one, none of them opened.

/// A file that something refers to.
public struct FileReference: Sendable, Hashable, Codable {
  /// An absolute path.
  public var path: String
  /// The declared format by QEMU's name; nil where nothing is declared, and the first bytes decide.
  public var format: String?

  /// A file by path and declared format.
  public init(_ path: String, format: String?) {
    self.path = path
    self.format = format
  }

  /// Whether a file of this format may refer to others (QEMU, block/: formats with `supports_backing`).
  public var mayRefer: Bool { format.map { ["qcow2", "qcow", "qed", "vmdk"].contains($0) } ?? true }

  /// What the file itself refers to: its backing file and its external data file.
  ///
  /// Opens this one file only. A raw file refers to nothing, whatever its guest wrote to its beginning.
  ///
  /// - Throws: ``ImageError``, also where there may be references that cannot be named.
  public func references() throws(ImageError) -> [FileReference] {
    guard mayRefer else { return [] }
    if let format, format != ImageFormat.qcow2.rawValue {
      throw .unsupported(path: path, feature: "the format \(format)", remedy: "convert it to qcow2")
    }
    let info = try ImageInfo.read(path: path, format: format.flatMap(ImageFormat.init(rawValue:)))
    var found: [FileReference] = []
    if let name = info.backingFile, let backing = try BackingName.resolve(name, referrer: path) {
      let ofName = try BackingName.json(name, referrer: path)?.format.rawValue
      found.append(FileReference(backing, format: info.backingFormat.map(\.description) ?? ofName))
    }
    if info.qcow2?.hasExternalDataFile == true {
      guard let name = info.qcow2?.dataFile, let data = try BackingName.resolve(name, referrer: path) else {
        throw .unsupported(
          path: path, feature: "an external data file that the image does not name",
          remedy: "name it with 'qemu-img amend -o data_file=FILE'")
      }
      found.append(FileReference(data, format: "raw"))
    }
    return found
  }
}
