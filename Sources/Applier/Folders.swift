// Folders: making them durably, and making many new names in one durable at the price of few.

import DiskImage
import Failpoints
import Glibc

extension ApplyRun {
  /// Makes a folder and what is missing above it. The folder itself may be passed by everybody and listed by nobody but
  /// its owner: QEMU runs as another user.
  func createDirectory(_ path: String) async throws {
    try await files.run { try makeFolders(path) }
  }
}

private func makeFolders(_ path: String) throws(ActionFailure) {
  guard path.hasPrefix("/") else { throw ActionFailure("\(path) is no absolute path") }
  var present = ""
  let parts = path.split(separator: "/")
  for (index, part) in parts.enumerated() {
    let parent = present.isEmpty ? "/" : present
    present += "/\(part)"
    let isLast = index == parts.count - 1
    let mode: mode_t = isLast ? 0o711 : 0o755
    Failpoint.pass("make the folder \(present)")
    if mkdir(present, mode) == 0 {
      Failpoint.pass("set the mode of the folder \(present)")
      // The process's mask does not apply to what others must pass.
      guard chmod(present, mode) == 0 else { throw .file("set the mode of", present, errno) }
      do throws(ImageError) {
        try ImageCreation.syncDirectory(parent)
      } catch {
        throw ActionFailure(error)
      }
      continue
    }
    let code = errno
    var status = stat()
    guard stat(present, &status) == 0 else { throw .file("make the folder", present, code) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw ActionFailure(
        "cannot make the folder \(path): \(present) exists and is no folder",
        remedy: "move it away, or choose another path")
    }
  }
}

extension ActionFailure {
  /// A failed system call on a file.
  static func file(_ operation: String, _ path: String, _ code: Int32) -> ActionFailure {
    let remedy: String? =
      switch code {
      case EACCES, EPERM: "check the owner and mode of the folder, or run Vireo as a user who may"
      case ENOSPC, EDQUOT: "make room on the file system"
      case EROFS: "the file system is mounted read-only"
      default: nil
      }
    return ActionFailure("cannot \(operation) \(path): \(String(cString: strerror(code)))", remedy: remedy)
  }
}
