// A folder of a test's own, and reading and writing files in it.

import Foundation

/// What went wrong in a test's own doings.
public struct TestError: Error, CustomStringConvertible {
  /// What went wrong, as a sentence for whoever reads the test's output.
  public let description: String

  /// An error with its sentence.
  public init(_ description: String) { self.description = description }
}

/// A folder of a test's own, removed with all that is in it when the test is done.
///
/// The path is short enough for sockets below it, whose paths have at most 107 bytes.
public struct TemporaryFolder: Sendable {
  /// The folder's absolute path.
  public let root: String

  /// Makes a folder that stays until ``remove()``.
  public init() throws {
    var template = Array("/tmp/vireo-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestError("cannot make a folder") }
    root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Runs `body` with a new folder, and removes the folder with all that is in it when `body` returns or throws.
  public static func with<Result>(_ body: (TemporaryFolder) throws -> Result) throws -> Result {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    return try body(folder)
  }

  /// Removes the folder with all that is in it; one that is gone already is no error.
  public func remove() { try? FileManager.default.removeItem(atPath: root) }

  /// The absolute path of a name in the folder; nothing need exist there.
  public func path(_ name: String) -> String { root + "/" + name }

  /// Writes a file; the folders above it are made.
  public func write(_ text: String, to name: String) throws {
    let file = URL(fileURLWithPath: path(name))
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  /// The text of a file in the folder. Throws ``TestError`` where it cannot be read.
  public func read(_ name: String) throws -> String {
    guard let text = fileText(path(name)) else { throw TestError("cannot read \(path(name))") }
    return text
  }
}
