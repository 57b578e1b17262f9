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

  /// The number of a point of an undisturbed deletion: the last of those names that comes before the guest is told to leave its
  /// overlay, or that point itself.
  private func point(_ host: ScratchHost, _ name: String = "before: leave the merged image") throws -> Int {
    try host.apply(Self.spec(host))
    #expect(try host.vireo("snapshot", "take", "web", "one", "--external").status == 0)
    let log = host.folder.path("points")
    let run = try delete(host, ["VIREO_FAILPOINT_LOG": log])
    try #require(run.status == 0, "\(run.output)\(run.errors)")
    let points = (fileText(log) ?? "").split(separator: "\n")
    let end = try #require(points.firstIndex { $0.contains("before: leave the merged image") })
    return try #require(points[...end].lastIndex { $0.contains(name) }) + 1
  }

  /// Asks the guest's QEMU past libvirt.
  @discardableResult
  private func ask(_ host: ScratchHost, _ command: String, _ arguments: [String: Any] = [:]) throws -> Any? {
    let request = try JSONSerialization.data(withJSONObject: ["execute": command, "arguments": arguments])
    let text = try host.virsh("qemu-monitor-command", "web", String(decoding: request, as: UTF8.self))
    let answer = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    guard let answer, answer["error"] == nil else { throw TestError("\(command): \(text)") }
    return answer["return"]
  }

  private func jobs(_ host: ScratchHost) throws -> [[String: Any]] {
    try ask(host, "query-jobs") as? [[String: Any]] ?? []
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

  /// A guest that is killed after Vireo was, and that has written something to its overlay alone.
  ///
  /// - Parameter point: where Vireo is killed.
  private func endGuest(_ host: ScratchHost, killedAt point: Int) throws {
    #expect(try host.vireo("snapshot", "take", "web", "one", "--external").status == 0)
    try write(1, at: "1M", host)
    let killed = try delete(host, ["VIREO_FAILPOINT": String(point)])
    #expect(killed.status == 128 + SIGKILL, "\(killed.output)\(killed.errors)")
    // QEMU copies what is written a moment later. Here that moment does not come.
    for job in try jobs(host) { try ask(host, "job-pause", ["id": job["id"] ?? ""]) }
    try write(2, at: "2M", host)
    host.stopGuests()
  }

  private func expectMerged(_ host: ScratchHost) throws {
    try host.expectNoChanges(Self.spec(host))
    #expect(try host.virsh("snapshot-list", "--name", "web").split(separator: "\n").isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: host.pool) == ["web.root.raw"])
    try host.apply(Self.spec(host, state: "stopped"))
    for (byte, place) in [(1, "1M"), (2, "2M")] {
      #expect(try read(byte, at: place, host), "what was written at \(place) is gone")
    }
  }

  @Test("a guest that ended before it was told to leave its overlay loses nothing", arguments: ["delete", "start"])
  func ended(next: String) throws {
    try ScratchHost.with { host in
      try endGuest(host, killedAt: try point(host, "after: define a domain"))
      #expect(try host.definition("web")("//disk/source/@file") == host.pool + "/web.root.raw")
      if next == "start" { try host.apply(Self.spec(host)) }
      let again = try delete(host)
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      if next == "delete" { try host.apply(Self.spec(host)) }
      try expectMerged(host)
    }
  }

  @Test("a guest that is restarted meanwhile loses nothing")
  func restarted() throws {
    try ScratchHost.with { host in
      let point = try point(host, "after: define a domain")
      #expect(try host.vireo("snapshot", "take", "web", "one", "--external").status == 0)
      try write(1, at: "1M", host)
      _ = try delete(host, ["VIREO_FAILPOINT": String(point)])
      for job in try jobs(host) { try ask(host, "job-pause", ["id": job["id"] ?? ""]) }
      try write(2, at: "2M", host)
      try host.apply(Self.spec(host, state: "stopped"))
      try host.apply(Self.spec(host))
      let again = try delete(host)
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      try expectMerged(host)
    }
  }

  @Test(
    "what a guest has written to an overlay that only QEMU knew of is kept when the guest ends",
    arguments: ["start", "take", "take another"], [true, false])
  func cutOffSnapshot(next: String, isWritten: Bool) throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host))
      let log = host.folder.path("points")
      let take = ["snapshot", "take", "web", "one", "--external", "--connect", host.uri]
      #expect(try vireo(take, environment: ["VIREO_FAILPOINT_LOG": log]).status == 0)
      #expect(try delete(host).status == 0)
      let points = (fileText(log) ?? "").split(separator: "\n")
      let point = try #require(points.firstIndex { $0.contains("before: take a snapshot of") }) + 1
      #expect(try vireo(take, environment: ["VIREO_FAILPOINT": String(point)]).status == 128 + SIGKILL)

      // As far as libvirt comes when it is killed.
      let (overlay, below) = (host.pool + "/web.root.one.qcow2", host.pool + "/web.root.raw")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", below, overlay, "4M")
      let storage = ["driver": "file", "filename": overlay, "node-name": "libvirt-9-storage"]
      try ask(host, "blockdev-add", storage)
      try ask(
        host, "blockdev-add",
        [
          "driver": "qcow2", "file": "libvirt-9-storage", "node-name": "libvirt-9-format", "backing": NSNull(),
        ])
      let disk = try (ask(host, "query-block") as? [[String: Any]])?.compactMap { $0["inserted"] as? [String: Any] }
        .first
      let node = try #require(disk?["node-name"] as? String)
      try ask(host, "blockdev-snapshot", ["node": node, "overlay": "libvirt-9-format"])
      if isWritten { try write(2, at: "2M", host) }
      host.stopGuests()
      try waitUntil("libvirt sees it") { try host.state("web") == "shut off" }
      #expect(try host.definition("web")("//disk/source/@file") == below)

      if next == "start" {
        try host.apply(Self.spec(host))
        try host.expectNoChanges(Self.spec(host))
      } else {
        let name = next == "take" ? "one" : "two"
        let again = try host.vireo("snapshot", "take", "web", name, "--external")
        #expect(again.status == 0, "\(again.output)\(again.errors)")
        #expect(try host.definition("web")("//disk/source/@file") == host.pool + "/web.root.\(name).qcow2")
        #expect(try host.vireo("snapshot", "delete", "web", name, "--yes").status == 0)
      }
      try host.apply(Self.spec(host, state: "stopped"))
      #expect(try host.definition("web")("//disk/source/@file") == below)
      #expect(try read(isWritten ? 2 : 0, at: "2M", host), "what was written at 2M is gone")
    }
  }

  @Test("where nobody can tell which image the guest wrote to last, nothing is touched, and the ways out work")
  func unclear() throws {
    try ScratchHost.with { host in
      let point = try point(host)
      for way in ["commit", "delete"] {
        try endGuest(host, killedAt: point)
        let overlay = host.pool + "/web.root.one.qcow2"
        // libvirt gives the files back when it sees that the guest is gone.
        try waitUntil("libvirt sees it") { try host.state("web") == "shut off" }
        let before = Footprint([host.pool])
        #expect(before.paths.contains(overlay))
        let commands = [
          Self.deletion, ["snapshot", "take", "web", "two", "--external"],
          ["apply", "--yes", host.folder.path("spec.yaml")],
        ]
        for command in commands {
          let run = try vireo(command + ["--connect", host.uri])
          let text = (run.output + run.errors).split(whereSeparator: \.isWhitespace).joined(separator: " ")
          #expect(run.status == 1 && text.contains("Vireo cannot know which of them"), "\(command): \(text)")
          #expect(text.contains("vireo image commit \(overlay)"), "\(text)")
        }
        #expect(host.guestProcesses.isEmpty)
        #expect(Footprint([host.pool]) == before)
        if way == "commit" {
          #expect(try vireo(["image", "commit", overlay]).status == 0)
        } else {
          try FileManager.default.removeItem(atPath: overlay)
        }
        let again = try delete(host)
        #expect(again.status == 0, "\(way): \(again.output)\(again.errors)")
        try host.apply(Self.spec(host))
        try host.expectNoChanges(Self.spec(host))
        #expect(try FileManager.default.contentsOfDirectory(atPath: host.pool) == ["web.root.raw"])
        try host.apply(Self.spec(host, state: "stopped"))
        #expect(try read(1, at: "1M", host))
        #expect(try read(2, at: "2M", host) == (way == "commit"))
        try output(of: "qemu-io", "-f", "raw", "-c", "write -q -P 0 0 4M", host.pool + "/web.root.raw")
        try host.apply(Self.spec(host))
      }
    }
  }

  @Test("an overlay that is not one on the image that QEMU writes to is left alone, and the guest is named with both")
  func irreconcilable() throws {
    try ScratchHost.with { host in
      let point = try point(host, "before: merge the image")
      #expect(try host.vireo("snapshot", "take", "web", "one", "--external").status == 0)
      // The overlay is marked as one that goes.
      #expect(try delete(host, ["VIREO_FAILPOINT": String(point)]).status == 128 + SIGKILL)
      let (overlay, below) = (host.pool + "/web.root.one.qcow2", host.pool + "/web.root.raw")
      // QEMU leaves the overlay, and libvirt does not hear of it.
      let disk = try (ask(host, "query-block") as? [[String: Any]])?.compactMap { $0["inserted"] as? [String: Any] }
        .first
      let nodes = try ask(host, "query-named-block-nodes") as? [[String: Any]] ?? []
      let base = nodes.first { $0["file"] as? String == below && $0["drv"] as? String == "raw" }
      try ask(
        host, "block-commit",
        [
          "job-id": "test", "device": disk?["node-name"] ?? "", "top-node": disk?["node-name"] ?? "",
          "base-node": base?["node-name"] ?? "",
        ])
      try waitUntil("QEMU has merged") { try jobs(host).contains { $0["status"] as? String == "ready" } }
      try ask(host, "job-complete", ["id": "test"])
      try waitUntil("QEMU has left the overlay") { try jobs(host).allSatisfy { $0["id"] as? String != "test" } }
      // Another overlay is in the place of the one that was left.
      let other = host.folder.path("other")
      try output(of: "qemu-img", "create", "-q", "-f", "raw", other + ".raw", "4M")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", other + ".raw", "-F", "raw", other + ".qcow2")
      // Written over, it keeps its mark.
      try output(of: "cp", other + ".qcow2", overlay)
      let before = Footprint([host.pool])
      let guests = host.guestProcesses
      let commands = [
        Self.deletion, ["snapshot", "take", "web", "two", "--external"], ["snapshot", "revert", "web", "one", "--yes"],
      ]
      for command in commands {
        let run = try vireo(command + ["--connect", host.uri])
        let text = (run.output + run.errors).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(run.status == 1, "\(command): \(text)")
        #expect(text.contains("the guest web writes to \(below), while libvirt believes"), "\(command): \(text)")
        #expect(text.contains("virsh edit web") && text.contains(overlay), "\(command): \(text)")
      }
      #expect(host.guestProcesses == guests)
      #expect(Footprint([host.pool]) == before)
    }
  }
}
