// A host with libvirtd: pools that libvirt knows, guests on its network, and a daemon that goes away.

import Foundation
import TestSupport
import Testing

@Suite(
  "system daemon", .enabled(if: SystemDaemon.obstacle == nil, "needs root, namespaces, libvirtd and dnsmasq"),
  .serialized)
struct SystemTests {
  /// A folder that QEMU's user may enter, a base image in it, and a daemon.
  private func withDaemon(_ body: (SystemDaemon, TemporaryFolder) throws -> Void) throws {
    try TemporaryFolder.with { folder in
      try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: folder.root)
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", folder.path("base.qcow2"), "16M")
      try body(SystemDaemon(), folder)
    }
  }

  private func spec(_ folder: TemporaryFolder, count: Int, state: String, interface: String) -> String {
    """
    stack: system
    pools: { vms: { path: "\(folder.path("pool"))" } }
    images: { base: { source: "\(folder.path("base.qcow2"))", pool: vms } }
    domains:
      web:
        count: \(count)
        type: qemu
        memory: 32 MiB
        state: \(state)
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { image: base, size: 20 MiB } }
        interfaces: { lan: { \(interface) } }

    """
  }

  @Test("a private base image is QEMU's to read while a guest runs, and no other user's", arguments: [0o600, 0o644])
  func privateBase(mode: Int) throws {
    try withDaemon { daemon, folder in
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder.path("base.qcow2"))
      try folder.write(spec(folder, count: 1, state: "running", interface: "type: user"), to: "spec.yaml")
      for text in [("apply", "20 MiB"), ("apply", "40 MiB")] {
        let spec = try String(contentsOfFile: folder.path("spec.yaml"), encoding: .utf8).replacing(
          "20 MiB", with: text.1)
        try folder.write(spec, to: "spec.yaml")
        let run = try daemon.vireo(text.0, "--yes", folder.path("spec.yaml"))
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect(try daemon.virsh("domstate", "web-1").output.contains("running"))
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("pool"))
      let copy = folder.path("pool") + "/" + (try #require(names.first { $0.hasPrefix("base-") }))
      let found = try FileManager.default.attributesOfItem(atPath: copy)[.posixPermissions] as? Int
      #expect(found == mode & 0o444)
      let verify = try daemon.vireo("image", "verify")
      #expect(verify.status == 0 && verify.output.contains(copy), "\(verify.output)\(verify.errors)")
    }
  }

  @Test("pool, network and a running guest are as the spec says, and stay so")
  func running() throws {
    try withDaemon { daemon, folder in
      let hasNetwork = try daemon.virsh("net-start", "default").status == 0
      let interface = hasNetwork ? "network: default" : "type: user"
      try folder.write(spec(folder, count: 2, state: "running", interface: interface), to: "spec.yaml")
      let file = folder.path("spec.yaml")
      let apply = try daemon.vireo("apply", "--yes", file)
      #expect(apply.status == 0, "\(apply.output)\(apply.errors)")
      let pool = try daemon.virsh("pool-info", "vms").output
      for line in [#/State: +running/#, #/Persistent: +yes/#, #/Autostart: +yes/#] {
        #expect(pool.contains(line), "\(pool)")
      }
      // libvirt looks into a pool's folder when it is asked to.
      try daemon.virsh("pool-refresh", "vms")
      #expect(try daemon.virsh("vol-list", "vms").output.contains("web-2.root.qcow2"))
      for name in ["web-1", "web-2"] {
        #expect(try daemon.virsh("domstate", name).output.contains("running"))
        if hasNetwork { #expect(try daemon.virsh("domiflist", name).output.contains("default")) }
      }

      let before = Footprint([folder.path("pool")])
      let plan = try daemon.vireo("plan", "--detailed-exitcode", file)
      #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
      #expect(try daemon.vireo("apply", file).status == 0)
      #expect(Footprint([folder.path("pool")]) == before)

      // Grown at once, and a pool that somebody stopped is started again.
      try folder.write(
        spec(folder, count: 2, state: "running", interface: interface).replacing("20 MiB", with: "40 MiB"),
        to: "spec.yaml")
      try daemon.virsh("pool-destroy", "vms")
      let change = try daemon.vireo("apply", "--yes", file)
      #expect(change.status == 0, "\(change.output)\(change.errors)")
      #expect(try daemon.virsh("domblkinfo", "web-1", "vda").output.contains("Capacity:       \(40 << 20)\n"))
      #expect(try daemon.virsh("pool-info", "vms").output.contains(#/State: +running/#))
      let again = try daemon.vireo("plan", "--detailed-exitcode", file)
      #expect(again.status == 0, "\(again.output)\(again.errors)")

      try folder.write(
        spec(folder, count: 2, state: "stopped", interface: interface).replacing("20 MiB", with: "40 MiB"),
        to: "spec.yaml")
      let stop = try daemon.vireo("apply", "--yes", file)
      #expect(stop.status == 0, "\(stop.output)\(stop.errors)")
      #expect(try daemon.virsh("list", "--name").output.allSatisfy(\.isNewline))
    }
  }

  @Test("a network that the host does not have is told before anything is made")
  func noNetwork() throws {
    try withDaemon { daemon, folder in
      try folder.write(spec(folder, count: 1, state: "running", interface: "network: nowhere"), to: "spec.yaml")
      let apply = try daemon.vireo("apply", "--yes", folder.path("spec.yaml"))
      #expect(apply.status == 3)
      #expect((apply.output + apply.errors).contains("nowhere"), "\(apply.output)\(apply.errors)")
    }
  }

  @Test(
    "a daemon that dies in the middle is told as a lost connection, and the next apply goes on", arguments: [3, 130])
  func lostDaemon(steps: Int) throws {
    try withDaemon { daemon, folder in
      try folder.write(spec(folder, count: 120, state: "any", interface: "type: user"), to: "spec.yaml")
      let file = folder.path("spec.yaml")
      // One job at a time: long enough that the daemon goes in the middle.
      let apply = try daemon.start("apply", "--yes", "--jobs", "1", file)
      try waitUntil("some steps are done") { !apply.isRunning || apply.errors.split(separator: "\n").count >= steps }
      try daemon.crash()
      let run = try apply.wait()
      #expect(run.status == 1, "\(run.output)\(run.errors)")
      // One cause is said once in the result, whatever the number of domains.
      let result = run.output.split(separator: "\n").filter { $0.contains("failed:") }
      #expect(result.count == 1, "\(run.output)")
      #expect(run.errors.contains("the connection to libvirt was lost"), "\(run.errors)")

      let unreachable = try daemon.vireo("plan", file)
      #expect(unreachable.status == 1)
      #expect(unreachable.errors.contains("start libvirtd"), "\(unreachable.errors)")

      try daemon.restart()
      let again = try daemon.vireo("apply", "--yes", file)
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      let plan = try daemon.vireo("plan", "--detailed-exitcode", file)
      #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
      for number in 1...120 {
        let check = try TestSupport.run(["qemu-img", "check", "-q", folder.path("pool/web-\(number).root.qcow2")])
        #expect(check.status == 0)
      }
    }
  }

  @Test("a daemon that hangs in the middle is given up; what was done, failed and not tried is told")
  func hangingDaemon() throws {
    try withDaemon { daemon, folder in
      try folder.write(spec(folder, count: 60, state: "any", interface: "type: user"), to: "spec.yaml")
      let file = folder.path("spec.yaml")
      let apply = try daemon.start("apply", "--yes", file)
      try waitUntil("some steps are done") { !apply.isRunning || apply.errors.split(separator: "\n").count >= 70 }
      try daemon.hang(true)
      let run = try apply.wait()
      #expect(run.status == 1, "\(run.output)\(run.errors)")
      let result = run.output.split(separator: "\n")
      #expect(result.filter { $0.contains("failed:") }.count == 1, "\(run.output)")
      let words = run.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      for part in ["libvirt's daemon does not answer any more", "not tried:", "Not complete:"] {
        #expect(words.contains(part), "\(run.output)")
      }

      try daemon.hang(false)
      let again = try daemon.vireo("apply", "--yes", file)
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      let plan = try daemon.vireo("plan", "--detailed-exitcode", file)
      #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
    }
  }

  @Test("a running guest is connected to another network, and back, without a restart")
  func connection() throws {
    try withDaemon { daemon, folder in
      func spec(_ interface: String, extra: String = "") throws -> String {
        try folder.write(
          """
          stack: system
          networks:
            one: { mode: isolated, bridge: vone, address: 10.61.0.1/24\(extra) }
            two: { mode: isolated, bridge: vtwo, address: 10.62.0.1/24 }
          domains:
            web: { type: qemu, memory: 32 MiB, state: running, interfaces: { lan: { \(interface) } } }

          """, to: "spec.yaml")
        return folder.path("spec.yaml")
      }
      func master() throws -> String { try daemon.inside("ip", "-o", "link", "show", "vnet0") }
      let first = try daemon.vireo("apply", "--yes", spec("network: one"))
      try #require(first.status == 0, "\(first.output)\(first.errors)")
      #expect(try master().contains("master vone"))
      for (interface, bridge) in [("network: two", "vtwo"), ("bridge: vone", "vone"), ("network: two", "vtwo")] {
        let file = try spec(interface)
        let plan = try daemon.vireo("plan", "--max-effect", "live", file)
        #expect(plan.status == 0 && plan.output.contains("update, live"), "\(plan.output)\(plan.errors)")
        let change = try daemon.vireo("apply", "--yes", file)
        #expect(change.status == 0 && !change.output.contains("waits"), "\(change.output)\(change.errors)")
        // The same guest, on the same device of the host.
        #expect(try master().contains("master \(bridge)"))
        #expect(try daemon.virsh("domid", "web").output.contains("1"))
        let again = try daemon.vireo("plan", "--detailed-exitcode", file)
        #expect(again.status == 0 && !again.output.contains("waits"), "\(again.output)\(again.errors)")
      }
      let user = try daemon.vireo("plan", spec("type: user"))
      #expect(user.output.contains("update, next-boot"), "\(user.output)\(user.errors)")
    }
  }

  @Test("import takes everything of a host with the usual pool, and the specs plan to nothing but whose it is")
  func importsAll() throws {
    try withDaemon { daemon, folder in
      _ = try daemon.inside("mkdir", "-p", folder.path("inactive"))
      for (name, path) in [("default", "/var/lib/libvirt/images"), ("inactive", folder.path("inactive"))] {
        try #require(daemon.virsh("pool-define-as", name, "dir", "--target", path).status == 0)
      }
      try #require(daemon.virsh("pool-start", "default").status == 0)
      try daemon.virsh("pool-autostart", "default")
      _ = try daemon.inside("qemu-img", "create", "-q", "-f", "qcow2", "/var/lib/libvirt/images/web.qcow2", "1M")
      try folder.write(
        """
        <domain type='qemu'><name>web</name><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os><devices>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
        <source file='/var/lib/libvirt/images/web.qcow2'/><target dev='vda' bus='virtio'/></disk>
        <interface type='network'><source network='default'/><model type='virtio'/></interface></devices></domain>
        """, to: "web.xml")
      try #require(daemon.virsh("define", folder.path("web.xml")).status == 0)

      let specs = folder.path("specs")
      let run = try daemon.vireo("import", "--all", "--output", specs)
      #expect(run.status == 0, "\(run.output)\(run.errors)")
      for file in ["pools/default", "pools/inactive", "networks/default", "domains/web"] {
        #expect(FileManager.default.fileExists(atPath: "\(specs)/\(file).yaml"), "\(file): \(run.errors)")
      }
      #expect(try folder.read("specs/pools/default.yaml").contains("/var/lib/libvirt/images"))
      for name in ["default", "inactive"] {
        #expect(try daemon.vireo("import", "--pool", name).status == 0)
      }
      // Nothing of it is done but what records whose it is.
      let plan = try daemon.vireo("plan", specs)
      #expect(
        plan.status == 0 && plan.output.contains("0 to create, 0 to update, 2 to adopt"), "\(plan.output)\(plan.errors)"
      )
      let before = try Self.definitions(daemon)
      let apply = try daemon.vireo("apply", "--yes", specs)
      #expect(apply.status == 0, "\(apply.output)\(apply.errors)")
      #expect(try Self.definitions(daemon) == before)
      #expect(try daemon.vireo("plan", "--detailed-exitcode", specs).status == 0)
    }
  }

  /// What libvirt has of the pools, and how they are; not how much is in them.
  private static func definitions(_ daemon: SystemDaemon) throws -> [Substring] {
    let amounts = ["capacity", "allocation", "available", "Capacity", "Allocation", "Available"]
    let texts = try ["default", "inactive"].flatMap { pool in
      try [daemon.virsh("pool-dumpxml", "--inactive", pool).output, daemon.virsh("pool-info", pool).output]
    }
    return texts.flatMap { $0.split(separator: "\n") }.filter { line in !amounts.contains { line.contains($0) } }
  }

  @Test("networks that are made at the same time, by one process or by two, each have a bridge of their own")
  func bridges() throws {
    try withDaemon { daemon, folder in
      func spec(_ stack: String) -> String {
        let networks = (0..<30).map { "  \(stack)-\($0): { mode: isolated, state: inactive }\n" }.joined()
        return "stack: \(stack)\nnetworks:\n" + networks
      }
      for stack in ["one", "two"] { try folder.write(spec(stack), to: "\(stack).yaml") }
      let other = try daemon.start("apply", "--yes", folder.path("two.yaml"))
      let applied = try daemon.vireo("apply", "--yes", folder.path("one.yaml"))
      #expect(applied.status == 0, "\(applied.output)\(applied.errors)")
      let result = try other.wait()
      #expect(result.status == 0, "\(result.output)\(result.errors)")
      let names = try daemon.virsh("net-list", "--all", "--name").output.split(whereSeparator: \.isWhitespace)
      #expect(names.count == 61)
      let bridges = try names.map {
        try Definition(text: daemon.virsh("net-dumpxml", String($0)).output)("//bridge/@name")
      }
      #expect(Set(bridges).count == names.count)
    }
  }

  @Test("ranges, groups of ports and devices of a network change as it runs")
  func networkUpdates() throws {
    try withDaemon { daemon, folder in
      func spec(_ range: String, _ group: String, _ devices: String) throws -> String {
        try folder.write(
          """
          stack: system
          networks:
            lan:
              mode: isolated
              bridge: vlan
              address: 10.63.0.1/24
              dhcp: { ranges: [\(range)] }
              portgroups: { \(group) }
            direct: { mode: private, devices: [\(devices)] }

          """, to: "spec.yaml")
        return folder.path("spec.yaml")
      }
      let first = try daemon.vireo(
        "apply", "--yes", spec("10.63.0.10-10.63.0.20", "fast: {}", "eth7"))
      try #require(first.status == 0, "\(first.output)\(first.errors)")
      let file = try spec(
        "10.63.0.30-10.63.0.40, 10.63.0.50-10.63.0.60", "fast: { default: true }, slow: {}", "eth8, eth9")
      let plan = try daemon.vireo("plan", "--max-effect", "live", file)
      #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
      let change = try daemon.vireo("apply", "--yes", file)
      #expect(change.status == 0 && !change.output.contains("waits"), "\(change.output)\(change.errors)")
      let running = try Definition(text: daemon.virsh("net-dumpxml", "lan").output)
      #expect(try running.all("//dhcp/range/@start") == ["10.63.0.30", "10.63.0.50"])
      #expect(try Set(running.all("//portgroup/@name")) == ["fast", "slow"])
      #expect(try running("//portgroup[@name='fast']/@default") == "yes")
      // dnsmasq serves what libvirt says.
      #expect(try daemon.inside("cat", "/var/lib/libvirt/dnsmasq/lan.conf").contains("dhcp-range=10.63.0.50,"))
      let direct = try Definition(text: daemon.virsh("net-dumpxml", "direct").output)
      #expect(try direct.all("//forward/interface/@dev") == ["eth8", "eth9"])
      let again = try daemon.vireo("plan", "--detailed-exitcode", file)
      #expect(again.status == 0 && !again.output.contains("waits"), "\(again.output)\(again.errors)")
    }
  }
}
