// Changes of a spec: what the stored definition, the image files and the running guest become.

import Foundation
import TestSupport
import Testing

@Suite("changes", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct ChangeTests {
  private static func spec(_ host: ScratchHost, _ fields: String) -> String {
    let image = "base: { source: \"\(host.folder.path("base.qcow2"))\", pool: vms }"
    return """
      stack: changes
      pools: { vms: { path: "\(host.pool)" } }
      images: { \(fields.contains("image: base") ? image : "") }
      domains:
        web:
          type: qemu
          shutdown: { timeout: 1 s, force-off: true }
      \(fields.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))

      """
  }

  @Test("memory, vcpus, title and model change in the definition, and what is dropped goes back to the default")
  func fields() throws {
    try ScratchHost.with { host in
      try host.apply(
        Self.spec(host, "memory: 32 MiB\nvcpus: 1\ntitle: old\ninterfaces: { lan: { type: user, link: down } }"))
      let before = try host.definition("web")
      let changed = Self.spec(host, "memory: 48 MiB\nvcpus: 3\ninterfaces: { lan: { type: user, model: e1000e } }")
      let plan = try host.plan(changed)
      #expect(plan.status == 2)
      for word in ["32 MiB", "48 MiB", "vcpus", "title", "e1000e"] {
        #expect(plan.output.contains(word), "\(plan.output)")
      }
      try host.apply(changed)
      try host.expectNoChanges(changed)
      let after = try host.definition("web")
      #expect(try after("/domain/memory") == "49152")
      #expect(try after("/domain/vcpu") == "3")
      #expect(try after("/domain/title") == nil)
      #expect(try after("//interface/model/@type") == "e1000e")
      #expect(try after("//interface/link/@state") != "down")
      #expect(try after("//interface/mac/@address") == before("//interface/mac/@address"))
      #expect(try after("/domain/uuid") == before("/domain/uuid"))
    }
  }

  @Test("a display's password is read from its file, stored, and never shown")
  func password() throws {
    try ScratchHost.with { host in
      let file = host.folder.path("password")
      let spec = Self.spec(host, "memory: 32 MiB\ngraphics: { vnc: { password-file: \(file) } }")
      for password in ["hush-1", "hush-2"] {
        try Data((password + "\n").utf8).write(to: URL(fileURLWithPath: file))
        let plan = try host.vireo(["plan"], spec).output + host.vireo(["plan", "--format", "json"], spec).output
        #expect(plan.contains("password-file") && !plan.contains("hush"))
        try host.apply(spec)
        let stored = try host.virsh("dumpxml", "--inactive", "--security-info", "web")
        #expect(stored.contains("passwd='\(password)'"))
        try host.expectNoChanges(spec)
      }
      let left = Self.spec(host, "memory: 32 MiB\ngraphics: { vnc: {} }")
      try host.apply(left)
      #expect(try !host.virsh("dumpxml", "--inactive", "--security-info", "web").contains("passwd"))
    }
  }

  @Test("displays come and go with what libvirt gave them")
  func displays() throws {
    try ScratchHost.with { host in
      for graphics in ["vnc: {}, spice: {}", "vnc: {}", "spice: {}", ""] {
        let spec = Self.spec(host, "memory: 32 MiB\ngraphics: { \(graphics) }")
        try host.apply(spec)
        try host.expectNoChanges(spec)
      }
    }
  }

  @Test(
    "devices are added without moving those that are there, and removed without their files", arguments: ["pc", "q35"])
  func devices(machine: String) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let few = """
        memory: 32 MiB
        machine: \(machine)
        disks: { root: { image: base } }
        interfaces: { lan: { type: user } }
        """
      let many = """
        memory: 32 MiB
        machine: \(machine)
        disks: { first: { size: 1 MiB }, root: { image: base }, s: { size: 1 MiB, bus: scsi }, z: { size: 2 MiB } }
        interfaces: { before: { type: user }, lan: { type: user }, x: { type: user, model: e1000 } }
        graphics: { vnc: {} }
        consoles: { extra: {} }
        """
      try host.apply(Self.spec(host, few))
      let old = try host.definition("web").addresses()
      #expect(old.count >= 2)
      try host.apply(Self.spec(host, many))
      try host.expectNoChanges(Self.spec(host, many))
      let new = try host.definition("web").addresses()
      for (device, address) in old { #expect(new[device] == address, "\(device)") }
      #expect(new.count > old.count)

      try host.apply(Self.spec(host, few))
      try host.expectNoChanges(Self.spec(host, few))
      let after = try host.definition("web")
      #expect(try after.all("//disk").count == 1)
      #expect(try after.all("//interface").count == 1)
      for (device, address) in old { #expect(try after.addresses()[device] == address, "\(device)") }
      try host.expectSoundPool(["web.first.qcow2", "web.root.qcow2", "web.s.qcow2", "web.z.qcow2"])
    }
  }

  @Test("a stopped guest's disks grow, blank, raw and overlay")
  func growStopped() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      func disks(_ size: String) -> String {
        """
        memory: 32 MiB
        disks:
          blank: { size: \(size) }
          raw: { size: \(size), format: raw }
          over: { image: base, size: \(size) }
        """
      }
      try host.apply(Self.spec(host, disks("20 MiB")))
      let larger = Self.spec(host, disks("3 GiB"))
      try host.apply(larger)
      try host.expectNoChanges(larger)
      let names: Set = ["web.blank.qcow2", "web.raw.raw", "web.over.qcow2"]
      for name in names { #expect(try host.virtualSize(host.pool + "/" + name) == 3 << 30) }
      try host.expectSoundPool(names)
      // The base's data is still there, and zeros beyond it.
      try output(
        of: "qemu-io", "-f", "qcow2", "-c", "read -P 0x76 0 64k", "-c", "read -P 0 64k 15M", "-c", "read -P 0 2G 1M",
        host.pool + "/web.over.qcow2")
      #expect(try host.virtualSize(host.folder.path("base.qcow2")) == 16 << 20)
    }
  }

  @Test("a disk on a bus that the running guest lacks waits for its next start")
  func laterDisk() throws {
    try ScratchHost.with { host in
      func spec(_ disks: String, state: String = "running") -> String {
        Self.spec(host, "memory: 16 MiB\nstate: \(state)\ndisks: { root: { size: 1 MiB }\(disks) }")
      }
      try host.apply(spec(""))
      let more = ", s: { size: 1 MiB, bus: scsi }, t: { size: 1 MiB, bus: sata }"
      try host.apply(spec(more))
      let plan = try host.plan(spec(more))
      #expect(plan.status == 0, "\(plan.output)")
      #expect(plan.output.contains("waits for a restart") && plan.output.contains("disks.s"), "\(plan.output)")
      try host.apply(spec(more, state: "stopped"))
      try host.apply(spec(more))
      try host.expectNoChanges(spec(more))
      #expect(try host.running("web").all("//disk").count == 3)
    }
  }

  @Test("a running guest's disks grow at once, and disks and interfaces are plugged in where they stay")
  func running() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      func fields(_ size: String, _ disks: String, _ interfaces: String) -> String {
        """
        memory: 32 MiB
        state: running
        disks: { root: { image: base, size: \(size) }, raw: { size: \(size), format: raw, bus: scsi }\(disks) }
        interfaces: { lan: { type: user }\(interfaces) }
        """
      }
      try host.apply(Self.spec(host, fields("20 MiB", "", "")))
      #expect(try host.state("web") == "running")
      let guests = host.guestProcesses
      #expect(guests.count == 1)
      let old = try host.definition("web").addresses()

      let larger = Self.spec(host, fields("64 MiB", "", ""))
      let plan = try host.plan(larger)
      #expect(plan.output.contains("live"), "\(plan.output)")
      try host.apply(larger)
      try host.expectNoChanges(larger)
      for (target, name) in [("vda", "web.root.qcow2"), ("sda", "web.raw.raw")] {
        #expect(try host.virsh("domblkinfo", "web", target).contains("Capacity:       \(64 << 20)\n"))
        #expect(try host.virtualSize(host.pool + "/" + name) == 64 << 20)
      }

      let more = Self.spec(host, fields("64 MiB", ", more: { size: 1 MiB }", ", wan: { type: user }"))
      try host.apply(more)
      try host.expectNoChanges(more)
      let stored = try host.definition("web")
      let live = try host.running("web")
      for definition in [stored, live] {
        #expect(try definition("//disk[alias/@name='ua-disk-more']/source/@file") == host.pool + "/web.more.qcow2")
        #expect(try definition.all("//interface").count == 2)
      }
      for (device, address) in old { #expect(try stored.addresses()[device] == address, "\(device)") }
      for device in ["ua-disk-more", "ua-interface-wan"] {
        #expect(try stored.addresses()[device] != nil)
        #expect(try stored.addresses()[device] == live.addresses()[device])
      }
      #expect(try host.virsh("domblklist", "web").contains("web.more.qcow2"))

      // Other changes are stored, and told as waiting until a restart.
      let waiting = more.replacing("memory: 32 MiB", with: "memory: 40 MiB")
      try host.apply(waiting)
      let pending = try host.plan(waiting)
      #expect(pending.status == 0)
      #expect(pending.output.contains("restart"), "\(pending.output)")
      #expect(try host.definition("web")("/domain/memory") == "40960")
      #expect(try host.running("web")("/domain/memory") == "32768")

      // Devices leave the stored definition at once and the guest with its next start.
      let fewer = waiting.replacing(", more: { size: 1 MiB }", with: "").replacing(", wan: { type: user }", with: "")
        .replacing("lan: { type: user }", with: "lan: { type: user, model: e1000e }")
      try host.apply(fewer)
      #expect(try host.plan(fewer).status == 0)
      #expect(try host.definition("web").all("//disk | //interface").count == 3)
      #expect(try host.definition("web")("//interface/model/@type") == "e1000e")
      // The guest never stopped.
      #expect(host.guestProcesses == guests)

      try host.apply(fewer.replacing("state: running", with: "state: stopped"))
      #expect(host.guestProcesses.isEmpty)
      try host.apply(fewer)
      try host.expectNoChanges(fewer)
      #expect(try host.running("web")("/domain/memory") == "40960")
      try host.apply(fewer.replacing("state: running", with: "state: stopped"))
      try host.expectSoundPool(["web.root.qcow2", "web.raw.raw", "web.more.qcow2"])
    }
  }
}
