// What every kind of device must answer: how one is found, adopted, called and shown, and what a running guest makes of it.

import Testing
import XMLTree

@testable import Vocabulary

@Suite("kinds of devices")
struct DeviceKindTests {
  /// The kinds by the collections that hold them.
  static let kinds = Vocabulary.domain.collections.filter { $0.type.device != nil }

  /// Devices of every kind.
  static let devices = DeviceLensTests.cases.map(\.1)

  @Test("no two kinds have elements of one name, by which a device's kind is found")
  func names() {
    let names = Self.kinds.compactMap { $0.type.device?.element }
    #expect(Set(names).count == names.count && names.count > 20)
    for device in Self.devices {
      #expect(ObjectType.Collection.holding(device)?.type.device?.element == device.name, "\(device.name)")
    }
    #expect(Set(Self.devices.map(\.name)) == Set(names), "devices of every kind are tried here")
  }

  @Test("an entry finds a device by fields that its kind has, and by a file only where there are files")
  func adoption() throws {
    for kind in Self.kinds {
      let rule = try #require(kind.type.device)
      #expect(!rule.adoption.isEmpty, "\(kind.key)")
      #expect(rule.adoption.contains(.file) == (rule.role == .storage))
      for way in rule.adoption {
        let names: [String] =
          switch way {
          case .field(let name, _): [name]
          case .alike(let names): names
          case .file, .firstApply, .equal, .order: []
          }
        for name in names { #expect(kind.type.field(name)?.lens != nil, "\(kind.key).\(name)") }
      }
      // Every kind is found by all that its entry says, at the latest.
      #expect(rule.adoption.contains(.equal), "\(kind.key)")
    }
  }

  @Test("a running guest's answer to any device is in the table, and the last one of a kind is for whatever is left")
  func hotplug() throws {
    for kind in Self.kinds {
      let rule = try #require(kind.type.device)
      let last = try #require(rule.hotplug.last, "\(kind.key)")
      #expect(last.holds(XMLElement(rule.element)), "\(kind.key)")
      let words = rule.hotplug.dropLast().map(\.devices)
      #expect(!words.contains("") && Set(words).count == words.count, "\(kind.key)")
      // What a guest can be asked to release, it can get.
      #expect(rule.hotplug.allSatisfy { $0.canPlug || !$0.canUnplug }, "\(kind.key)")
    }
    for device in Self.devices { #expect(DeviceRule.rule(of: device)?.hotplug(of: device) != nil, "\(device.name)") }
  }

  @Test("a device that a guest could not have beside another is not plugged in")
  func room() throws {
    let guest = try XMLElement.parse(
      """
      <domain><devices>
        <controller type='pci' index='0' model='pcie-root'/><controller type='pci' index='1' model='pcie-root-port'/>
        <controller type='usb' index='0' model='qemu-xhci'/><disk><target dev='sda' bus='usb'/></disk>
      </devices></domain>
      """)
    func canPlug(_ text: String, beside planned: String...) throws -> Bool {
      Hotplug.canPlug(try .parse(text), into: guest, beside: try planned.map { try .parse($0) })
    }
    let network = "<interface type='user'/>"
    let drive = "<disk device='disk'><target dev='sdb' bus='usb'/></disk>"
    #expect(try canPlug(network) && canPlug(drive) && canPlug(network, beside: drive))
    #expect(try !canPlug("<rng model='virtio'/>", beside: network), "one root port for two devices")
    #expect(try !canPlug("<disk device='disk'><target dev='sda' bus='usb'/></disk>"), "a target that is taken")
    #expect(try !canPlug("<disk device='disk'><target dev='sdb' bus='scsi'/></disk>"), "no such controller")
    #expect(try !canPlug("<disk device='cdrom'><target dev='sdb' bus='usb'/></disk>"))
    #expect(try !canPlug("<lease><key>a</key></lease>"), "no kind of the vocabulary")
    // Whatever a unit of storage is called, it is released as it is plugged in.
    for device in ["disk", "lun"] {
      #expect(Hotplug.canUnplug(try .parse("<disk device='\(device)'><target dev='sda' bus='scsi'/></disk>")))
    }
  }

  @Test("the words for a new device tell every field that its entry sets, but for where a disk's file is")
  func summaries() throws {
    for kind in Self.kinds {
      let rule = try #require(kind.type.device)
      guard rule.role != .storage else { continue }
      for device in Self.devices where rule.matches(device) {
        let values = kind.type.fields.reduce(into: [Field: Value]()) { $0[$1] = $1.lens?.get(device) }
        let text = rule.summary.text(of: kind.type, { values[$0] }, device)
        for (field, value) in values { #expect(text.contains(value.description), "\(kind.key).\(field) in \(text)") }
      }
    }
  }

  @Test("every live field names libvirt's call, and a condition stands behind 'where'")
  func liveFields() {
    for type in TableTests.types {
      for field in type.fields {
        #expect((field.effect.running == .live) == (field.effect.call != nil), "\(type.name).\(field.name)")
        for call in (field.effect.call ?? "").split(separator: ", ") {
          #expect(call.hasPrefix("virDomain") || call.hasPrefix("virNetwork"), "\(type.name).\(field.name)")
        }
        if let condition = field.effect.condition { #expect(!condition.hasSuffix(".") && !condition.isEmpty) }
      }
    }
  }
}
