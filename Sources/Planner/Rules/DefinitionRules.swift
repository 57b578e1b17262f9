// Rules between the parts of a definition: what libvirt would refuse is settled where that is harmless, and refused here,
// with its place in the spec, where it is not.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// What the parts of a definition ask of each other.
enum DefinitionRules {
  /// Applies the rules, once fields and devices are planned.
  ///
  /// - Parameter owned: what this apply owns.
  static func settle(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], owned: OwnershipRecord,
    in definition: inout XMLElement, _ given: inout GivenValues
  ) -> DomainPart {
    var part = DomainPart(context)
    settleBootOrder(context.spec, in: &definition)
    part.changes += settleAudio(context, identities, in: &definition, &given)
    settleConsoles(in: &definition)
    part += FirmwareRules.settle(context, owned: owned, in: &definition)
    part.findings += FirmwareRules.checkVariables(context, definition)
    part.findings += checkBoard(context, definition)
    part.findings += checkBuses(context, definition)
    part.findings += checkTargets(context, definition)
    return part
  }

  /// A boot order of devices and `os/boot`, where libvirt writes `hd` for definitions with neither, exclude each other.
  private static func settleBootOrder(_ spec: ObjectSpec, in definition: inout XMLElement) {
    let devices = spec.members("disks") + spec.members("interfaces")
    guard devices.contains(where: { $0[ifKnown: .bootOrder] != nil }) else { return }
    definition.update("os") { $0.removeAll("boot") }
  }

  /// libvirt adds the sound of a SPICE display by itself, and refuses it once that display is gone.
  private static func settleAudio(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], in definition: inout XMLElement,
    _ given: inout GivenValues
  ) -> [FieldChange] {
    func isSPICE(_ element: XMLElement) -> Bool { element[attribute: "type"] == "spice" }
    guard let devices = definition.first("devices"), !devices.all("graphics").contains(where: isSPICE) else {
      return []
    }
    let declared = context.spec.members("audios").compactMap { identities["audios.\($0.name)"]?.find(in: definition) }
    let left = devices.all("audio").filter { isSPICE($0) && !declared.contains($0) }
    guard !left.isEmpty else { return [] }
    definition.update("devices") { $0.removeAll("audio") { left.contains($0) } }
    let isInGuest = context.running?.first("devices")?.all("audio").contains(where: isSPICE) ?? false
    return left.compactMap { audio in
      given.device(audio).map { name, values in
        FieldChange(
          name, old: values, effect: isInGuest ? .nextBoot : .define, reason: .default,
          detail: "the sound of a SPICE display that is removed", range: context.spec.range)
      }
    }
  }

  /// The first console mirrors the first serial port. libvirt adds it where there is no console at all, and where there
  /// are others gives one of them its place.
  private static func settleConsoles(in definition: inout XMLElement) {
    guard let devices = definition.first("devices"), let serial = devices.first("serial"),
      let console = devices.first("console"),
      console.value(at: .characterTarget) ?? "serial" != "serial",
      !["pci-serial", "usb-serial", "isa-debug"].contains(serial.value(at: .characterTarget)),
      let type = serial[attribute: "type"]
    else { return }
    definition.update("devices") { devices in
      let mirror = XMLElement(
        "console", ["type": type], children: [XMLElement("target", ["type": "serial", "port": "0"])])
      devices.insert(mirror, at: devices.indexOfChild("console") ?? 0)
    }
  }

  /// A disk on a bus that the machine does not have; the spec alone tells where it names the machine.
  private static func checkBuses(_ context: DomainContext, _ definition: XMLElement) -> Findings {
    var findings = Findings(about: context.object)
    guard context.spec[.machine] == nil, let machine = definition.value(at: .machine),
      MachineType.hasIDE(machine) == false
    else { return findings }
    for disk in context.spec.members("disks") {
      guard let bus = disk.setting(.bus), disk[.bus] == "ide" else { continue }
      findings.refuse(
        "conflict", "the machine \(machine) has no IDE controller for \(disk.title)", at: bus.range,
        suggestion: context.isNew
          ? "write `bus: sata`, or `machine: pc` for the domain" : "write `bus: sata`")
    }
    return findings
  }

  /// Another board has other buses, so that no address that the devices have would mean anything.
  private static func checkBoard(_ context: DomainContext, _ definition: XMLElement) -> Findings {
    var findings = Findings(about: context.object)
    guard let observed = context.observed, let machine = context.spec.setting(.machine),
      let old = observed.inactive.value(at: .machine), let new = definition.value(at: .machine),
      let board = board(old), let other = self.board(new), board != other
    else { return findings }
    findings.refuse(
      "cannot-change", "machine is \(old) and cannot become \(machine.value), a board with other buses",
      at: machine.range, suggestion: "only a new domain can have it")
    return findings
  }

  private static func board(_ machine: String) -> String? {
    ["q35", "pc"].first { MachineType.isOne(machine, of: $0) }
  }

  /// Two disks cannot have one target; a disk that was there before has one even where the spec says none.
  private static func checkTargets(_ context: DomainContext, _ definition: XMLElement) -> Findings {
    var findings = Findings(about: context.object)
    let targets = definition.devices(Vocabulary.disk).compactMap { $0.value(at: .diskTarget) }
    for disk in context.spec.members("disks") {
      guard let setting = disk.setting(.target), let target = disk[.target],
        targets.count(where: { $0 == target }) > 1
      else { continue }
      findings.refuse(
        "conflict", "another disk of the domain has the target \(target) already", at: setting.range,
        suggestion: "choose another target, or give that disk its own `target`")
    }
    return findings
  }
}
