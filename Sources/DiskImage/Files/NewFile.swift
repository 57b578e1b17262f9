// A file that appears under its name only when it is complete: unnamed (O_TMPFILE) while it is written, then linked.

internal import Failpoints
internal import SystemCalls
internal import SystemPackage

/// A file being written. Until ``publish(as:flushingDirectory:)`` nobody can find it, and without it nothing is left.
///
/// File systems without O_TMPFILE get a hidden temporary name in the same folder, which is removed on failure.
struct NewFile: ~Copyable {
  let folder: OpenFolder
  private let file: OpenFile
  /// The hidden name, for file systems that cannot hold unnamed files.
  private var temporaryName: String?

  /// What system calls know the file by.
  var descriptor: FileDescriptor { file.descriptor }
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
        file = try systemCall(
          "make a file in", directory, OpenFile(".", in: folder.descriptor, .readWrite, .temporary, mode: 0o600))
        temporaryName = nil
        return
      } catch .io(_, _, let code)
        where code == .notSupportedOnSocket || code == .isDirectory || code == .invalidArgument
      {
        // Not offered here (NFS, some FUSE and overlay file systems): use a hidden name.
      }
    }
    var generator = SystemRandomNumberGenerator()
    let name = ".\(String(generator.next(), radix: 36))\(String(generator.next(), radix: 36)).partial"
    file = try folder.open(name, .readWrite, [.create, .exclusiveCreate], mode: 0o600, "make a file in")
    temporaryName = name
  }

  deinit {
    if let temporaryName { try? folder.descriptor.remove(temporaryName) }
  }

  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ImageError) {
    Failpoint.pass("write a file in \(directory)")
    try systemCall("write a file in", directory, descriptor.writeAll(bytes, at: offset))
  }

  /// Writes all of `bytes` at `offset`.
  func write(_ bytes: [UInt8], at offset: UInt64) throws(ImageError) {
    Failpoint.pass("write a file in \(directory)")
    try systemCall("write a file in", directory, descriptor.writeAll(bytes, at: offset))
  }

  func setLength(_ length: UInt64) throws(ImageError) {
    Failpoint.pass("set the length of a file in \(directory)")
    try systemCall("set the length of a file in", directory, descriptor.setLength(length))
  }

  /// Sets mode and owner; nil leaves the owner as it is.
  func setAccess(_ access: FileAccess) throws(ImageError) {
    Failpoint.pass("set the mode of a file in \(directory)")
    if let owner = access.owner {
      try systemCall("set the owner of a file in", directory, descriptor.setOwner(user: owner.user, group: owner.group))
    }
    try systemCall("set the mode of a file in", directory, descriptor.setMode(access.mode))
  }

  /// Sets the modification time, in nanoseconds since 1970; the access time stays.
  func setModified(_ nanoseconds: Int64) throws(ImageError) {
    try systemCall("set the time of a file in", directory, descriptor.setModified(nanoseconds))
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
    try systemCall("flush", path, descriptor.flush())
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
