// A folder of spec files: the one that names the stack, and one for each object.

import Diagnostics
import Glibc
import YAMLTree

/// Writes spec files into a folder. A file appears as a whole or not at all.
struct SpecFolder {
  let path: String
  /// Whether files that exist may be replaced.
  var replaces: Bool
  /// What helps where a file is in the way.
  var remedy = "move it away, or replace it with --force"
  /// Who may read the files, as `chmod` counts.
  var mode: mode_t = 0o644

  /// Writes `stack.yaml` and a file for each document, by its folder and name.
  ///
  /// - Returns: what could not be written.
  func write(_ documents: [(folder: String, name: String, document: YAMLDocument)], head: YAMLDocument) -> [Diagnostic]
  {
    var problems: [Diagnostic] = []
    var files = documents.map {
      (path: "\(path)/\($0.folder)/\(Self.fileName(for: $0.name)).yaml", document: $0.document)
    }
    files.insert(("\(path)/stack.yaml", head), at: 0)
    for folder in [path] + Set(documents.map { "\(path)/\($0.folder)" }).sorted() {
      if mkdir(folder, 0o755) != 0, errno != EEXIST {
        return [
          Diagnostic("unwritable-folder", "cannot make the folder \(folder): \(String(cString: strerror(errno)))")
        ]
      }
    }
    for file in files {
      let text = file.document.serialised()
      if let problem = write(text, to: file.path) { problems.append(problem) }
    }
    return problems
  }

  /// Writes one file.
  ///
  /// - Returns: why it could not be written.
  func write(_ text: String, to path: String) -> Diagnostic? {
    func failure(_ doing: String) -> Diagnostic {
      Diagnostic("unwritable-file", "cannot \(doing) \(path): \(String(cString: strerror(errno)))")
    }
    let draft = "\(path).\(getpid())"
    let descriptor = open(draft, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode)
    guard descriptor >= 0 else { return failure("write") }
    defer { unlink(draft) }
    var text = text
    let isWritten = text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return fsync(descriptor) == 0
    }
    let writeError = errno
    close(descriptor)
    errno = writeError
    guard isWritten else { return failure("write") }
    if replaces {
      guard rename(draft, path) == 0 else { return failure("replace") }
      return flushFolder(of: path) ? nil : failure("keep the name of")
    }
    if link(draft, path) == 0 { return flushFolder(of: path) ? nil : failure("keep the name of") }
    guard errno == EEXIST else { return failure("write") }
    guard Self.contents(path) != text else { return nil }
    return Diagnostic(
      "file-exists", "\(path) exists and says something else", suggestion: remedy)
  }

  /// Makes the names in the folder of a file durable.
  private func flushFolder(of path: String) -> Bool {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // Not every file system flushes folders.
    return fsync(descriptor) == 0 || errno == EINVAL
  }

  private static func contents(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A file's name for an object: a dot in front would hide it.
  private static func fileName(for name: String) -> String { name.hasPrefix(".") ? "_" + name : name }
}
