// Reading a file that the command line names, or that lies in a folder that it names: what is to be read, and nothing that it only leads to.

public import Diagnostics
import Glibc

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
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (isPipe ? 0 : O_NONBLOCK))
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
    let kind = status.st_mode & S_IFMT
    guard kind == S_IFREG || (isPipe && kind == S_IFIFO) else {
      throw Diagnostic(
        "unreadable-file", "cannot read \(path): it is not a regular file",
        suggestion: "name a file, or `-` for standard input")
    }
    return try contents(of: descriptor, as: path)
  }

  /// Everything that an open file has, up to a limit.
  static func contents(of descriptor: Int32, as path: String) throws(Diagnostic) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(path, errno) }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= maximumBytes else {
        throw Diagnostic(
          "file-too-large", "\(path) is larger than \(maximumBytes >> 20) MiB", suggestion: "is it a spec file?")
      }
    }
  }

  /// Refuses a link that leads out of the folder that it lies in, or out of the folder that was named.
  private static func checkLink(_ path: String, within folder: String?) throws(Diagnostic) {
    var link = stat()
    guard lstat(path, &link) == 0, link.st_mode & S_IFMT == S_IFLNK else { return }
    let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard let target = resolved(path), let root = resolved(folder ?? parent) else { return }
    guard target.hasPrefix(root == "/" ? "/" : root + "/"), !target.hasPrefix("/proc/"), !target.hasPrefix("/sys/")
    else {
      throw Diagnostic(
        "linked-file", "\(path) is a link that leads out of its folder, to \(target)",
        suggestion: "put the file itself there, or name it on the command line")
    }
  }

  private static func resolved(_ path: String) -> String? {
    guard let text = realpath(path, nil) else { return nil }
    defer { free(text) }
    return String(cString: text)
  }

  static func unreadable(_ path: String, _ code: Int32) -> Diagnostic {
    let remedy: String? =
      switch code {
      case ENOENT: "check the path; relative paths start at the current folder"
      case EACCES: "check the file's permissions"
      default: nil
      }
    return Diagnostic(
      "unreadable-file", "cannot read \(path): \(String(cString: strerror(code)))", suggestion: remedy)
  }
}
