// What changes cost: done as the guest runs, stored for later, or refused beforehand; looked at in the running guest.

import Foundation
import TestSupport
import Testing

@Suite("effects", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct EffectTests {
  private static func spec(_ host: ScratchHost, _ fields: String, policy: String = "never") -> String {
    """
    stack: effects
    pools: { vms: { path: "\(host.pool)" } }
    domains:
      web:
        type: qemu
        state: running
        restart-policy: \(policy)
        shutdown: { timeout: 1 s, force-off: true }
    \(fields.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))

    """
  }

  /// A field of a running guest, how its values are written, and where libvirt and QEMU have them.
  struct Row: Sendable, CustomTestStringConvertible {
    let field: String
    /// The spec's lines, with `@` for the value.
    let fields: String
    let values: (old: String, new: String)
    /// Where the running XML has the value.
    let path: String
    let running: String
    /// A question to QEMU itself, and what its answer holds.
    var monitor: (command: String, answer: String)?

    var testDescription: String { field }
  }

  static let rows = [
    Row(field: "title", fields: "title: @", values: ("one", "two"), path: "/domain/title", running: "two"),
    Row(
      field: "description", fields: "description: @", values: ("one", "two"), path: "/domain/description",
      running: "two"),
    Row(
      field: "vcpus.current", fields: "vcpus: { count: 4, current: @ }", values: ("1", "3"),
      path: "/domain/vcpu/@current", running: "3", monitor: ("query-cpus-fast", "\"cpu-index\":2")),
    Row(
      field: "disks.root.iotune.total-iops", fields: "disks: { root: { size: 1 MiB, iotune: { total-iops: @ } } }",
      values: ("100", "200"), path: "//disk/iotune/total_iops_sec", running: "200",
      monitor: ("query-block", "\"iops\":200")),
    Row(
      field: "disks.cd.source", fields: "disks: { cd: { device: cdrom, bus: sata, source: \"@\" } }",
      values: ("POOL/a.iso", "POOL/b.iso"), path: "//disk/source/@file", running: "POOL/b.iso",
      monitor: ("query-block", "/b.iso")),
    Row(
      field: "interfaces.lan.link", fields: "interfaces: { lan: { type: user, link: @ } }", values: ("up", "down"),
      path: "//interface/link/@state", running: "down"),
    Row(
      field: "interfaces.lan.inbound.average", fields: "interfaces: { lan: { type: user, inbound: { average: @ } } }",
      values: ("1000", "2000"), path: "//interface/bandwidth/inbound/@average", running: "2000"),
    Row(
      field: "disks.root.iotune.group",
      fields: "disks: { root: { size: 1 MiB, iotune: { total-iops: 100, group: @ } } }", values: ("one", "two"),
      path: "//disk/iotune/group_name", running: "two"),
    Row(
      field: "disks.root.startup-policy", fields: "disks: { root: { size: 1 MiB, startup-policy: @ } }",
      values: ("mandatory", "optional"), path: "//disk/source/@startupPolicy", running: "optional"),
    Row(
      field: "disks.root.snapshot", fields: "disks: { root: { size: 1 MiB, snapshot: @ } }",
      values: ("external", "no"), path: "//disk/@snapshot", running: "no"),
    Row(
      field: "memballoons.balloon.stats-period", fields: "memballoons: { balloon: { model: virtio, stats-period: @ } }",
      values: ("5", "10"), path: "//memballoon/stats/@period", running: "10"),
    Row(
      field: "memory-devices.more.requested",
      fields: """
        max-memory: { size: 512 MiB, slots: 2 }
        numa: { cells: { 0: { cpus: "0", memory: 32 MiB } } }
        memory-devices:
          more: { model: virtio-mem, size: 128 MiB, block: 2 MiB, node: 0, requested: @ }
        """, values: ("64 MiB", "96 MiB"), path: "//devices/memory/target/requested", running: String(96 << 10),
      monitor: ("query-memory-devices", "\"requested-size\":\(96 << 20)")),
    Row(
      field: "on-poweroff", fields: "on-poweroff: @", values: ("destroy", "restart"), path: "/domain/on_poweroff",
      running: "restart"),
    Row(
      field: "on-reboot", fields: "on-reboot: @", values: ("restart", "destroy"), path: "/domain/on_reboot",
      running: "destroy"),
    Row(
      field: "on-crash", fields: "on-crash: @", values: ("destroy", "coredump-restart"), path: "/domain/on_crash",
      running: "coredump-restart"),
    Row(
      field: "iothreads", fields: "iothreads: @", values: ("1", "3"), path: "/domain/iothreads", running: "3",
      monitor: ("query-iothreads", "\"iothread3\"")),
    Row(
      field: "iothreads", fields: "iothreads: @", values: ("2", "1"), path: "/domain/iothreads", running: "1",
      monitor: ("query-iothreads", "\"iothread1\"")),
    Row(
      field: "iothreads.ids", fields: "iothreads: { count: 1, ids: { @: {} } }", values: ("4", "9"),
      path: "/domain/iothreadids/iothread/@id", running: "9", monitor: ("query-iothreads", "\"iothread9\"")),
    Row(
      field: "iothreads.ids.1.thread-pool-max",
      fields: "iothreads: { count: 1, ids: { 1: { thread-pool-min: 1, thread-pool-max: @ } } }", values: ("4", "8"),
      path: "/domain/iothreadids/iothread/@thread_pool_max", running: "8"),
    Row(
      field: "cputune.vcpupin", fields: "vcpus: 2\ncputune: { vcpupin: { 1: \"@\" } }", values: ("0", "1"),
      path: "/domain/cputune/vcpupin[@vcpu='1']/@cpuset", running: "1"),
    Row(
      field: "cputune.emulatorpin", fields: "cputune: { emulatorpin: \"@\" }", values: ("0", "1"),
      path: "/domain/cputune/emulatorpin/@cpuset", running: "1"),
    Row(
      field: "cputune.iothreadpin", fields: "iothreads: 1\ncputune: { iothreadpin: { 1: \"@\" } }", values: ("0", "1"),
      path: "/domain/cputune/iothreadpin/@cpuset", running: "1"),
    Row(
      field: "cputune.iothread-quota", fields: "iothreads: 1\ncputune: { iothread-quota: @ }",
      values: ("5000", "6000"), path: "/domain/cputune/iothread_quota", running: "6000"),
    Row(
      field: "blkiotune.weight", fields: "blkiotune: { weight: @ }", values: ("200", "300"),
      path: "/domain/blkiotune/weight", running: "300"),
    Row(
      field: "perf", fields: "perf: { cpu_clock: @ }", values: ("false", "true"),
      path: "/domain/perf/event[@name='cpu_clock']/@enabled", running: "yes"),
  ]

  @Test("a value that libvirt can change is changed as the guest runs, and in the definition", arguments: rows)
  func live(_ row: Row) throws {
    try ScratchHost.with { host in
      try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
      for name in ["a.iso", "b.iso"] { try Data(count: 4096).write(to: URL(fileURLWithPath: host.pool + "/" + name)) }
      func spec(_ value: String) -> String {
        Self.spec(host, "memory: 32 MiB\n" + row.fields.replacing("@", with: value)).replacing("POOL", with: host.pool)
      }
      try host.apply(spec(row.values.old))
      let guests = host.guestProcesses
      let change = spec(row.values.new)
      let plan = try host.vireo(["plan", "--max-effect", "live"], change)
      #expect(plan.status == 0 && plan.output.contains("update, live"), "\(plan.output)\(plan.errors)")
      let applied = try host.apply(change)
      guard !applied.output.contains("waits for a restart") else {
        // Traffic shaping takes a network of the host's; whoever cannot have it is told.
        #expect(row.field.contains("inbound"), "\(applied.output)")
        // Nobody is asked again for what was refused once, until there is another guest or another value.
        let again = try host.plan(change)
        #expect(again.status == 0 && again.output.contains("waits for a restart"), "\(again.output)")
        try host.apply(change.replacing("state: running", with: "state: stopped"))
        try host.apply(change)
        try host.expectNoChanges(change)
        #expect(try !host.plan(change).output.contains("waits"))
        #expect(try host.running("web")(row.path) == row.running)
        return
      }
      // First of all: virsh may take a guest of the embedded driver along when it ends.
      #expect(host.guestProcesses == guests, "the guest was restarted")
      try host.expectNoChanges(change)
      let wanted = row.running.replacing("POOL", with: host.pool)
      #expect(try host.running("web")(row.path) == wanted)
      #expect(try host.definition("web")(row.path) == wanted)
      if let (command, answer) = row.monitor {
        let said = try host.virsh("qemu-monitor-command", "web", "{\"execute\":\"\(command)\"}")
        #expect(said.contains(answer), "\(said)")
      }
    }
  }

  @Test("a disk more for one of many is that one's business alone, and its others stay where they are")
  func oneOfMany() throws {
    try ScratchHost.with { host in
      func spec(_ more: String) -> String {
        let names = ["a", "b", "c"].map { name in
          "  \(name): { type: qemu, memory: 32 MiB, state: running, disks: { root: { size: 1 MiB }, z: { size: 1 MiB }"
            + (name == "b" ? more : "") + " } }"
        }
        return "stack: many\npools: { vms: { path: \"\(host.pool)\" } }\ndomains:\n"
          + names.joined(separator: "\n") + "\n"
      }
      try host.apply(spec(""))
      let guests = host.guestProcesses
      let (before, addresses) = (host.footprint(), try host.definition("b").addresses())
      try host.apply(spec(", data: { size: 2 MiB }"))
      #expect(host.guestProcesses == guests)
      let changed = host.footprint().differences(from: before).filter { $0.hasSuffix(".xml") || $0.hasSuffix(".qcow2") }
      #expect(changed.map { URL(fileURLWithPath: $0).lastPathComponent } == ["b.xml", "b.data.qcow2"], "\(changed)")
      let after = try host.definition("b").addresses()
      for (device, address) in addresses { #expect(after[device] == address, "\(device)") }
      #expect(try host.running("b").all("//disk").count == 3)
      #expect(try host.running("b").all("//disk/target/@dev") == ["vda", "vdb", "vdc"])
    }
  }

  @Test("what a guest does not let go of is stored, told as waiting for a restart, and no error")
  func waiting() throws {
    try ScratchHost.with { host in
      // Without a system in it, a guest hears of no balloon and no ejected card.
      let old = Self.spec(
        host, "memory: 64 MiB\ndisks: { root: { size: 1 MiB }, data: { size: 1 MiB } }")
      let new = Self.spec(host, "memory: 64 MiB\ncurrent-memory: 48 MiB\ndisks: { root: { size: 1 MiB } }")
      try host.apply(old)
      let applied = try host.apply(new)
      #expect(applied.output.contains("waits for a restart"), "\(applied.output)")
      #expect(applied.output.contains("disks.data") && applied.output.contains("current-memory"), "\(applied.output)")
      #expect(try host.definition("web")("/domain/currentMemory") == String(48 << 10))
      #expect(try host.definition("web").all("//disk").count == 1)
      #expect(try host.running("web").all("//disk").count == 2)
      let plan = try host.plan(new)
      #expect(plan.status == 0 && plan.output.contains("waits for a restart"), "\(plan.output)")
      #expect(FileManager.default.fileExists(atPath: host.pool + "/web.data.qcow2"))
    }
  }

  @Test("a disk on a bus whose devices need no guest is unplugged at once")
  func unplugged() throws {
    try ScratchHost.with { host in
      func spec(_ more: String) -> String {
        Self.spec(host, "memory: 32 MiB\ndisks: { root: { size: 1 MiB, bus: scsi }\(more) }")
      }
      try host.apply(spec(", data: { size: 1 MiB, bus: scsi }"))
      let guests = host.guestProcesses
      try host.apply(spec(""))
      #expect(try host.running("web").all("//disk").count == 1)
      #expect(host.guestProcesses == guests)
      try host.expectNoChanges(spec(""))
    }
  }

  @Test(
    "a change beyond the limit refuses its domain before anything is touched, and the rest goes with --keep-going",
    arguments: [true, false])
  func limit(isOfTheRun: Bool) throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host, "memory: 32 MiB"))
      let limit = isOfTheRun ? "" : "\nmax-effect: live"
      let spec = Self.spec(
        host, "memory: 40 MiB\ntitle: new\nvcpus: 2\ndisks: { root: { size: 1 MiB } }" + limit, policy: "when-needed")
      let before = host.footprint()
      for command in ["plan", "apply"] {
        let options = (isOfTheRun ? ["--max-effect", "live"] : []) + (command == "apply" ? ["--yes"] : [])
        let run = try host.vireo([command] + options, spec)
        #expect(run.status == 3)
        #expect(run.errors.contains("memory from 32 MiB to 40 MiB requires `restart`"), "\(run.errors)")
        #expect(run.errors.contains("vcpus") && !run.errors.contains("title from"), "\(run.errors)")
        #expect(run.errors.contains(isOfTheRun ? "--max-effect live" : "max-effect: live"), "\(run.errors)")
      }
      #expect(host.footprint().differences(from: before).isEmpty)
      let guests = host.guestProcesses
      let options = ["--yes", "--keep-going"] + (isOfTheRun ? ["--max-effect", "live"] : [])
      let rest = try host.vireo(["apply"] + options, spec + "  other: { type: qemu, memory: 16 MiB }\n")
      #expect(rest.status == 3 && rest.output.contains("refused: domain web"), "\(rest.output)\(rest.errors)")
      #expect(try host.virsh("list", "--all", "--name").contains("other"))
      #expect(host.guestProcesses == guests)
      #expect(try host.running("web")("/domain/memory") == "32768")
    }
  }

  @Test("a guest is restarted only where the spec allows it, and then has everything")
  func restart() throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host, "memory: 32 MiB\nvcpus: 1"))
      let guests = host.guestProcesses
      let change = "memory: 40 MiB\nvcpus: 2"
      try host.apply(Self.spec(host, change))
      #expect(host.guestProcesses == guests)
      // Nothing is left to be stored: what waits is the reason.
      let allowed = Self.spec(host, change, policy: "when-needed")
      let plan = try host.plan(allowed)
      #expect(plan.output.contains("update, restart"), "\(plan.output)")
      try host.apply(allowed)
      #expect(host.guestProcesses != guests && host.guestProcesses.count == 1)
      #expect(try host.running("web")("/domain/memory") == "40960")
      #expect(try host.running("web")("/domain/vcpu") == "2")
      try host.expectNoChanges(allowed)
      let output = try host.plan(allowed).output
      #expect(!output.contains("waits"), "\(output)")
    }
  }

  @Test("a guest that does not start with its new definition runs again with the old one")
  func refused() throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host, "memory: 32 MiB\ntitle: good", policy: "when-needed"))
      let old = try host.definition("web")("/domain/memory")
      let broken = Self.spec(
        host, "memory: 40 MiB\ntitle: bad\nserials: { log: { type: file, path: /nowhere/at/all/log } }",
        policy: "when-needed")
      let run = try host.vireo(["apply", "--yes"], broken)
      #expect(run.status == 1)
      #expect(run.output.contains("it runs again"), "\(run.output)\(run.errors)")
      #expect(try host.state("web") == "running")
      #expect(try host.definition("web")("/domain/memory") == old)
      #expect(try host.running("web")("/domain/memory") == old)
    }
  }
}
