// QEMU's image locks: byte-range locks on the image file that say who uses it for what (QEMU, block/file-posix.c).

internal import Synchronization
internal import SystemCalls
internal import SystemPackage

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
      for permission in used { try share(usedBase + permission, on: file) }
      for permission in unshared { try share(unsharedBase + permission, on: file) }
      for permission in used where try isHeld(unsharedBase + permission, on: file) { throw Self.locked(file) }
      for permission in unshared where try isHeld(usedBase + permission, on: file) { throw Self.locked(file) }
    } catch {
      release(file)
      throw error
    }
  }

  /// Lets go of all of QEMU's bytes.
  static func release(_ file: LocalFile) {
    try? file.descriptor.unlockRange(from: usedBase, count: 0)
  }

  private static func locked(_ file: LocalFile) -> ImageError {
    release(file)  // so that the search does not find ourselves
    return .locked(path: file.name, by: LockHolder.holders(of: file.status.identity))
  }

  /// RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE in QEMU's block/file-posix.c.
  private static let usedBase: Int64 = 100
  private static let unsharedBase: Int64 = 200

  /// Bit numbers of QEMU's BLK_PERM_… (include/block/block-common.h).
  private enum Permission {
    static let consistentRead: Int64 = 0
    static let write: Int64 = 1
    static let resize: Int64 = 3
  }

  private static func share(_ byte: Int64, on file: LocalFile) throws(ImageError) {
    file.mayBeLocked.store(true, ordering: .relaxed)
    do throws(Errno) {
      try file.descriptor.lockRange(.shared, from: byte, count: 1)
    } catch .resourceTemporarilyUnavailable, .permissionDenied {
      throw locked(file)
    } catch {
      throw .locksUnavailable(path: file.name, errno: error)
    }
  }

  private static func isHeld(_ byte: Int64, on file: LocalFile) throws(ImageError) -> Bool {
    do throws(Errno) {
      return try file.descriptor.isRangeLocked(from: byte, count: 1)
    } catch {
      throw .locksUnavailable(path: file.name, errno: error)
    }
  }
}
