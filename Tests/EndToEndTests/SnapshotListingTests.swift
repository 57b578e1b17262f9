// Listing the snapshots of a guest of which a daemon is taking one at that moment.

import Foundation
import TestSupport
import Testing

@Suite(
  "listing snapshots beside a daemon",
  .enabled(if: SystemDaemon.obstacle == nil, "needs root, namespaces, libvirtd and dnsmasq"))
struct SnapshotListingTests {
  @Test(
    "at any moment all that are there are listed, and the new one when it is done", arguments: ["internal", "external"])
  func whileTaken(kind: String) throws {
    try ScratchHost.withDaemon { host in
      let daemon = try #require(host.daemon)
      try host.apply(
        """
        stack: list
        pools: { vms: { path: "\(host.pool)" } }
        domains:
          web: { type: qemu, memory: 64 MiB, state: running, disks: { root: { size: 1 MiB } } }

        """)
      let guest = try #require(host.guestProcesses.first)
      var taken: [String] = []
      /// Lists, which has to succeed.
      func list(_ story: String) throws {
        let run = try daemon.vireo("snapshot", "list", "web")
        #expect(run.status == 0, "\(story): \(run.output)\(run.errors)")
        for name in taken { #expect(run.output.contains(name), "\(story): \(run.output)") }
      }
      for (round, pause) in [UInt32(0), 20_000, 60_000, 120_000].enumerated() {
        let name = "number-\(round)"
        let taking = try daemon.start("snapshot", "take", "web", name, "--\(kind)")
        usleep(pause)
        // The daemon waits for a QEMU that does not answer: it is in the middle, and libvirt has no list to show then.
        kill(guest, SIGSTOP)
        defer { kill(guest, SIGCONT) }
        let waiting = try daemon.start("snapshot", "list", "web")
        // Nothing is to be seen of its waiting but that it goes on.
        for _ in 0..<50 where waiting.isRunning { usleep(10_000) }
        kill(guest, SIGCONT)
        let listed = try waiting.wait()
        #expect(listed.status == 0, "\(kind), \(pause) µs, while QEMU hangs: \(listed.output)\(listed.errors)")
        for earlier in taken { #expect(listed.output.contains(earlier), "\(listed.output)") }
        while taking.isRunning { try list("\(kind), \(pause) µs, as it is taken") }
        let run = try taking.wait()
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        taken.append(name)
        try list("\(kind), \(pause) µs, taken")
      }
    }
  }
}
