// Copying a file into a pool: read once, hashed by the caller on the way, sparse as its source, published under a name that may depend on the content.

internal import SystemCalls
internal import SystemPackage

/// A file to be copied, for example a base image into a pool.
///
/// The copy appears under its name when it is complete and durable, or not at all; an existing file is never replaced.
public struct FileCopy: Sendable, Equatable {
  /// The file to read: regular, or a block device.
  public var source: String
  /// The folder that the copy goes to.
  public var directory: String
  /// Mode and owner of the copy.
  public var access: FileAccess
  /// Gives the copy its source's modification time.
  public var preservesTime = false
  /// Refuses a source that another process writes to, by QEMU's locks. False is for sources on file systems without
  /// byte-range locks.
  public var locksSource = true
  /// Makes the copy's name durable right away; see ``flushFolder(_:)``.
  public var syncDirectory = true
  /// What ``OriginMark`` says of the copy; nil for no mark.
  public var origin: String?

  /// A copy of `source` into `directory`.
  public init(source: String, directory: String, access: FileAccess = FileAccess(mode: 0o444)) {
    self.source = source
    self.directory = directory
    self.access = access
  }

  /// How far a copy is, in bytes of the source; holes count as read.
  public struct Progress: Sendable, Equatable {
    /// Bytes of the source that are done.
    public let done: UInt64
    /// The source's length in bytes.
    public let total: UInt64
  }

  /// Bytes read at a time.
  static let blockSize = 1 << 20

  /// Copies without looking at the content; shares blocks with the source where the file system can (reflink).
  ///
  /// - Parameters:
  ///   - name: the copy's name in ``directory``.
  ///   - progress: told after every block; throws to stop.
  /// - Returns: the copy's path.
  /// - Throws: ``ImageError``, of the closure too. Nothing is left behind on failure.
  @discardableResult
  public func copy(
    as name: String, progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in }
  ) throws(ImageError) -> String {
    let input = try openSource()
    let total = input.openedLength
    let file = try NewFile(in: OpenFolder(directory))
    if (try? file.descriptor.clone(input.descriptor)) != nil {
      try progress(Progress(done: total, total: total))
    } else {
      try copyData(from: input, to: file, showing: false, update: { (_) throws(ImageError) in }, progress: progress)
    }
    return try finish(file, input, name)
  }

  /// Copies while the caller sees every byte once, in order, and chooses the name at the end.
  ///
  /// - Parameters:
  ///   - update: gets each block, holes as zeros; for a hash. Throws to stop.
  ///   - progress: told after every block; throws to stop.
  ///   - name: called when all data is read; gives the copy's name in ``directory``, or throws
  ///     ``ImageError/refused(path:reason:)`` when the content is not the expected.
  /// - Returns: the copy's path.
  /// - Throws: ``ImageError``, of the closures too; ``ImageError/alreadyExists(path:)`` when the name is taken. Nothing
  ///   is left behind on failure.
  @discardableResult
  public func copy(
    update: (UnsafeRawBufferPointer) throws(ImageError) -> Void,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in },
    name: () throws(ImageError) -> String
  ) throws(ImageError) -> String {
    try copy(into: OpenFolder(directory), update: update, progress: progress, name: name)
  }

  /// As ``copy(update:progress:name:)``, into a folder that is held open; ``directory`` is not looked at.
  @discardableResult
  package func copy(
    into folder: OpenFolder,
    update: (UnsafeRawBufferPointer) throws(ImageError) -> Void,
    progress: (Progress) throws(ImageError) -> Void = { (_) throws(ImageError) in },
    name: () throws(ImageError) -> String
  ) throws(ImageError) -> String {
    let input = try openSource()
    let file = try NewFile(in: folder)
    try copyData(from: input, to: file, showing: true, update: update, progress: progress)
    return try finish(file, input, name())
  }

  /// Opens and locks the source: an image that a guest writes to cannot be copied to anything useful.
  private func openSource() throws(ImageError) -> LocalFile {
    let input = try LocalFile(path: source)
    if locksSource { try ImageLock.take(.read, on: input) }
    return input
  }

  private func finish(
    _ file: consuming NewFile, _ input: LocalFile, _ name: String
  ) throws(ImageError) -> String {
    let path = file.folder.path(of: name)
    guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
    else {
      throw .invalidRequest(path: path, what: "the copy's name", reason: "is not a file name")
    }
    if let origin { OriginMark.put(origin, on: file.descriptor) }
    try file.setAccess(access)
    if preservesTime { try file.setModified(input.status.modified) }
    try file.publish(as: name, flushingDirectory: syncDirectory)
    return path
  }

  /// - Parameter showing: whether `update` wants the holes too; without, they are skipped in one step.
  private func copyData(
    from input: LocalFile, to file: borrowing NewFile, showing: Bool,
    update: (UnsafeRawBufferPointer) throws(ImageError) -> Void,
    progress: (Progress) throws(ImageError) -> Void
  ) throws(ImageError) {
    let total = input.openedLength
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blockSize, alignment: 4096)
    defer { block.deallocate() }
    var zeros: UnsafeMutableRawBufferPointer?
    defer { zeros?.deallocate() }
    try file.setLength(total)
    var offset: UInt64 = 0
    while offset < total {
      let data = input.nextData(from: offset, end: total)
      if showing, data.lowerBound > offset, zeros == nil {
        zeros = .allocate(byteCount: Self.blockSize, alignment: 4096)
        zeros?.initializeMemory(as: UInt8.self, repeating: 0)
      }
      while offset < data.lowerBound {
        let hole = data.lowerBound - offset
        let step = showing ? min(UInt64(Self.blockSize), hole) : hole
        if let zeros { try update(UnsafeRawBufferPointer(rebasing: zeros[..<Int(step)])) }
        offset += step
        try progress(Progress(done: offset, total: total))
      }
      while offset < data.upperBound {
        let wanted = Int(min(UInt64(Self.blockSize), data.upperBound - offset))
        let count = try input.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: block[..<wanted]))
        guard count == wanted else {
          throw .io(operation: "read all of the file, which became shorter,", path: source, errno: .ioError)
        }
        let bytes = UnsafeRawBufferPointer(rebasing: block[..<count])
        try file.write(bytes, at: offset)
        try update(bytes)
        offset += UInt64(count)
        try progress(Progress(done: offset, total: total))
      }
    }
  }
}
