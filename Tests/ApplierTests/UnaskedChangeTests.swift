// What libvirt stores beside what it was asked for, as a law over edits of a definition; and with libvirt itself.

import Planner
import TestSupport
import Testing
import Vocabulary
import XMLTree

@testable import Applier

@Suite("what nobody asked for")
struct UnaskedChangeTests {
  private static let before = try! XMLElement.parse(
    """
    <domain type='qemu'><name>web</name><uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>
    <memory unit='KiB'>65536</memory><currentMemory unit='KiB'>65536</currentMemory><vcpu placement='static'>1</vcpu>
    <os firmware='efi'><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash' format='raw'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
    <nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/v/web_VARS.fd</nvram></os>
    <features><acpi/></features><cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>
    <devices><emulator>/usr/bin/qemu</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/vms/a.qcow2'/>
    <target dev='vda' bus='virtio'/><address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'/></disk>
    <controller type='usb' index='0' model='qemu-xhci'/>
    <interface type='network'><mac address='52:54:00:6b:3c:58'/><source network='default'/><model type='virtio'/></interface>
    <serial type='pty'><target type='isa-serial' port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console></devices></domain>
    """)

  /// An edit that libvirt makes while only a title was asked for, and what is told of it.
  struct Edit: Sendable, CustomTestStringConvertible {
    var name: String
    var place: String
    var isSubstance: Bool
    var edit: @Sendable (inout XMLElement) -> Void
    var testDescription: String { name }

    init(
      _ name: String, _ place: String, isSubstance: Bool = false, _ edit: @escaping @Sendable (inout XMLElement) -> Void
    ) {
      (self.name, self.place, self.isSubstance, self.edit) = (name, place, isSubstance, edit)
    }
  }

  static let edits = [
    Edit("another loader", "/domain/os/loader", isSubstance: true) {
      $0.set("/usr/share/ovmf/OVMF.amdsev.fd", at: "os/loader")
    },
    Edit("another kind of loader", "/domain/os/loader/@type", isSubstance: true) {
      $0.set("rom", at: "os/loader/@type")
    },
    Edit("variables dropped", "/domain/os/nvram", isSubstance: true) { $0.remove(at: "os/nvram") },
    Edit("a template's format", "/domain/os/nvram/@templateFormat") { $0.set("raw", at: "os/nvram/@templateFormat") },
    Edit("another machine", "/domain/os/type/@machine", isSubstance: true) {
      $0.set("pc-q35-8.0", at: "os/type/@machine")
    },
    Edit("a feature", "/domain/features/smm") { $0.set("on", at: "features/smm/@state") },
    Edit("another processor", "/domain/cpu/model") { $0.set("EPYC", at: "cpu/model") },
    Edit("a processor's flag", "/domain/cpu/feature[@name='svm']") { $0.set("svm", at: "cpu/feature/@name") },
    Edit("more memory", "/domain/memory") { $0.set("131072", at: "memory") },
    Edit("a watchdog", "/domain/devices/watchdog") { $0.set("itco", at: "devices/watchdog/@model") },
    Edit("a disk's file", "/domain/devices/disk[target/@dev='vda']/source/@file", isSubstance: true) {
      $0.set("/vms/b.qcow2", at: "devices/disk/source/@file")
    },
    Edit("a disk's format", "/domain/devices/disk[target/@dev='vda']/driver[@name='qemu']/@type", isSubstance: true) {
      $0.set("raw", at: "devices/disk/driver/@type")
    },
    Edit("a disk's address", "/domain/devices/disk[target/@dev='vda']/address/@bus") {
      $0.set("0x04", at: "devices/disk/address/@bus")
    },
    Edit("a disk's cache", "/domain/devices/disk[target/@dev='vda']/driver[@name='qemu']/@cache") {
      $0.set("none", at: "devices/disk/driver/@cache")
    },
    Edit("an interface dropped", "/domain/devices/interface[mac/@address='52:54:00:6b:3c:58']", isSubstance: true) {
      $0.remove(at: "devices/interface")
    },
    Edit(
      "an interface's network", "/domain/devices/interface[mac/@address='52:54:00:6b:3c:58']/source/@network",
      isSubstance: true
    ) {
      $0.set("other", at: "devices/interface/source/@network")
    },
    Edit("an element of the guest's", "/domain/launchSecurity") { $0.set("sev", at: "launchSecurity/@type") },
  ]

  private static var asked: XMLElement {
    var asked = before
    asked.set("hello", at: "title")
    return asked
  }

  @Test("whatever becomes of what nobody touched is told by its place", arguments: edits)
  func tells(_ item: Edit) throws {
    var stored = Self.asked
    item.edit(&stored)
    let changes = UnaskedChange.all(in: stored, asked: Self.asked, replacing: Self.before)
    #expect(changes.map(\.place) == [item.place])
    #expect(changes.contains(where: \.isSubstance) == item.isSubstance)
  }

  @Test("what was handed over and is not there is told of a new domain, too", arguments: edits)
  func tellsOfNew(_ item: Edit) throws {
    var stored = Self.asked
    item.edit(&stored)
    let changes = UnaskedChange.all(in: stored, asked: Self.asked, replacing: nil)
    let isAdded = changes.isEmpty
    // libvirt completes a new definition, but for elements and devices that no definition usually gets.
    #expect(!isAdded || !item.isSubstance)
    #expect(changes.allSatisfy { $0.place == item.place })
  }

  /// What libvirt does to every definition.
  static let usual: [Edit] = [
    Edit("nothing", "") { _ in },
    Edit("a controller for what is new", "") { domain in
      domain.update("devices") {
        $0.append(XMLElement("controller", ["type": "pci", "index": "1", "model": "pcie-root-port"]))
      }
    },
    Edit("another notation", "") { domain in
      domain.set("52:54:00:6B:3C:58", at: "devices/interface/mac/@address")
      domain.set("0x3", at: "devices/disk/address/@bus")
      domain.set("64", at: "memory")
      domain.set("MiB", at: "memory/@unit")
    },
  ]

  @Test("what libvirt fills in and how it writes is not told", arguments: usual)
  func isQuiet(_ item: Edit) {
    var stored = Self.asked
    item.edit(&stored)
    #expect(UnaskedChange.all(in: stored, asked: Self.asked, replacing: Self.before) == [])
  }

  @Test("what was edited is completed without a word; the rest is not")
  func completes() {
    var asked = Self.asked
    asked.update("devices") { $0.append(XMLElement("rng", ["model": "virtio"])) }
    asked.set("none", at: "devices/disk/driver/@cache")
    asked.set("host-model", at: "cpu/@mode")
    asked.remove(at: "currentMemory")
    var stored = asked
    stored.update(at: "devices/rng") { $0.append(XMLElement("address", ["type": "pci", "bus": "0x09"])) }
    stored.set("unmap", at: "devices/disk/driver/@discard")
    stored.set("on", at: "cpu/@migratable")
    stored.set("65536", at: "currentMemory")
    #expect(UnaskedChange.all(in: stored, asked: asked, replacing: Self.before) == [])
    stored.set("1400", at: "devices/interface/mtu/@size")
    #expect(
      UnaskedChange.all(in: stored, asked: asked, replacing: Self.before).map(\.description) == [
        "added devices/interface[mac/@address='52:54:00:6b:3c:58']/mtu (<mtu size='1400'/>)"
      ])
  }

  @Test("libvirt's own additions to a new domain are not told, and a change of its definition tells nothing")
  func quietWithLibvirt() async throws {
    try await Host.withGuest("unasked") { connection, domain, identity in
      let stored = try await domain.stored
      let asked = try XMLElement.parse(guestXML(identity.name, uuid: identity.uuid))
      #expect(UnaskedChange.all(in: stored, asked: asked, replacing: nil) == [])
      var titled = stored
      titled.set("hello", at: "title")
      let definition = DomainDefinition(identity: identity, xml: titled, replacing: stored, expectations: [])
      let applied = try await apply(.defineDomain(definition), on: connection)
      #expect(applied.outcomes == [.done])
    }
  }
}
