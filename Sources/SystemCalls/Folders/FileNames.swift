// Files by their names: whether they are there, taking names away, giving them others, making folders.

internal import Glibc
package import SystemPackage

/// What a process wants to do with a file.
package struct AccessRights: OptionSet, Sendable {
  /// The bits of access(2).
  package let rawValue: Int32
  /// What the bits of access(2) say.
  package init(rawValue: Int32) { self.rawValue = rawValue }
  /// Read it, or list a folder.
  package static let read = AccessRights(rawValue: R_OK)
  /// Write to it.
  package static let write = AccessRights(rawValue: W_OK)
  /// Run it, or enter a folder.
  package static let execute = AccessRights(rawValue: X_OK)
}

/// Calls that take the path of a file.
package enum FileNames {
  // MARK: Looking

  /// Whether a path leads to something, as access(2) says: a link that leads nowhere does not, and neither does a path that
  /// the process may not look at.
  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// As ``exists(_:)``, with the reason why not.
  package static func requireExisting(_ path: String) throws(Errno) { try retrying { access(path, F_OK) } }

  /// Whether the process may do something with what a path leads to, by the user that it was started by (access(2)).
  package static func mayAccess(_ path: String, _ rights: AccessRights) -> Bool { access(path, rights.rawValue) == 0 }

  /// As ``mayAccess(_:_:)``, by the user that it acts as.
  package static func mayAccessEffectively(_ path: String, _ rights: AccessRights) -> Bool {
    faccessat(AT_FDCWD, path, rights.rawValue, AT_EACCESS) == 0
  }

  /// A path without links, `.` and `..`; nil where it leads to nothing.
  package static func real(_ path: String) -> String? { takeText(realpath(path, nil)) }

  /// The folder that relative paths start in.
  package static func currentFolder() throws(Errno) -> String {
    guard let folder = takeText(getcwd(nil, 0)) else { throw lastError }
    return folder
  }

  /// What a symbolic link leads to.
  ///
  /// - Parameter folder: the folder that `path` is below, for a path that is relative; an empty path is the link itself that
  ///   the descriptor holds.
  /// - Throws: `illegalByteSequence` where it is not UTF-8.
  package static func linkTarget(_ path: String, in folder: FileDescriptor? = nil) throws(Errno) -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try retrying { readlinkat(folder?.rawValue ?? AT_FDCWD, path, &buffer, buffer.count) }
    guard count > 0, let text = String(validating: buffer[..<Int(count)], as: UTF8.self) else {
      throw .illegalByteSequence
    }
    return text
  }

  /// What tells a folder from every other that has its name elsewhere or has had it before: the inode, and when it was made
  /// (statx(2)). Nil where there is none.
  package static func birth(of path: String) -> String? {
    typealias Statx = @convention(c) (Int32, UnsafePointer<CChar>, Int32, UInt32, UnsafeMutableRawPointer) -> Int32
    guard let statx = LoadedLibrary.function("statx", as: Statx.self) else { return nil }
    // struct statx (linux/stat.h): stx_mask at 0, stx_ino at 32, stx_btime at 80. Asked for: STATX_INO | STATX_BTIME.
    var bytes = [UInt64](repeating: 0, count: 32)
    let isRead = bytes.withUnsafeMutableBytes { statx(AT_FDCWD, path, 0, 0x900, $0.baseAddress!) == 0 }
    guard isRead else { return nil }
    return bytes.withUnsafeBytes { bytes in
      let hasTime = bytes.load(as: UInt32.self) & 0x800 != 0
      let inode = bytes.load(fromByteOffset: 32, as: UInt64.self)
      let time = hasTime ? bytes.load(fromByteOffset: 80, as: Int64.self) : 0
      let fraction = hasTime ? bytes.load(fromByteOffset: 88, as: UInt32.self) : 0
      return "\(inode)-\(time).\(fraction)"
    }
  }

  // MARK: Changing

  /// Takes a name away.
  ///
  /// - Returns: false where there is none.
  @discardableResult
  package static func remove(_ path: String) throws(Errno) -> Bool {
    do throws(Errno) {
      try retrying { unlink(path) }
      return true
    } catch .noSuchFileOrDirectory {
      return false
    }
  }

  /// Takes an empty folder away.
  package static func removeFolder(_ path: String) throws(Errno) { try retrying { rmdir(path) } }

  /// Gives a file another name, whose file is replaced.
  package static func rename(_ old: String, to new: String) throws(Errno) { try retrying { Glibc.rename(old, new) } }

  /// Exchanges two files or folders (renameat2(2)).
  package static func exchange(_ one: String, _ other: String) throws(Errno) {
    guard let rename = Self.renameAt2 else { throw .noFunction }
    // `linux/fs.h`: RENAME_EXCHANGE.
    try retrying { rename(AT_FDCWD, one, AT_FDCWD, other, 2) }
  }

  /// Makes a folder, with the mode less the umask.
  ///
  /// - Returns: false where there is something of that name.
  @discardableResult
  package static func makeFolder(_ path: String, mode: UInt32) throws(Errno) -> Bool {
    do throws(Errno) {
      try retrying { mkdir(path, mode) }
      return true
    } catch .fileExists {
      return false
    }
  }

  /// Sets the permission bits of what a path leads to.
  package static func setMode(_ mode: UInt32, of path: String) throws(Errno) { try retrying { chmod(path, mode) } }

  /// Sets the owner of what a path leads to.
  package static func setOwner(user: UInt32, group: UInt32, of path: String) throws(Errno) {
    try retrying { chown(path, user, group) }
  }

  fileprivate typealias RenameAt2 =
    @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
  /// renameat2(2), which glibc has since 2.28 and the overlay does not show.
  fileprivate static let renameAt2 = LoadedLibrary.function("renameat2", as: RenameAt2.self)
}

/// Calls on names in a folder that is held open. Nothing is done to the target of a link.
extension FileDescriptor {
  /// Gives a file of the folder another name in it, whose file is replaced.
  package func rename(_ old: String, to new: String) throws(Errno) {
    try retrying { renameat(rawValue, old, rawValue, new) }
  }

  /// Gives a file of the folder another name in it, unless that is taken.
  ///
  /// - Throws: `invalidArgument` or `noFunction` where the file system or the kernel cannot see to that.
  package func renameWithoutReplacing(_ old: String, to new: String) throws(Errno) {
    guard let rename = FileNames.renameAt2 else { throw .noFunction }
    // `linux/fs.h`: RENAME_NOREPLACE.
    try retrying { rename(rawValue, old, rawValue, new, 1) }
  }

  /// Gives a file of the folder a second name, in this folder or another.
  package func link(_ name: String, to new: String, in folder: FileDescriptor) throws(Errno) {
    try retrying { linkat(rawValue, name, folder.rawValue, new, 0) }
  }

  /// Gives an open file that has no name one in the folder.
  package func link(_ file: FileDescriptor, as name: String) throws(Errno) {
    do throws(Errno) {
      try retrying { linkat(AT_FDCWD, "/proc/self/fd/\(file.rawValue)", rawValue, name, AT_SYMLINK_FOLLOW) }
    } catch {
      guard error.saysAbsence, access("/proc/self/fd", F_OK) != 0 else { throw error }
      // No /proc: AT_EMPTY_PATH does the same for the superuser.
      try retrying { linkat(file.rawValue, "", rawValue, name, 0x1000) }
    }
  }

  /// Takes a name from the folder.
  package func remove(_ name: String) throws(Errno) { try retrying { unlinkat(rawValue, name, 0) } }

  /// Makes a folder in the folder, with the mode less the umask.
  package func makeFolder(_ name: String, mode: UInt32) throws(Errno) { try retrying { mkdirat(rawValue, name, mode) } }
}
