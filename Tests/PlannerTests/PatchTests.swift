import Diagnostics
import DiskImage
import Inventory
@testable import Planner
import Testing
import Vocabulary
import XMLTree

private let lab = """
  stack: lab
  pools: { vms: { path: /vms } }
  images: { base: { source: /images/base.qcow2 } }
  domains:
    web:
      memory: 1 GiB
      vcpus: 2
      title: a web server
      disks:
        root: { image: base, size: 20 GiB }
        data: { size: 5 GiB, format: raw }
      interfaces: { lan: { network: default } }
  """

/// A host on which the lab has been applied.
private func appliedHost() throws -> ImaginedHost {
  var host = ImaginedHost()
  host.apply(try host.plan(lab))
  return host
}

@Suite("changing what exists")
struct PatchTests {
  @Test("only what differs is changed, in the definition that libvirt holds")
  func patches() throws {
    var host = try appliedHost()
    // What libvirt and others filled in stays.
    host.edit("web") { xml in
      xml.set("destroy", at: "on_poweroff")
      xml.update(at: "devices/disk") { $0.append(XMLElement("address", ["type": "pci", "bus": "0x04"])) }
    }
    let before = try #require(host.inventory.domains["web"]?.inactive)
    let plan = try host.plan(lab.replacing("memory: 1 GiB", with: "memory: 2 GiB"))
    let definition = try #require(plan.definition(of: "web"))
    #expect(definition.replacing == before)
    let places = difference(before, definition.xml).map(\.path)
    #expect(places.allSatisfy { $0.contains("memory") || $0.contains("metadata") }, "\(places)")
    #expect(plan.object("web")?.changes.map(\.field) == ["memory"])
    #expect(plan.change("web", "memory")?.old == .bytes(1 << 30))
    #expect(plan.change("web", "memory")?.new == .bytes(2 << 30))
    #expect(plan.change("web", "memory")?.range?.start.line == 6)
  }

  @Test("an edit behind Vireo's back is drift, and is put right; the spec's own change is not drift")
  func drift() throws {
    var host = try appliedHost()
    host.edit("web") { $0.set("524288", at: "memory") }
    let drift = try host.plan(lab)
    #expect(drift.change("web", "memory")?.reason == .drift)
    #expect(drift.change("web", "memory")?.old == .bytes(512 << 20))
    let both = try host.plan(lab.replacing("memory: 1 GiB", with: "memory: 2 GiB"))
    #expect(both.change("web", "memory")?.reason == .spec)
    host.apply(drift)
    #expect(try host.plan(lab).isEmpty)
  }

  @Test("an edit to a field that the spec does not name survives")
  func survives() throws {
    var host = try appliedHost()
    host.edit("web") { xml in
      xml.set("preserve", at: "on_crash")
      xml.update(at: "devices/interface") { $0.set("1400", at: "mtu/@size") }
      xml.update("metadata") { $0.append(XMLElement("other:note", text: "mine")) }
    }
    #expect(try host.plan(lab).isEmpty)
    let changed = try #require(try host.plan(lab.replacing("vcpus: 2", with: "vcpus: 4")).definition(of: "web"))
    #expect(changed.xml.value(at: "on_crash") == "preserve")
    #expect(changed.xml.value(at: "devices/interface/mtu/@size") == "1400")
    #expect(changed.xml.value(at: "metadata/other:note") == "mine")
  }

  @Test("a field that leaves the spec goes back to its default if it was the spec's, and only then")
  func dropped() throws {
    var host = try appliedHost()
    host.edit("web") { $0.set("by hand", at: "description") }
    let plan = try host.plan(lab.replacing("    title: a web server\n", with: "").replacing("    vcpus: 2\n", with: ""))
    #expect(plan.change("web", "title")?.reason == .dropped)
    #expect(plan.change("web", "vcpus")?.new == .integer(1))
    let xml = try #require(plan.definition(of: "web")).xml
    #expect(!xml.exists(at: "title") && xml.value(at: "vcpu") == "1")
    #expect(xml.value(at: "description") == "by hand")
    host.apply(plan)
    #expect(
      try host.plan(lab.replacing("    title: a web server\n", with: "").replacing("    vcpus: 2\n", with: "")).isEmpty)
  }

  @Test("what a guest is stays when the spec no longer names it")
  func stays() throws {
    var host = ImaginedHost()
    let spec = lab.replacing("vcpus: 2", with: "machine: q35\n    type: qemu\n    firmware: uefi\n    arch: x86_64")
      .replacing("format: raw }", with: "format: raw, bus: scsi, target: sdc, serial: abc }")
    host.apply(try host.plan(spec))
    let before = try #require(host.inventory.domains["web"]?.inactive)
    let plan = try host.plan(lab.replacing("    vcpus: 2\n", with: ""))
    let after = try #require(plan.definition(of: "web")).xml
    #expect(difference(before, after).allSatisfy { $0.path.contains("metadata") })
  }

  @Test("a disk that changes its bus gets a free target of the new one")
  func retarget() throws {
    var host = try appliedHost()
    let spec = lab.replacing("format: raw }", with: "format: raw, bus: scsi }")
    let plan = try host.plan(spec)
    let xml = try #require(plan.definition(of: "web")).xml
    #expect(xml.all(at: "devices/disk/target").map { $0[attribute: "dev"] } == ["vda", "sda"])
    #expect(xml.all(at: "devices/controller[@type='scsi']").map { $0[attribute: "model"] } == ["virtio-scsi"])
    host.apply(plan)
    #expect(try host.plan(spec).isEmpty)
  }

  @Test("what is no part of the definition is a change of the record")
  func recorded() throws {
    var host = try appliedHost()
    let spec = lab.replacing("vcpus: 2", with: "vcpus: 2\n    shutdown: { timeout: 30 s }")
    let plan = try host.plan(spec)
    #expect(plan.object("web")?.changes.map(\.field) == ["shutdown.timeout"])
    #expect(plan.change("web", "shutdown.timeout")?.new == .seconds(30))
    host.apply(plan)
    #expect(try host.plan(spec).isEmpty)
    host.start("web")
    let stop = try host.plan(spec.replacing("vcpus: 2", with: "vcpus: 2\n    state: stopped"))
    #expect(stop.object("web")?.changes.map(\.field) == ["state"])
  }

  @Test("devices come, change and go by their keys; files stay")
  func devices() throws {
    var host = try appliedHost()
    let spec = lab.replacing("data: { size: 5 GiB, format: raw }", with: "logs: { size: 1 GiB, cache: none }")
      .replacing("lan: { network: default }", with: "lan: { network: default, model: e1000e }, wan: { bridge: br0 }")
    let plan = try host.plan(spec)
    #expect(plan.change("web", "disks.data")?.reason == .dropped)
    #expect(plan.change("web", "disks.data")?.detail == "the file stays")
    #expect(plan.change("web", "disks.logs")?.detail == "/vms/web.logs.qcow2")
    #expect(plan.change("web", "interfaces.lan.model")?.new == .string("e1000e"))
    #expect(plan.change("web", "interfaces.wan")?.new == .string("bridge br0"))
    let aliases = try #require(plan.definition(of: "web")).xml.all(at: "devices/disk/alias").map {
      $0[attribute: "name"]
    }
    #expect(aliases == ["ua-disk-root", "ua-disk-logs"])
    host.apply(plan)
    #expect(try host.plan(spec).isEmpty)
  }

  @Test("a SPICE display takes along the sound that libvirt gave it")
  func spice() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab + "\n    graphics: { vnc: , spice: }"))
    host.edit("web") { $0.update("devices") { $0.append(XMLElement("audio", ["id": "1", "type": "spice"])) } }
    let plan = try host.plan(lab + "\n    graphics: { vnc: }")
    #expect(plan.change("web", "graphics.spice")?.reason == .dropped)
    let xml = try #require(plan.definition(of: "web")).xml
    let devices = try #require(xml.first("devices"))
    #expect(devices.first("audio") == nil)
    #expect(devices.all("graphics").map { $0[attribute: "type"] } == ["vnc"])
  }

  @Test("an undeclared device is told and left alone")
  func undeclared() throws {
    var host = try appliedHost()
    host.edit("web") { xml in
      xml.update("devices") {
        $0.append(
          XMLElement(
            "disk", ["type": "file", "device": "disk"],
            children: [
              XMLElement("source", ["file": "/mine.raw"]), XMLElement("target", ["dev": "vdz", "bus": "virtio"]),
            ]))
      }
    }
    let plan = try host.plan(lab)
    #expect(plan.isEmpty)
    #expect(plan.notes.map(\.rule) == ["undeclared-device"])
  }

  @Test("a value that is stored and not running yet is told as such")
  func pending() throws {
    var host = try appliedHost()
    host.start("web")
    let spec = lab.replacing("memory: 1 GiB", with: "memory: 2 GiB")
    let plan = try host.plan(spec)
    #expect(plan.change("web", "memory")?.effect == .nextBoot)
    host.apply(plan)
    let again = try host.plan(spec)
    #expect(again.isEmpty)
    #expect(again.object("web")?.pending == [PendingValue("memory", running: .bytes(1 << 30), stored: .bytes(2 << 30))])
  }

  @Test("a device of which the spec said nothing leaves the domain with the spec")
  func bareDevice() throws {
    var host = try appliedHost()
    let spec = lab + "\n    consoles: { second: }"
    host.apply(try host.plan(spec))
    #expect(try host.plan(spec).isEmpty)
    let plan = try host.plan(lab)
    #expect(plan.change("web", "consoles.second")?.reason == .dropped)
    #expect(
      plan.definition(of: "web")?.xml.first("devices")?.all("console").contains {
        $0.value(at: "target/@type") == "virtio"
      } == false)
  }

  @Test("a serial port that led to a file and leads nowhere in particular now is a pty again")
  func serialType() throws {
    var host = try appliedHost()
    let spec = lab + "\n    serials: { log: { type: file, path: /var/log/web.log } }"
    host.apply(try host.plan(spec))
    let bare = lab + "\n    serials: { log: {} }"
    let serial = try #require(try host.plan(bare).definition(of: "web")?.xml.element(at: "devices/serial"))
    #expect(serial[attribute: "type"] == "pty" && serial.first("source") == nil)
    host.apply(try host.plan(bare))
    #expect(try host.plan(bare).isEmpty)
  }

  @Test("vcpus that are all plugged in are what libvirt takes when nothing is said")
  func vcpus() throws {
    var host = try appliedHost()
    func spec(_ vcpus: String) -> String { lab.replacing("vcpus: 2", with: "vcpus: { \(vcpus) }") }
    host.apply(try host.plan(spec("count: 4, current: 4")))
    #expect(host.inventory.domains["web"]?.inactive.value(at: "vcpu/@current") == nil)
    #expect(try host.plan(spec("count: 4, current: 4")).isEmpty)
    let grown = try host.plan(spec("count: 8, current: 4"))
    #expect(grown.object("web")?.changes.map(\.field) == ["vcpus"], "as many are plugged in as before")
    #expect(grown.definition(of: "web")?.xml.value(at: "vcpu/@current") == "4")
  }

  @Test("a device that left the definition and not yet the guest is told as such, and is not plugged in twice")
  func pendingRemoval() throws {
    var host = try appliedHost()
    host.start("web")
    let without = lab.replacing("      data: { size: 5 GiB, format: raw }\n", with: "")
    let removal = try host.plan(without)
    #expect(removal.change("web", "disks.data")?.effect == .live)
    #expect(try #require(removal.object("web")).pending.isEmpty, "the change itself says it")
    host.apply(removal)
    let waiting = try host.plan(without)
    #expect(waiting.isEmpty)
    #expect(
      waiting.object("web")?.pending == [PendingValue("disks.data", running: .string("disk"), stored: nil)])
    let back = try host.plan(lab)
    #expect(back.change("web", "disks.data")?.effect == .define)
    #expect(!back.actions.contains { if case .attachDevice = $0.operation { true } else { false } })
  }

  @Test("what a run that was cut off has stored and not asked the guest for, the next one asks for, once")
  func cutOff() throws {
    var host = try appliedHost()
    let before = lab.replacing("vcpus: 2", with: "vcpus: { count: 4, current: 2 }")
    host.apply(try host.plan(before))
    host.start("web")
    let after = before.replacing("current: 2", with: "current: 3")
      .replacing("data: { size: 5 GiB, format: raw }", with: "more: { size: 1 GiB }")
    host.applyWithoutAsking(try host.plan(after))
    let rest = try host.plan(after)
    #expect(rest.object("web")?.pending.isEmpty == true)
    for field in ["vcpus.current", "disks.data", "disks.more"] {
      #expect(rest.change("web", field)?.effect == .live, "\(field)")
      #expect(rest.change("web", field)?.detail == "stored already", "\(field)")
    }
    let asked = rest.actions.compactMap { action -> String? in
      switch action.operation {
      case .attachDevice(_, _, let name): "in \(name)"
      case .detachDevice(_, _, let name): "out \(name)"
      case .changeRunning(_, let changes): changes.map(\.field).joined(separator: " ")
      default: nil
      }
    }
    #expect(asked.sorted() == ["in disks.more", "out disks.data", "vcpus.current"])
    // A guest that keeps what it has is not asked again.
    host.apply(rest)
    let waiting = try host.plan(after)
    #expect(waiting.object("web")?.pending.map(\.field).sorted() == ["disks.data", "disks.more"])
    #expect(waiting.change("web", "disks.data") == nil && waiting.change("web", "disks.more") == nil)
    // What somebody has plugged in under such a name is not Vireo's.
    host.inventory.domains["web"]?.running?.update("devices") { devices in
      guard var disk = devices.all("disk").first else { return }
      disk.set("ua-disk-theirs", at: "alias/@name")
      disk.set("vdx", at: "target/@dev")
      devices.append(disk)
    }
    let theirs = try host.plan(after)
    #expect(theirs.change("web", "disks.theirs") == nil)
  }

  @Test("a disk for a running guest is plugged in at once; one for the next start is told so")
  func hotplug() throws {
    var host = try appliedHost()
    host.start("web")
    let live = try host.plan(lab.replacing("data: {", with: "more: { size: 1 GiB }\n      data: {"))
    #expect(live.change("web", "disks.more")?.effect == .live)
    #expect(live.actions.contains { if case .attachDevice = $0.operation { true } else { false } })
    let later = try host.plan(lab.replacing("data: {", with: "more: { size: 1 GiB, bus: sata }\n      data: {"))
    #expect(later.change("web", "disks.more")?.effect == .nextBoot)
  }

  @Test("what the running guest still has is in nobody's way, and what it cannot take waits")
  func hotplugBesideLeftovers() throws {
    var host = try appliedHost()
    host.start("web")
    func disks(_ disks: String) -> String { lab.replacing("data: { size: 5 GiB, format: raw }", with: disks) }
    host.apply(try host.plan(disks("")))
    let other = try host.plan(disks("more: { size: 1 GiB }"))
    #expect(other.change("web", "disks.more")?.effect == .live)
    let devices = try #require(other.definition(of: "web")?.xml.first("devices"))
    #expect(
      devices.all("disk").map { $0.value(at: "target/@dev") } == ["vda", "vdc"], "data is still vdb in the guest")
    for disk in ["{ size: 1 GiB, target: vdb }", "{ size: 1 GiB, boot-order: 1 }"] {
      #expect(try host.plan(disks("more: \(disk)")).change("web", "disks.more")?.effect == .nextBoot)
    }
    let stopped = try host.plan(disks("more: { size: 1 GiB }") + "\n    state: stopped")
    #expect(!stopped.actions.contains { if case .attachDevice = $0.operation { true } else { false } })
  }

  @Test("no more devices are plugged in than there are free root ports")
  func rootPorts() throws {
    var host = try appliedHost()
    host.start("web")
    // libvirt has numbered and filled the ports by then; two are left.
    host.inventory.domains["web"]?.running?.update("devices") { devices in
      devices.removeAll("controller") { $0[attribute: "model"] == "pcie-root-port" }
      for index in 1...3 {
        devices.append(XMLElement("controller", ["type": "pci", "index": "\(index)", "model": "pcie-root-port"]))
      }
      devices.update("rng") { $0.append(XMLElement("address", ["type": "pci", "bus": "0x02"])) }
    }
    let more = (1...3).map { "more\($0): { size: 1 GiB }" }.joined(separator: "\n      ")
    let plan = try host.plan(lab.replacing("data: {", with: more + "\n      data: {"))
    #expect((1...3).map { plan.change("web", "disks.more\($0)")?.effect } == [.live, .live, .nextBoot])
    #expect(plan.actions.count { if case .attachDevice = $0.operation { true } else { false } } == 2)
  }

  @Test("a grown disk is grown, by the engine or on the running guest; a shrink is refused")
  func growth() throws {
    var host = try appliedHost()
    let spec = lab.replacing("20 GiB", with: "30 GiB")
    let stopped = try host.plan(spec)
    guard
      case .growImage("/vms/web.root.qcow2", .qcow2, 21_474_836_480, 32_212_254_720, "disks.root", _)? = stopped
        .actions
        .first?.operation
    else {
      Issue.record("\(stopped.actions)")
      return
    }
    #expect(stopped.actions.count == 1, "the definition has nothing to do with it")
    host.start("web")
    let running = try host.plan(spec)
    guard
      case .resizeBlockDevice(_, "vda", "/vms/web.root.qcow2", 32_212_254_720, "disks.root")? = running.actions.first?
        .operation
    else {
      Issue.record("\(running.actions)")
      return
    }
    #expect(running.change("web", "disks.root.size")?.effect == .live)
    host.apply(running)
    #expect(try host.plan(spec).isEmpty)
    #expect(rules { try host.plan(lab) } == ["shrink"])
  }

  @Test("a disk that the running guest may only read is grown when the guest is stopped")
  func readOnlyGrowth() throws {
    var host = ImaginedHost()
    let readOnly = lab.replacing("size: 20 GiB }", with: "size: 20 GiB, read-only: true }")
    host.apply(try host.plan(readOnly))
    let spec = readOnly.replacing("20 GiB", with: "30 GiB")
    #expect(try host.plan(spec).actions.count == 1)
    host.start("web")
    #expect(rules { try host.plan(spec) } == ["read-only"])
  }

  @Test("a disk on a snapshot keeps its overlay, and grows there")
  func snapshot() throws {
    var host = try appliedHost()
    let overlay = "/vms/web.root.snap1"
    host.edit("web") { $0.set(overlay, at: "devices/disk/source/@file") }
    guard case .image(let chain)? = host.inventory.files["/vms/web.root.qcow2"] else { return }
    host.inventory.files[overlay] = .image(ImaginedHost.chain([image(overlay, size: 20 << 30)] + chain.images))
    let plan = try host.plan(lab)
    #expect(plan.isEmpty)
    #expect(plan.notes.map(\.rule) == ["snapshot"])
    let grown = try host.plan(lab.replacing("20 GiB", with: "30 GiB"))
    guard case .growImage(overlay, .qcow2, _, _, "disks.root", _)? = grown.actions.first?.operation else {
      Issue.record("\(grown.actions)")
      return
    }
  }
}

@Suite("what cannot be done")
struct RefusalTests {
  @Test("a domain of another stack is refused")
  func otherStack() throws {
    let host = try appliedHost()
    #expect(rules { try host.plan(lab.replacing("stack: lab", with: "stack: farm")) } == ["owned-by-another-stack"])
  }

  @Test("a domain of nobody's is taken over as it is")
  func adoption() throws {
    var host = try appliedHost()
    host.edit("web") { xml in
      xml.removeAll("metadata")
      xml.update("devices") { devices in
        devices.updateAll("disk") { $0.removeAll("alias") }
        devices.updateAll("interface") { $0.removeAll("alias") }
      }
    }
    let plan = try host.plan(lab)
    #expect(plan.object("web")?.verb == .adopt)
    // Which image a disk was made from, no definition says: the record alone.
    #expect(plan.object("web")?.changes.map(\.field) == ["disks.root.image"])
    #expect(plan.object("web")?.changes.allSatisfy(\.isRecordOnly) == true)
    let before = try #require(host.inventory.domains["web"]?.inactive)
    let after = try #require(plan.definition(of: "web")).xml
    #expect(difference(before, after).allSatisfy { $0.path.contains("metadata") || $0.path.contains("alias") })
    host.apply(plan)
    #expect(try host.plan(lab).isEmpty)
  }

  @Test("a transient domain gets a stored definition; one renamed by hand is refused with what to do")
  func unusableDomains() throws {
    var host = try appliedHost()
    host.inventory.domains["web"]?.isPersistent = false
    host.start("web")
    let plan = try host.plan(lab)
    #expect(plan.object("web")?.changes.map(\.field) == ["definition"])
    #expect(plan.object("web")?.effect == .define)
    #expect(plan.definition(of: "web") != nil)
    var renamed = try appliedHost()
    let removed = renamed.inventory.domains.removeValue(forKey: "web")
    var domain = try #require(removed)
    domain.name = "old"
    renamed.inventory.domains["old"] = domain
    #expect(rules { try renamed.plan(lab) }.contains("renamed-domain"))
  }

  @Test("a disk that another domain writes to is refused")
  func sharedDisk() throws {
    let host = try appliedHost()
    let spec = lab + "\n  thief: { memory: 1 GiB, disks: { root: { source: /vms/web.data.raw, format: raw } } }"
    #expect(rules { try host.plan(spec) } == ["shared-disk"])
  }

  @Test("a disk that a domain writes to is no base image; it may be copied while that domain is stopped")
  func writtenImage() throws {
    var host = try appliedHost()
    let disk = "/vms/web.root.qcow2"
    func spec(_ image: String) -> String {
      lab.replacing("images: {", with: "images: { golden: { source: \(disk)\(image) },")
    }
    let found = ObservedBaseImage(
      source: .image(ImaginedHost.chain([image(disk, size: 20 << 30)])), sha256: ImaginedHost.sha256)
    for copy in [nil, InventoryRequest.Copy(folder: "/vms", name: "golden")] {
      host.inventory.baseImages[.init(source: disk, format: nil, sha256: nil, copy: copy)] = found
    }
    #expect(rules { try host.plan(spec("")) } == ["written-image"])
    #expect(try host.plan(spec(", pool: vms")).actions.count == 1)
    host.start("web")
    #expect(rules { try host.plan(spec(", pool: vms")) } == ["written-image"])
  }

  @Test("nobody may write to a base image")
  func baseImageAsDisk() throws {
    let host = try appliedHost()
    let disk = "disks: { root: { source: /images/base.qcow2, format: qcow2"
    #expect(rules { try host.plan(lab + "\n  b: { memory: 1 GiB, \(disk) } } }") } == ["base-image"])
  }

  @Test("all that is wrong is told at once")
  func allAtOnce() throws {
    var host = ImaginedHost()
    host.inventory.baseImages = [:]
    host.inventory.files["/vms"] = .image(ImaginedHost.chain([image("/vms", size: 0)]))
    let spec = lab + "\n  b: { memory: 1 GiB, disks: { root: { source: /none.raw, format: raw } } }"
    #expect(rules { try host.plan(spec) } == ["not-a-folder", "missing-image", "missing-file"])
  }

  @Test(
    "a pool that Vireo has made, and that got no autostart because it was cut off, gets it; others stay as they are")
  func unfinishedPool() throws {
    for (uuid, isMade) in [
      (Identity.uuid(stack: "lab", pool: "vms"), true), ("0f0e0d0c-0b0a-4908-8706-050403020100", false),
    ] {
      var host = try appliedHost()
      let xml = try XMLElement.parse(
        "<pool type='dir'><name>vms</name><uuid>\(uuid)</uuid><target><path>/vms</path></target></pool>")
      host.inventory.pools = ["vms": ObservedPool(name: "vms", isActive: true, autostart: false, inactive: xml)]
      let plan = try host.plan(lab)
      #expect(plan.object("vms")?.changes.map(\.field) == (isMade ? ["autostart"] : []))
      let refusing = try host.plan(lab.replacing("{ path: /vms }", with: "{ path: /vms, autostart: false }"))
      #expect(refusing.object("vms")?.changes.contains { $0.field == "autostart" } != true)
    }
  }

  @Test("a pool that cannot be looked into is told once, and not for each disk in it")
  func unusablePool() throws {
    var host = ImaginedHost()
    for path in ["/vms", "/vms/web.root.qcow2", "/vms/web.data.raw"] {
      host.inventory.files[path] = .unusable(.permissionDenied(path: path, operation: "open"))
    }
    #expect(rules { try host.plan(lab) } == ["unusable-folder"])
  }

  @Test("an existing file whose content is another format's is told, and taken as the spec says")
  func looksLike() throws {
    var host = ImaginedHost()
    var file = image("/images/data.raw", .raw, size: 1 << 30)
    file.looksLike = .qcow2
    host.inventory.files[file.path] = .image(ImaginedHost.chain([file]))
    let plan = try host.plan(
      lab.replacing("{ size: 5 GiB, format: raw }", with: "{ source: /images/data.raw, format: raw }"))
    #expect(
      plan.notes.map(\.message) == ["the file of disks.data has the format raw in the spec, but looks like qcow2"])
  }

  @Test("a wrong format in the definition is put right, which replaces nothing")
  func format() throws {
    var host = try appliedHost()
    host.edit("web") { $0.set("raw", at: "devices/disk/driver/@type") }
    #expect(try host.plan(lab).change("web", "disks.root.format")?.effect == .define)
    host.start("web")
    let plan = try host.plan(lab)
    #expect(plan.change("web", "disks.root.format")?.effect == .nextBoot)
    #expect(plan.change("web", "disks.root.format")?.reason == .drift)
  }

  @Test("a file that is gone is not replaced by an empty one")
  func missingFile() throws {
    var host = try appliedHost()
    host.inventory.files["/vms/web.data.raw"] = .missing
    #expect(rules { try host.plan(lab) } == ["missing-file"])
  }

  @Test("a disk whose image has changed keeps its base, and says so")
  func baseKept() throws {
    var host = try appliedHost()
    let new = InventoryRequest.BaseImage(source: "/images/new.qcow2", format: nil, sha256: nil, copy: nil)
    host.inventory.baseImages[new] = ObservedBaseImage(
      source: .image(ImaginedHost.chain([image("/images/new.qcow2", size: 1 << 30)])))
    let plan = try host.plan(lab.replacing("/images/base.qcow2", with: "/images/new.qcow2"))
    #expect(plan.isEmpty)
    #expect(plan.notes.map(\.rule) == ["base-kept"])
  }

  @Test("what only a new domain can have is refused for one that exists")
  func replacement() throws {
    let host = try appliedHost()
    #expect(rules { try host.plan(lab.replacing("vcpus: 2", with: "arch: aarch64")) } == ["cannot-change"])
  }

  @Test("a guest that is to start needs its network; one that is not is told")
  func networks() throws {
    var host = ImaginedHost()
    host.inventory.networks = ["defaults": ObservedNetwork(name: "defaults", isActive: true)]
    let running = lab + "\n    state: running"
    #expect(rules { try host.plan(running) } == ["missing-network"])
    #expect(try host.plan(lab).notes.map(\.suggestion) == ["did you mean `defaults`?"])
    host.inventory.networks = ["default": ObservedNetwork(name: "default", isActive: false)]
    #expect(rules { try host.plan(running) } == ["inactive-network"])
    host.inventory.networks = ["default": ObservedNetwork(name: "default", isActive: true)]
    #expect(try host.plan(running).notes.isEmpty)
  }

  @Test("a pool of the same name elsewhere is refused; one over the same folder is used")
  func pools() throws {
    var host = ImaginedHost()
    host.inventory.pools = ["vms": pool("vms", at: "/elsewhere")]
    #expect(rules { try host.plan(lab) } == ["pool-elsewhere"])
    host.inventory.pools = ["other": pool("other", at: "/vms")]
    let plan = try host.plan(lab)
    #expect(plan.notes.map(\.rule) == ["pool-exists"])
    #expect(!plan.actions.contains { if case .definePool = $0.operation { true } else { false } })
  }
}

/// A pool of libvirt's over a folder.
private func pool(_ name: String, at path: String) -> ObservedPool {
  let target = XMLElement("target", children: [XMLElement("path", text: path)])
  let xml = XMLElement("pool", ["type": "dir"], children: [XMLElement("name", text: name), target])
  return ObservedPool(name: name, isActive: true, inactive: xml)
}

/// The rules of what a plan is refused for.
private func rules(_ plan: () throws -> Plan) -> [String] {
  do {
    let plan = try plan()
    Issue.record("there is a plan: \(plan.actions)")
    return []
  } catch let error as DiagnosticsError {
    return error.diagnostics.map(\.rule)
  } catch {
    Issue.record("\(error)")
    return []
  }
}
