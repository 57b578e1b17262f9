// Whole runs against libvirt's test driver, which needs no daemon and keeps nothing: plan, consent, apply.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite("runs")
struct RunTests {
  private static let connect = ["--connect", "test:///default"]

  /// A stack with one pool whose folder is missing.
  ///
  /// - Parameter name: each test's own, as a stack is applied by one process at a time; and always the same, as the
  ///   file of the lock stays.
  private static func spec(_ name: String, _ folder: TemporaryFolder) -> String {
    "stack: \(name)\npools: { vms: { path: \(folder.path("vms")) } }\n"
  }

  @Test("a plan ends with 0, with 2 when asked for details and something is to be done")
  func plan() throws {
    try TemporaryFolder.with { folder in
      let spec = Self.spec("test-plan", folder)
      let plain = try vireo(["plan", "-"] + Self.connect, input: spec)
      #expect(plain.status == 0)
      #expect(plain.errors.isEmpty)
      #expect(plain.output.hasPrefix("stack test-plan on test:///default\n\n+ pool vms: create"))
      #expect(plain.output.hasSuffix("Plan: 1 to create, 0 to update, 0 to adopt, 0 unchanged.\n"))
      #expect(try vireo(["plan", "--detailed-exitcode", "-"] + Self.connect, input: spec).status == 2)
      let empty = try vireo(["plan", "--detailed-exitcode", "-"] + Self.connect, input: "stack: lab\n")
      #expect(empty.status == 0)
      #expect(empty.output.hasSuffix("No changes: the spec of the stack lab declares nothing.\n"))
      #expect(access(folder.path("vms"), F_OK) != 0)
    }
  }

  @Test("the connection may come from the environment or the spec")
  func connection() throws {
    for name in ["VIREO_CONNECT", "LIBVIRT_DEFAULT_URI"] {
      let run = try vireo(["plan", "-"], environment: [name: "test:///default"], input: "stack: lab\n")
      #expect(run.output.hasPrefix("stack lab on test:///default\n"))
    }
    let run = try vireo(["plan", "-"], input: "stack: lab\nconnect: test:///default\n")
    #expect(run.output.hasPrefix("stack lab on test:///default\n"))
  }

  @Test("without a terminal and without --yes nothing is applied")
  func consent() throws {
    try TemporaryFolder.with { folder in
      let run = try vireo(["apply", "-"] + Self.connect, input: Self.spec("test-consent", folder))
      #expect(run.status == 1)
      #expect(run.output.contains("+ pool vms: create"))
      #expect(run.errors.contains("nothing was changed: there is no terminal to ask for consent"))
      #expect(run.errors.contains("--yes"))
      #expect(access(folder.path("vms"), F_OK) != 0)
    }
  }

  @Test("what needs no change needs no consent", arguments: ["text", "json"])
  func nothing(format: String) throws {
    let run = try vireo(["apply", "--format", format, "-"] + Self.connect, input: "stack: test-nothing-\(format)\n")
    #expect(run.status == 0)
    #expect(run.errors.isEmpty)
    #expect(run.output.contains(format == "json" ? #""complete": true"# : "No changes"))
  }

  @Test("an apply shows the plan and the result on standard output, the steps on standard error")
  func apply() throws {
    try TemporaryFolder.with { folder in
      let run = try vireo(["apply", "--yes", "-"] + Self.connect, input: Self.spec("test-apply", folder))
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output.contains("+ pool vms: create"))
      #expect(run.output.hasSuffix("Applied: 2 steps done.\n"))
      #expect(run.errors.hasPrefix("[1/2] done    pool vms: make the folder "))
      #expect(access(folder.path("vms"), F_OK) == 0)
    }
  }

  @Test("a failed apply ends with 1 and says so as a document")
  func failedApply() throws {
    try TemporaryFolder.with { folder in
      // A file gets in the way of the pool's folder when everything is planned.
      try folder.write("", to: "file")
      try FileManager.default.createDirectory(atPath: folder.path("good"), withIntermediateDirectories: true)
      let spec = "stack: test-failure\npools: { vms: { path: \(folder.path("good/vms")) } }\n"
      let run = try vireo(
        ["apply", "--yes", "--format", "json", "-"] + Self.connect,
        environment: ["VIREO_FAILPOINT_EXCHANGE": "3:\(folder.path("good")):\(folder.path("file"))"], input: spec)
      #expect(run.status == 1)
      #expect(run.output.contains("\"format\": \"vireo-"))
    }
  }

  @Test("a reader that goes away ends the program without a word")
  func closedPipe() throws {
    let run = try vireo(["schema"], readsOutput: false)
    #expect(run.status == 1)
    #expect(run.errors.isEmpty)
  }
}
