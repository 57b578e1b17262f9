// Reading a file that the command line names, or that lies in a folder that it names: what is to be read, and nothing that it only leads to.

public import Diagnostics
import SystemCalls
import SystemPackage

/// Reads files of specs and variables.
///
/// A spec comes from people who may change a repository and nothing else, and messages show lines of it. So a link in a
/// folder may lead to a file of that folder (as ConfigMaps have it), and a link that is named to a file beside it; one that
/// leads elsewhere is refused and its target not opened for reading. Only regular files are read, and the pipes that a
/// shell makes of `<(…)`: a FIFO would be waited for without end.
public enum NamedFile {
  /// More than any spec needs, and little enough to hold; libyaml reads the whole text.
  public static let maximumBytes = 16 << 20

  /// The content of a file.
  ///
  /// - Parameter folder: the folder that was named, for a file that was found in it; nil for a file that was named itself.
  public static func contents(of path: String, within folder: String? = nil) throws(Diagnostic) -> [UInt8] {
    let isPipe =
      folder == nil && (path.hasPrefix("/dev/fd/") || path.hasPrefix("/proc/self/fd/") || path == "/dev/stdin")
    if !isPipe { try checkLink(path, within: folder) }
    let options: FileDescriptor.OpenOptions = isPipe ? [] : .nonBlocking
    let file = try reading(path, OpenFile(path, .readOnly, options.union(.notControllingTerminal)))
    let descriptor = file.descriptor
    let kind = try reading(path, FileStatus(descriptor)).kind
    guard kind == .regularFile || (isPipe && kind == .fifo) else {
      throw Diagnostic(
        "unreadable-file", "cannot read \(path): it is not a regular file",
        suggestion: "name a file, or `-` for standard input")
    }
    return try contents(of: descriptor, as: path)
  }

  /// Everything that an open file has, up to a limit.
  static func contents(of file: FileDescriptor, as path: String) throws(Diagnostic) -> [UInt8] {
    let bytes = try reading(path, file.content(limit: maximumBytes + 1))
    guard bytes.count <= maximumBytes else {
      throw Diagnostic(
        "file-too-large", "\(path) is larger than \(maximumBytes >> 20) MiB", suggestion: "is it a spec file?")
    }
    return bytes
  }

  /// Refuses a link that leads out of the folder that it lies in, or out of the folder that was named.
  private static func checkLink(_ path: String, within folder: String?) throws(Diagnostic) {
    guard (try? FileStatus(of: path, followingLinks: false))?.kind == .symbolicLink else { return }
    let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard let target = FileNames.real(path), let root = FileNames.real(folder ?? parent) else { return }
    guard target.hasPrefix(root == "/" ? "/" : root + "/"), !target.hasPrefix("/proc/"), !target.hasPrefix("/sys/")
    else {
      throw Diagnostic(
        "linked-file", "\(path) is a link that leads out of its folder, to \(target)",
        suggestion: "put the file itself there, or name it on the command line")
    }
  }

  /// Makes a system call on a file that is to be read.
  private static func reading<Result: ~Copyable>(
    _ path: String, _ call: @autoclosure () throws(Errno) -> Result
  ) throws(Diagnostic) -> Result {
    do throws(Errno) {
      return try call()
    } catch {
      throw unreadable(SystemError("read", path, error))
    }
  }

  static func unreadable(_ error: SystemError) -> Diagnostic {
    let remedy: String? =
      switch error.code {
      case .noSuchFileOrDirectory: "check the path; relative paths start at the current folder"
      case .permissionDenied: "check the file's permissions"
      default: nil
      }
    return Diagnostic("unreadable-file", "\(error)", suggestion: remedy)
  }
}
