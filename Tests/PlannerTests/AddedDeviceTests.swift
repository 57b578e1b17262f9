// Devices that are added to a domain that others have made, and devices that come back as they were there.

import Inventory
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("`defaults: libvirt` binds what was there, not what is added")
struct AddedDeviceTests {
  private static let uuid = "6ef5b8d6-5a3c-4b7e-9d7b-0d5f6f1b2a11"

  /// A domain as libvirt completes one that says little.
  private static let found = """
    <domain type='qemu'>
      <name>web</name><uuid>\(uuid)</uuid><memory unit='KiB'>1048576</memory>
      <currentMemory unit='KiB'>1048576</currentMemory><vcpu placement='static'>1</vcpu>
      <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type><boot dev='hd'/></os>
      <devices>
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2'/><source file='/srv/old.qcow2'/><target dev='hda' bus='ide'/>
        </disk>
        <controller type='ide' index='0'/>
        <interface type='user'><mac address='52:54:00:12:34:56'/><model type='rtl8139'/></interface>
        <memballoon model='virtio'/>
      </devices>
    </domain>
    """

  /// The domain's spec as an import writes it, with more devices.
  private static func spec(disks: String = "", interfaces: String = "", more: String = "") -> String {
    """
    stack: lab
    pools: { vms: { path: /vms } }
    domains:
      web:
        defaults: libvirt
        type: qemu
        uuid: \(uuid)
        machine: pc-i440fx-7.2
        memory: 1 GiB
        disks:
          hda: { source: /srv/old.qcow2, format: qcow2, bus: ide, target: hda }
          \(disks)
        interfaces:
          net0: { type: user, mac: "52:54:00:12:34:56", model: rtl8139 }
          \(interfaces)
        \(more)
    """
  }

  private static func host() throws -> ImaginedHost {
    var host = ImaginedHost()
    host.inventory.files["/srv/old.qcow2"] = .image(ImaginedHost.chain([image("/srv/old.qcow2", size: 1 << 30)]))
    host.inventory.domains["web"] = ObservedDomain(
      name: "web", uuid: uuid, state: .stopped, isActive: false, autostart: false,
      inactive: try XMLElement.parse(found), running: nil)
    return host
  }

  private static func devices(_ host: ImaginedHost) throws -> XMLElement {
    try #require(host.inventory.domains["web"]?.inactive.first("devices"))
  }

  private static let added = spec(
    disks: "data: { size: 1 GiB }\n      slow: { size: 1 GiB, bus: scsi }", interfaces: "extra: { type: user }",
    more: "rngs: { random: {} }")

  /// What the added devices have of Vireo.
  private static func expectCompleted(_ devices: XMLElement, target: String) {
    let disks = devices.all("disk")
    #expect(disks.count == 3)
    let data = disks.first { $0.value(at: .diskBus) == "virtio" }
    #expect(data?.value(at: .diskTarget) == target)
    #expect(data?.value(at: .diskSerial) != nil && data?.value(at: .diskDiscard) == "unmap")
    #expect(disks.first { $0.value(at: .diskBus) == "scsi" }?.value(at: .diskTarget) == "sda")
    let controllers = devices.all("controller").filter { $0[attribute: "type"] == "scsi" }
    #expect(controllers.map { $0[attribute: "model"] } == ["virtio-scsi"])
    let interface = devices.all("interface").first { $0.value(at: "model/@type") == "virtio" }
    #expect(interface?.value(at: .interfaceMAC) != nil)
    #expect(devices.first("rng")?.value(at: "backend") == "/dev/urandom")
  }

  @Test("devices added to a domain are what they would be in a new one, and the others stay as they are")
  func added() throws {
    for isAdoptedBefore in [true, false] {
      var host = try Self.host()
      if isAdoptedBefore { host.apply(try host.plan(Self.spec())) }
      let before = try Self.devices(host)
      host.apply(try host.plan(Self.added))
      let after = try Self.devices(host)
      Self.expectCompleted(after, target: "vda")
      for device in before.elements { #expect(after.elements.contains { $0 == device }, "\(device.name)") }
      #expect(try host.plan(Self.added).isEmpty)
    }
  }

  @Test("in a new domain, what was read off a host is as it was there, and what is added is completed")
  func recreated() throws {
    var host = try Self.host()
    host.inventory.domains = [:]
    host.apply(try host.plan(Self.added))
    let devices = try Self.devices(host)
    Self.expectCompleted(devices, target: "vda")
    let old = try #require(devices.all("disk").first { $0.value(at: .diskTarget) == "hda" })
    #expect(old.value(at: .diskSerial) == nil && old.value(at: .diskDiscard) == nil)
    #expect(devices.first("memballoon") == nil && devices.all("interface").count == 2)
    #expect(try host.plan(Self.added).isEmpty)
  }

  @Test("what was there before Vireo and was taken away comes back as it was, what Vireo had added as that was")
  func drift() throws {
    var host = try Self.host()
    host.apply(try host.plan(Self.added))
    let before = try Self.devices(host)
    host.edit("web") { domain in
      domain.update("devices") { devices in
        devices.removeAll("disk")
        devices.removeAll("interface")
      }
    }
    host.apply(try host.plan(Self.added))
    let after = try Self.devices(host)
    for (name, mark) in [("disk", "target/@dev"), ("interface", "mac/@address")] as [(String, XMLPath)] {
      #expect(after.all(name).count == before.all(name).count)
      for var device in after.all(name) {
        device.removeAll("alias")
        let old = before.all(name).first { $0.value(at: mark) == device.value(at: mark) }
        // What libvirt writes down by itself is not there yet.
        #expect(old.map { XMLFragment(device).isMet(by: $0) } ?? false, "\(device.serialised())")
      }
    }
  }

  @Test("a field that leaves the entry of an added device goes back to Vireo's choice")
  func dropped() throws {
    var host = try Self.host()
    host.apply(try host.plan(Self.spec(interfaces: "extra: { type: user }")))
    let before = try Self.devices(host)
    host.apply(try host.plan(Self.spec(interfaces: "extra: { type: user, model: e1000e }")))
    #expect(try Self.devices(host) != before)
    host.apply(try host.plan(Self.spec(interfaces: "extra: { type: user }")))
    #expect(try Self.devices(host) == before)
  }
}
