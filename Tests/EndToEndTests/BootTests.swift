// A host that boots: libvirt starts the guests that start with the host while Vireo is at work already.

import Foundation
import TestSupport
import Testing

@Suite(
  "booting host", .enabled(if: SystemDaemon.obstacle == nil, "needs root, namespaces, libvirtd and dnsmasq"),
  .serialized)
struct BootTests {
  private static let count = 6

  private static func spec(_ host: ScratchHost, memory: Int = 16) -> String {
    """
    stack: boot
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains:
      web:
        count: \(count)
        type: qemu
        memory: \(memory) MiB
        state: running
        autostart: true
        restart-policy: when-needed
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { image: base, size: 20 MiB } }

    """
  }

  @Test("guests that libvirt is starting are waited for: one apply does all there is to do, and nothing fails")
  func autostart() throws {
    try ScratchHost.withDaemon { host in
      let daemon = try #require(host.daemon)
      try host.makeBase()
      try host.apply(Self.spec(host))
      // As it was, and with something to do besides.
      for memory in [16, 20] {
        for number in 1...Self.count { try host.virsh("destroy", "web-\(number)") }
        try daemon.boot()
        let run = try host.vireo(["apply", "--yes"], Self.spec(host, memory: memory))
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect(!(run.output + run.errors).contains("already running"), "\(run.output)\(run.errors)")
        #expect(
          FileManager.default.fileExists(atPath: daemon.path("/run/libvirt/qemu/autostarted")),
          "libvirt did not start guests")
        try host.expectNoChanges(Self.spec(host, memory: memory))
        for number in 1...Self.count { #expect(try host.state("web-\(number)") == "running") }
      }
    }
  }
}
