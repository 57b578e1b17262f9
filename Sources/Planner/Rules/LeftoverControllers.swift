// Controllers that libvirt added for a device and that nothing uses once the device has left its place: they would hold addresses
// that the spec means for others, and the definition would not be what it was before.

import Spec
import Vocabulary
import XMLTree

/// Numbers of controllers by their type: `pci:0-14 usb:0`.
struct ControllerNumbers: Hashable, CustomStringConvertible {
  private var numbers: [String: Set<Int>] = [:]

  /// The controllers that a domain has.
  init(of domain: XMLElement) {
    for controller in domain.devices(Vocabulary.controller) {
      if let key = Self.key(of: controller) { numbers[key.type, default: []].insert(key.index) }
    }
  }

  init?(_ text: String) {
    for word in text.split(separator: " ") {
      let parts = word.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      for range in parts[1].split(separator: ",") {
        let ends = range.split(separator: "-").compactMap { Int($0) }
        guard let first = ends.first, let last = ends.last, first <= last, last < 1 << 16 else { return nil }
        numbers[String(parts[0]), default: []].formUnion(first...last)
      }
    }
  }

  func contains(_ controller: XMLElement) -> Bool {
    Self.key(of: controller).map { numbers[$0.type]?.contains($0.index) ?? false } ?? true
  }

  /// Whether there is more of the buses than their root.
  var hasPorts: Bool { !(numbers["pci"] ?? []).subtracting([0]).isEmpty }

  var description: String {
    numbers.sorted { $0.key < $1.key }.map { type, indices in
      var ranges: [ClosedRange<Int>] = []
      for index in indices.sorted() {
        if let last = ranges.last, last.upperBound + 1 == index {
          ranges[ranges.count - 1] = last.lowerBound...index
        } else {
          ranges.append(index...index)
        }
      }
      let texts = ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      return "\(type):\(texts.joined(separator: ","))"
    }.joined(separator: " ")
  }

  private static func key(of controller: XMLElement) -> (type: String, index: Int)? {
    guard let type = controller[attribute: "type"], let index = controller[attribute: "index"].flatMap(Int.init) else {
      return nil
    }
    return (type, index)
  }
}

/// The rule of controllers that are left over.
enum LeftoverControllers {
  /// Takes out the controllers that came with devices since the domain was first changed, once the last device has left them: what
  /// the spec declares stays, and so does what was there before.
  static func settle(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], in definition: inout XMLElement,
    _ given: inout GivenValues
  ) -> [FieldChange] {
    guard let observed = context.observed?.inactive, let known = context.record?.controllers, observed != definition
    else {
      return []
    }
    let declared = context.spec.members("controllers").compactMap {
      identities["controllers.\($0.name)"]?.find(in: definition)
    }
    var changes: [FieldChange] = []
    while let leftover = definition.devices(Vocabulary.controller).first(where: { controller in
      !known.contains(controller) && !declared.contains(controller)
        && (isUsed(controller, in: observed) || isSpare(controller, known)) && !isUsed(controller, in: definition)
    }) {
      definition.update("devices") { $0.removeAll("controller") { $0 == leftover } }
      let isInGuest = context.running.map { running in
        running.devices(Vocabulary.controller).contains {
          $0[attribute: "type"] == leftover[attribute: "type"] && $0[attribute: "index"] == leftover[attribute: "index"]
        }
      }
      guard let (name, values) = given.device(leftover) else { continue }
      changes.append(
        FieldChange(
          name, old: values, effect: isInGuest ?? false ? .nextBoot : .define, reason: .default,
          detail: "libvirt added it for a device that has left it", range: context.spec.range))
    }
    return changes
  }

  /// Whether libvirt added a port for later devices, as it does with the first one that it adds.
  private static func isSpare(_ controller: XMLElement, _ known: ControllerNumbers) -> Bool {
    controller[attribute: "model"] == "pcie-root-port" && !known.hasPorts
  }

  /// Whether a device sits on a controller, or may come to sit there.
  private static func isUsed(_ controller: XMLElement, in domain: XMLElement) -> Bool {
    guard let type = controller[attribute: "type"], let index = controller[attribute: "index"].flatMap(Int.init) else {
      return true
    }
    let others = domain.first("devices")?.elements.filter { $0 != controller } ?? []
    return others.contains { device in
      guard let address = device.first("address") else { return mayTake(device, type) }
      let bus = address[attribute: "bus"].flatMap(number)
      let own = address[attribute: "controller"].flatMap(number)
      switch address[attribute: "type"] {
      case "pci":
        if type == "pci", bus == index { return true }
        // The other functions of a slot are found by its first one.
        let place = ["type", "domain", "bus", "slot"]
        guard let mine = controller.first("address"), mine[attribute: "function"].flatMap(number) == 0,
          address[attribute: "function"].flatMap(number) != 0
        else { return false }
        return place.allSatisfy { mine[attribute: $0] == address[attribute: $0] }
      case "drive": return own == index && (device.value(at: .diskBus) ?? "scsi") == type
      case "virtio-serial": return type == "virtio-serial" && own == index
      case "ccid": return type == "ccid" && own == index
      case "usb": return type == "usb" && bus == index
      default: return false
      }
    }
  }

  /// Whether libvirt may put a device without an address on a controller of a type.
  private static func mayTake(_ device: XMLElement, _ type: String) -> Bool {
    switch (device.name, type) {
    case ("disk", _): device.value(at: .diskBus) == type || device.value(at: .diskBus) == "virtio" && type == "pci"
    case ("controller", "pci"), ("interface", "pci"), ("video", "pci"), ("sound", "pci"), ("hostdev", _),
      ("rng", "pci"),
      ("filesystem", "pci"), ("vsock", "pci"), ("watchdog", "pci"), ("shmem", "pci"), ("crypto", "pci"):
      true
    case ("memballoon", "pci"): device[attribute: "model"] != "none"
    case ("input", "usb"), ("redirdev", "usb"), ("hub", "usb"), ("smartcard", "ccid"): true
    case ("channel", "virtio-serial"), ("console", "virtio-serial"): device.value(at: .characterTarget) == "virtio"
    default: false
    }
  }

  private static func number(_ text: String) -> Int? {
    text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
  }
}

/// The rule of addresses that two devices would have.
enum AddressRules {
  /// Takes the address of a device that is given back as it was and whose place another device has taken since: libvirt gives it
  /// a new one.
  static func settle(_ context: DomainContext, in definition: inout XMLElement) {
    guard let observed = context.observed?.inactive, let formers = context.record?.formers, !formers.isEmpty else {
      return
    }
    let before = observed.first("devices").map { Array($0.elements) } ?? []
    definition.update("devices", create: false) { devices in
      let all = Array(devices.elements)
      for (index, device) in all.enumerated() where !before.contains(device) {
        guard let address = device.first("address"), address[attribute: "type"] != nil,
          formers.values.contains(where: { $0.element == device }),
          all.enumerated().contains(where: { $0 != index && $1.first("address") == address && isOfOneKind($1, device) })
        else { continue }
        var moved = device
        moved.removeAll("address")
        if let place = devices.children.firstIndex(where: { $0.element == device }) {
          devices.replaceChild(at: place, with: moved)
        }
      }
    }
  }

  /// Whether equal addresses are one place: drives of different buses have their own.
  private static func isOfOneKind(_ a: XMLElement, _ b: XMLElement) -> Bool {
    a.value(at: .diskBus) == b.value(at: .diskBus) || a.first("address")?[attribute: "type"] == "pci"
  }
}
