// A hundred domains, each with an overlay: made, then nothing to do, then one changed and one drifted.

import Foundation
import TestSupport
import Testing

@Suite("scale", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct ScaleTests {
  @Test("of a hundred domains only those that differ are touched")
  func hundred() throws {
    try ScratchHost.with { host in
      let base = try host.makeBase()
      func spec(_ more: String = "") -> String {
        """
        stack: scale
        pools: { vms: { path: "\(host.pool)" } }
        images: { base: { source: "\(base)", pool: vms } }
        profiles:
          node:
            type: qemu
            memory: 16 MiB
            disks: { root: { image: base, size: 20 MiB } }
            interfaces: { lan: { type: user } }
        domains:
          node: { count: 99, profiles: [node], title: "node ${index}" }
          one: { profiles: [node]\(more) }

        """
      }
      try host.apply(spec())
      try host.expectNoChanges(spec())
      try host.expectSoundPool(Set((1...99).map { "node-\($0).root.qcow2" } + ["one.root.qcow2"]))
      #expect(try host.virsh("list", "--all", "--name").split(separator: "\n").count == 100)

      let changed = spec(", vcpus: 2")
      try host.edit("node-57", ("<title>node 57", "<title>mine"))
      let before = host.footprint()
      let plan = try host.plan(changed)
      #expect(plan.status == 2)
      #expect(plan.output.contains("2 to update, 0 to adopt, 100 unchanged"), "\(plan.output)")
      #expect(plan.output.contains("domain one") && plan.output.contains("domain node-57"), "\(plan.output)")
      try host.apply(changed)
      try host.expectNoChanges(changed)
      #expect(
        host.footprint().differences(from: before).filter { $0.hasSuffix(".xml") }
          == [host.root + "/etc/qemu/node-57.xml", host.root + "/etc/qemu/one.xml"])
    }
  }
}
