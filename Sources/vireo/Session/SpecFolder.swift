// A folder of spec files: the one that names the stack, and one for each object.

import Diagnostics
import DiskImage
import Spec
import SystemCalls
import YAMLTree

/// Writes spec files into a folder. A file appears as a whole or not at all.
struct SpecFolder {
  let path: String
  /// Whether files that exist may be replaced.
  var replaces: Bool
  /// What helps where a file is in the way.
  var remedy = "move it away, or replace it with --force"
  /// Who may read the files, as `chmod` counts.
  var mode: UInt32 = 0o644

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
      do throws(SystemError) {
        try attempt("make the folder", on: folder, FileNames.makeFolder(folder, mode: 0o755))
      } catch {
        return [Diagnostic("unwritable-folder", "\(error)")]
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
    do throws(ImageError) {
      try WholeFile.publish(
        Array(text.utf8), as: path, access: FileAccess(mode: mode & ~ThisProcess.creationMask), replacing: replaces)
      return nil
    } catch .alreadyExists {
      guard Self.contents(path) != text else { return nil }
      return Diagnostic("file-exists", "\(path) exists with other content", suggestion: remedy)
    } catch {
      let reason =
        switch error {
        case .io(_, _, let code): "\(code)"
        case .notFound: "No such file or directory"
        default: "\(error)"
        }
      return Diagnostic("unwritable-file", "cannot write \(path): \(reason)")
    }
  }

  private static func contents(_ path: String) -> String? {
    SmallFile.text(path, limit: NamedFile.maximumBytes, [])
  }

  /// A file's name for an object: a dot in front would hide it.
  private static func fileName(for name: String) -> String { name.hasPrefix(".") ? "_" + name : name }
}
