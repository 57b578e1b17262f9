// Changes that somebody else made on the host: told, put right where the spec names the field, left alone elsewhere.

import Foundation
import TestSupport
import Testing

@Suite("drift", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct DriftTests {
  private static func spec(_ host: ScratchHost) -> String {
    """
    stack: drift
    pools: { vms: { path: "\(host.pool)" } }
    domains:
      web:
        type: qemu
        title: the web server
        memory: 32 MiB
        vcpus: 2
        autostart: false
        disks:
          root: { size: 1 MiB, cache: none }
          data: { size: 1 MiB, bus: scsi }
        interfaces: { lan: { type: user, model: e1000e, mac: "52:54:00:00:00:01" } }

    """
  }

  /// A field that the spec names: how somebody changes it, and what the plan says of it.
  struct Edit: CustomTestStringConvertible, Sendable {
    let field: String
    let old: String
    let new: String
    let words: [String]

    var testDescription: String { field }
  }

  static let edits = [
    Edit(
      field: "title", old: "<title>the web server", new: "<title>somebody&apos;s",
      words: ["title", "somebody's", "the web server"]),
    Edit(field: "memory", old: "unit='KiB'>32768<", new: "unit='KiB'>65536<", words: ["memory", "64 MiB", "32 MiB"]),
    Edit(field: "vcpus", old: ">2</vcpu>", new: ">3</vcpu>", words: ["vcpus", "3", "2"]),
    Edit(field: "cache", old: "cache='none'", new: "cache='unsafe'", words: ["disks.root.cache", "unsafe", "none"]),
    Edit(field: "cache removed", old: " cache='none'", new: "", words: ["disks.root.cache", "none"]),
    Edit(
      field: "model", old: "type='e1000e'", new: "type='virtio'", words: ["interfaces.lan.model", "virtio", "e1000e"]),
    Edit(
      field: "mac", old: "52:54:00:00:00:01", new: "52:54:00:00:00:09",
      words: ["interfaces.lan.mac", "52:54:00:00:00:09", "52:54:00:00:00:01"]),
  ]

  @Test("a field that the spec names is told with both values, and put right", arguments: edits)
  func named(edit: Edit) throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host)
      try host.apply(spec)
      let good = try host.definition("web").text
      try host.edit("web", (edit.old, edit.new))

      let plan = try host.plan(spec)
      #expect(plan.status == 2)
      for word in edit.words + ["drift"] { #expect(plan.output.contains(word), "no \(word) in \(plan.output)") }
      // Without the option a plan that was made is a success.
      #expect(try host.vireo(["plan"], spec).status == 0)

      try host.apply(spec)
      try host.expectNoChanges(spec)
      #expect(try withoutMetadata(host.definition("web").text) == withoutMetadata(good))
    }
  }

  @Test("autostart, a device that was taken away, and a guest that was started are drift")
  func outsideOfFields() throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host).replacing(
        "vcpus: 2\n", with: "vcpus: 2\n    state: stopped\n    shutdown: { timeout: 1 s, force-off: true }\n")
      try host.apply(spec)
      try host.virsh("autostart", "web")
      try host.virsh("detach-disk", "web", "vda", "--config")
      try host.virsh("start", "web")
      let plan = try host.plan(spec)
      #expect(plan.status == 2)
      for word in ["autostart", "disks.root", "state", "drift"] {
        #expect(plan.output.contains(word), "\(plan.output)")
      }
      try host.apply(spec)
      try host.expectNoChanges(spec)
      #expect(try host.state("web") == "shut off")
      #expect(try host.definition("web")("//disk[target/@dev='vda']/source/@file") == host.pool + "/web.root.qcow2")
      #expect(try !host.virsh("dominfo", "web").contains("Autostart:      enable"))
    }
  }

  @Test("what the spec does not name survives")
  func unnamed() throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host)
      try host.apply(spec)
      try host.edit(
        "web", ("<on_crash>destroy</on_crash>", "<on_crash>restart</on_crash>"),
        ("<metadata>", "<metadata><other:note xmlns:other='urn:example:other' by='me'><other:inner/></other:note>"),
        ("<clock offset='utc'", "<clock offset='localtime'"),
        (
          "</devices>",
          """
          <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
          <interface type='user'><mac address='52:54:00:00:00:77'/><model type='virtio'/></interface>
          <watchdog model='i6300esb' action='reset'/></devices>
          """
        ))
      try host.edit("web", ("cache='none'", "cache='none' queues='1'"))
      let edited = try host.definition("web")
      try host.expectNoChanges(spec)

      // The others' things stay through applies that have something to do, too.
      let changed = spec.replacing("32 MiB", with: "48 MiB").replacing("the web server", with: "the other title")
      try host.apply(changed)
      try host.expectNoChanges(changed)
      let after = try host.definition("web")
      #expect(try after("/domain/memory") == "49152")
      for path in [
        "/domain/on_crash", "/domain/clock/@offset", "/domain/metadata/*[@by='me']/@by", "//rng/backend",
        "//interface[mac/@address='52:54:00:00:00:77']/model/@type", "//watchdog/@model", "//disk/driver/@queues",
      ] {
        #expect(try after(path) != nil, "\(path)")
        #expect(try after(path) == edited(path), "\(path)")
      }
      #expect(try after.addresses() == edited.addresses())
    }
  }

  /// A stack with one guest whose disk is an overlay.
  private static func guest(_ host: ScratchHost, state: String, size: String = "20 MiB", title: String = "web")
    -> String
  {
    """
    stack: drift
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains:
      web:
        type: qemu
        memory: 16 MiB
        title: \(title)
        state: \(state)
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { image: base, size: \(size) } }

    """
  }

  @Test("a guest that somebody paused, stopped or killed runs again", arguments: ["suspend", "destroy", "kill"])
  func stopped(how: String) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.guest(host, state: "running")
      try host.apply(spec)
      if how == "kill" {
        host.stopGuests()
      } else {
        _ = try run(["virsh", "--connect", host.uri, how, "web"])
      }
      let plan = try host.plan(spec)
      #expect(plan.status == 2, "\(plan.output)\(plan.errors)")
      #expect(plan.output.contains("drift"), "\(plan.output)")
      try host.apply(spec)
      try host.expectNoChanges(spec)
      #expect(try host.state("web") == "running")
      #expect(host.guestProcesses.count == 1)
    }
  }

  @Test("a snapshot's overlay is no drift: the guest keeps what it wrote since")
  func snapshot() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.guest(host, state: "running")
      try host.apply(spec)
      try host.virsh("snapshot-create-as", "web", "before", "--disk-only", "--no-metadata")
      let overlay = try #require(try host.definition("web")("//disk/source/@file"))
      #expect(overlay != host.pool + "/web.root.qcow2")
      try host.expectNoChanges(spec)
      try host.apply(Self.guest(host, state: "running", title: "renamed"))
      #expect(try host.definition("web")("/domain/title") == "renamed")
      #expect(try host.definition("web")("//disk/source/@file") == overlay)

      // It is this overlay that grows.
      let larger = Self.guest(host, state: "running", size: "40 MiB", title: "renamed")
      try host.apply(larger)
      try host.expectNoChanges(larger)
      #expect(try host.virtualSize(overlay) == 40 << 20)
      #expect(try host.virtualSize(host.pool + "/web.root.qcow2") == 20 << 20)
    }
  }

  @Test("a saved state is told, and its disk is not grown under it")
  func savedState() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.guest(host, state: "running")
      try host.apply(spec)
      try host.virsh("managedsave", "web")
      let plan = try host.plan(spec)
      #expect(plan.status == 2)
      #expect((plan.output + plan.errors).contains("saved state"), "\(plan.output)\(plan.errors)")
      let larger = try host.refused(Self.guest(host, state: "running", size: "40 MiB"))
      #expect(larger.errors.contains("saved state"), "\(larger.errors)")
      #expect(try host.virtualSize(host.pool + "/web.root.qcow2") == 20 << 20)
      try host.apply(spec)
      try host.expectNoChanges(spec)
    }
  }

  @Test("a changed base image is a new copy: overlays that are there keep theirs")
  func changedBase() throws {
    try ScratchHost.with { host in
      let base = try host.makeBase()
      let spec = Self.guest(host, state: "any")
      try host.apply(spec)
      let old = try host.imageInfo(host.pool + "/web.root.qcow2")["backing-filename"] as? String
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 0x77 64k 64k", base)
      let more = spec + "  new:\n    type: qemu\n    memory: 16 MiB\n    disks: { root: { image: base } }\n"
      try host.apply(more)
      try host.expectNoChanges(more)
      let before = host.footprint()
      try host.apply(more)
      #expect(host.footprint() == before)
      #expect(try host.imageInfo(host.pool + "/web.root.qcow2")["backing-filename"] as? String == old)
      #expect(try host.imageInfo(host.pool + "/new.root.qcow2")["backing-filename"] as? String != old)
      try host.expectSoundPool(["web.root.qcow2", "new.root.qcow2"])
      try output(
        of: "qemu-io", "-f", "qcow2", "-c", "read -P 0x76 0 64k", "-c", "read -P 0 64k 64k",
        host.pool + "/web.root.qcow2")
      try output(of: "qemu-io", "-f", "qcow2", "-c", "read -P 0x77 64k 64k", host.pool + "/new.root.qcow2")
    }
  }

  @Test("a disk's file that is gone is an error, and no empty one takes its place")
  func lostFile() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.guest(host, state: "any")
      try host.apply(spec)
      try output(of: "rm", host.pool + "/web.root.qcow2")
      let apply = try host.refused(spec)
      #expect(apply.errors.contains("is missing"), "\(apply.errors)")
      #expect(!FileManager.default.fileExists(atPath: host.pool + "/web.root.qcow2"))
    }
  }

  @Test("a domain that was renamed is found by its UUID, and not made a second time")
  func renamed() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.guest(host, state: "any")
      try host.apply(spec)
      try host.virsh("domrename", "web", "other")
      let apply = try host.refused(spec)
      #expect(apply.errors.contains("under the name other"), "\(apply.errors)")
      #expect(try host.virsh("list", "--all", "--name").split(separator: "\n") == ["other"])
    }
  }

  @Test("a domain is renamed with all that it has, once it is stopped; and once is enough")
  func renaming() throws {
    try ScratchHost.with { host in
      func spec(_ name: String, _ more: String = "", state: String = "stopped") -> String {
        """
        stack: renaming
        pools: { vms: { path: "\(host.pool)" } }
        domains:
          \(name):
            type: qemu
            memory: 32 MiB
            state: \(state)
            autostart: true
            shutdown: { timeout: 1 s, force-off: true }
            disks: { root: { size: 1 MiB } }
            snapshots: { s: {} }
            \(more)

        """
      }
      try host.apply(spec("old", state: "running"))
      let before = try host.definition("old")
      let running = try host.refused(spec("new", "renamed-from: old", state: "running"))
      #expect(running.errors.contains("shut it down first"), "\(running.errors)")
      try host.apply(spec("old"))
      let wanted = spec("new", "renamed-from: old")
      #expect(try host.plan(wanted).output.contains("old → new"))
      try host.apply(wanted)
      for spec in [wanted, spec("new")] {
        try host.expectNoChanges(spec)
        #expect(try host.vireo(["plan", "--prune", "--detailed-exitcode"], spec).status == 0)
      }
      let after = try host.definition("new")
      for path in ["/domain/uuid", "//disk/source/@file", "//disk/serial", "//disk/address/@slot"] {
        #expect(try after(path) == before(path), "\(path)")
      }
      #expect(try host.virsh("snapshot-list", "--name", "new").contains("s"))
      #expect(try host.virsh("list", "--all", "--name").split(separator: "\n") == ["new"])
      try host.apply(spec("new", state: "running"))
      try host.expectSoundPool(["old.root.qcow2"])
    }
  }
}
