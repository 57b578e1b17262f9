import Foundation
import TestSupport
import Testing

@testable import Applier

@Suite("UEFI variables that are kept")
struct UEFIVariableTests {
  @Test("are put back as they were, with their mode, and only where they changed")
  func changed() throws {
    try TemporaryFolder.with { folder in
      let path = folder.path("VARS.fd")
      try Data("old".utf8).write(to: URL(fileURLWithPath: path))
      try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
      let variables = try UEFIVariables(at: path)
      #expect(try !variables.putBack())
      try Data("something longer".utf8).write(to: URL(fileURLWithPath: path))
      #expect(try variables.putBack())
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o640)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.root) == ["VARS.fd"])
    }
  }

  @Test("that there were none of are gone again, and what is no such file is left alone")
  func missing() throws {
    try TemporaryFolder.with { folder in
      let path = folder.path("VARS.fd")
      let variables = try UEFIVariables(at: path)
      #expect(try !variables.putBack())
      try Data("new".utf8).write(to: URL(fileURLWithPath: path))
      #expect(try variables.putBack())
      #expect(!FileManager.default.fileExists(atPath: path))
      #expect(throws: ActionFailure.self) { try UEFIVariables(at: folder.root) }
    }
  }

  @Test("are not read from a FIFO, which would be waited for", .timeLimit(.minutes(1)))
  func fifo() throws {
    try TemporaryFolder.with { folder in
      let path = folder.path("VARS.fd")
      try #require(mkfifo(path, 0o600) == 0)
      #expect(throws: ActionFailure.self) { try UEFIVariables(at: path) }
      #expect(throws: ActionFailure.self) { try UEFIVariables(at: "/dev/zero") }
    }
  }
}
