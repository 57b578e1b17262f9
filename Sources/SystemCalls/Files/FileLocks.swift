// Locks on files: of whole files (flock(2)), of ranges of bytes (open file description locks, fcntl(2)), and leases.

internal import Glibc
package import SystemPackage

/// What a lock keeps away.
package enum LockKind: Sendable {
  /// Those who want the file or range alone.
  case shared
  /// Everybody else.
  case exclusive
}

extension FileDescriptor {
  // MARK: The whole file

  /// Locks the file (flock(2)), or gives a lock that is held another kind. Does not wait.
  ///
  /// - Returns: false where another open file holds a lock that forbids it.
  package func lock(_ kind: LockKind) throws(Errno) -> Bool {
    do throws(Errno) {
      try retrying { flock(rawValue, (kind == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) }
      return true
    } catch .wouldBlock {
      return false
    }
  }

  /// Gives the lock of ``lock(_:)`` back.
  package func unlock() { flock(rawValue, LOCK_UN) }

  // MARK: Ranges of bytes

  /// Locks a range of bytes for this open file (an open file description lock). Does not wait.
  ///
  /// - Throws: `resourceTemporarilyUnavailable` or `permissionDenied` where another open file holds one that forbids it.
  package func lockRange(_ kind: LockKind, from start: Int64, count: Int64) throws(Errno) {
    try setRange(kind == .shared ? F_RDLCK : F_WRLCK, start, count)
  }

  /// Gives the locks of a range back; a count of 0 is everything from `start` on.
  package func unlockRange(from start: Int64, count: Int64) throws(Errno) { try setRange(F_UNLCK, start, count) }

  /// Whether another open file holds any lock of a range.
  package func isRangeLocked(from start: Int64, count: Int64) throws(Errno) -> Bool {
    var wanted = Self.region(F_WRLCK, start, count)
    // `linux/fcntl.h`: F_OFD_GETLK.
    try retrying { fcntl(rawValue, 36, &wanted) }
    return wanted.l_type != Int16(F_UNLCK)
  }

  private func setRange(_ type: Int32, _ start: Int64, _ count: Int64) throws(Errno) {
    var wanted = Self.region(type, start, count)
    // `linux/fcntl.h`: F_OFD_SETLK.
    try retrying { fcntl(rawValue, 37, &wanted) }
  }

  private static func region(_ type: Int32, _ start: Int64, _ count: Int64) -> flock {
    var region = flock()
    region.l_type = Int16(type)
    region.l_whence = Int16(SEEK_SET)
    region.l_start = off_t(start)
    region.l_len = off_t(count)
    return region
  }

  /// Locks the first byte for this process (POSIX, F_SETLK), as libvirt's drivers lock their files. It is lost when the process
  /// closes any descriptor of the file.
  ///
  /// - Returns: false where another process holds it.
  package func lockForProcess() -> Bool {
    var wanted = Self.region(F_WRLCK, 0, 1)
    return (try? retrying { fcntl(rawValue, F_SETLK, &wanted) }) != nil
  }

  // MARK: Leases

  /// Takes a lease for writing, which is given only where no other process has the file open.
  ///
  /// - Throws: `resourceTemporarilyUnavailable` where one has.
  package func takeWriteLease() throws(Errno) {
    // `linux/fcntl.h`: F_SETLEASE.
    try retrying { fcntl(rawValue, 1024, Int32(F_WRLCK)) }
  }
}
