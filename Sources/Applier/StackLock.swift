// One stack is applied by one process at a time: a lock on a file that dies with the process. The file itself may stay.

import Checksum
import DiskImage
import Glibc

/// The right to apply a stack on a connection, held while this value lives.
///
/// The lock is the kernel's (flock(2)), so it cannot be left behind; the file that it is on has no meaning of its own.
/// It keeps out processes of this user on this host. It is not taken from a child process that a fork makes, since the
/// descriptor is closed on exec.
public final class StackLock: Sendable {
  private let descriptor: Int32
  /// The file; it stays.
  let path: String

  /// Takes the lock, or fails at once.
  ///
  /// - Parameters:
  ///   - stack: the stack's name.
  ///   - uri: the connection's URI, as libvirt resolved it.
  /// - Throws: ``ActionFailure`` that names the process that holds it, or says why there is no place for the file.
  public convenience init(stack: String, uri: String) throws(ActionFailure) {
    try self.init(stack: stack, uri: uri, folder: Self.folder())
  }

  /// - Parameter folder: where the file goes.
  init(stack: String, uri: String, folder: String) throws(ActionFailure) {
    let digest = Checksum.of(Array("\(uri)\0\(stack)".utf8))
    let path = "\(folder)/vireo-\(hexadecimal(digest.prefix(16))).lock"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw .file("open the lock file", path, errno) }
    do throws(ActionFailure) {
      try Self.take(descriptor, path, stack: stack)
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
    self.path = path
  }

  deinit {
    // In so many words: a child that was forked and has not called exec yet shares the descriptor.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  private static func take(_ descriptor: Int32, _ path: String, stack: String) throws(ActionFailure) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid() else {
      throw ActionFailure(
        "\(path) is no file of this user's, so it cannot serve as the stack's lock", remedy: "remove it")
    }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK:
        let holder = holder(descriptor).map { " (process \($0))" } ?? ""
        throw ActionFailure(
          "stack \(stack) is being applied by another process\(holder)", remedy: "wait for it to end, then try again")
      default: throw .file("lock", path, errno)
      }
    }
    // For the message above; the lock does not depend on it.
    let text = Array("\(getpid())\n".utf8)
    _ = ftruncate(descriptor, 0)
    _ = pwrite(descriptor, text, text.count, 0)
  }

  /// The process id that the holder wrote down.
  private static func holder(_ descriptor: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
  }

  /// The folder for locks: the system's for root, so that all of root's processes agree whatever their environment;
  /// else the user's own (XDG Base Directory Specification), else /tmp.
  private static func folder() -> String {
    let user = geteuid()
    if user == 0, isFolder("/run/lock", of: nil) { return "/run/lock" }
    // The environment's first: a container may have it elsewhere.
    let candidates = [getenv("XDG_RUNTIME_DIR").map { String(cString: $0) }, "/run/user/\(user)"]
    return candidates.compactMap(\.self).first { $0.hasPrefix("/") && isFolder($0, of: user) } ?? "/tmp"
  }

  private static func isFolder(_ path: String, of user: uid_t?) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && (user == nil || status.st_uid == user)
  }
}
