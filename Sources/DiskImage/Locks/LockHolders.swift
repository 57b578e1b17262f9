// Names the processes behind a lock. The kernel does not (open file description locks have no process), so /proc is searched; only after a conflict.

internal import SystemCalls

extension LockHolder {
  /// The processes that hold a lock on a file: an open file description lock, or another `kind` by its name in /proc.
  ///
  /// Best effort: processes that may not be looked into are left out, and there may be more holders than are named.
  static func holders(of identity: FileIdentity, kind: String = "OFDLCK") -> [LockHolder] {
    FileNames.names(in: "/proc").compactMap { Int32($0) }.sorted().compactMap { pid in
      holdsLock(pid, identity, kind) ? LockHolder(pid: pid, program: program(of: pid)) : nil
    }
  }

  private static func holdsLock(_ pid: Int32, _ identity: FileIdentity, _ kind: String) -> Bool {
    FileNames.names(in: "/proc/\(pid)/fd").contains { descriptor in
      guard (try? FileStatus(of: "/proc/\(pid)/fd/\(descriptor)"))?.identity == identity else { return false }
      // "lock:	1: OFDLCK  ADVISORY  READ -1 fe:01:1835 100 101"
      return smallFile("/proc/\(pid)/fdinfo/\(descriptor)").contains(kind)
    }
  }

  private static func program(of pid: Int32) -> String {
    let name = smallFile("/proc/\(pid)/comm")
    return escapedForDisplay(name.hasSuffix("\n") ? String(name.dropLast()) : name)
  }

  private static func smallFile(_ path: String) -> String { SmallFile.text(path, limit: 4096, []) ?? "" }
}
