// Killed while QEMU moves a running guest from a snapshot's overlay to the image below it: libvirt's driver dies with the
// program, and QEMU goes on. Whatever the moment, what the guest writes afterwards stays, and the same command, run once
// more, does the rest.

import Foundation
import TestSupport
import Testing

@Suite("killed merges", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct KilledMergeTests {
  private static func spec(_ host: ScratchHost, state: String = "running") -> String {
    """
    stack: merge
    pools: { vms: { path: "\(host.pool)" } }
    domains:
      web:
        type: qemu
        memory: 16 MiB
        state: \(state)
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { size: 4 MiB, format: raw } }

    """
  }

  private static let deletion = ["snapshot", "delete", "web", "one", "--yes"]

  /// Runs `vireo snapshot delete`.
  private func delete(_ host: ScratchHost, _ environment: [String: String] = [:]) throws -> Run {
    try vireo(Self.deletion + ["--connect", host.uri], environment: environment)
  }

  /// The number of the point at which the guest is told to leave its overlay.
  private func point(_ host: ScratchHost) throws -> Int {
    try host.apply(Self.spec(host))
    #expect(try host.vireo("snapshot", "take", "web", "one", "--external").status == 0)
    let log = host.folder.path("points")
    let run = try delete(host, ["VIREO_FAILPOINT_LOG": log])
    try #require(run.status == 0, "\(run.output)\(run.errors)")
    let points = (fileText(log) ?? "").split(separator: "\n")
    return try #require(points.firstIndex { $0.contains("before: leave the merged image") }) + 1
  }

  /// Writes to the guest's disk as the guest would, to the image that QEMU has it on.
  private func write(_ byte: Int, at place: String, _ host: ScratchHost) throws {
    let device = "/machine/peripheral/ua-disk-root/virtio-backend"
    try host.virsh(
      "qemu-monitor-command", "web", "--hmp", "qemu-io -d \(device) \"write -P \(byte) \(place) 64k\"")
  }

  private func read(_ byte: Int, at place: String, _ host: ScratchHost) throws -> Bool {
    let read = try run([
      "qemu-io", "-f", "raw", "-r", "-c", "read -P \(byte) \(place) 64k", host.pool + "/web.root.raw",
    ])
    return read.status == 0 && !read.output.contains("verification failed")
  }

  @Test("what the guest writes afterwards stays, whoever comes next", arguments: ["delete", "restart"])
  func killed(next: String) throws {
    try ScratchHost.with { host in
      let point = try point(host)
      // The window is some ten milliseconds wide, here or there according to the load.
      for delay in [4_000, 10_000, 20_000] {
        #expect(try host.vireo("snapshot", "take", "web", "one", "--external").status == 0)
        try write(1, at: "1M", host)
        let killed = try delete(host, ["VIREO_FAILPOINT": "\(point)+\(delay)"])
        let story = "\(delay) µs, \(next): \(killed.status)"
        // Whatever libvirt believes, a plan finds the guest as the spec says.
        let plan = try host.plan(Self.spec(host))
        #expect(plan.status == 0, "\(story): \(plan.output)\(plan.errors)")
        try write(2, at: "2M", host)
        if next == "restart" {
          try host.apply(Self.spec(host, state: "stopped"))
          try host.apply(Self.spec(host))
        }
        let again = try delete(host)
        #expect(
          again.status == 0 || again.errors.contains("has no snapshot one"), "\(story): \(again.output)\(again.errors)")
        try host.expectNoChanges(Self.spec(host))
        #expect(try host.virsh("snapshot-list", "--name", "web").split(separator: "\n").isEmpty, "\(story)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: host.pool) == ["web.root.raw"], "\(story)")
        #expect(try host.running("web")("//disk/source/@file") == host.pool + "/web.root.raw", "\(story)")
        #expect(try host.definition("web")("//disk/source/@file") == host.pool + "/web.root.raw", "\(story)")
        try write(3, at: "3M", host)
        try host.apply(Self.spec(host, state: "stopped"))
        for (byte, place) in [(1, "1M"), (2, "2M"), (3, "3M")] {
          #expect(try read(byte, at: place, host), "\(story): what was written at \(place) is gone")
        }
        try host.apply(Self.spec(host))
      }
    }
  }
}
