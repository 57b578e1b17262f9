// An image that is opened once: what is found out of it and what is changed of it is found and changed of this very file.

package import SystemCalls

/// An image that is held open.
///
/// Whoever checks an image by its path and changes it by its path may check one file and change another. Here both are done
/// through one descriptor.
package struct OpenImage: Sendable {
  let file: LocalFile

  /// Opens an image that Vireo has named itself, in a folder that is held open. A link in its place is not followed.
  ///
  /// - Parameter writing: whether it is to be changed. A file that has other names, too, is then refused unless Vireo has
  ///   marked it: whoever may write to a folder can make a name in it for a file that lies elsewhere.
  package init(at place: FilePlace, writing: Bool = false) throws(ImageError) {
    file = try LocalFile(at: place, access: writing ? .readWrite : .read)
    if writing { try requireOneName() }
  }

  /// Opens an image by a path that somebody has stated.
  package init(stated path: String, writing: Bool = false, links: StatedLinks = .own) throws(ImageError) {
    file = try LocalFile(path: path, access: writing ? .readWrite : .read, links: links)
  }

  /// The path that it was opened by, for messages; the name may lead elsewhere now.
  package var path: String { file.name }
  /// Device and inode of the file that is held open.
  package var identity: FileIdentity { file.status.identity }
  /// Bytes; nil where nobody knows.
  package var length: UInt64? { file.length }
  /// The permission bits as they were when it was opened.
  package var mode: UInt32 { file.status.mode }

  /// Throws where it is not the file that a plan has seen.
  package func require(_ identity: FileIdentity?) throws(ImageError) {
    guard let identity, identity != file.status.identity else { return }
    throw .refused(path: path, reason: "it is not the file that the plan has seen; plan again")
  }

  /// Throws where the file may lie elsewhere as well.
  package func requireOneName() throws(ImageError) {
    guard file.status.kind == .regularFile, file.status.names > 1, OriginMark.read(file.descriptor) == nil else {
      return
    }
    throw .refused(
      path: path,
      reason:
        "it has \(file.status.names) names (hard links), so it may belong to another folder, and it is left alone; replace "
        + "it with a copy of it")
  }

  /// What it says about itself.
  package func info(format: ImageFormat?) throws(ImageError) -> ImageInfo {
    try ImageInfo.read(file: file, format: format)
  }

  /// It and what it stands on.
  package func chain(
    format: ImageFormat?, references: ReferencePolicy = .anywhere
  ) throws(ImageError) -> BackingChain {
    try BackingChain.read(file, format: format, references: references)
  }

  /// Whether it has no data of its own. Its tables say it: no length and no number of blocks does.
  package func isBlank(_ format: ImageFormat, hasBacking: Bool) throws(ImageError) -> Bool {
    var isEmpty = true
    let disk = try GuestDisk.open(file, format: format, references: .anywhere, sharing: true)
    try ImageMap.read(disk) { extent throws(ImageError) in
      // Zeros hide what a backing file has in their place.
      if extent.depth == 0, extent.present, extent.data || (format == .qcow2 && hasBacking) { isEmpty = false }
    }
    return isEmpty
  }

  /// Gives the disk another size; see ``ImageResize``.
  package func resize(_ format: ImageFormat, to size: UInt64) throws(ImageError) {
    _ = try ImageResize.resize(file, format: format, to: size, shrinking: .refused, references: .anywhere)
  }

  /// The internal snapshots.
  package func snapshots() throws(ImageError) -> [ImageSnapshot] { try ImageSnapshots.list(file, sharing: true) }

  /// Takes an internal snapshot; see ``ImageSnapshots``.
  package func takeSnapshot(named name: String) throws(ImageError) {
    _ = try ImageSnapshots.create(named: name, file: file)
  }

  /// Deletes the internal snapshots of a name that hold the disk as it is.
  package func deleteRepeatedSnapshots(named name: String) throws(ImageError) {
    _ = try ImageSnapshots.deleteRepeated(named: name, file: file)
  }

  /// Locks it for the life of its descriptor, as QEMU does.
  package func lock(_ use: ImageLock.Use) throws(ImageError) { try ImageLock.take(use, on: file) }

  /// Sets the permission bits.
  package func setMode(_ mode: UInt32) throws(ImageError) {
    try systemCall("set the mode of", path, file.descriptor.setMode(mode))
  }

  /// What tells it, as it is now, from every other file and from itself after a change: device, inode, length, and the time
  /// of the last change of anything of it, which no program can set.
  package func stamp() throws(ImageError) -> String {
    let status = try systemCall("look at", path, FileStatus(file.descriptor))
    let (seconds, rest) = status.changed.quotientAndRemainder(dividingBy: 1_000_000_000)
    return "\(status.identity.device) \(status.identity.inode) \(status.length) \(seconds).\(rest)"
  }

  /// Fills `buffer` from `offset` on; see ``ByteSource``.
  package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    try file.read(at: offset, into: buffer)
  }

  /// The first bytes.
  package func start(_ count: Int) throws(ImageError) -> [UInt8] { try file.read(at: 0, count: count) }

  /// The file's owner, as it is now.
  package func owner() throws(ImageError) -> FileAccess.Owner {
    let status = try systemCall("look at", path, FileStatus(file.descriptor))
    return FileAccess.Owner(user: status.owner, group: status.group)
  }
}
