// A file that appears under its name only when it is complete: unnamed (O_TMPFILE) while it is written, then linked.

internal import Failpoints
internal import Glibc

/// A file being written. Until ``publish(as:flushingDirectory:)`` nobody can find it, and without it nothing is left.
///
/// File systems without O_TMPFILE get a hidden temporary name in the same folder, which is removed on failure.
struct NewFile: ~Copyable {
  let folder: OpenFolder
  let descriptor: Int32
  /// The hidden name, for file systems that cannot hold unnamed files.
  private var temporaryName: String?

  private var directory: String { folder.path }

  /// Starts a file in a folder.
  ///
  /// - Parameter allowUnnamed: false takes the hidden name right away; for tests of that path.
  init(in folder: OpenFolder, allowUnnamed: Bool = true) throws(ImageError) {
    self.folder = folder
    let directory = folder.path
    Failpoint.pass("make a file in \(directory)")
    if allowUnnamed {
      do throws(ImageError) {
        descriptor = try systemCall("make a file in", directory) {
          openat(folder.descriptor, ".", Linux.openTemporary | O_RDWR | O_CLOEXEC, 0o600)
        }
        temporaryName = nil
        return
      } catch .io(_, _, let code) where code == EOPNOTSUPP || code == EISDIR || code == EINVAL {
        // Not offered here (NFS, some FUSE and overlay file systems): use a hidden name.
      }
    }
    var generator = SystemRandomNumberGenerator()
    let name = ".\(String(generator.next(), radix: 36))\(String(generator.next(), radix: 36)).partial"
    descriptor = try folder.open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode: 0o600, "make a file in")
    temporaryName = name
  }

  deinit {
    if let temporaryName { unlinkat(folder.descriptor, temporaryName, 0) }
    close(descriptor)
  }

  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ImageError) {
    Failpoint.pass("write a file in \(directory)")
    var done = 0
    while done < bytes.count {
      done += try systemCall("write a file in", directory) {
        pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
      }
    }
  }

  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: [UInt8], at offset: UInt64) throws(ImageError) {
    var failure: ImageError?
    bytes.withUnsafeBytes { buffer in
      do throws(ImageError) { try write(buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  func setLength(_ length: UInt64) throws(ImageError) {
    guard let length = off_t(exactly: length) else {
      throw .io(operation: "set the length of a file in", path: directory, errno: EFBIG)
    }
    Failpoint.pass("set the length of a file in \(directory)")
    try systemCall("set the length of a file in", directory) { ftruncate(descriptor, length) }
  }

  /// Sets mode and owner; nil leaves the owner as it is.
  func setAccess(_ access: FileAccess) throws(ImageError) {
    Failpoint.pass("set the mode of a file in \(directory)")
    if let owner = access.owner {
      try systemCall("set the owner of a file in", directory) { fchown(descriptor, owner.user, owner.group) }
    }
    try systemCall("set the mode of a file in", directory) { fchmod(descriptor, access.mode) }
  }

  /// Sets the modification time, in nanoseconds since 1970; the access time stays.
  func setModified(_ nanoseconds: Int64) throws(ImageError) {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let borrow = rest < 0 ? 1 : 0
    let times = [
      timespec(tv_sec: 0, tv_nsec: 0x3FFF_FFFE),  // UTIME_OMIT
      timespec(tv_sec: Int(seconds) - borrow, tv_nsec: Int(rest) + borrow * 1_000_000_000),
    ]
    try systemCall("set the time of a file in", directory) { futimens(descriptor, times) }
  }

  /// Makes the file durable and gives it its name, which must not exist.
  ///
  /// - Parameters:
  ///   - name: its name in the folder that it was started in.
  ///   - flushingDirectory: also make the name durable now.
  /// - Throws: ``ImageError/alreadyExists(path:)`` when the name is taken.
  consuming func publish(as name: String, flushingDirectory: Bool) throws(ImageError) {
    let path = folder.path(of: name)
    Failpoint.pass("flush the new \(path)")
    try systemCall("flush", path) { fsync(descriptor) }
    Failpoint.pass("name the new \(path)")
    if let temporaryName {
      try folder.rename(temporaryName, to: name, replacing: false)
      self.temporaryName = nil
    } else {
      try folder.link(descriptor, as: name)
    }
    Failpoint.pass("the new \(path) is there")
    if flushingDirectory { try folder.flush() }
  }
}

/// Who may use a new file.
public struct FileAccess: Sendable, Equatable, Codable {
  /// A user and group by number.
  public struct Owner: Sendable, Equatable, Codable {
    /// The user's number.
    public let user: UInt32
    /// The group's number.
    public let group: UInt32

    /// An owner by numbers.
    public init(user: UInt32, group: UInt32) {
      self.user = user
      self.group = group
    }
  }

  /// Permission bits, set exactly (the process's umask does not apply).
  public var mode: UInt32
  /// The owner to set, or nil for the process's own.
  public var owner: Owner?

  /// Access by `mode`; 0600 when not said (libvirt gives a domain's disks to the user that QEMU runs as).
  public init(mode: UInt32 = 0o600, owner: Owner? = nil) {
    self.mode = mode
    self.owner = owner
  }
}
