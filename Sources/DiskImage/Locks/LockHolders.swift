// Names the processes behind a lock. The kernel does not (open file description locks have no process), so /proc is searched; only after a conflict.

internal import Glibc

extension LockHolder {
  /// The processes that hold a lock on a file: an open file description lock, or another `kind` by its name in /proc.
  ///
  /// Best effort: processes that may not be looked into are left out, and there may be more holders than are named.
  static func holders(of identity: FileIdentity, kind: String = "OFDLCK") -> [LockHolder] {
    entries(of: "/proc").compactMap { Int32($0) }.sorted().compactMap { pid in
      holdsLock(pid, identity, kind) ? LockHolder(pid: pid, program: program(of: pid)) : nil
    }
  }

  private static func holdsLock(_ pid: Int32, _ identity: FileIdentity, _ kind: String) -> Bool {
    entries(of: "/proc/\(pid)/fd").contains { descriptor in
      var status = stat()
      guard stat("/proc/\(pid)/fd/\(descriptor)", &status) == 0,
        FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)) == identity
      else { return false }
      // "lock:	1: OFDLCK  ADVISORY  READ -1 fe:01:1835 100 101"
      return smallFile("/proc/\(pid)/fdinfo/\(descriptor)").contains(kind)
    }
  }

  private static func program(of pid: Int32) -> String {
    let name = smallFile("/proc/\(pid)/comm")
    return escapedForDisplay(name.hasSuffix("\n") ? String(name.dropLast()) : name)
  }

  private static func entries(of path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }

  private static func smallFile(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
  }
}
