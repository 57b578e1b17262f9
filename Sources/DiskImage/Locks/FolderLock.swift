// Locks on folders of images: whoever makes files or refers to them shares a folder, whoever removes files has it alone.

internal import Glibc

/// How long to wait for a lock that another process holds.
public struct LockPatience: Sendable, Hashable {
  /// The longest wait in seconds; 0 fails at once.
  public var seconds: Double

  /// Waits for at most so many seconds.
  public init(seconds: Double) {
    self.seconds = seconds
  }

  /// Fails at once.
  public static let none = LockPatience(seconds: 0)
  /// What a removal of files may take: every lock of a folder is held for a few steps only.
  public static let ofFolders = LockPatience(seconds: 60)

  /// Calls `attempt` until it is true or the time is over.
  ///
  /// - Returns: whether it was true once.
  public func wait<E>(for attempt: () throws(E) -> Bool) throws(E) -> Bool {
    var pause: UInt32 = 2_000
    let deadline = Self.now + seconds
    while true {
      if try attempt() { return true }
      guard Self.now < deadline else { return false }
      usleep(pause)
      pause = min(pause * 2, 50_000)
    }
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// Locks on folders, held while this value lives. They go with the process.
///
/// The lock is flock(2) on the folder itself: it takes no right but to read the folder, so it works between users, and
/// there is no file that could be left behind. On file systems that cannot lock a folder (NFS) it is on a file
/// `.vireo-lock` in it.
public final class FolderLock: Sendable {
  /// What a process is about to do in a folder.
  public enum Kind: Sendable {
    /// Makes or changes files of the folder, or makes something refer to them; together with others.
    case shared
    /// Removes files: nobody makes or refers to any meanwhile.
    case exclusive
  }

  static let fileName = ".vireo-lock"

  private let held: HeldLocks

  /// Locks folders; those that do not exist are left out. A folder counts once, however many paths lead to it, and all
  /// processes take them in the same order.
  ///
  /// - Throws: ``ImageError/locked(path:by:)`` with the folder when another process still holds one in the end.
  public init(
    _ folders: some Sequence<String>, _ kind: Kind, patience: LockPatience = .ofFolders
  ) throws(ImageError) {
    var opened: [(path: String, descriptor: Int32, identity: FileIdentity)] = []
    var held: [Int32] = []
    do throws(ImageError) {
      for path in Set(folders).sorted() {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
          if errno == ENOENT || errno == ENOTDIR { continue }
          throw ImageError("lock the folder", path: path, errno: errno)
        }
        held.append(descriptor)
        let identity = try FileStatus(descriptor: descriptor, path: path, measuringDevices: false).identity
        guard !opened.contains(where: { $0.identity == identity }) else { continue }
        opened.append((path, descriptor, identity))
      }
      opened.sort { ($0.identity.device, $0.identity.inode) < ($1.identity.device, $1.identity.inode) }
      for folder in opened {
        if try Self.take(folder.descriptor, folder.path, kind, patience) { continue }
        let file = try systemCall("lock the folder", folder.path) {
          openat(folder.descriptor, Self.fileName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
        }
        held.append(file)
        guard try Self.take(file, folder.path, kind, patience) else {
          throw .locksUnavailable(path: folder.path, errno: ENOLCK)
        }
      }
    } catch {
      HeldLocks(held).release()
      throw error
    }
    self.held = HeldLocks(held)
  }

  /// Lets others in who make files: the removal was decided on.
  public func share() {
    for descriptor in held.descriptors { flock(descriptor, LOCK_SH | LOCK_NB) }
  }

  /// Lets go before the end of this value's life.
  public func release() { held.release() }

  /// - Returns: false where the file system cannot lock this.
  private static func take(
    _ descriptor: Int32, _ path: String, _ kind: Kind, _ patience: LockPatience
  ) throws(ImageError) -> Bool {
    var isUnable = false
    let isTaken = try patience.wait { () throws(ImageError) -> Bool in
      while flock(descriptor, (kind == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
        switch errno {
        case EINTR: continue
        case EWOULDBLOCK: return false
        case EBADF, EINVAL, ENOLCK, EOPNOTSUPP, ENOSYS, EIO:
          isUnable = true
          return true
        default: throw ImageError("lock the folder", path: path, errno: errno)
        }
      }
      return true
    }
    guard isTaken else {
      let identity = try FileStatus(descriptor: descriptor, path: path, measuringDevices: false).identity
      let others = LockHolder.holders(of: identity, kind: "FLOCK").filter { $0.pid != getpid() }
      throw .locked(path: path, by: others)
    }
    return !isUnable
  }
}

extension LockHolder {
  /// The processes that hold a lock of flock(2) on the file behind a descriptor. Best effort.
  package static func ofFile(_ descriptor: Int32) -> [LockHolder] {
    guard let status = try? FileStatus(descriptor: descriptor, path: "", measuringDevices: false) else { return [] }
    return holders(of: status.identity, kind: "FLOCK").filter { $0.pid != getpid() }
  }
}
