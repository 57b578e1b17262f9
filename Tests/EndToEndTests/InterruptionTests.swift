// Applies that are cut off: by SIGKILL anywhere, by Ctrl-C in good order, by another apply that was first.

import Foundation
import TestSupport
import Testing

@Suite("interruptions", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct InterruptionTests {
  private static let count = 40

  private static func spec(_ host: ScratchHost, _ title: String, size: String = "20 MiB", state: String = "any")
    -> String
  {
    """
    stack: cut
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains:
      web:
        count: \(count)
        type: qemu
        memory: 16 MiB
        title: \(title) ${index}
        disks: { root: { image: base, size: \(size) } }
      guest:
        count: 2
        type: qemu
        memory: 16 MiB
        state: \(state)
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { image: base, size: \(size) } }

    """
  }

  private static let disks = Set((1...count).map { "web-\($0).root.qcow2" } + (1...2).map { "guest-\($0).root.qcow2" })

  /// How many steps an apply has told to be done.
  private func stepsDone(_ apply: ChildProcess) -> Int { apply.errors.split(separator: "\n").count }

  /// After any number of killed applies, one that is left alone does the rest, and all is sound.
  private func expectConvergence(_ host: ScratchHost, _ spec: String, after story: String) throws {
    let plan = try host.plan(spec)
    #expect(plan.status == 0 || plan.status == 2, "\(story): \(plan.output)\(plan.errors)")
    let apply = try host.vireo(["apply", "--yes"], spec)
    #expect(apply.status == 0, "\(story): \(apply.output)\(apply.errors)")
    try host.expectNoChanges(spec)
    try host.expectSoundPool(Self.disks)
    for number in 1...2 {
      #expect(
        try host.virtualSize(host.pool + "/guest-\(number).root.qcow2") == (spec.contains("20 MiB") ? 20 : 30) << 20)
    }
  }

  @Test("killed at any moment, the next applies do the rest", arguments: [1, 2])
  func killed(round: Int) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      var story = ""
      /// Kills an apply after some steps and then some.
      func cut(_ spec: String, after steps: Int) throws {
        let more = UInt32.random(in: 0...30_000)
        let apply = try host.start(["apply", "--yes"], spec)
        try waitUntil("\(steps) steps") { !apply.isRunning || stepsDone(apply) >= steps }
        usleep(more)
        apply.signal(SIGKILL)
        let run = try apply.wait()
        story += " \(steps) steps and \(more) µs: status \(run.status) after \(stepsDone(apply)) steps;"
        // Whatever the moment, the host can be looked at.
        let plan = try host.plan(spec)
        #expect(plan.status == 2 || (plan.status == 0 && run.status == 0), "\(story): \(plan.output)\(plan.errors)")
      }
      let new = Self.spec(host, "new", state: "running")
      for steps in [0, 1, 15 * round, 20, 60] { try cut(new, after: steps) }
      try expectConvergence(host, new, after: story)
      #expect(host.guestProcesses.count == 2)

      // Growing and changing what is there, the same.
      let changed = Self.spec(host, "changed", size: "30 MiB", state: "stopped")
      for steps in [1, 20 * round, 30] { try cut(changed, after: steps) }
      try expectConvergence(host, changed, after: story)
      #expect(host.guestProcesses.isEmpty)
    }
  }

  @Test("Ctrl-C lets the steps in flight end, starts no more, and says where things stand")
  func interrupted() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host, "web")
      let apply = try host.start(["apply", "--yes", "--jobs", "1"], spec)
      try waitUntil("the apply is under way") { stepsDone(apply) >= 3 }
      apply.signal(SIGINT)
      let run = try apply.wait()
      #expect(run.status == 1)
      #expect(run.errors.contains("Interrupted: finishing the running steps."), "\(run.errors)")
      #expect(run.output.contains("not started"), "\(run.output)")
      #expect(!run.errors.contains("failed"), "\(run.errors)")
      // What was said to be done is done, and no more than what was in flight.
      let domains = try host.virsh("list", "--all", "--name").split(separator: "\n").count
      let defined = run.errors.ranges(of: ": define\n").count
      #expect(domains == defined)
      #expect(domains < Self.count)

      try host.apply(spec)
      try host.expectNoChanges(spec)
      try host.expectSoundPool(Self.disks)
    }
  }

  @Test("a second Ctrl-C ends at once, and the next apply goes on", arguments: [SIGINT, SIGTERM, SIGHUP])
  func interruptedTwice(signal: Int32) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host, "web")
      // One job at a time: long enough that the signals come in the middle.
      let apply = try host.start(["apply", "--yes", "--jobs", "1"], spec)
      try waitUntil("the apply is under way") { stepsDone(apply) >= 3 }
      apply.signal(signal)
      // Sooner it would be the same signal.
      usleep(150_000)
      apply.signal(signal)
      let run = try apply.wait()
      // The first may have ended the steps in flight already, and the second ends what is left of the program.
      #expect([1, 128 + signal].contains(run.status), "\(run.output)\(run.errors)")
      try host.apply(spec)
      try host.expectNoChanges(spec)
      try host.expectSoundPool(Self.disks)
    }
  }

  @Test("a signal that comes twice at once is one: from timeout(1), which sends it to its child and to the group")
  func twiceAtOnce() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host, "web")
      try host.folder.write(spec, to: "spec.yaml")
      let apply = try ChildProcess([
        "timeout", "600", try programPath(), "apply", "--yes", "--jobs", "1", "--connect", host.uri,
        host.folder.path("spec.yaml"),
      ])
      try waitUntil("the apply is under way") { !apply.isRunning || stepsDone(apply) >= 3 }
      // It does with this signal what it does when the time is over.
      apply.signal(SIGTERM)
      let run = try apply.wait()
      #expect(run.errors.contains("Interrupted: finishing the running steps."), "\(run.errors)")
      #expect(!run.errors.contains("ended at once"), "\(run.errors)")
      #expect(run.output.contains("not started"), "\(run.output)\(run.errors)")
      try host.apply(spec)
      try host.expectNoChanges(spec)
    }
  }

  @Test("the first signal gives up what is only seen when it is complete", arguments: [SIGINT, SIGHUP])
  func unpublished(signal: Int32) throws {
    try ScratchHost.with { host in
      // Holes take no room, and seconds to be hashed.
      try output(of: "truncate", "-s", "3G", host.folder.path("large.raw"))
      let spec = """
        stack: large
        pools: { vms: { path: "\(host.pool)" } }
        images: { large: { source: "\(host.folder.path("large.raw"))", pool: vms, format: raw } }
        domains: { web: { type: qemu, memory: 16 MiB, disks: { root: { image: large } } } }

        """
      try host.folder.write(spec, to: "spec.yaml")
      let points = host.folder.path("points")
      let apply = try ChildProcess(
        [try programPath(), "apply", "--yes", "--connect", host.uri, host.folder.path("spec.yaml")],
        environment: ["VIREO_FAILPOINT_LOG": points])
      try waitUntil("the copy is under way") {
        !apply.isRunning || (fileText(points) ?? "").contains("set the length of a file in \(host.pool)")
      }
      apply.signal(signal)
      let run = try apply.wait()
      #expect(run.status == 1, "\(run.output)\(run.errors)")
      #expect(run.output.contains("not started") && !run.output.contains("failed"), "\(run.output)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: host.pool).isEmpty)
    }
  }

  @Test("a program that was started to ignore SIGHUP does so")
  func nohup() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.folder.write(Self.spec(host, "web"), to: "spec.yaml")
      let apply = try ChildProcess([
        "nohup", try programPath(), "apply", "--yes", "--connect", host.uri, host.folder.path("spec.yaml"),
      ])
      try waitUntil("the apply is under way") { !apply.isRunning || stepsDone(apply) >= 3 }
      apply.signal(SIGHUP)
      let run = try apply.wait()
      #expect(run.status == 0, "\(run.output)\(run.errors)")
    }
  }

  @Test(
    "QEMU that is asked what it can do ends with the program, or before the next one",
    arguments: [SIGKILL, SIGTERM, SIGHUP])
  func probes(signal: Int32) throws {
    try TemporaryFolder.with { folder in
      let host = ScratchHost(folder: folder)
      defer { host.stopGuests() }
      let spec = "stack: new\ndomains: { web: { type: qemu, memory: 16 MiB } }\n"
      let apply = try host.start(["apply", "--yes"], spec)
      try waitUntil("libvirt asks QEMU") { !apply.isRunning || !host.guestProcesses.isEmpty }
      apply.signal(signal)
      let run = try apply.wait()
      #expect(run.status == 128 + signal, "\(run.output)\(run.errors)")
      if signal == SIGKILL { try host.apply(spec) }
      #expect(host.guestProcesses.isEmpty)
      let left = try FileManager.default.contentsOfDirectory(atPath: host.root + "/lib/qemu")
      #expect(!left.contains { $0.hasPrefix("qmp-") }, "\(left)")
    }
  }

  @Test("a guest that libvirt takes for one that starts, and that has no process, is started")
  func unfinishedStart() throws {
    try ScratchHost.with { host in
      let spec = "stack: cut\ndomains: { web: { type: qemu, memory: 16 MiB, state: running } }\n"
      try host.apply(spec)
      // What the driver has written down between its decision and the process.
      let status = host.root + "/run/qemu/web.xml"
      let text = try #require(fileText(status))
      host.stopGuests()
      let element = try #require(text.firstMatch(of: #/<domstatus [^>]*>/#)?.output)
      try Data(
        text.replacing(element, with: "<domstatus state='paused' reason='starting up' pid='0'>").utf8
      ).write(to: URL(fileURLWithPath: status))
      try host.apply(spec)
      try host.expectNoChanges(spec)
      #expect(host.guestProcesses.count == 1)
    }
  }

  @Test("of two applies at once one goes on and the other is refused in words")
  func atOnce() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host, "web")
      let first = try host.start(["apply", "--yes"], spec)
      try waitUntil("the first is under way") { stepsDone(first) >= 1 }
      let second = try host.vireo(["apply", "--yes"], spec)
      #expect(second.status == 1)
      #expect(second.output.isEmpty)
      #expect(second.errors.contains("another process has its root open"), "\(second.errors)")
      #expect(second.errors.contains("wait until it ends"))
      #expect(second.errors.split(separator: "\n").count <= 3)
      let run = try first.wait()
      #expect(run.status == 0, "\(run.errors)")
      try host.expectNoChanges(spec)
    }
  }
}
