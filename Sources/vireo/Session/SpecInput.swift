// The spec with its variables from the command line, files and the environment.

import Diagnostics
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
    // With a file of variables missing, the spec would be full of false errors.
    guard problems.isEmpty else { return SpecLoader().load([], diagnostics: problems) }
    return SpecLoader(variables: sources).load(files)
  }

  /// The environment at the start of the process.
  private static func environment() -> [String: String] {
    guard let bytes = try? NamedFile.contents(of: "/proc/self/environ") else { return [:] }
    var result: [String: String] = [:]
    for entry in bytes.split(separator: 0) where entry.starts(with: "VIREO_VAR_".utf8) {
      guard let equals = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
      result[String(decoding: entry[..<equals], as: UTF8.self)] = String(
        decoding: entry[entry.index(after: equals)...], as: UTF8.self)
    }
    return result
  }

  private static func file(_ path: String) throws(Diagnostic) -> SourceFile {
    do throws(Diagnostic) {
      return try SourceFile(path: path, bytes: NamedFile.contents(of: path))
    } catch {
      guard error.rule == "unreadable-file", error.range == nil else { throw error }
      throw Diagnostic(
        error.rule, error.message, suggestion: "--var-file names a YAML file of names and values")
    }
  }
}
