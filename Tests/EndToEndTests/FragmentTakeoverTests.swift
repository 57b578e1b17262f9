// Another stack's protected domain, and whatever a spec may say in libvirt's own XML to get at it.

import Foundation
import TestSupport
import Testing

@Suite("another stack's domain, and fragments", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct FragmentTakeoverTests {
  @Test("is never created, changed or opened by a stack that is not its own")
  func protectedDomain() throws {
    try ScratchHost.with { host in
      let head = "pools: { vms: { path: \"\(host.pool)\" } }\n"
      let theirs = """
        stack: theirs
        \(head)domains: { db: { type: qemu, memory: 16 MiB, protect: true, disks: { root: { size: 1 MiB } } } }

        """
      try host.apply(theirs)
      let before = try host.definition("db")
      let uuid = try #require(try before("/domain/uuid"))
      let disk = "<disk type='file'><source file='\(host.pool)/db.root.qcow2'/><target dev='vdz' bus='virtio'/></disk>"
      let record = "<v:stack xmlns:v='urn:vireo:stack:1' name='mine'/>"
      var ways: [(name: String, fields: String)] = ["db"].flatMap { name in
        [
          (name, ""), (name, "xml: \"<title>mine</title>\""), (name, "xml: \"<metadata>\(record)</metadata>\""),
          (name, "renamed-from: db"), (name, "uuid: \(uuid)"),
        ]
      }
      ways += [
        "uuid: \(uuid)", "renamed-from: db", "xml: \"<name>db</name>\"", "xml: \"<uuid>\(uuid)</uuid>\"",
        "xml: \"<name>db</name><uuid>\(uuid)</uuid><metadata>\(record)</metadata>\"",
        "xml: \"<domain><name><![CDATA[db]]></name></domain>\"", "xml: \"<name xmlns=''>db</name>\"",
        "xml: \"<x:name xmlns:x='urn:other'>db</x:name><x:uuid xmlns:x='urn:other'>\(uuid)</x:uuid>\"",
        "xml: \"<metadata/>\(record)\"", "xml: \"<devices>\(disk)</devices>\"",
        "disks: { root: { bus: virtio, xml: \"\(disk)\" } }",
        "disks: { root: { source: \"\(host.pool)/db.root.qcow2\", format: qcow2 } }",
      ].map { ("web", $0) }
      let files = host.footprint()
      for (name, fields) in ways {
        let spec = """
          stack: mine
          \(head)domains: { \(name): { type: qemu, memory: 16 MiB\(fields.isEmpty ? "" : ", " + fields) } }

          """
        let plan = try host.vireo(["plan", "--format", "json"], spec)
        #expect([1, 3].contains(plan.status), "\(fields): \(plan.output)\(plan.errors)")
        #expect(!plan.output.contains(#""verb": "create""#), "\(fields): \(plan.output)")
        let apply = try host.vireo(["apply", "--yes", "--keep-going"], spec)
        #expect([1, 3].contains(apply.status), "\(fields): \(apply.output)\(apply.errors)")
        #expect(host.footprint().differences(from: files) == [], "\(fields): \(apply.output)\(apply.errors)")
      }
      #expect(try host.definition("db").text == before.text)
      #expect(try host.virsh("list", "--all", "--name").split(whereSeparator: \.isNewline) == ["db"])
      try host.expectNoChanges(theirs)
    }
  }
}
