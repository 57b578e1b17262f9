// Folders that are held open. What is done to a file in a folder where others may write is done through a descriptor of
// the folder: a path is resolved once, so nobody can lead it elsewhere between a check and its use.

internal import Failpoints
package import Glibc

/// Which symbolic links a path may contain that somebody has written down: the path of a pool, of a disk's source.
package enum StatedLinks: Sendable {
  /// All that the process may pass.
  case all
  /// Those of root and of the user that runs Vireo. Whoever may only write to a folder on the way cannot make such a link.
  case own
}

/// A folder that is held open: what is done in it is done in this very folder, wherever its path leads meanwhile.
///
/// Names in it are single names, or paths below it. Nothing below it is reached through a symbolic link, nor through `..`:
/// openat2(2) sees to that, or a walk of openat(2) with O_NOFOLLOW where there is no openat2 (Linux before 5.6, some
/// containers).
package final class OpenFolder: Sendable {
  /// What to call it in messages: the path that it was opened by.
  package let path: String
  /// Device and inode: the very folder that is held open, whatever its path leads to later.
  package let identity: FileIdentity
  /// O_PATH: it takes no right to list the folder.
  let descriptor: Int32

  /// Opens a folder by a path that somebody has stated.
  package convenience init(_ path: String, links: StatedLinks = .all) throws(ImageError) {
    let descriptor = try PathWalk.open(
      path, Linux.openPathOnly | O_DIRECTORY | O_CLOEXEC, "open the folder", links)
    try self.init(owning: descriptor, path)
  }

  private init(owning descriptor: Int32, _ path: String) throws(ImageError) {
    self.descriptor = descriptor
    self.path = path
    do throws(ImageError) {
      identity = try FileStatus(descriptor: descriptor, path: path, measuringDevices: false).identity
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  /// The path of a file in the folder.
  package func path(of name: String) -> String {
    switch path {
    case ".": name
    case "/": "/" + name
    default: "\(path)/\(name)"
    }
  }

  /// A folder in it, or further below.
  package func folder(_ name: String) throws(ImageError) -> OpenFolder {
    let descriptor = try open(name, Linux.openPathOnly | O_DIRECTORY | O_CLOEXEC, "open the folder")
    return try OpenFolder(owning: descriptor, path(of: name))
  }

  // MARK: Files by their names

  /// Opens a file in the folder, or further below.
  ///
  /// - Parameter flags: as of open(2); a symbolic link is never followed.
  /// - Throws: ``ImageError/refused(path:reason:)`` where a link stands in the way.
  package func open(
    _ name: String, _ flags: Int32, mode: UInt32 = 0, _ operation: String
  ) throws(ImageError) -> Int32 {
    do throws(ImageError) {
      return try systemCall(operation, path(of: name)) { PathWalk.open(below: descriptor, name, flags, mode) }
    } catch .io(_, let path, let code) where code == ELOOP || code == EXDEV {
      throw .refused(path: path, reason: Self.isLink)
    }
  }

  static let isLink =
    "is a symbolic link where Vireo has a file of its own, or is reached by one below a pool's folder, and it is not "
    + "followed; put the file itself there"

  /// What has a name itself, links not followed; nil for nothing.
  package func status(_ name: String) throws(ImageError) -> stat? {
    var status = stat()
    do throws(ImageError) {
      try systemCall("look at", path(of: name)) { fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) }
    } catch .notFound {
      return nil
    }
    return status
  }

  /// Gives a file another name in the folder. The new name must not exist, or is replaced.
  package func rename(_ old: String, to new: String, replacing: Bool) throws(ImageError) {
    let path = path(of: new)
    if replacing {
      try systemCall("replace", path) { renameat(descriptor, old, descriptor, new) }
      return
    }
    if let rename = Linux.renameAt2 {
      do throws(ImageError) {
        try systemCall("name", path) { rename(descriptor, old, descriptor, new, Linux.renameNoReplace) }
        return
      } catch .io(_, _, let code) where code == EINVAL || code == ENOSYS {
        // The file system does not know the flag; a hard link refuses an existing name just as well.
      }
    }
    try systemCall("name", path) { linkat(descriptor, old, descriptor, new, 0) }
    Failpoint.pass("take away \(old)")
    unlinkat(descriptor, old, 0)
  }

  /// Gives an open file that has no name one in the folder.
  func link(_ file: Int32, as name: String) throws(ImageError) {
    let path = path(of: name)
    let own = "/proc/self/fd/\(file)"
    do throws(ImageError) {
      try systemCall("name", path) { linkat(AT_FDCWD, own, descriptor, name, AT_SYMLINK_FOLLOW) }
    } catch .notFound where access("/proc/self/fd", F_OK) != 0 {
      // No /proc: AT_EMPTY_PATH does the same for the superuser.
      try systemCall("name", path) { linkat(file, "", descriptor, name, 0x1000) }
    }
  }

  /// Gives a file a second name in another folder.
  package func link(_ name: String, to place: FilePlace) throws(ImageError) {
    try systemCall("give a second name to", path(of: name)) {
      linkat(descriptor, name, place.folder.descriptor, place.name, 0)
    }
  }

  /// Takes a name from the folder.
  ///
  /// - Returns: false where there is none.
  @discardableResult
  package func remove(_ name: String) throws(ImageError) -> Bool {
    do throws(ImageError) {
      try systemCall("delete", path(of: name)) { unlinkat(descriptor, name, 0) }
      return true
    } catch .notFound {
      return false
    }
  }

  /// Makes a folder in it.
  ///
  /// - Returns: nil where there is something of that name.
  package func makeFolder(_ name: String, mode: UInt32) throws(ImageError) -> OpenFolder? {
    do throws(ImageError) {
      try systemCall("make the folder", path(of: name)) { mkdirat(descriptor, name, mode) }
    } catch .alreadyExists {
      return nil
    }
    return try folder(name)
  }

  /// Sets the folder's own mode.
  package func setMode(_ mode: UInt32) throws(ImageError) {
    let opened = try readable()
    defer { close(opened) }
    try systemCall("set the mode of", path) { fchmod(opened, mode) }
  }

  /// Makes the names in the folder durable.
  package func flush() throws(ImageError) {
    let opened = try readable()
    defer { close(opened) }
    try Failpoint.around("flush the folder \(path)") { () throws(ImageError) in
      try systemCall("flush the folder", path) { fsync(opened) }
    }
  }

  private func readable() throws(ImageError) -> Int32 {
    try systemCall("open the folder", path) { openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
  }
}

/// A file by its name in a folder that is held open. The file need not exist.
package struct FilePlace: Sendable {
  /// The folder, which stays open as long as this value lives.
  package let folder: OpenFolder
  /// One name, without a slash.
  package let name: String

  /// A file by its name in a folder: one name without a slash.
  package init(in folder: OpenFolder, _ name: String) {
    self.folder = folder
    self.name = name
  }

  /// A file by its path: the folder may be reached by links, the file itself may be none.
  package init(_ path: String, links: StatedLinks = .all) throws(ImageError) {
    self.init(in: try OpenFolder(directoryPart(of: path), links: links), namePart(of: path))
  }

  /// The path for messages; what is done to the file is done through the folder's descriptor instead.
  package var path: String { folder.path(of: name) }
}

/// How paths become descriptors.
enum PathWalk {
  /// Opens what a stated path leads to.
  static func open(
    _ path: String, _ flags: Int32, _ operation: String, _ links: StatedLinks, named name: String? = nil
  ) throws(ImageError) -> Int32 {
    if links == .all { return try systemCall(operation, name ?? path) { Glibc.open(path, flags) } }
    let start = path.hasPrefix("/") ? "/" : "."
    var folder = try systemCall(operation, path) { Glibc.open(start, Linux.openPathOnly | O_DIRECTORY | O_CLOEXEC) }
    defer { close(folder) }
    // One call where there is no link at all, which is nearly always.
    let quick = openAt2(folder, path.hasPrefix("/") ? String(path.drop { $0 == "/" }) : path, flags, 0, noLinks)
    if quick >= 0 { return quick }
    if errno != ELOOP, errno != ENOSYS, errno != EPERM, errno != EINTR, errno != EAGAIN, !path.allSatisfy({ $0 == "/" })
    {
      throw ImageError(operation, path: path, errno: errno)
    }
    var rest = Array(path.split(separator: "/").reversed().map(String.init))
    var followed = 0
    while let part = rest.popLast() {
      let held = try systemCall(operation, path) {
        openat(folder, part, Linux.openPathOnly | O_NOFOLLOW | O_CLOEXEC)
      }
      var status = stat()
      guard fstat(held, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else {
        close(folder)
        folder = held
        continue
      }
      defer { close(held) }
      guard status.st_uid == 0 || status.st_uid == geteuid() else {
        throw .refused(
          path: path,
          reason:
            "\(escapedForDisplay(part)) on this path is a symbolic link that belongs to user \(status.st_uid), and Vireo "
            + "follows links of root and of its own user only; write the path that it is to lead to")
      }
      followed += 1
      guard followed <= 40 else { throw ImageError(operation, path: path, errno: ELOOP) }
      let target = try linkTarget(held, path)
      if target.hasPrefix("/") {
        let root = try systemCall(operation, path) { Glibc.open("/", Linux.openPathOnly | O_DIRECTORY | O_CLOEXEC) }
        close(folder)
        folder = root
      }
      rest += target.split(separator: "/").reversed().map(String.init)
    }
    // A new description of the very file that was found, with the rights that are asked for.
    if flags & O_DIRECTORY != 0 { return try systemCall(operation, path) { openat(folder, ".", flags) } }
    return try systemCall(operation, path) { Glibc.open("/proc/self/fd/\(folder)", flags & ~O_NOFOLLOW) }
  }

  private static func linkTarget(_ link: Int32, _ path: String) throws(ImageError) -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = try systemCall("follow the link on", path) { readlinkat(link, "", &buffer, buffer.count) }
    guard count > 0, let text = String(validating: buffer[..<Int(count)], as: UTF8.self) else {
      throw ImageError("follow the link on", path: path, errno: EILSEQ)
    }
    return text
  }

  /// Opens a path below a folder, without links and without leaving the folder. As open(2): a negative number and `errno`.
  static func open(below folder: Int32, _ name: String, _ flags: Int32, _ mode: UInt32, walking: Bool = false) -> Int32
  {
    if !walking {
      let opened = openAt2(folder, name, flags, mode, beneath | noLinks)
      // EPERM may be a filter's that does not know the call: the walk has the answer of the file system.
      if opened >= 0 || (errno != ENOSYS && errno != EPERM) { return opened }
    }
    var held = folder
    defer { if held != folder { close(held) } }
    let parts = name.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    guard let last = parts.last, !name.hasPrefix("/"), !parts.contains("..") else {
      errno = EXDEV
      return -1
    }
    for part in parts.dropLast() {
      let next = openat(held, part, Linux.openPathOnly | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      guard next >= 0 else {
        if errno == ENOTDIR, isLink(held, part) { errno = ELOOP }
        return -1
      }
      if held != folder { close(held) }
      held = next
    }
    let opened = openat(held, last, flags | O_NOFOLLOW, mode)
    if opened < 0, errno == ENOTDIR, isLink(held, last) { errno = ELOOP }
    return opened
  }

  private static func isLink(_ folder: Int32, _ name: String) -> Bool {
    let code = errno
    defer { errno = code }
    var status = stat()
    return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  /// `linux/openat2.h`: RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS, and RESOLVE_BENEATH.
  private static let noLinks: UInt64 = 0x06
  private static let beneath: UInt64 = 0x08

  private static func openAt2(
    _ folder: Int32, _ name: String, _ flags: Int32, _ mode: UInt32, _ resolve: UInt64
  ) -> Int32 {
    guard let call = Linux.systemCall else {
      errno = ENOSYS
      return -1
    }
    // `struct open_how`: flags, mode, resolve. The kernel looks at every bit of the flags.
    var how = (UInt64(UInt32(bitPattern: flags)), UInt64(mode), resolve)
    return withUnsafeMutablePointer(to: &how) { how in
      name.withCString { Int32(truncatingIfNeeded: call(437, Int(folder), $0, how, 24)) }
    }
  }
}
