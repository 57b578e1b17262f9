// Folders: making them durably.

import DiskImage
import Failpoints
import SystemCalls
import SystemPackage

/// Makes each folder in the one above it, which is held open. What is there already may be reached by links.
func makeFolders(_ path: String) throws(ActionFailure) {
  guard path.hasPrefix("/") else { throw ActionFailure("\(path) is not an absolute path") }
  do throws(ImageError) {
    var held = try OpenFolder("/")
    let parts = path.split(separator: "/").map(String.init)
    for (index, part) in parts.enumerated() {
      let present = "/" + parts[...index].joined(separator: "/")
      let mode: UInt32 = index == parts.count - 1 ? 0o711 : 0o755
      Failpoint.pass("make the folder \(present)")
      guard let made = try held.makeFolder(part, mode: mode) else {
        do throws(ImageError) {
          held = try OpenFolder(present, links: .own)
        } catch .notFound {
          throw ImageError.notAnImageFile(path: present, kind: .other)
        }
        continue
      }
      Failpoint.pass("set the mode of the folder \(present)")
      // The process's mask does not apply to what others must pass.
      try made.setMode(mode)
      try held.flush()
      held = made
    }
  } catch {
    if case .notAnImageFile(let present, _) = error {
      throw ActionFailure(
        "cannot make the folder \(path): \(present) exists and is not a folder",
        remedy: "move it away, or choose another path")
    }
    if case .io(let operation, let path, let code) = error { throw ActionFailure(SystemError(operation, path, code)) }
    throw ActionFailure(error)
  }
}

extension ActionFailure {
  /// A failed system call on a file.
  init(_ error: SystemError) {
    var remedy: String?
    if error.code.saysDenial {
      remedy = "check the owner and mode of the folder, or run Vireo as a user who has access"
    } else if error.code.saysFull {
      remedy = "make room on the file system"
    } else if error.code == .readOnlyFileSystem {
      remedy = "the file system is mounted read-only"
    }
    self.init("\(error)", remedy: remedy)
  }
}

/// Makes a system call on a file.
///
/// - Parameter operation: what is tried, as a verb phrase for the message.
@discardableResult
func fileCall<Result: ~Copyable>(
  _ operation: String, _ path: String, _ call: @autoclosure () throws(Errno) -> Result
) throws(ActionFailure) -> Result {
  do throws(Errno) {
    return try call()
  } catch {
    throw ActionFailure(SystemError(operation, path, error))
  }
}
