// Golden files: what a person reads, kept beside the tests that produce it.

import Foundation
public import Testing

/// Compares a text with a file in the folder `Golden` beside the calling test.
///
/// With VIREO_UPDATE_GOLDEN=1 in the environment the file is written instead.
public func expectGolden(
  _ text: String, _ name: String, filePath: String = #filePath, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let file = URL(fileURLWithPath: filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
  if ProcessInfo.processInfo.environment["VIREO_UPDATE_GOLDEN"] == "1" {
    try Data(text.utf8).write(to: file)
    return
  }
  let expected = String(decoding: try Data(contentsOf: file), as: UTF8.self)
  #expect(text == expected, "differs from \(name)", sourceLocation: sourceLocation)
}
