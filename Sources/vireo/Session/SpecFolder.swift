// A folder of spec files: the one that names the stack, and one for each object.

import Diagnostics
import DiskImage
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
    let mask = umask(0o022)
    umask(mask)
    do throws(ImageError) {
      try WholeFile.publish(
        Array(text.utf8), as: path, access: FileAccess(mode: UInt32(mode & ~mask)), replacing: replaces)
      return nil
    } catch .alreadyExists {
      guard Self.contents(path) != text else { return nil }
      return Diagnostic("file-exists", "\(path) exists with another content", suggestion: remedy)
    } catch {
      let reason =
        switch error {
        case .io(_, _, let code): String(cString: strerror(code))
        case .notFound: String(cString: strerror(ENOENT))
        default: "\(error)"
        }
      return Diagnostic("unwritable-file", "cannot write \(path): \(reason)")
    }
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
