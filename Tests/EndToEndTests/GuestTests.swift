// A guest that really boots Linux: what is changed as it runs is there within, and what must not be lost is not.

import Foundation
import TestSupport
import Testing

@Suite(
  "a guest with Linux in it",
  .enabled(if: TestGuest.obstacle == nil, "needs root, namespaces, libvirtd, dnsmasq and scripts/make-test-guest"),
  .serialized)
struct GuestTests {
  /// A daemon with its default network, a folder that QEMU's user may enter, and the guest's spec in a file.
  private func withGuest(
    _ body: (SystemDaemon, TemporaryFolder, GuestView, (_ fields: String) throws -> Run) throws -> Void
  ) throws {
    try TemporaryFolder.with { folder in
      try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: folder.root)
      for name in ["vmlinuz", "initrd.img", "root.qcow2"] {
        try FileManager.default.copyItem(atPath: TestGuest.folder + "/" + name, toPath: folder.path(name))
      }
      let daemon = try SystemDaemon()
      try #require(try daemon.virsh("net-start", "default").status == 0)
      try body(daemon, folder, GuestView(daemon: daemon, name: "web")) { fields in
        try folder.write(spec(folder, fields), to: "spec.yaml")
        let run = try daemon.vireo("apply", "--yes", folder.path("spec.yaml"))
        try #require(run.status == 0, "\(run.output)\(run.errors)")
        return run
      }
    }
  }

  private func spec(_ folder: TemporaryFolder, _ fields: String) -> String {
    """
    stack: real
    pools: { vms: { path: "\(folder.path("pool"))" } }
    images: { linux: { source: "\(folder.path("root.qcow2"))", pool: vms } }
    domains:
      web:
        type: qemu
        cpu: { mode: custom, model: qemu64 }
        kernel: "\(folder.path("vmlinuz"))"
        initrd: "\(folder.path("initrd.img"))"
        cmdline: console=ttyS0 quiet
        ready: { lease: true, agent: true, tcp: 7777, timeout: 5 min }
        shutdown: { timeout: 2 min }
    \(fields.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))

    """
  }

  private static let plain = """
    state: running
    memory: 256 MiB
    vcpus: { count: 2, current: 1 }
    interfaces: { lan: { network: default } }
    """

  private static let serials = "for disk in /sys/block/vd*; do cat $disk/serial; echo; done"

  @Test("grows, gets and gives back devices, processors and memory while it runs")
  func live() throws {
    try withGuest { daemon, folder, guest, apply in
      let first = try apply(Self.plain + "\ndisks: { root: { image: linux, size: 1 GiB } }")
      #expect(first.errors.contains("wait until it is ready"), "\(first.errors)")
      let boot = try guest.boot()
      #expect(try guest.shell("nproc") == "1")
      let memory = try #require(Int(try guest.shell("awk '/MemTotal/ { print $2 }' /proc/meminfo")))

      // The root file system grows on the running guest, beside a second disk, interface and processor.
      var more = Self.plain.replacing("current: 1", with: "current: 2")
        .replacing("lan: { network: default }", with: "lan: { network: default }, more: { network: default }")
      let disks = "\ndisks: { root: { image: linux, size: 2 GiB }, data: { size: 64 MiB, serial: more } }"
      let grown = try apply(more + disks)
      #expect(!grown.output.contains("waits"), "\(grown.output)")
      let disk = try guest.shell("basename $(findfs LABEL=guest)")
      #expect(try guest.shell("cat /sys/block/\(disk)/size") == String((2 << 30) / 512))
      try guest.shell("resize2fs /dev/\(disk)")
      let blocks = try #require(Int(try guest.shell("df -k / | awk 'END { print $2 }'")))
      #expect(blocks > 1_900_000)
      #expect(try guest.shell(Self.serials).contains("more"))
      #expect(try guest.shell("nproc") == "2")
      #expect(try guest.shell("ls /sys/class/net | wc -l") == "3")

      // The guest lets go of all of it; the data disk's file stays.
      more = Self.plain.replacing("memory: 256 MiB", with: "memory: 256 MiB\ncurrent-memory: 192 MiB")
      let less = try apply(more + "\ndisks: { root: { image: linux, size: 2 GiB } }")
      // QEMU without KVM takes the processor away and does not say so (QEMU 7.2): libvirt cannot know, and Vireo believes it.
      for field in ["current-memory", "disks.data", "interfaces.more"] {
        #expect(
          !less.output.contains("taken `\(field)`") && !less.output.contains("go of `\(field)`"), "\(less.output)")
      }
      #expect(try guest.shell("nproc") == "1")
      #expect(try guest.shell("ls /sys/class/net | wc -l") == "2")
      #expect(try !guest.shell(Self.serials).contains("more"))
      #expect(FileManager.default.fileExists(atPath: folder.path("pool/web.data.qcow2")))
      try waitUntil("the balloon is filled", seconds: 60) {
        try (Int(guest.shell("awk '/MemTotal/ { print $2 }' /proc/meminfo")) ?? memory) < memory - 60_000
      }
      #expect(try guest.boot() == boot, "it was restarted")
      let plan = try daemon.vireo("plan", "--detailed-exitcode", folder.path("spec.yaml"))
      #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
    }
  }

  @Test("has a memory module more as it runs, gives it back, and sees its cable pulled and plugged in")
  func memory() throws {
    try withGuest { daemon, folder, guest, apply in
      let plain = Self.plain.replacing(
        "memory: 256 MiB",
        with: """
          memory: 256 MiB
          max-memory: { size: 1 GiB, slots: 4 }
          numa: { cells: { 0: { cpus: 0-1, memory: 256 MiB } } }
          disks: { root: { image: linux } }
          """)
      _ = try apply(plain)
      let boot = try guest.boot()
      func total() throws -> Int {
        try #require(Int(try guest.shell("awk '/MemTotal/ { print $2 }' /proc/meminfo")))
      }
      let before = try total()
      let more = try apply(plain + "\nmemory-devices: { more: { model: dimm, size: 128 MiB, node: 0 } }")
      #expect(!more.output.contains("waits"), "\(more.output)")
      try waitUntil("the module is in use", seconds: 60) { try total() > before + 100_000 }
      let less = try apply(plain)
      #expect(!less.output.contains("waits"), "\(less.output)")
      #expect(try total() < before + 10_000)

      let cable = "cat /sys/class/net/eth0/carrier"
      #expect(try guest.shell(cable) == "1")
      for (link, carrier) in [("down", "0"), ("up", "1")] {
        _ = try apply(plain.replacing("{ network: default }", with: "{ network: default, link: \(link) }"))
        #expect(try guest.shell(cable) == carrier)
      }
      #expect(try guest.boot() == boot)
    }
  }

  @Test(
    "is shut down by its agent or its power button, restarted when that is allowed, and started again by hand's stop")
  func stops() throws {
    try withGuest { daemon, folder, guest, apply in
      let disks = "\ndisks: { root: { image: linux } }"
      _ = try apply(Self.plain + disks)
      var boot = try guest.boot()
      try guest.shell("echo kept >/root/file; sync")
      for mode in ["agent", "acpi"] {
        let stopped = Self.plain.replacing("state: running", with: "state: stopped")
        try folder.write(
          spec(folder, stopped + disks).replacing("timeout: 2 min }", with: "timeout: 2 min, mode: \(mode) }"),
          to: "spec.yaml")
        let run = try daemon.vireo("apply", "--yes", folder.path("spec.yaml"))
        #expect(run.status == 0, "\(mode): \(run.output)\(run.errors)")
        #expect(try daemon.virsh("domstate", "web").output.contains("shut off"))
        _ = try apply(Self.plain + disks)
        #expect(try guest.boot() != boot)
        boot = try guest.boot()
      }
      #expect(try guest.shell("cat /root/file") == "kept")

      // Asked politely for what needs a restart, and waited for.
      let larger = Self.plain.replacing("256 MiB", with: "320 MiB") + "\nrestart-policy: when-needed" + disks
      let run = try apply(larger)
      #expect(run.output.contains("restart"), "\(run.output)")
      #expect(try guest.boot() != boot)
      #expect(try #require(Int(try guest.shell("awk '/MemTotal/ { print $2 }' /proc/meminfo"))) > 262_144)

      // Somebody stops it from within.
      boot = try guest.boot()
      _ = try? guest.shell("poweroff")
      try waitUntil("it is off", seconds: 120) { try daemon.virsh("domstate", "web").output.contains("shut off") }
      let plan = try daemon.vireo("plan", folder.path("spec.yaml"))
      #expect(plan.output.contains("stopped → running"), "\(plan.output)")
      _ = try apply(larger)
      #expect(try guest.boot() != boot)
    }
  }

  @Test("stays connected while its network is changed, and the network is not stopped under it")
  func network() throws {
    try withGuest { daemon, folder, guest, apply in
      func network(_ fields: String) -> String {
        "networks: { lab: { mode: nat, address: 192.168.231.1/24, dhcp: { range: 192.168.231.100-192.168.231.110, "
          + "hosts: { 192.168.231.50: { mac: \"52:54:00:00:00:01\" }\(fields) } } } }\n"
      }
      func run(_ more: String, _ fields: String, _ command: [String] = ["apply", "--yes"]) throws -> Run {
        let domain =
          Self.plain.replacing("network: default", with: "network: lab") + "\ndisks: { root: { image: linux } }"
        try folder.write(
          spec(folder, domain).replacing("stack: real\n", with: "stack: real\n" + network(fields)).replacing(
            "{ mode: nat,", with: "{ \(more)mode: nat,"), to: "spec.yaml")
        return try daemon.vireo(command + [folder.path("spec.yaml")])
      }
      let first = try run("", "")
      try #require(first.status == 0, "\(first.output)\(first.errors)")
      let boot = try guest.boot()
      let cable = "cat /sys/class/net/eth0/carrier && ping -c 1 -W 5 192.168.231.1 >/dev/null && echo reached"
      // A host at once, a domain name when the network is next started; the guest's cable stays.
      let hosts = ", 192.168.231.51: { mac: \"52:54:00:00:00:02\" }"
      let changed = try run("domain: { name: lab.example }, ", hosts)
      #expect(changed.status == 0, "\(changed.output)\(changed.errors)")
      #expect(try daemon.virsh("net-dumpxml", "lab").output.contains("192.168.231.51"))
      #expect(try guest.shell(cable) == "1\nreached")
      let waiting = try run("domain: { name: lab.example }, ", hosts, ["plan", "--detailed-exitcode"])
      #expect(waiting.status == 0 && waiting.output.contains("waits"), "\(waiting.output)\(waiting.errors)")
      for command in [["plan"], ["apply", "--yes"]] {
        let refused = try run("state: inactive, ", hosts, command)
        #expect(
          refused.status == 3 && refused.errors.contains("network-in-use")
            || refused.errors.contains("running guests use it: web"), "\(refused.output)\(refused.errors)")
      }
      #expect(try guest.shell(cable) == "1\nreached")
      #expect(try guest.boot() == boot)
    }
  }

  @Test("is what it was after a revert, in memory and on disk, and snapshots are merged under it as it runs")
  func snapshots() throws {
    try withGuest { daemon, folder, guest, apply in
      _ = try apply(Self.plain + "\ndisks: { root: { image: linux } }")
      let boot = try guest.boot()
      try guest.shell("echo before >/root/file; echo before >/run/memory; sync")
      func snapshot(_ arguments: String...) throws {
        let command = ["snapshot"] + arguments.prefix(1) + ["web"] + arguments.dropFirst()
        let run = try daemon.vireo(command)
        try #require(run.status == 0, "\(command): \(run.output)\(run.errors)")
      }
      try snapshot("take", "inside")
      try guest.shell("echo after >/root/file; echo after >/run/memory; sync")
      try snapshot("revert", "inside", "--yes")
      #expect(try guest.boot() == boot)
      #expect(try guest.shell("cat /root/file /run/memory") == "before\nbefore")
      let plan = try daemon.vireo("plan", "--detailed-exitcode", folder.path("spec.yaml"))
      #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
      try snapshot("delete", "inside", "--yes")

      // Frozen by the agent, the file system on the frozen disk is clean.
      try guest.shell("echo frozen >/root/file")
      let base = try FileManager.default.contentsOfDirectory(atPath: folder.path("pool")).filter {
        $0.hasPrefix("linux-")
      }
      let original = folder.path("pool/" + (try #require(base.first)))
      let sum = try output(of: "sha256sum", original)
      try snapshot("take", "outside", "--external", "--quiesce")
      try guest.shell("echo later >/root/file; dd if=/dev/zero of=/root/much bs=1M count=20; sync")
      let frozen = folder.path("frozen.raw")
      try output(of: "qemu-img", "convert", "-U", "-O", "raw", folder.path("pool/web.root.qcow2"), frozen)
      let check = try run(["e2fsck", "-fn", frozen])
      #expect(check.status == 0, "\(check.output)")
      #expect(try output(of: "debugfs", "-R", "cat /root/file", frozen).contains("frozen"))
      #expect(try daemon.vireo("plan", "--detailed-exitcode", folder.path("spec.yaml")).status == 0)
      try snapshot("delete", "outside", "--yes")
      #expect(try guest.shell("cat /root/file") == "later")
      #expect(try guest.boot() == boot)
      #expect(try output(of: "sha256sum", original) == sum, "something was written into the base image")
      #expect(try daemon.vireo("plan", "--detailed-exitcode", folder.path("spec.yaml")).status == 0)
      let disks = try daemon.virsh("domblklist", "web").output
      #expect(disks.contains("/web.root.qcow2"), "\(disks)")
    }
  }
}
