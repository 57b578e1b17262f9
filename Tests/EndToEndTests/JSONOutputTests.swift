// The documents that commands print about a host, with what happened there: their members are those that docs/json.md lists.

import Foundation
import TestSupport
import Testing

@Suite("JSON output about a host", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct HostJSONTests {
  @Test("is one document a command, with the members that are listed, whether all went well or not")
  func everyCommand() throws {
    try ScratchHost.with { host in
      func document(_ run: Run, _ section: String, isWhole: Bool = false) throws -> [String: Any] {
        try document(run, 0, section, isWhole: isWhole)
      }
      func document(_ run: Run, _ status: Int32, _ section: String, isWhole: Bool = false) throws -> [String: Any] {
        #expect(run.status == status, "\(run.output)\(run.errors)")
        let document = try jsonDocument(run.output)
        try DocumentedMembers(section).expect([document], isWhole: isWhole)
        return document as? [String: Any] ?? ["": document]
      }
      func spec(_ fields: String) -> String {
        """
        stack: json
        pools: { vms: { path: "\(host.pool)" } }
        domains:
          web: { type: qemu, memory: 16 MiB, disks: { root: { size: 1 MiB } }, snapshots: { one: { kind: external } }\(fields) }
          db: { type: qemu, memory: 16 MiB }

        """
      }
      let good = spec("")
      let plan = try document(host.vireo(["plan", "--format", "json"], good), "Plan")
      #expect(plan["format"] as? String == "vireo-plan")
      let applied = try document(host.vireo(["apply", "--yes", "--format", "json"], good), "Apply and destroy")
      #expect(applied["complete"] as? Bool == true)
      // Refused: one object, and with it all that was asked.
      let refused = spec(", max-effect: define, disks: { root: { size: 512 KiB } }")
        .replacing("disks: { root: { size: 1 MiB } }, ", with: "")
      _ = try document(host.vireo(["plan", "--format", "json"], refused), 3, "Plan")
      let messages = try document(host.vireo(["apply", "--yes", "--format", "json"], refused), 3, "Messages")
      #expect(messages["format"] as? String == "vireo-diagnostics")
      let rest = try document(
        host.vireo(["apply", "--yes", "--keep-going", "--format", "json"], refused), 3, "Apply and destroy")
      #expect((rest["refused"] as? [Any])?.count == 1)
      // A step that fails: the folder of the disk is a file.
      let failing = spec("").replacing("db: {", with: "db: { disks: { x: { size: 1 MiB, pool: other } },")
        .replacing("vms: {", with: "other: { path: \"\(host.folder.path("file"))/x\" }, vms: {")
      try host.folder.write("", to: "file")
      let failed = try host.vireo(["apply", "--yes", "--format", "json"], failing)
      #expect([1, 3].contains(failed.status), "\(failed.output)")
      _ = try jsonDocument(failed.output)
      _ = try document(host.vireo(["status", "--format", "json"], good), "Status")
      _ = try document(TestSupport.vireo(["status", "--format", "json", "--connect", host.uri]), "Status")
      _ = try document(
        TestSupport.vireo(["snapshot", "list", "web", "--format", "json", "--connect", host.uri]),
        "Snapshots of a domain", isWhole: true)
      _ = try document(
        TestSupport.vireo(["snapshot", "list", "none", "--format", "json", "--connect", host.uri]), 1, "Messages")
      let change = ["web", "two", "--format", "json", "--connect", host.uri]
      let taken = try document(TestSupport.vireo(["snapshot", "take"] + change), "Apply and destroy")
      #expect(taken["stack"] as? String == "json" && taken["complete"] as? Bool == true)
      _ = try document(TestSupport.vireo(["snapshot", "take"] + change), 1, "Messages")
      for command in ["revert", "delete"] {
        _ = try document(TestSupport.vireo(["snapshot", command] + change), 1, "Messages")
        _ = try document(TestSupport.vireo(["snapshot", command, "--yes"] + change), "Apply and destroy")
      }
      let destroyed = try document(
        host.vireo(["destroy", "--yes", "--format", "json"], good), "Apply and destroy")
      #expect(destroyed["complete"] as? Bool == true)
      let list = ["restore", "--list", "--format", "json", "--connect", host.uri]
      _ = try document(TestSupport.vireo(list), "Removed domains", isWhole: true)
      let restore = ["restore", "web", "--format", "json", "--connect", host.uri]
      let restored = try document(TestSupport.vireo(restore), "Restore", isWhole: true)
      #expect(restored["snapshots"] as? [String] == ["one"])
      _ = try document(TestSupport.vireo(restore), 1, "Messages")
      for arguments in [["--plan"], ["--yes"]] {
        let run = try TestSupport.vireo(
          ["gc", "--format", "json", "--connect", host.uri, "--folder", host.pool] + arguments)
        _ = try document(run, "Garbage")
      }
      let needed = try TestSupport.vireo(
        ["gc", "--plan", "--format", "json", "--connect", host.uri, "--also", host.pool + "/web.root.qcow2"])
      #expect((try document(needed, 1, "Garbage")["refusals"] as? [Any])?.count == 1)
    }
  }
}
