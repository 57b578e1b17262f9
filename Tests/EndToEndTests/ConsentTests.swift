// Consent on a terminal: the question, and what each answer does. Without a terminal: none, unless nothing is to be done.

import Foundation
import TestSupport
import Testing

@Suite("consent", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct ConsentTests {
  private static func spec(_ host: ScratchHost) -> String {
    """
    stack: consent
    pools: { vms: { path: "\(host.pool)" } }
    domains: { web: { type: qemu, memory: 16 MiB, disks: { root: { size: 1 MiB } } } }

    """
  }

  @Test("without a terminal changes need --yes, and no changes need nothing")
  func noTerminal() throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host)
      let refused = try host.vireo(["apply"], spec)
      #expect(refused.status == 1)
      #expect(refused.errors.contains("--yes"))
      #expect(!FileManager.default.fileExists(atPath: host.pool))
      #expect(try host.virsh("list", "--all", "--name").allSatisfy(\.isNewline))

      try host.apply(spec)
      let before = host.footprint()
      #expect(try host.vireo(["apply"], spec).status == 0)
      #expect(host.footprint() == before)
    }
  }

  @Test("on a terminal nothing but a yes applies", arguments: ["n\\n", "\\n", "no\\n", "yess\\n", "\\x04", "\\x03"])
  func declined(answer: String) throws {
    try ScratchHost.with { host in
      try host.folder.write(Self.spec(host), to: "spec.yaml")
      let run = try run(
        QuestionTerminal.running(
          [try programPath(), "apply", "--connect", host.uri, host.folder.path("spec.yaml")], answering: answer),
        environment: ["TERM": "xterm"])
      #expect(run.output.contains("Apply these changes?"), "\(run.output)\(run.errors)")
      #expect(run.status != 0)
      if answer != "\\x03" {
        #expect(run.status == 1)
        #expect(run.output.contains("Nothing was changed."), "\(run.output)")
      }
      #expect(!FileManager.default.fileExists(atPath: host.pool))
      #expect(try host.virsh("list", "--all", "--name").allSatisfy(\.isNewline))
    }
  }

  @Test("on a terminal a yes applies", arguments: ["y\\n", "yes\\n", "Y\\n"])
  func agreed(answer: String) throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host)
      try host.folder.write(spec, to: "spec.yaml")
      let run = try run(
        QuestionTerminal.running(
          [try programPath(), "apply", "--connect", host.uri, host.folder.path("spec.yaml")], answering: answer),
        environment: ["TERM": "xterm"])
      #expect(run.status == 0, "\(run.output)\(run.errors)")
      // The cursor, hidden while lines move, is there again.
      #expect(run.output.ranges(of: "\u{1B}[?25l").count <= run.output.ranges(of: "\u{1B}[?25h").count)
      try host.expectNoChanges(spec)
    }
  }
}
