// A local file or block device: opened with care, read and written by range. Owns its descriptor.

internal import Failpoints
internal import Glibc
internal import Synchronization

/// Identity of a file on this host.
public struct FileIdentity: Sendable, Hashable, Codable {
  /// The device that holds the file (`st_dev`).
  public let device: UInt64
  /// The inode number on that device.
  public let inode: UInt64

  /// A file by what stat(2) says.
  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// An open image file. The descriptor, and the locks taken on it, live as long as the last reference.
final class LocalFile: ImageStorage {
  enum Access {
    case read, readWrite
    var flags: Int32 { self == .read ? O_RDONLY : O_RDWR }
  }

  let name: String
  let descriptor: Int32
  /// What `fstat` said when the file was opened.
  let status: FileStatus
  private let access: Access
  /// Whether QEMU's bytes may be locked on this descriptor.
  let mayBeLocked = Atomic(false)

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
    try self.init(name: path, access: access) { (flags, operation) throws(ImageError) in
      try PathWalk.open(opening ?? path, flags, operation, links, named: path)
    }
  }

  /// Opens a regular file or block device by its name in a folder that is held open: no link is followed.
  convenience init(at place: FilePlace, access: Access = .read) throws(ImageError) {
    try self.init(name: place.path, access: access) { (flags, operation) throws(ImageError) in
      try place.folder.open(place.name, flags, operation)
    }
  }

  private init(
    name path: String, access: Access, opening: (Int32, String) throws(ImageError) -> Int32
  ) throws(ImageError) {
    let descriptor: Int32
    do throws(ImageError) {
      descriptor = try opening(
        access.flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, access == .read ? "open" : "open for writing")
    } catch .io(_, _, let code) where code == EISDIR || code == ENXIO {
      // Writing a directory, or a socket: say what it is, not what the kernel calls it.
      throw .notAnImageFile(path: path, kind: code == EISDIR ? .directory : .socket)
    }
    do throws(ImageError) {
      status = try FileStatus(descriptor: descriptor, path: path)
      guard status.kind == .regularFile || status.kind == .blockDevice else {
        throw .notAnImageFile(path: path, kind: status.kind)
      }
    } catch {
      close(descriptor)
      throw error
    }
    self.name = path
    self.descriptor = descriptor
    self.access = access
  }

  /// A child that is being started shares the descriptor until it runs its program, and with it the locks: these are
  /// given up first, so that nobody finds them held by nobody.
  deinit {
    if mayBeLocked.load(ordering: .relaxed) { ImageLock.release(self) }
    close(descriptor)
  }

  /// Whether the file has holes: takes up less than it is long.
  var isSparse: Bool { status.kind == .regularFile && status.bytesOnDisk < status.length }

  /// For a file open for writing, the length right now: it was opened before it was locked, and writes extend it.
  var length: UInt64? {
    guard access == .readWrite else { return status.length }
    return (try? FileStatus(descriptor: descriptor, path: name))?.length ?? status.length
  }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    var done = 0
    while done < buffer.count {
      guard let position = off_t(exactly: offset), position <= off_t.max - off_t(buffer.count) else { return 0 }
      let count = try systemCall("read", name) {
        pread(descriptor, base + done, buffer.count - done, position + off_t(done))
      }
      if count == 0 { break }
      done += count
    }
    return done
  }

  func write(_ bytes: [UInt8], at offset: UInt64, _ what: String) throws(ImageError) {
    Failpoint.pass("write \(what) of \(name)")
    var done = 0
    while done < bytes.count {
      guard let position = off_t(exactly: offset), position <= off_t.max - off_t(bytes.count) else {
        throw .io(operation: "write \(what)", path: name, errno: EFBIG)
      }
      done += try systemCall("write \(what)", name) {
        bytes.withUnsafeBytes { buffer in
          pwrite(descriptor, buffer.baseAddress! + done, buffer.count - done, position + off_t(done))
        }
      }
    }
  }

  func flush() throws(ImageError) {
    Failpoint.pass("flush \(name)")
    try systemCall("flush", name) { fdatasync(descriptor) }
  }

  func setLength(_ length: UInt64) throws(ImageError) {
    if status.kind == .blockDevice {
      // A device is as long as it is.
      guard length <= status.length else { throw .noSpace(path: name, operation: "set the length") }
      return
    }
    guard let length = off_t(exactly: length) else { throw .io(operation: "set the length", path: name, errno: EFBIG) }
    Failpoint.pass("set the length of \(name)")
    try systemCall("set the length", name) { ftruncate(descriptor, length) }
  }

  func discard(_ range: Range<UInt64>) throws(ImageError) {
    guard let allocate = Linux.allocate, status.kind == .regularFile else { return }
    Failpoint.pass("discard a part of \(name)")
    // Space that cannot be given back is not a failure.
    _ = allocate(
      descriptor, Linux.punchHole, off_t(range.lowerBound), off_t(range.upperBound - range.lowerBound))
  }
}

/// The parts of `struct stat` that images need.
struct FileStatus: Sendable, Equatable {
  let kind: ImageError.FileKind
  let identity: FileIdentity
  /// Length in bytes; for a block device the device's size.
  let length: UInt64
  /// Bytes that the file takes up on its file system.
  let bytesOnDisk: UInt64
  /// Modification time in nanoseconds since 1970.
  let modified: Int64
  let mode: UInt32
  /// The number of the user who owns it.
  let owner: UInt32
  /// How many names it has.
  let names: UInt64

  /// - Parameter measuringDevices: false for descriptors that cannot seek (O_PATH).
  init(descriptor: Int32, path: String, measuringDevices: Bool = true) throws(ImageError) {
    var status = stat()
    try systemCall("look at", path) { fstat(descriptor, &status) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .regularFile
    case S_IFBLK: kind = .blockDevice
    case S_IFDIR: kind = .directory
    case S_IFCHR: kind = .characterDevice
    case S_IFIFO: kind = .fifo
    case S_IFSOCK: kind = .socket
    default: kind = .other
    }
    identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    mode = status.st_mode & 0o7777
    owner = status.st_uid
    names = UInt64(status.st_nlink)
    bytesOnDisk = UInt64(clamping: status.st_blocks).multipliedReportingOverflow(by: 512).partialValue
    modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    if kind == .blockDevice, measuringDevices {
      length = UInt64(try systemCall("find the size of", path) { lseek(descriptor, 0, SEEK_END) })
    } else {
      length = UInt64(clamping: status.st_size)
    }
  }
}
