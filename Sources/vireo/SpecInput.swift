// The spec with its variables from the command line, files and the environment.

import Diagnostics
import Glibc
import Spec

/// Reads a spec as the command line asks for it.
enum SpecInput {
  static func load(_ files: [String], _ variables: VariableOptions) -> SpecLoader.Result {
    var sources = VariableSources(environment: environment())
    var problems: [Diagnostic] = []
    for assignment in variables.assignments { sources.values[assignment.name] = assignment.value }
    for path in variables.files {
      do {
        sources.files.append(try file(path))
      } catch {
        problems.append(error)
      }
    }
    // With a file of variables missing, the spec would be full of errors that are none.
    guard problems.isEmpty else { return SpecLoader().load([], diagnostics: problems) }
    return SpecLoader(variables: sources).load(files)
  }

  /// The environment at the start of the process.
  private static func environment() -> [String: String] {
    guard let bytes = try? contents("/proc/self/environ") else { return [:] }
    var result: [String: String] = [:]
    for entry in bytes.split(separator: 0) where entry.starts(with: "VIREO_VAR_".utf8) {
      guard let equals = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
      result[String(decoding: entry[..<equals], as: UTF8.self)] = String(
        decoding: entry[entry.index(after: equals)...], as: UTF8.self)
    }
    return result
  }

  private static func file(_ path: String) throws(Diagnostic) -> SourceFile {
    do {
      return try SourceFile(path: path, bytes: contents(path))
    } catch let error as Diagnostic {
      throw error
    } catch {
      throw Diagnostic(
        "unreadable-file", "cannot read \(path): \(error)",
        suggestion: "--var-file names a YAML file of names and values")
    }
  }

  /// Why a file could not be read.
  private struct ReadError: Error, CustomStringConvertible {
    let description: String
  }

  /// More than any file of variables needs.
  private static let maximumBytes = 16 << 20

  private static func contents(_ path: String) throws(ReadError) -> [UInt8] {
    func failure() -> ReadError { ReadError(description: String(cString: strerror(errno))) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure() }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= maximumBytes else { throw ReadError(description: "it is larger than 16 MiB") }
    }
  }
}
