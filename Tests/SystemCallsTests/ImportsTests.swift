// The C library has one home: no other module imports it, and a module's own dependencies say who may make system calls.

import Foundation
import Testing

@Suite("the C library in the sources")
struct ImportsTests {
  private static let sources = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")

  /// The imports of every source file, as `module: file`.
  private static func imports() throws -> [(file: String, module: String, line: String)] {
    var found: [(file: String, module: String, line: String)] = []
    let files = FileManager.default.enumerator(atPath: sources.path)
    while let name = files?.nextObject() as? String {
      guard name.hasSuffix(".swift") else { continue }
      let text = try String(contentsOf: sources.appending(path: name), encoding: .utf8)
      for line in text.split(separator: "\n") {
        guard
          let match = line.firstMatch(
            of:
              /^(?:@\w+ +)*(?:(?:public|package|internal|private|fileprivate) +)?import +(?:(?:struct|enum|func|class|var) +)?(\w+)/
          )
        else { continue }
        found.append((name, String(match.output.1), String(line)))
      }
    }
    return found
  }

  @Test("only the module of system calls imports the C library")
  func oneHome() throws {
    let imports = try Self.imports()
    #expect(imports.count > 1000)
    let libraries: Set = ["Glibc", "Musl", "Android", "Darwin", "SwiftGlibc"]
    let homes = imports.filter { libraries.contains($0.module) }
    #expect(homes.count > 10)
    for (file, _, line) in homes {
      #expect(file.hasPrefix("SystemCalls/"), "\(file): \(line): make the call in Sources/SystemCalls")
    }
  }

  @Test("nothing of the C library is handed on")
  func notHandedOn() throws {
    for (file, module, line) in try Self.imports() where module == "Glibc" {
      #expect(line == "internal import Glibc", "\(file): \(line)")
    }
  }

  @Test("what makes no system calls of its own imports none of them")
  func pure() throws {
    // A plan is a function of two values: of the module it has the value that identifies a file.
    for (file, _, line) in try Self.imports().filter({ $0.module == "SystemCalls" || $0.module == "SystemPackage" }) {
      #expect(
        !file.hasPrefix("Planner/") || line.hasSuffix("import struct SystemCalls.FileIdentity"), "\(file): \(line)")
      for module in ["Importer/", "Diagnostics/", "Versions/", "YAMLTree/"] {
        #expect(!file.hasPrefix(module), "\(file): \(line)")
      }
    }
  }
}
