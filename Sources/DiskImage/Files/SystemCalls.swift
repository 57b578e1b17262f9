// Linux calls and constants that the Glibc overlay does not show, and the one place that retries interrupted calls.

internal import Failpoints
internal import Glibc

/// Constants from the kernel's headers that Swift's importer cannot evaluate or hides.
enum Linux {
  /// `fcntl.h`: `__O_TMPFILE | O_DIRECTORY`.
  static let openTemporary: Int32 = 0o20_000_000 | O_DIRECTORY
  /// `fcntl.h`: O_PATH.
  static let openPathOnly: Int32 = 0o10_000_000
  /// `linux/fcntl.h`: open file description locks.
  static let getDescriptionLock: Int32 = 36
  static let setDescriptionLock: Int32 = 37
  /// `unistd.h`: SEEK_DATA and SEEK_HOLE.
  static let seekData: Int32 = 3
  static let seekHole: Int32 = 4
  /// `linux/fs.h`: `_IOW(0x94, 9, int)`.
  static let cloneFile: UInt = 0x4004_9409
  /// `linux/fs.h`: RENAME_NOREPLACE.
  static let renameNoReplace: UInt32 = 1
  /// renameat2(2), which glibc has since 2.28 and the overlay does not show.
  static let renameAt2: RenameAt2? = dlsym(nil, "renameat2").map { unsafeBitCast($0, to: RenameAt2.self) }
  /// `fcntl.h`: O_DIRECT of this machine; the overlay hides it because architectures differ.
  #if arch(arm) || arch(arm64) || arch(powerpc64le)
    static let openDirect: Int32 = 0o200_000
  #else
    static let openDirect: Int32 = 0o40_000
  #endif
  /// fallocate(2); posix_fallocate(3) would write zeros where the file system cannot reserve space.
  static let allocate: Allocate? = dlsym(nil, "fallocate").map { unsafeBitCast($0, to: Allocate.self) }
  /// `linux/falloc.h`: FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE.
  static let punchHole: Int32 = 3
  /// fsetxattr(2) and lgetxattr(2), whose header the overlay does not have.
  static let setAttribute: SetAttribute? = dlsym(nil, "fsetxattr").map { unsafeBitCast($0, to: SetAttribute.self) }
  static let getAttribute: GetAttribute? = dlsym(nil, "lgetxattr").map { unsafeBitCast($0, to: GetAttribute.self) }
  static let getFileAttribute: GetFileAttribute? = dlsym(nil, "fgetxattr")
    .map { unsafeBitCast($0, to: GetFileAttribute.self) }
  /// syscall(2), for openat2(2): glibc has no function of its own for it before 2.42.
  static let systemCall: OpenAt2? = dlsym(nil, "syscall").map { unsafeBitCast($0, to: OpenAt2.self) }
  /// `linux/fcntl.h`: F_SETLEASE.
  static let setLease: Int32 = 1024
  typealias SetAttribute =
    @convention(c) (Int32, UnsafePointer<CChar>, UnsafeRawPointer, Int, Int32) -> Int32
  typealias GetAttribute =
    @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
  typealias GetFileAttribute =
    @convention(c) (Int32, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
  typealias OpenAt2 =
    @convention(c) (Int, Int, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
  typealias Allocate = @convention(c) (Int32, Int32, off_t, off_t) -> Int32
  typealias RenameAt2 =
    @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
}

/// Runs a system call that gives a negative number on failure; again when a signal interrupted it.
///
/// - Parameters:
///   - operation: what is tried, as a verb phrase for the message.
///   - path: the file it is tried on.
@discardableResult
func systemCall<Result: FixedWidthInteger & SignedInteger>(
  _ operation: String, _ path: String, _ call: () -> Result
) throws(ImageError) -> Result {
  while true {
    let result = call()
    if result >= 0 { return result }
    let code = errno
    if code != EINTR { throw ImageError(operation, path: path, errno: code) }
  }
}

/// Makes the names in a folder durable.
///
/// - Throws: ``ImageError`` when the folder cannot be opened or flushed.
public func flushFolder(_ path: String) throws(ImageError) {
  try OpenFolder(path).flush()
}

/// The folder part of a path: everything before the last slash, "." without one, "/" for the root's children.
func directoryPart(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
  return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
}

/// The part of a path after its last slash.
func namePart(of path: String) -> String {
  guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
  return String(path[path.utf8.index(after: slash)...])
}
