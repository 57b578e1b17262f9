// Where a stack's own files are, from what the spec says alone.

public import Vocabulary

extension StackSpec {
  /// The pool that a new file of a disk or a volume is made in: the one that it names, or the only one there is.
  public func filePool(of object: ObjectSpec) -> ObjectSpec? {
    if let name = object[.pool] { return pool(name) }
    let pools = pools.filter(\.holdsFiles)
    return pools.count == 1 ? pools[0] : nil
  }

  /// The file of a volume; nil where the spec does not say its place.
  public func path(ofVolume volume: ObjectSpec) -> String? {
    if let path = volume[.path] { return path }
    return filePool(of: volume)?[.path].map {
      Self.path(in: $0, "\(volume.name).\(volume.fileFormat)")
    }
  }

  /// The path of a file in a folder.
  public static func path(in folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }
}

extension ObjectSpec {
  /// The format of a file that is qcow2 where nothing else is said.
  public var fileFormat: FileFormat { self[.format] ?? .qcow2 }
}
