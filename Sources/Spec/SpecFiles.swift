// Finding and reading spec files, and resolving the paths in them.

import Diagnostics
import Glibc
import Vocabulary

/// Reads spec files from disk.
enum SpecFiles {
  /// More than any spec needs, and little enough to hold; libyaml reads the whole text.
  static let maximumBytes = 16 << 20

  static func read(_ paths: [String], into diagnostics: inout [Diagnostic]) -> [SourceFile] {
    var files: [SourceFile] = []
    for path in paths {
      guard path != "-" else {
        append(descriptor: 0, as: "<stdin>", to: &files, into: &diagnostics)
        continue
      }
      var status = stat()
      if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        let found = specFiles(below: path, into: &diagnostics)
        if found.isEmpty {
          diagnostics.append(
            Diagnostic(
              "no-spec-files", "the folder \(path) holds no spec files",
              suggestion: "files in it must end in .yaml or .yml"))
        }
        for file in found { open(file, to: &files, into: &diagnostics) }
      } else {
        open(path, to: &files, into: &diagnostics)
      }
    }
    return files
  }

  /// An absolute path without `.` and `..`, by the text alone.
  ///
  /// - Parameter file: the file that says so: relative paths are relative to its folder.
  static func resolve(_ path: String, relativeTo file: SourceFile) -> String {
    var parts: [Substring] = []
    let isAbsolute = path.hasPrefix("/")
    let folder = isAbsolute ? "" : absolute(file.path).split(separator: "/").dropLast().joined(separator: "/")
    for part in folder.split(separator: "/") + path.split(separator: "/") {
      switch part {
      case ".": break
      case "..": _ = parts.popLast()
      default: parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  private static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    return String(cString: folder) + "/" + path
  }

  /// The password that a file holds: its only line.
  static func password(in path: String) throws(ValueProblem) -> String {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw ValueProblem("\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(descriptor, &buffer, buffer.count)
    guard count >= 0 else {
      throw ValueProblem("\(path) cannot be read: \(String(cString: strerror(errno)))")
    }
    guard let text = String(validating: buffer[..<count], as: UTF8.self), count < buffer.count else {
      throw ValueProblem("\(path) is no file with a password: it is long, or not UTF-8")
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let password = lines.first, !password.isEmpty else { throw ValueProblem("\(path) holds no password") }
    guard lines.dropFirst().allSatisfy(\.isEmpty), !password.utf8.contains(0) else {
      throw ValueProblem("\(path) holds more than one line", suggestion: "write the password into it, and nothing else")
    }
    return String(password)
  }

  /// The spec files below a folder, in name order, hidden ones left out.
  private static func specFiles(below folder: String, into diagnostics: inout [Diagnostic]) -> [String] {
    guard let directory = opendir(folder) else {
      diagnostics.append(unreadable(folder, errno))
      return []
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    var result: [String] = []
    for name in names.sorted() {
      let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
      var status = stat()
      guard stat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        // A link to a folder could lead in circles; files may be linked.
        var link = stat()
        if lstat(path, &link) == 0, link.st_mode & S_IFMT == S_IFDIR {
          result += specFiles(below: path, into: &diagnostics)
        }
      } else if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
        result.append(path)
      }
    }
    return result
  }

  private static func open(_ path: String, to files: inout [SourceFile], into diagnostics: inout [Diagnostic]) {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      diagnostics.append(unreadable(path, errno))
      return
    }
    defer { close(descriptor) }
    append(descriptor: descriptor, as: path, to: &files, into: &diagnostics)
  }

  private static func append(
    descriptor: Int32, as path: String, to files: inout [SourceFile], into diagnostics: inout [Diagnostic]
  ) {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        diagnostics.append(unreadable(path, errno))
        return
      }
      if count == 0 { break }
      bytes += buffer[..<count]
      guard bytes.count <= maximumBytes else {
        diagnostics.append(
          Diagnostic(
            "file-too-large", "\(path) is larger than \(maximumBytes >> 20) MiB", suggestion: "is it a spec file?"))
        return
      }
    }
    do {
      files.append(try SourceFile(path: path, bytes: bytes))
    } catch {
      diagnostics.append(error)
    }
  }

  private static func unreadable(_ path: String, _ code: Int32) -> Diagnostic {
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
