// Finding and reading spec files, and resolving the paths in them.

import Diagnostics
import SystemCalls
import Vocabulary

/// Reads spec files from disk.
enum SpecFiles {
  static func read(_ paths: [String], into diagnostics: inout [Diagnostic]) -> [SourceFile] {
    var files: [SourceFile] = []
    for path in paths {
      guard path != "-" else {
        readStandardInput(to: &files, into: &diagnostics)
        continue
      }
      if FileStatus.isFolder(path) {
        let found = specFiles(below: path, into: &diagnostics)
        if found.isEmpty {
          diagnostics.append(
            Diagnostic(
              "no-spec-files", "the folder \(path) contains no spec files",
              suggestion: "files in it must end in .yaml or .yml"))
        }
        for file in found { open(file, within: path, to: &files, into: &diagnostics) }
      } else {
        open(path, to: &files, into: &diagnostics)
      }
    }
    return files
  }

  /// An absolute path without `.` and `..`, by the text alone.
  ///
  /// - Parameter file: the file with the path: relative paths are relative to its folder.
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
    guard !path.hasPrefix("/"), let folder = try? FileNames.currentFolder() else { return path }
    return folder + "/" + path
  }

  /// Bytes that no file with a password has.
  private static let maximumPassword = 4096

  /// The password that a file holds: its only line.
  static func password(in path: String) throws(ValueProblem) -> String {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try attempt("read", on: path, SmallFile.read(path, limit: maximumPassword))
    } catch {
      throw ValueProblem("\(path) cannot be read: \(error.reason)")
    }
    guard let text = String(validating: bytes, as: UTF8.self), bytes.count < maximumPassword else {
      throw ValueProblem("\(path) is not a file with a password: it is too long, or not UTF-8")
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let password = lines.first, !password.isEmpty else { throw ValueProblem("\(path) contains no password") }
    guard lines.dropFirst().allSatisfy(\.isEmpty), !password.utf8.contains(0) else {
      throw ValueProblem("\(path) contains more than one line", suggestion: "it must contain only the password")
    }
    return String(password)
  }

  /// The spec files below a folder, in name order, hidden ones left out.
  private static func specFiles(below folder: String, into diagnostics: inout [Diagnostic]) -> [String] {
    let names: [String]
    do throws(SystemError) {
      names = try attempt("read", on: folder, FileNames.entries(of: folder)).map(\.name).filter { !$0.hasPrefix(".") }
    } catch {
      diagnostics.append(NamedFile.unreadable(error))
      return []
    }
    var result: [String] = []
    for name in names.sorted() {
      let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
      guard let status = try? FileStatus(of: path) else { continue }
      if status.kind == .directory {
        // A link to a folder could lead in circles; files may be linked.
        if (try? FileStatus(of: path, followingLinks: false))?.kind == .directory {
          result += specFiles(below: path, into: &diagnostics)
        }
      } else if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
        result.append(path)
      }
    }
    return result
  }

  private static func open(
    _ path: String, within folder: String? = nil, to files: inout [SourceFile], into diagnostics: inout [Diagnostic]
  ) {
    do throws(Diagnostic) {
      files.append(try SourceFile(path: path, bytes: NamedFile.contents(of: path, within: folder)))
    } catch {
      diagnostics.append(error)
    }
  }

  private static func readStandardInput(to files: inout [SourceFile], into diagnostics: inout [Diagnostic]) {
    do throws(Diagnostic) {
      files.append(try SourceFile(path: "<stdin>", bytes: NamedFile.contents(of: .standardInput, as: "<stdin>")))
    } catch {
      diagnostics.append(error)
    }
  }
}
