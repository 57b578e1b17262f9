// A domain's definition as an object of the spec: typed where a field exists, `xml` for the rest.

import Inventory
import Planner
import Spec
import Vocabulary
import XMLTree

/// How much of a domain is said with fields.
enum Detail: Int, CaseIterable {
  /// All that can be.
  case fields
  /// The domain's own; devices are libvirt's XML.
  case domainFields
  /// As little as there must be.
  case xml

  var lower: Detail? { Detail(rawValue: rawValue + 1) }
}

/// Reads domains.
struct DomainReading {
  /// Whether passwords are written too.
  var includesSecrets = false
  /// Whether the host's libvirt writes down which firmware it chose, so that such a choice nobody asked for it.
  var isFirmwareWritten = false

  /// Devices that are not said with fields: `disks.vda`.
  var rawDevices: Set<String> = []

  /// The domain as the spec would have it, so that an empty host would get the same.
  func object(for domain: ObservedDomain, _ detail: Detail) -> ImportedObject {
    var source = domain.inactive
    OwnershipRecord.remove(from: &source)
    if !includesSecrets { source = XMLFragment(source).withoutSecrets.root }
    source.removeImpliedDevices()
    if isFirmwareWritten { source.removeChosenFirmware(ofDomain: domain.name) }
    source.removeCountedNumbers()
    var object = ImportedObject(Vocabulary.domain, domain.name)
    var devices = DeviceReading(raw: rawDevices)
    let memory = (whole: Vocabulary.wholeMemory(of: source), devices: Vocabulary.deviceMemory(of: source))
    let hasAllMemory = Vocabulary.domain[.currentMemory, in: source] == memory.whole
    let current = source.first("currentMemory")
    if detail == .fields { devices.read(&source) }
    source.removeKeys()
    Vocabulary.recountMemory(of: &source, devicesBefore: memory.devices)
    // What the balloon leaves the guest is a part of all its memory, that of devices included.
    if let current { source.update("currentMemory") { $0 = current } }
    object.members = devices.objects

    // What a new domain is before its fields: see the planner's skeleton for `defaults: libvirt`.
    let start = NewDomain.bare(
      type: source[attribute: "type"] ?? "kvm", DomainIdentity(name: domain.name, uuid: domain.uuid))
    let fields = Set(Vocabulary.domain.fields).subtracting([
      Vocabulary.domain[.memory], Vocabulary.domain[.uuid], Vocabulary.domain[.type],
    ])
    let reading = FieldReading(source, as: Vocabulary.domain, from: start, skipping: detail == .xml ? fields : [])
    object.values = reading.values
    var made = reading.made
    // The memory without its devices, also where these are said in libvirt's own XML.
    if let amount = Vocabulary.domain[.memory].lens?.get(source), let whole = source.first("memory") {
      object[.memory] = amount
      made.update("memory") { $0 = whole }
    }
    if hasAllMemory { object[.currentMemory] = nil }
    object[.defaults] = .string(Completion.libvirt.rawValue)
    object[.type] = source[attribute: "type"].map(Value.string)
    object[.uuid] = .string(domain.uuid)
    if domain.autostart { object[.autostart] = .boolean(true) }
    if let rest = XMLFragment.rest(of: source, beyond: made) { object[.xml] = .xml(rest) }
    return object
  }
}

extension XMLElement {
  /// Takes out the devices that libvirt adds to every definition by itself, and that no spec needs to ask for.
  fileprivate mutating func removeImpliedDevices() {
    guard let devices = first("devices") else { return }
    update("devices") { element in
      element.children.removeAll { $0.element.map { DeviceRule.isImplied($0, among: devices) } ?? false }
    }
  }

  /// Takes out the aliases by which Vireo knows its own devices: no fragment may say one, and a device that exists keeps it.
  fileprivate mutating func removeKeys() {
    for collection in Vocabulary.domain.collections {
      guard let rule = collection.type.device else { continue }
      update("devices", create: false) { devices in
        devices.updateAll(rule.element) { device in
          guard DeviceIdentity.key(of: device, kind: collection.type.name) != nil else { return }
          device.removeAll("alias")
        }
      }
    }
  }
}
