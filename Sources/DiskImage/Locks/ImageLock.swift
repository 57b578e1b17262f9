// QEMU's image locks: byte-range locks on the image file that say who uses it for what (QEMU, block/file-posix.c).

internal import Glibc
internal import Synchronization

/// A lock on an image that QEMU, qemu-img and libvirt's guests honour and hold themselves.
///
/// The locks are open file description locks; they go with this value, or with the process. Byte 100 + i says "I use
/// permission i", byte 200 + i "nobody else may use permission i". All locks are shared; a conflict is found by asking
/// whether an exclusive one would be possible. Everybody takes first and asks second, so of two who come at the same
/// moment both may lose, but never both win.
public final class ImageLock: Sendable {
  /// What the holder does with the image.
  public enum Use: Sendable {
    /// Reads guest data: others may read, none may write.
    case read
    /// Changes the image: nobody else may use it.
    case write
    /// Removes the file: nobody else may use it, and it may be one that nobody may write to.
    case delete
  }

  private let file: LocalFile

  /// Opens and locks an image.
  ///
  /// - Throws: ``ImageError/locked(path:by:)`` when another process uses the image in a way that excludes this one.
  public init(path: String, for use: Use) throws(ImageError) {
    file = try LocalFile(path: path, access: use == .write ? .readWrite : .read)
    try Self.take(use, on: file)
  }

  /// Whether some process has the image open for writing (a running guest, most often).
  ///
  /// Takes no lock and disturbs nobody.
  public static func isInUseByWriter(path: String) throws(ImageError) -> Bool {
    try isHeld(usedBase + Permission.write, on: LocalFile(path: path))
  }

  /// Locks an open image for the life of its descriptor.
  static func take(_ use: Use, on file: LocalFile) throws(ImageError) {
    let used =
      use == .read
      ? [Permission.consistentRead] : [Permission.consistentRead, Permission.write, Permission.resize]
    let unshared = [Permission.write, Permission.resize]
    do throws(ImageError) {
      for permission in used { try setLock(F_RDLCK, usedBase + permission, on: file) }
      for permission in unshared { try setLock(F_RDLCK, unsharedBase + permission, on: file) }
      for permission in used where try isHeld(unsharedBase + permission, on: file) { throw Self.locked(file) }
      for permission in unshared where try isHeld(usedBase + permission, on: file) { throw Self.locked(file) }
    } catch {
      release(file)
      throw error
    }
  }

  /// Lets go of all of QEMU's bytes.
  static func release(_ file: LocalFile) {
    try? setLock(F_UNLCK, usedBase, length: 0, on: file)
  }

  private static func locked(_ file: LocalFile) -> ImageError {
    release(file)  // so that the search does not find ourselves
    return .locked(path: file.name, by: LockHolder.holders(of: file.status.identity))
  }

  /// RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE in QEMU's block/file-posix.c.
  private static let usedBase: off_t = 100
  private static let unsharedBase: off_t = 200

  /// Bit numbers of QEMU's BLK_PERM_… (include/block/block-common.h).
  private enum Permission {
    static let consistentRead: off_t = 0
    static let write: off_t = 1
    static let resize: off_t = 3
  }

  private static func region(_ type: Int32, _ start: off_t, _ length: off_t) -> flock {
    var region = flock()
    region.l_type = Int16(type)
    region.l_whence = Int16(SEEK_SET)
    region.l_start = start
    region.l_len = length
    return region
  }

  private static func setLock(_ type: Int32, _ start: off_t, length: off_t = 1, on file: LocalFile) throws(ImageError) {
    if type != F_UNLCK { file.mayBeLocked.store(true, ordering: .relaxed) }
    var wanted = region(type, start, length)
    while fcntl(file.descriptor, Linux.setDescriptionLock, &wanted) != 0 {
      switch errno {
      case EINTR: continue
      case EAGAIN, EACCES: throw locked(file)
      default: throw .locksUnavailable(path: file.name, errno: errno)
      }
    }
  }

  private static func isHeld(_ start: off_t, on file: LocalFile) throws(ImageError) -> Bool {
    var wanted = region(F_WRLCK, start, 1)
    while fcntl(file.descriptor, Linux.getDescriptionLock, &wanted) != 0 {
      if errno != EINTR { throw .locksUnavailable(path: file.name, errno: errno) }
    }
    return wanted.l_type != Int16(F_UNLCK)
  }
}
