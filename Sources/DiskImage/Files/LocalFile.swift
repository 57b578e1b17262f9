// A local file or block device: opened with care, read and written by range. Owns its descriptor.

internal import Failpoints
internal import Synchronization
internal import SystemCalls
internal import SystemPackage

/// An open image file. The descriptor, and the locks taken on it, live as long as the last reference.
final class LocalFile: ImageStorage {
  enum Access {
    case read, readWrite
    var mode: FileDescriptor.AccessMode { self == .read ? .readOnly : .readWrite }
  }

  let name: String
  private let file: OpenFile
  /// What `fstat` said when the file was opened.
  let status: FileStatus
  /// Bytes when the file was opened; for a block device the device's size.
  let openedLength: UInt64
  private let access: Access
  /// Whether QEMU's bytes may be locked on this descriptor.
  let mayBeLocked = Atomic(false)

  /// What system calls know the file by.
  var descriptor: FileDescriptor { file.descriptor }

  /// Opens a regular file or block device; anything else is refused, and a FIFO cannot hang the caller.
  ///
  /// - Parameters:
  ///   - path: a path that somebody has stated.
  ///   - opening: what to hand to open(2) in place of the path: an already checked file below /proc/self/fd.
  ///   - followsLinks: whether the path itself may be a symbolic link.
  ///   - links: which links the path may contain.
  convenience init(
    path: String, access: Access = .read, opening: String? = nil, followsLinks: Bool = true, links: StatedLinks = .all
  ) throws(ImageError) {
    guard followsLinks else {
      try self.init(at: FilePlace(path, links: links), access: access)
      return
    }
    try self.init(name: path, access: access) { (options, operation) throws(ImageError) in
      try PathWalk.open(opening ?? path, access.mode, options, operation, links, named: path)
    }
  }

  /// Opens a regular file or block device by its name in a folder that is held open: no link is followed.
  convenience init(at place: FilePlace, access: Access = .read) throws(ImageError) {
    try self.init(name: place.path, access: access) { (options, operation) throws(ImageError) in
      try place.folder.open(place.name, access.mode, options, operation)
    }
  }

  private init(
    name path: String, access: Access, opening: (FileDescriptor.OpenOptions, String) throws(ImageError) -> OpenFile
  ) throws(ImageError) {
    do throws(ImageError) {
      file = try opening([.nonBlocking, .notControllingTerminal], access == .read ? "open" : "open for writing")
    } catch .io(_, _, let code) where code == .isDirectory || code == .noSuchAddressOrDevice {
      // Writing a directory, or a socket: say what it is, not what the kernel calls it.
      throw .notAnImageFile(path: path, kind: code == .isDirectory ? .directory : .socket)
    }
    let descriptor = file.descriptor
    status = try systemCall("look at", path, FileStatus(descriptor))
    guard status.kind == .regularFile || status.kind == .blockDevice else {
      throw .notAnImageFile(path: path, kind: status.kind)
    }
    openedLength =
      status.kind == .blockDevice
      ? try systemCall("find the size of", path, descriptor.deviceLength()) : status.length
    self.name = path
    self.access = access
  }

  /// A child that is being started shares the descriptor until it runs its program, and with it the locks: these are
  /// given up first, so that nobody finds them held by nobody.
  deinit {
    if mayBeLocked.load(ordering: .relaxed) { try? descriptor.unlockRange(from: 0, count: 0) }
  }

  /// Whether the file has holes: takes up less than it is long.
  var isSparse: Bool { status.kind == .regularFile && status.bytesOnDisk < openedLength }

  /// For a file open for writing, the length right now: it was opened before it was locked, and writes extend it.
  var length: UInt64? {
    guard access == .readWrite else { return openedLength }
    guard status.kind == .regularFile else { return (try? descriptor.deviceLength()) ?? openedLength }
    return (try? FileStatus(descriptor))?.length ?? openedLength
  }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    try systemCall("read", name, descriptor.fill(buffer, at: offset))
  }

  /// The next range that holds data, from `offset` up; empty at `end` when only a hole is left.
  func nextData(from offset: UInt64, end: UInt64) -> Range<UInt64> { descriptor.nextData(from: offset, end: end) }

  func write(_ bytes: [UInt8], at offset: UInt64, _ what: String) throws(ImageError) {
    Failpoint.pass("write \(what) of \(name)")
    try systemCall("write \(what)", name, descriptor.writeAll(bytes, at: offset))
  }

  func flush() throws(ImageError) {
    Failpoint.pass("flush \(name)")
    try systemCall("flush", name, descriptor.flushData())
  }

  func setLength(_ length: UInt64) throws(ImageError) {
    if status.kind == .blockDevice {
      // A device is as long as it is.
      guard length <= openedLength else { throw .noSpace(path: name, operation: "set the length") }
      return
    }
    Failpoint.pass("set the length of \(name)")
    try systemCall("set the length", name, descriptor.setLength(length))
  }

  func discard(_ range: Range<UInt64>) throws(ImageError) {
    guard status.kind == .regularFile else { return }
    Failpoint.pass("discard a part of \(name)")
    // Space that cannot be given back is not a failure.
    try? descriptor.discard(range)
  }
}
