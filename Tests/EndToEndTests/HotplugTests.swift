// Devices that come and go as the guest runs, of every kind that libvirt can plug in; and those that wait for the next start.

import Foundation
import TestSupport
import Testing
import Vocabulary
import XMLTree

@Suite("hot-plug", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct HotplugTests {
  /// - Parameter devices: lines for the domain, by collection.
  private static func spec(_ host: ScratchHost, _ fields: String, _ devices: [(collection: String, entry: String)])
    -> String
  {
    var lines = fields.split(separator: "\n").map(String.init)
    var collections: [String] = []
    for device in devices where !collections.contains(device.collection) { collections.append(device.collection) }
    for collection in collections {
      lines.append("\(collection):")
      lines += devices.filter { $0.collection == collection }.map { "  " + $0.entry }
    }
    return """
      stack: plug
      pools: { vms: { path: "\(host.pool)" } }
      domains:
        web:
          type: qemu
          state: running
      \(lines.map { "    " + $0 }.joined(separator: "\n"))

      """.replacing("POOL", with: host.pool)
  }

  /// A guest that is ready for whatever comes: NUMA, room for memory, memory that can be shared, conventional PCI.
  private static let ready = """
    memory: 64 MiB
    max-memory: { size: 1 GiB, slots: 4 }
    numa: { cells: { 0: { cpus: "0", memory: 64 MiB } } }
    memory-backing: { source: memfd, access: shared }
    """

  /// libvirt adds a bridge to conventional PCI for the second.
  private static let first = [
    ("serials", "first: { type: pty }"),
    ("shmems", "first: { name: vireo-test-first, model: ivshmem-plain, size: 1 MiB }"),
    ("rngs", "first: { model: virtio, backend: random, device: /dev/urandom }"),
    ("controllers", "first: { type: scsi, model: virtio-scsi, index: 0 }"),
  ]

  /// A device that a running guest can get.
  struct Row: Sendable {
    let collection: String
    let entry: String
    /// Its alias, by which libvirt and QEMU know it.
    let alias: String
    /// Whether the guest, which has no system here, keeps it when it is asked to let it go.
    var isKept = false
  }

  static let rows = [
    Row(collection: "disks", entry: "v: { size: 1 MiB }", alias: "ua-disk-v", isKept: true),
    Row(collection: "disks", entry: "u: { size: 1 MiB, bus: usb }", alias: "ua-disk-u"),
    Row(collection: "disks", entry: "w: { size: 1 MiB, bus: scsi }", alias: "ua-disk-w"),
    Row(collection: "interfaces", entry: "i: { type: user }", alias: "ua-interface-i", isKept: true),
    Row(
      collection: "channels",
      entry: "c: { type: unix, path: POOL/c, source.mode: bind, target.type: virtio, target.name: a.b.c }",
      alias: "ua-channel-c"),
    Row(collection: "consoles", entry: "o: { type: pty }", alias: "ua-console-o"),
    Row(collection: "serials", entry: "s: { type: pty, target.type: usb-serial }", alias: "ua-serial-s"),
    Row(
      collection: "serials", entry: "p: { type: pty, target.type: pci-serial }", alias: "ua-serial-p", isKept: true),
    Row(collection: "inputs", entry: "t: { type: tablet, bus: usb }", alias: "ua-input-t"),
    Row(collection: "inputs", entry: "k: { type: keyboard, bus: virtio }", alias: "ua-input-k", isKept: true),
    Row(
      collection: "redirdevs",
      entry: "r: { bus: usb, type: unix, path: POOL/redir, source.mode: bind }", alias: "ua-redirdev-r"),
    Row(
      collection: "rngs", entry: "n: { model: virtio, backend: random, device: /dev/urandom }", alias: "ua-rng-n",
      isKept: true),
    Row(
      collection: "controllers", entry: "b: { type: scsi, model: virtio-scsi }", alias: "ua-controller-b", isKept: true),
    // The action that libvirt gives the board's own watchdog, where it knows of that: see `watchdogAction`.
    Row(
      collection: "watchdogs", entry: "w: { model: i6300esb, action: reset }", alias: "ua-watchdog-w", isKept: true),
    Row(
      collection: "shmems", entry: "m: { name: vireo-test-shm, model: ivshmem-plain, size: 1 MiB }",
      alias: "ua-shmem-m", isKept: true),
    Row(
      collection: "memory-devices", entry: "d: { model: dimm, size: 128 MiB, node: 0 }",
      alias: "ua-memory-device-d", isKept: true),
    Row(
      collection: "memory-devices",
      entry: "e: { model: virtio-mem, size: 128 MiB, block: 2 MiB, node: 0, requested: 64 MiB }",
      alias: "ua-memory-device-e", isKept: true),
    Row(
      collection: "filesystems",
      entry: "f: { type: mount, driver.type: virtiofs, dir: POOL, target: tag, access-mode: passthrough }",
      alias: "ua-filesystem-f", isKept: true),
  ]

  /// What these tests have no devices of the host for.
  private static let untried: Set = [
    "hostdevs of the types `pci`, `mdev` and `scsi_host`", "hostdevs of the type `usb`", "hostdevs of the type `scsi`",
    "vsocks ",
  ]

  /// The vocabulary says of each of these devices what happened to it, and has no sort of device that is not tried.
  private static func expectTable(_ rows: [Row], in domain: XMLElement) throws {
    let devices = domain.first("devices")?.elements.map { $0 } ?? []
    var tried: Set<String> = []
    for row in rows {
      let device = try #require(devices.first { $0.value(at: "alias/@name") == row.alias }, "\(row.alias)")
      let kind = try #require(ObjectType.Collection.holding(device))
      let hotplug = try #require(kind.type.device?.hotplug(of: device))
      #expect(kind.key == row.collection && hotplug.canPlug, "\(row.alias)")
      #expect((!hotplug.canUnplug || hotplug.needsGuestToUnplug) == row.isKept, "\(row.alias)")
      tried.insert("\(kind.key) \(hotplug.devices)")
    }
    let all = Vocabulary.domain.collections.flatMap { kind in
      (kind.type.device?.hotplug ?? []).filter(\.canPlug).map { "\(kind.key) \($0.devices)" }
    }
    let hasFolder = rows.contains { $0.collection == "filesystems" }
    #expect(
      Set(all).subtracting(tried)
        == untried.union(hasFolder ? [] : all.filter { $0.hasPrefix("filesystems") }))
    // libvirt names those that have no alias of their own as the vocabulary says that it does.
    for device in devices {
      guard let alias = device.value(at: "alias/@name"), !alias.hasPrefix("ua-"),
        let rule = ObjectType.Collection.holding(device)?.type.device
      else { continue }
      #expect(rule.aliasPrefixes(of: device).contains { alias.hasPrefix($0) }, "\(device.name) \(alias)")
    }
  }

  @Test("every kind that libvirt can plug in is there at once, and goes when it leaves the spec and the guest lets it")
  func kinds() throws {
    try ScratchHost.with { host in
      let rows = Self.rows.filter {
        $0.collection != "filesystems" || FileManager.default.isExecutableFile(atPath: "/usr/lib/qemu/virtiofsd")
      }
      let bare = Self.spec(host, Self.ready, Self.first)
      try host.apply(bare)
      let guests = host.guestProcesses
      let full = Self.spec(
        host, Self.ready, Self.first + rows.map { ($0.collection, $0.entry) })
      let plan = try host.vireo(["plan", "--max-effect", "live"], full)
      #expect(plan.status == 0 && plan.output.contains("update, live"), "\(plan.output)\(plan.errors)")
      let applied = try host.apply(full)
      #expect(!applied.output.contains("waits"), "\(applied.output)")
      #expect(Set(guests).isSubset(of: host.guestProcesses), "the guest was restarted")
      try host.expectNoChanges(full)
      let running = try host.running("web")
      try Self.expectTable(rows, in: .parse(running.text))
      let tree = try host.virsh("qemu-monitor-command", "web", "--hmp", "info qtree")
      for row in rows {
        #expect(running.text.contains("<alias name='\(row.alias)'/>"), "\(row.alias)")
        // Disks and what is no device of a bus of its own are known to QEMU by other names.
        let isInTree = tree.contains("\"\(row.alias)\"") || row.collection == "memory-devices"
        #expect(isInTree, "\(row.alias) in \(tree)")
      }
      #expect(try running("/domain/memory") == String((64 + 128 + 128) << 10))

      try host.apply(bare)
      let after = try host.running("web")
      let left = try host.plan(bare)
      #expect(left.status == 0, "\(left.output)\(left.errors)")
      for row in rows {
        #expect(after.text.contains("<alias name='\(row.alias)'/>") == row.isKept, "\(row.alias)")
        let name = "\(row.collection).\(row.entry.prefix(1))"
        #expect(left.output.contains(name) == row.isKept, "\(name) in \(left.output)")
      }
      #expect(try host.definition("web")("/domain/memory") == String(64 << 10))
      #expect(Set(guests).isSubset(of: host.guestProcesses), "the guest was restarted")
    }
  }

  @Test("what libvirt cannot plug in is stored, and the plan says that it waits for the next start")
  func waiting() throws {
    try ScratchHost.with { host in
      let base = "memory: 64 MiB"
      let devices = [
        ("disks", "s: { size: 1 MiB, bus: sata }"), ("disks", "c: { device: cdrom, bus: sata }"),
        ("serials", "isa: { type: pty, target.type: isa-serial, target.port: 1 }"),
        ("sounds", "a: { model: ich9 }"), ("videos", "v: { model: virtio }"),
        ("panics", "p: { model: isa }"), ("hubs", "h: { type: usb }"),
        ("filesystems", "f: { type: mount, access-mode: mapped, dir: POOL, target: tag }"),
        ("controllers", "vs: { type: virtio-serial, index: 1 }"),
        // Without conventional PCI, room or NUMA.
        ("watchdogs", "w: { model: i6300esb, action: none }"),
        ("shmems", "m: { name: vireo-test-shm, model: ivshmem-plain, size: 1 MiB }"),
      ]
      try host.apply(Self.spec(host, base, [("serials", "first: { type: pty }")]))
      let full = Self.spec(host, base, [("serials", "first: { type: pty }")] + devices)
      let limited = try host.vireo(["plan", "--max-effect", "live"], full)
      #expect(limited.status == 3)
      for (collection, entry) in devices {
        let name = "\(collection).\(entry.prefix { $0 != ":" })"
        #expect(limited.errors.contains(name), "\(name) in \(limited.errors)")
      }
      try host.apply(full)
      let running = try host.running("web")
      #expect(try running.all("//alias[starts-with(@name,'ua-')]/@name") == ["ua-serial-first", "ua-serial-first"])
      let plan = try host.plan(full)
      #expect(plan.status == 0 && plan.output.contains("waits for a restart"), "\(plan.output)\(plan.errors)")
    }
  }

  @Test("what turns out to have no place is stored, told as waiting, and no error")
  func noPlace() throws {
    try ScratchHost.with { host in
      func spec(_ devices: [(String, String)]) -> String {
        Self.spec(
          host, "memory: 32 MiB", [("controllers", "usb: { type: usb, model: qemu-xhci, ports: 1 }")] + devices)
      }
      try host.apply(spec([]))
      // The hub makes room for them, and cannot be plugged in.
      let full = spec([
        ("hubs", "h: { type: usb }"), ("inputs", "a: { type: tablet, bus: usb }"),
        ("inputs", "b: { type: mouse, bus: usb }"),
      ])
      let applied = try host.apply(full)
      #expect(applied.output.contains("waits for a restart"), "\(applied.output)")
      #expect(applied.output.contains("No free USB ports"), "\(applied.output)")
      #expect(try host.definition("web").all("//input[@bus='usb']").count == 2)
      let plan = try host.plan(full)
      #expect(plan.status == 0 && plan.output.contains("waits for a restart"), "\(plan.output)")
    }
  }

  @Test("a device whose file is not there is an error that names it")
  func mistake() throws {
    try ScratchHost.with { host in
      let base = "memory: 32 MiB"
      try host.apply(Self.spec(host, base, []))
      let run = try host.failed(
        Self.spec(
          host, base,
          [("channels", "c: { type: file, path: POOL/none/log, target.type: virtio, target.name: a.b.c }")]))
      #expect(run.output.contains("channels.c") && run.output.contains("/none/log"), "\(run.output)")
    }
  }

  @Test("parts of devices that a killed run has left in QEMU are in nobody's way")
  func halfPlugged() throws {
    try ScratchHost.with { host in
      let base = [
        ("controllers", "s: { type: scsi, index: 0, model: virtio-scsi }"), ("serials", "first: { type: pty }"),
        ("rngs", "first: { model: virtio, backend: random, device: /dev/urandom }"),
      ]
      // The controller that channels are plugged into.
      let first = [("channels", "f: { type: unix, target.type: virtio, target.name: a.b.f }")]
      try host.apply(Self.spec(host, "memory: 32 MiB", base + first))
      let devices = [
        ("channels", "c: { type: unix, target.type: virtio, target.name: a.b.c }"), ("interfaces", "i: { type: user }"),
        ("rngs", "n: { model: virtio, backend: random, device: /dev/urandom }"),
        ("inputs", "t: { type: tablet, bus: usb }"), ("disks", "d: { size: 1 MiB, format: raw, bus: scsi }"),
      ]
      let parts = [
        ("chardev-add", #"{"id":"charua-channel-c","backend":{"type":"null","data":{}}}"#),
        ("netdev_add", #"{"id":"hostua-interface-i","type":"user"}"#),
        ("object-add", #"{"id":"objua-rng-n","qom-type":"rng-random","filename":"/dev/urandom"}"#),
        ("device_add", #"{"id":"ua-input-t","driver":"usb-tablet"}"#),
      ]
      for (command, arguments) in parts {
        let answer = try host.virsh(
          "qemu-monitor-command", "web", "{\"execute\":\"\(command)\",\"arguments\":\(arguments)}")
        #expect(!answer.contains("\"error\""), "\(command): \(answer)")
      }
      let guests = host.guestProcesses
      let full = Self.spec(host, "memory: 32 MiB", base + first + devices)
      let applied = try host.apply(full)
      #expect(!applied.output.contains("waits"), "\(applied.output)")
      let plan = try host.plan(full)
      #expect(plan.status == 0 && !plan.output.contains("waits"), "\(plan.output)")
      let running = try host.running("web")
      for name in ["channel-c", "interface-i", "rng-n", "input-t", "disk-d"] {
        #expect(running.text.contains("<alias name='ua-\(name)'/>"), "\(name)")
      }
      #expect(host.guestProcesses == guests, "the guest was restarted")
    }
  }
}
