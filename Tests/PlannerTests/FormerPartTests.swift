// What is taken back gives the definition from before: parts that a change took along or that libvirt completed, controllers that
// libvirt added, and the place of a device among its kind.

import Inventory
import Spec
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("a change that is taken back leaves the definition as it was")
struct FormerPartTests {
  private static let document = """
    <domain type='qemu'>
      <name>web</name><uuid>11111111-2222-5333-8444-555555555555</uuid>
      <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>1048576</currentMemory>
      <vcpu placement='static'>1</vcpu>
      <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
      <features><acpi/><apic/></features>
      <devices>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/vms/a.qcow2'/>
          <target dev='vda' bus='virtio'/><address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></disk>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/vms/b.qcow2'/>
          <target dev='vdb' bus='virtio'/><address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/></disk>
        <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/vms/c.qcow2'/>
          <target dev='vdc' bus='virtio'/><address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/></disk>
        <controller type='pci' index='0' model='pcie-root'/>
        <controller type='pci' index='1' model='pcie-root-port'><address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/></controller>
        <controller type='pci' index='2' model='pcie-root-port'><address type='pci' domain='0x0000' bus='0x00' slot='0x03' function='0x0'/></controller>
        <controller type='pci' index='3' model='pcie-root-port'><address type='pci' domain='0x0000' bus='0x00' slot='0x04' function='0x0'/></controller>
        <controller type='pci' index='4' model='pcie-root-port'><address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/></controller>
        <video><model type='vga' vram='32768' heads='1' primary='yes'/><address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/></video>
        <memballoon model='virtio'><stats period='5'/><address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/></memballoon>
      </devices>
    </domain>
    """

  private static let spec = """
    stack: lab
    domains:
      web:
        memory: 1 GiB
        disks:
          a: { source: /vms/a.qcow2, format: qcow2, target: vda, bus: virtio }
          b: { source: /vms/b.qcow2, format: qcow2, target: vdb, bus: virtio }
          c: { source: /vms/c.qcow2, format: qcow2, target: vdc, bus: virtio }
        videos: { screen: { model: vga } }
        memballoons: { balloon: { model: virtio } }
    """

  private func adopted() throws -> ImaginedHost {
    var host = ImaginedHost()
    let domain = try XMLElement.parse(Self.document)
    host.inventory.domains["web"] = ObservedDomain(
      name: "web", uuid: "11111111-2222-5333-8444-555555555555", state: .stopped, isActive: false, inactive: domain)
    host.inventory.supposeFiles(for: InventoryRequest(for: try stack(Self.spec)))
    host.apply(try host.plan(Self.spec))
    return host
  }

  private func bare(_ host: ImaginedHost) throws -> XMLElement {
    var xml = try #require(host.inventory.domains["web"]?.inactive)
    OwnershipRecord.remove(from: &xml)
    return xml
  }

  /// Edits, each with what libvirt makes of the definition beside it.
  private static let edits: [(old: String, new: String, completion: @Sendable (inout XMLElement) -> Void)] = [
    ("model: vga", "model: cirrus", { $0.set("16384", at: "devices/video/model/@vram") }),
    ("model: virtio }", "model: none }", { _ in }),
    ("    disks:", "    features: { apic: { eoi: true } }\n    disks:", { _ in }),
    (
      "    disks:", "    features: { hyperv: { relaxed: true } }\n    disks:",
      { $0.set("custom", at: "features/hyperv/@mode") }
    ),
    ("target: vdb, bus", "target: vdb, serial: abc, bus", { _ in }),
    ("      b: { source: /vms/b.qcow2, format: qcow2, target: vdb, bus: virtio }\n", "", { _ in }),
    (
      "target: vdb, bus: virtio", "target: sdb, bus: scsi",
      { domain in
        domain.update("devices") { devices in
          // In the place that the disk has left.
          devices.updateAll("controller", where: { $0[attribute: "type"] == "scsi" }) { controller in
            controller.append(
              XMLElement(
                "address", ["type": "pci", "domain": "0x0000", "bus": "0x02", "slot": "0x00", "function": "0x0"]))
          }
          devices.updateAll("disk", where: { $0.value(at: "target/@dev") == "sdb" }) { disk in
            disk.append(
              XMLElement("address", ["type": "drive", "controller": "0", "bus": "0", "target": "0", "unit": "1"]))
          }
        }
      }
    ),
  ]

  @Test("an edit and its opposite", arguments: Array(edits.indices))
  func edit(_ index: Int) throws {
    let edit = Self.edits[index]
    let edited = Self.spec.replacing(edit.old, with: edit.new)
    #expect(edited != Self.spec)
    var host = try adopted()
    let before = try bare(host)
    host.apply(try host.plan(edited))
    host.edit("web", edit.completion)
    #expect(try bare(host) != before)
    #expect(try host.plan(edited).isEmpty)
    let reverting = try host.plan(Self.spec)
    host.apply(reverting)
    let rest = difference(before, try bare(host))
    #expect(rest.isEmpty, "\(rest)")
    let targets = try bare(host).devices(Vocabulary.disk).compactMap { $0.value(at: .diskTarget) }
    #expect(targets == ["vda", "vdb", "vdc"])
    #expect(try host.plan(Self.spec).isEmpty)
  }

  @Test("a controller that was there stays, and one that libvirt added for a device goes with it, which the plan shows")
  func controllers() throws {
    var host = try adopted()
    let edit = try #require(Self.edits.last)
    let edited = Self.spec.replacing(edit.old, with: edit.new)
    host.apply(try host.plan(edited))
    host.edit("web", edit.completion)
    let plan = try host.plan(Self.spec)
    let change = try #require(plan.change("web", "controllers.scsi-0"))
    #expect(change.new == nil && change.detail == "libvirt added it for a device that has left it")
    host.apply(plan)
    #expect(try bare(host).devices(Vocabulary.controller).count == 5)
    // All ports are free once their disks are gone, and were there before.
    let lines = Self.spec.split(separator: "\n").filter { !$0.contains("qcow2") && !$0.contains("disks:") }
    host.apply(try host.plan(lines.joined(separator: "\n")))
    #expect(try bare(host).devices(Vocabulary.controller).count == 5)
  }

  @Test("a change of model drops what the new one cannot have")
  func unfit() throws {
    let host = try adopted()
    let plan = try host.plan(Self.spec.replacing("model: virtio }", with: "model: none }"))
    let balloon = try #require(plan.definition(of: "web")?.xml.devices(Vocabulary.memballoon).first)
    #expect(balloon == XMLElement("memballoon", ["model": "none"]))
    #expect(plan.change("web", "memballoons.balloon.address")?.new == nil)
  }

  @Test("a new device stands behind its neighbour of the spec", arguments: [0, 1, 2, 3])
  func order(_ place: Int) throws {
    var host = try adopted()
    var lines = Self.spec.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    lines.insert("      new: { source: /vms/new.qcow2, target: vdx, bus: virtio, format: raw }", at: 5 + place)
    let text = lines.joined(separator: "\n")
    host.inventory.supposeFiles(for: InventoryRequest(for: try stack(text)))
    host.apply(try host.plan(text))
    var expected = ["vda", "vdb", "vdc"]
    expected.insert("vdx", at: place)
    #expect(try bare(host).devices(Vocabulary.disk).compactMap { $0.value(at: .diskTarget) } == expected)
  }
}
