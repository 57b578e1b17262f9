// JSON for programs: every command's document parses, says its format and version, and agrees with the exit code.

import Foundation
import TestSupport
import Testing

@Suite("documents", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct DocumentTests {
  private func document(_ run: Run, sourceLocation: SourceLocation = #_sourceLocation) throws -> [String: Any] {
    let parsed = try? JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
    let document = try #require(parsed, "\(run.output)\(run.errors)", sourceLocation: sourceLocation)
    #expect((document["format"] as? String)?.hasPrefix("vireo-") == true, sourceLocation: sourceLocation)
    #expect(document["version"] as? Int == 1, sourceLocation: sourceLocation)
    return document
  }

  @Test("plans, results and messages are documents")
  func documents() throws {
    try ScratchHost.with { host in
      let spec = """
        stack: documents
        pools: { vms: { path: "\(host.pool)" } }
        domains: { web: { type: qemu, memory: 16 MiB, title: "\\"<é>\\\\", disks: { root: { size: 2 MiB } } } }

        """
      let json = ["--format", "json"]
      let plan = try host.vireo(["plan", "--detailed-exitcode"] + json, spec)
      #expect(plan.status == 2)
      #expect(try document(plan)["format"] as? String == "vireo-plan")

      // The question needs a terminal; the answer is a document all the same.
      let unasked = try host.vireo(["apply"] + json, spec)
      #expect(unasked.status == 1)
      #expect(try document(unasked)["format"] as? String == "vireo-diagnostics")

      let apply = try host.vireo(["apply", "--yes"] + json, spec)
      #expect(apply.status == 0)
      #expect(try document(apply)["complete"] as? Bool == true)

      let empty = try host.vireo(["plan", "--detailed-exitcode"] + json, spec)
      #expect(empty.status == 0)
      #expect(try document(empty)["format"] as? String == "vireo-plan")
      #expect(empty.errors.isEmpty)
      let again = try host.vireo(["apply"] + json, spec)
      #expect(again.status == 0)
      #expect(try document(again)["complete"] as? Bool == true)

      try host.edit("web", ("<title>", "<title>drifted "))
      #expect(try document(host.vireo(["plan"] + json, spec))["format"] as? String == "vireo-plan")

      let refused = try host.vireo(["apply", "--yes"] + json, spec.replacing("2 MiB", with: "1 MiB"))
      #expect(refused.status == 3)
      #expect(try document(refused)["format"] as? String == "vireo-diagnostics")
      let mistake = try host.vireo(["plan"] + json, spec.replacing("memory", with: "memmory"))
      #expect(mistake.status == 1)
      #expect(try document(mistake)["format"] as? String == "vireo-diagnostics")

      let impossible = spec.replacing("web: {", with: "web: { machine: no-such-machine,").replacing(
        "web:", with: "new:")
      let failed = try host.vireo(["apply", "--yes"] + json, impossible)
      #expect(failed.status == 3)
      #expect(try document(failed)["format"] as? String != "vireo-plan")
    }
  }
}
