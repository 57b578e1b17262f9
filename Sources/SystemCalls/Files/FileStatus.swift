// What stat(2) says of a file, as a value.

internal import Glibc
package import SystemPackage

/// What a path leads to, or turned out to be.
public enum FileKind: String, Sendable, Hashable {
  /// S_IFREG: what images are.
  case regularFile = "a regular file"
  /// S_IFBLK: a disk, partition or logical volume.
  case blockDevice = "a block device"
  /// S_IFDIR: a folder.
  case directory = "a directory"
  /// S_IFCHR: a character device, such as a terminal or `/dev/zero`.
  case characterDevice = "a character device"
  /// S_IFIFO: a named pipe, whose reading would wait for a writer.
  case fifo = "a FIFO"
  /// S_IFSOCK: a Unix socket.
  case socket = "a socket"
  /// S_IFLNK: a symbolic link itself, not what it leads to.
  case symbolicLink = "a symbolic link"
  /// Anything else that stat(2) may call it.
  case other = "not a file"

  fileprivate init(_ type: FileType) {
    switch type {
    case .regular: self = .regularFile
    case .blockSpecial: self = .blockDevice
    case .directory: self = .directory
    case .characterSpecial: self = .characterDevice
    case .fifo: self = .fifo
    case .socket: self = .socket
    case .symbolicLink: self = .symbolicLink
    default: self = .other
    }
  }
}

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

/// What is known of a file beside its content.
package struct FileStatus: Sendable, Hashable {
  /// What it is.
  package let kind: FileKind
  /// Device and inode.
  package let identity: FileIdentity
  /// Length in bytes; 0 for a device.
  package let length: UInt64
  /// Bytes that the file takes up on its file system.
  package let bytesOnDisk: UInt64
  /// When its content was changed, in nanoseconds since 1970. Programs can set it.
  package let modified: Int64
  /// When anything of it was changed, in nanoseconds since 1970. No program can set it.
  package let changed: Int64
  /// The permission bits.
  package let mode: UInt32
  /// The number of the user who owns it.
  package let owner: UInt32
  /// The number of the group that owns it.
  package let group: UInt32
  /// How many names it has.
  package let names: UInt64

  /// Whether it is a regular file.
  package var isRegular: Bool { kind == .regularFile }

  /// When its content was changed, in whole seconds since 1970.
  package var modifiedSeconds: Int { Self.seconds(modified) }
  /// When anything of it was changed, in whole seconds since 1970.
  package var changedSeconds: Int { Self.seconds(changed) }

  private static func seconds(_ nanoseconds: Int64) -> Int {
    let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return Int(rest < 0 ? seconds - 1 : seconds)
  }

  private init(_ status: Stat) {
    kind = FileKind(status.type)
    identity = FileIdentity(device: UInt64(status.deviceID.rawValue), inode: UInt64(status.inode.rawValue))
    length = UInt64(clamping: status.size)
    bytesOnDisk = UInt64(clamping: status.blocksAllocated).multipliedReportingOverflow(by: 512).partialValue
    modified = Self.nanoseconds(status.st_mtim)
    changed = Self.nanoseconds(status.st_ctim)
    mode = UInt32(status.permissions.rawValue)
    owner = status.userID.rawValue
    group = status.groupID.rawValue
    names = UInt64(clamping: status.linkCount)
  }

  private static func nanoseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }

  /// What is known of an open file.
  package init(_ file: FileDescriptor) throws(Errno) { self.init(try Stat(file)) }

  /// What a path leads to.
  ///
  /// - Parameter followingLinks: false for the link itself where the path is one.
  package init(of path: String, followingLinks: Bool = true) throws(Errno) {
    var result: Result<Stat, Errno> = .failure(.invalidArgument)
    path.withCString { path in
      do throws(Errno) {
        result = .success(try Stat(path, followTargetSymlink: followingLinks))
      } catch {
        result = .failure(error)
      }
    }
    self.init(try result.get())
  }

  /// What has a name in a folder that is held open; a link is not followed.
  package init(of name: String, in folder: FileDescriptor) throws(Errno) {
    var status = stat()
    try retrying { fstatat(folder.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) }
    self.init(Stat(rawValue: status))
  }

  /// Whether two paths lead to one file, links followed.
  package static func areOne(_ one: String, _ other: String) -> Bool {
    guard let first = try? FileStatus(of: one), let second = try? FileStatus(of: other) else { return false }
    return first.identity == second.identity
  }

  /// Whether a path leads to a folder, links followed.
  package static func isFolder(_ path: String) -> Bool { (try? FileStatus(of: path))?.kind == .directory }

  /// Whether there is something of that name, be it a link that leads nowhere.
  package static func isTaken(_ path: String) -> Bool { (try? FileStatus(of: path, followingLinks: false)) != nil }
}
