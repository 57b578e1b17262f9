import Diagnostics
import Inventory
import Planner
import Testing
import Vocabulary
import XMLTree

/// A domain that others have made: devices with aliases of theirs, and without any.
private let foreign = """
  <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    <name>web</name>
    <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>
    <memory unit='KiB'>1048576</memory>
    <currentMemory unit='KiB'>1048576</currentMemory>
    <vcpu placement='static'>2</vcpu>
    <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
    <devices>
      <emulator>/usr/bin/qemu-system-x86_64</emulator>
      <disk type='file' device='disk'>
        <driver name='qemu' type='qcow2'/><source file='/vms/a.qcow2'/><target dev='vda' bus='virtio'/>
        <serial>AAA</serial>
        <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
      </disk>
      <disk type='file' device='disk'>
        <driver name='qemu' type='qcow2'/><source file='/vms/b.qcow2'/><target dev='vdb' bus='virtio'/>
        <alias name='ua-disk-theirs'/>
        <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
      </disk>
      <controller type='scsi' index='0' model='virtio-scsi'>
        <address type='pci' domain='0x0000' bus='0x06' slot='0x00' function='0x0'/>
      </controller>
      <interface type='network'>
        <mac address='52:54:00:11:22:33'/><source network='default'/><model type='virtio'/>
        <alias name='ua-mynic'/>
        <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
      </interface>
      <interface type='network'>
        <mac address='52:54:00:11:22:44'/><source network='default'/><model type='virtio'/>
        <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/>
      </interface>
      <channel type='unix'>
        <target type='virtio' name='org.qemu.guest_agent.0'/>
        <address type='virtio-serial' controller='0' bus='0' port='1'/>
      </channel>
      <graphics type='vnc' port='-1' autoport='yes'/>
      <video>
        <model type='virtio' heads='1' primary='yes'/>
        <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>
      </video>
      <rng model='virtio'>
        <backend model='random'>/dev/urandom</backend>
        <address type='pci' domain='0x0000' bus='0x07' slot='0x00' function='0x0'/>
      </rng>
      <rng model='virtio'>
        <rate bytes='100' period='1000'/><backend model='random'>/dev/random</backend>
        <address type='pci' domain='0x0000' bus='0x08' slot='0x00' function='0x0'/>
      </rng>
      <memballoon model='virtio'/>
    </devices>
    <qemu:override>
      <qemu:device alias='ua-mynic'>
        <qemu:frontend><qemu:property name='host_mtu' type='unsigned' value='1400'/></qemu:frontend>
      </qemu:device>
    </qemu:override>
  </domain>
  """

private let lab = """
  stack: lab
  domains:
    web:
      memory: 1 GiB
      disks:
        root: { source: /vms/a.qcow2, format: qcow2 }
        data: { source: /vms/b.qcow2, format: qcow2 }
      controllers: { scsi: { type: scsi, index: 0 } }
      interfaces:
        lan: { mac: "52:54:00:11:22:33", network: default }
        wan: { mac: "52:54:00:11:22:44", network: default }
      channels: { agent: { type: unix, target: { type: virtio, name: org.qemu.guest_agent.0 } } }
      graphics: { vnc: {} }
      videos: { card: { model: virtio } }
      rngs:
        fast: { device: /dev/urandom }
        slow: { device: /dev/random }
  """

private func foreignHost() throws -> ImaginedHost {
  var host = ImaginedHost()
  let xml = try XMLElement.parse(foreign)
  host.inventory.domains["web"] = ObservedDomain(
    name: "web", uuid: xml.value(at: "uuid") ?? "", state: .stopped, isActive: false, inactive: xml)
  for path in ["/vms/a.qcow2", "/vms/b.qcow2"] {
    host.inventory.files[path] = .image(ImaginedHost.chain([image(path, size: 1 << 30)]))
  }
  return host
}

private func adoptedHost() throws -> ImaginedHost {
  var host = try foreignHost()
  host.apply(try host.plan(lab))
  return host
}

extension ImaginedHost {
  fileprivate mutating func editDevices(_ change: (inout XMLElement) -> Void) {
    edit("web") { $0.update("devices", change) }
  }

  /// The stored definition without its record.
  fileprivate var withoutRecord: XMLElement? {
    var xml = inventory.domains["web"]?.inactive
    if xml != nil { OwnershipRecord.remove(from: &xml!) }
    return xml
  }
}

@Suite("adopting changes nothing, and devices are found again")
struct AdoptionTests {
  @Test("an adoption changes nothing but the record: no alias, no order, no element")
  func changesNothing() throws {
    var host = try foreignHost()
    let before = host.withoutRecord
    let plan = try host.plan(lab)
    #expect(plan.object("web")?.verb == .adopt)
    host.apply(plan)
    #expect(host.withoutRecord == before)
    #expect(try host.plan(lab).isEmpty)
    #expect(try host.plan(lab).object("web")?.changes.isEmpty == true)
  }

  @Test("a device that Vireo makes carries its key, beside those that do not")
  func newDevice() throws {
    var host = try adoptedHost()
    host.apply(try host.plan(lab.replacing("rngs:", with: "inputs: { pen: { type: tablet, bus: usb } }\n    rngs:")))
    let devices = host.inventory.domains["web"]?.inactive.first("devices")
    #expect(devices?.all("input").map { $0.value(at: "alias/@name") } == ["ua-input-pen"])
    #expect(devices?.elements.count { $0.exists(at: "alias") } == 3)
  }

  /// What others do to the devices of a domain that none of them is another one for.
  private static let edits: [(String, @Sendable (inout XMLElement) -> Void)] = [
    (
      "addresses are gone",
      { for name in Set($0.elements.map(\.name)) { $0.updateAll(name) { $0.removeAll("address") } } }
    ),
    ("devices are in another order", { $0.children.reverse() }),
    (
      "another interface and another disk are plugged in before the others",
      { devices in
        devices.insert(
          XMLElement(
            "interface", ["type": "network"],
            children: [
              XMLElement("mac", ["address": "52:54:00:99:99:99"]), XMLElement("source", ["network": "default"]),
              XMLElement("model", ["type": "virtio"]),
            ]), at: 0)
        devices.insert(
          XMLElement(
            "disk", ["type": "file", "device": "disk"],
            children: [
              XMLElement("source", ["file": "/vms/c.qcow2"]), XMLElement("target", ["dev": "vdc", "bus": "virtio"]),
            ]), at: 0)
      }
    ),
    (
      "aliases are taken away",
      { devices in
        for name in ["disk", "interface"] { devices.updateAll(name) { $0.removeAll("alias") } }
      }
    ),
    (
      "another random-number device comes first",
      { devices in
        let other = XMLElement(
          "rng", ["model": "virtio"],
          children: [
            XMLElement("backend", ["model": "random"], text: "/dev/hwrng"),
            XMLElement(
              "address", ["type": "pci", "domain": "0x0000", "bus": "0x09", "slot": "0x00", "function": "0x0"]),
          ])
        devices.insert(other, at: 0)
      }
    ),
  ]

  @Test("a device is found again whatever happens around it", arguments: edits.indices)
  func foundAgain(index: Int) throws {
    var host = try adoptedHost()
    let (title, edit) = Self.edits[index]
    host.editDevices(edit)
    // Devices that differ in nothing but their address cannot be told apart once that is gone.
    let isDoubtful = title == "addresses are gone"
    if isDoubtful { host.editDevices { $0.removeAll("rng") { $0.exists(at: "rate") } } }
    let spec = isDoubtful ? lab.replacing("\n        slow: { device: /dev/random }", with: "") : lab
    let before = host.withoutRecord
    let plan = try host.plan(isDoubtful ? spec : lab)
    let told = plan.object("web")?.changes.filter { $0.old != $0.new && !$0.field.hasPrefix("rngs.slow") } ?? []
    #expect(told.isEmpty, "\(title): \(told)")
    host.apply(plan)
    if !isDoubtful { #expect(host.withoutRecord == before, "\(title)") }
    #expect(try host.plan(spec).isEmpty, "\(title)")
  }

  @Test("a device that an apply changes is known by what it is then")
  func changed() throws {
    var host = try adoptedHost()
    host.inventory.files["/vms/c.qcow2"] = .image(ImaginedHost.chain([image("/vms/c.qcow2", size: 1 << 30)]))
    let steps = [
      ("52:54:00:11:22:33", "52:54:00:11:22:55"), ("root: { source: /vms/a.qcow2", "root: { source: /vms/c.qcow2"),
      ("root: {", "root: { target: vdx,"), ("card: { model: virtio }", "card: { model: vga }"),
      ("52:54:00:11:22:55\", network: default", "52:54:00:11:22:55\", network: other"),
    ]
    var spec = lab
    for (old, new) in steps {
      spec = spec.replacing(old, with: new)
      let plan = try host.plan(spec)
      #expect(plan.object("web")?.verb == .update, "\(new)")
      #expect(plan.object("web")?.changes.contains { $0.old == nil && $0.new != nil } == false, "\(new): no new device")
      host.apply(plan)
      #expect(try host.plan(spec).isEmpty, "\(new)")
    }
    let devices = try #require(host.inventory.domains["web"]?.inactive.first("devices"))
    #expect(devices.all("disk").count == 2 && devices.all("interface").count == 2 && devices.all("video").count == 1)
    #expect(devices.all("interface")[0].value(at: "alias/@name") == "ua-mynic")
    // Then the address changes, and the target is the only thing left that it is known by.
    host.editDevices { $0.updateAll("disk") { $0.removeAll("address") } }
    #expect(try host.plan(spec).isEmpty)
  }

  @Test("an adopted device leaves the domain with its entry, from the running guest too")
  func removed() throws {
    var host = try adoptedHost()
    host.start("web")
    // The running guest has libvirt's own aliases.
    host.inventory.domains["web"]?.running?.update("devices") { devices in
      devices.updateAll("interface") { if !$0.exists(at: "alias") { $0.set("net1", at: "alias/@name") } }
    }
    let without = lab.replacing("      wan: { mac: \"52:54:00:11:22:44\", network: default }\n", with: "")
    let plan = try host.plan(without)
    #expect(plan.change("web", "interfaces.wan")?.effect == .live)
    let device = plan.actions.lazy.compactMap { action -> DeviceIdentity? in
      if case .detachDevice(_, let device, _) = action.operation { device } else { nil }
    }.first
    let running = try #require(host.inventory.domains["web"]?.running)
    #expect(device?.find(in: running)?.value(at: "mac/@address") == "52:54:00:11:22:44")
    host.apply(plan)
    let waiting = try host.plan(without)
    #expect(waiting.isEmpty)
    #expect(waiting.object("web")?.pending.map(\.field) == ["interfaces.wan"], "the guest has not released it")
  }

  @Test(
    "a device that leaves the spec of a guest that was running when it was adopted waits for a restart, whatever its kind",
    arguments: ["scsi", "data", "lan", "wan", "agent", "card", "fast"])
  func removedFromGuest(key: String) throws {
    var host = try foreignHost()
    // The guest was started before anybody recorded anything.
    host.start("web")
    host.apply(try host.plan(lab))
    #expect(try host.plan(lab).object("web")?.pending.isEmpty == true)
    let without = lab.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line -> String? in
      let line = String(line)
      if line.contains("{ \(key): {") { return nil }
      return line.contains("  \(key): {") ? nil : line
    }.joined(separator: "\n")
    #expect(without != lab)
    for _ in 0..<2 {
      host.apply(try host.plan(without))
      let plan = try host.plan(without)
      #expect(plan.isEmpty && plan.object("web")?.changes.isEmpty == true)
      #expect(plan.object("web")?.pending.map { String($0.field.split(separator: ".").last ?? "") } == [key])
    }
    // Another guest does not have it, and what is known of it goes with the next change.
    host.start("web")
    #expect(try host.plan(without).object("web")?.pending.isEmpty == true)
    host.inventory.domains["web"]?.isActive = false
    host.inventory.domains["web"]?.running = nil
    #expect(try host.plan(without).isEmpty)
    host.apply(try host.plan(without.replacing("memory: 1 GiB", with: "memory: 2 GiB")))
    let record = try #require(host.inventory.domains["web"]?.inactive.first("metadata")).serialised()
    #expect(!record.contains(".\(key)\""))
  }

  @Test("live changes of an adopted device find the device of the running guest")
  func live() throws {
    var host = try adoptedHost()
    host.start("web")
    let plan = try host.plan(lab.replacing("network: default }", with: "network: default, link: down }"))
    let changes = plan.actions.flatMap { action -> [LiveChange] in
      if case .changeRunning(_, let changes) = action.operation { changes } else { [] }
    }
    let running = try #require(host.inventory.domains["web"]?.running)
    #expect(
      Set(changes.map { $0.device?.find(in: running)?.value(at: "mac/@address") }) == [
        "52:54:00:11:22:33", "52:54:00:11:22:44",
      ])
    // A MAC address that waits for a restart does not hide the device.
    host.apply(try host.plan(lab.replacing("22:44", with: "22:66")))
    let again = try host.plan(
      lab.replacing("22:44", with: "22:66").replacing("network: default }", with: "network: default, link: down }"))
    #expect(again.change("web", "interfaces.wan.link")?.effect == .live)
  }

  @Test("where two devices could be meant a plan says so, and an entry that says which settles it")
  func doubt() throws {
    let vague = lab.replacing("{ device: /dev/urandom }", with: "{}").replacing("{ device: /dev/random }", with: "{}")
    var host = try foreignHost()
    host.apply(try host.plan(vague))
    #expect(try host.plan(vague).isEmpty)
    host.editDevices { $0.updateAll("rng") { $0.removeAll("address") } }
    #expect(rules { try host.plan(vague) } == ["ambiguous-device", "ambiguous-device"])
    #expect(try host.plan(lab).object("web")?.changes.allSatisfy { $0.old == $0.new } == true)
  }

  /// Entries of devices that have no identity of their own, the devices that a host has, and what becomes of it: the device
  /// that each entry is, by its place; nil where the plan has to ask.
  static let firstSights: [(collection: String, entries: String, devices: [String], meant: [String: Int]?)] = {
    func nic(_ mac: Int, _ model: String, _ network: String = "default") -> String {
      "<interface type='network'><mac address='52:54:00:00:00:0\(mac)'/><source network='\(network)'/><model type='\(model)'/></interface>"
    }
    func serial(_ port: Int, _ type: String = "pty") -> String {
      "<serial type='\(type)'><target type='isa-serial' port='\(port)'/></serial>"
    }
    func video(_ model: String) -> String { "<video><model type='\(model)'/></video>" }
    let both = "{ a: { network: default }, b: { network: default } }"
    return [
      ("interfaces", "{ a: { network: default } }", [nic(1, "virtio")], ["a": 0]),
      ("interfaces", "{ a: { network: default } }", [nic(1, "virtio"), nic(2, "virtio")], nil),
      ("interfaces", "{ a: { network: default } }", [nic(1, "virtio", "other"), nic(2, "virtio")], ["a": 1]),
      ("interfaces", both, [nic(1, "virtio"), nic(2, "virtio")], ["a": 0, "b": 1]),
      ("interfaces", both, [nic(1, "virtio"), nic(2, "virtio"), nic(3, "virtio")], nil),
      (
        "interfaces", "{ a: { network: default }, b: { network: default, mac: '52:54:00:00:00:01' } }",
        [nic(1, "virtio"), nic(2, "virtio")], ["a": 1, "b": 0]
      ),
      (
        "interfaces", "{ a: { network: default, model: e1000 }, b: { network: default, model: virtio } }",
        [nic(1, "virtio"), nic(2, "e1000")], ["a": 1, "b": 0]
      ),
      (
        "interfaces", "{ a: { network: default, model: e1000 } }", [nic(1, "virtio"), nic(2, "e1000")], ["a": 1]
      ),
      ("interfaces", "{ a: { network: default, model: e1000 } }", [nic(1, "virtio"), nic(2, "rtl8139")], nil),
      ("serials", "{ a: { type: pty } }", [serial(0)], ["a": 0]),
      ("serials", "{ a: { type: pty } }", [serial(0), serial(1)], nil),
      ("serials", "{ a: { type: pty, target: { port: 1 } } }", [serial(0), serial(1)], ["a": 1]),
      ("serials", "{ a: { type: pty }, b: { type: pty } }", [serial(0), serial(1)], ["a": 0, "b": 1]),
      ("videos", "{ a: { model: vga } }", [video("virtio")], ["a": 0]),
      ("videos", "{ a: { model: vga } }", [video("virtio"), video("qxl")], nil),
      ("videos", "{ a: { model: vga }, b: { model: virtio } }", [video("virtio"), video("qxl")], ["a": 1, "b": 0]),
    ]
  }()

  @Test("at first sight no entry takes one of several devices that could be meant", arguments: firstSights.indices)
  func firstSight(index: Int) throws {
    let (collection, entries, devices, meant) = Self.firstSights[index]
    var host = ImaginedHost()
    let xml = try XMLElement.parse(
      """
      <domain type='kvm'><name>web</name><uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>
      <memory unit='KiB'>1048576</memory><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
      <devices>\(devices.joined())</devices></domain>
      """)
    host.inventory.domains["web"] = ObservedDomain(
      name: "web", uuid: xml.value(at: "uuid") ?? "", state: .stopped, isActive: false, inactive: xml)
    let spec = "stack: lab\ndomains:\n  web:\n    memory: 1 GiB\n    \(collection): \(entries)\n"
    guard let meant else {
      #expect(rules { try host.plan(spec) }.allSatisfy { $0 == "ambiguous-device" })
      #expect(!rules { try host.plan(spec) }.isEmpty)
      return
    }
    let plan = try host.plan(spec)
    host.apply(plan)
    #expect(try host.plan(spec).isEmpty)
    // Each entry says what its device alone is to be from now on.
    let record = try #require(
      host.inventory.domains["web"].flatMap { OwnershipRecord(in: $0.inactive) })
    let type = try #require(Vocabulary.domain.collections.first { $0.key == collection })
    let known = RecordedDevices(of: type, in: try #require(host.inventory.domains["web"]?.inactive), record)
    #expect(Dictionary(uniqueKeysWithValues: known.keys.map { ($1, $0) }) == meant)
    #expect(known.elements.count == devices.count, "no device is made beside those")
  }

  @Test("disks that change places are told apart by what their entries say: the target first")
  func exchange() throws {
    var host = try adoptedHost()
    host.editDevices { devices in
      devices.updateAll("disk") { disk in
        disk.removeAll("alias")
        disk.set(disk.value(at: "target/@dev") == "vda" ? "/vms/b.qcow2" : "/vms/a.qcow2", at: "source/@file")
        disk.removeAll("serial")
      }
    }
    // The record says target and file, which lead to different disks; the entries say the file.
    #expect(try host.plan(lab).object("web")?.changes.allSatisfy { $0.old == $0.new } == true)
    let named = lab.replacing("root: {", with: "root: { target: vda,").replacing(
      "data: {", with: "data: { target: vdb,")
    let changes = try host.plan(named).object("web")?.changes.filter { $0.old != $0.new }.map(\.field)
    #expect(changes?.sorted() == ["disks.data.source", "disks.root.source"])
  }

  @Test("a record of an earlier version, which gave every device an alias, is read as it was")
  func earlierRecord() throws {
    var host = try foreignHost()
    let keys = ["disk": ["root", "data"], "interface": ["lan", "wan"], "rng": ["fast", "slow"]]
    host.editDevices { devices in
      for (kind, names) in keys {
        var left = names[...]
        devices.updateAll(kind) { device in
          device.removeAll("alias")
          device.set("ua-\(kind)-\(left.removeFirst())", at: "alias/@name")
        }
      }
      devices.updateAll("controller") { $0.set("ua-controller-scsi", at: "alias/@name") }
      devices.updateAll("channel") { $0.set("ua-channel-agent", at: "alias/@name") }
      devices.updateAll("video") { $0.set("ua-video-card", at: "alias/@name") }
    }
    let before = host.withoutRecord
    host.apply(try host.plan(lab))
    let record = try #require(host.inventory.domains["web"]?.inactive.first("metadata")).serialised()
    #expect(!record.contains("vireo:device"), "what carries its key needs no other mark")
    #expect(host.withoutRecord == before)
    #expect(try host.plan(lab).isEmpty)
    // Moved to another address, and behind others: the alias finds it.
    host.editDevices { devices in
      devices.children.reverse()
      devices.updateAll("rng") { $0.removeAll("address") }
    }
    #expect(try host.plan(lab).isEmpty)
  }

  @Test(
    "a new device that QEMU's part of the definition may name by libvirt's alias gets none",
    arguments: [
      ("qemu.override: { video0: { max_outputs: { type: unsigned, value: '2' } } }", "video"),
      (
        "xml: \"<qemu:commandline><qemu:arg value='-set'/><qemu:arg value='device.video0.x=1'/></qemu:commandline>\"",
        "video"
      ),
      ("qemu.override: { virtio-disk0: { queue-size: { type: unsigned, value: '64' } } }", "disk"),
      ("qemu.override: { net0: { host_mtu: { type: unsigned, value: '1400' } } }", "interface"),
    ])
  func namedByQEMU(field: String, kind: String) throws {
    var host = ImaginedHost()
    let fields =
      field.hasPrefix("qemu.override")
      ? field.replacing("qemu.override: {", with: "qemu: { override: {") + " }" : field
    let spec = """
      stack: lab
      pools: { vms: { path: /vms } }
      domains:
        web:
          memory: 1 GiB
          disks: { root: { size: 1 GiB } }
          interfaces: { lan: { network: default } }
          videos: { card: { model: virtio } }
          rngs: { entropy: {} }
          \(fields)
      """
    host.apply(try host.plan(spec))
    let devices = try #require(host.inventory.domains["web"]?.inactive.first("devices"))
    for name in ["disk", "interface", "video", "rng"] {
      let alias = devices.first(name)?.value(at: "alias/@name")
      #expect(name == kind ? alias == nil : alias?.hasPrefix("ua-\(name)-") == true, "\(name): \(alias ?? "none")")
    }
    // libvirt fills in what the device is found by later.
    host.editDevices { devices in
      devices.updateAll(kind) { device in
        let address: KeyValuePairs = [
          "type": "pci", "domain": "0x0000", "bus": "0x0a", "slot": "0x00", "function": "0x0",
        ]
        device.append(XMLElement("address", address))
      }
    }
    #expect(try host.plan(spec).isEmpty)
  }
}

private func rules(_ plan: () throws -> Plan) -> [String] {
  do {
    _ = try plan()
    return []
  } catch let error as DiagnosticsError {
    return error.diagnostics.map(\.rule)
  } catch {
    return ["\(error)"]
  }
}
