// Rules between the parts of a definition: what libvirt would refuse is settled where that is harmless, and refused here,
// with its place in the spec, where it is not.

import Inventory
import Spec
import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Applies the rules, once fields and devices are planned.
  mutating func settleDefinition() {
    settleBootOrder()
    settleAudio()
    settleConsoles()
    settleFirmware()
    checkVariablesFormat()
    checkBoard()
    checkTargets()
  }

  /// A boot order of devices and `os/boot`, where libvirt writes `hd` for definitions with neither, exclude each other.
  private mutating func settleBootOrder() {
    let devices = spec.members("disks") + spec.members("interfaces")
    guard devices.contains(where: { $0[ifKnown: .bootOrder] != nil }) else { return }
    xml.update("os") { $0.removeAll("boot") }
  }

  /// libvirt adds the sound of a SPICE display by itself, and refuses it once that display is gone.
  private mutating func settleAudio() {
    guard let devices = xml.first("devices"),
      !devices.all("graphics").contains(where: { $0[attribute: "type"] == "spice" })
    else { return }
    let declared = spec.members("audios").compactMap { identities["audios.\($0.name)"]?.find(in: xml) }
    let left = devices.all("audio").filter { $0[attribute: "type"] == "spice" && !declared.contains($0) }
    guard !left.isEmpty else { return }
    xml.update("devices") { $0.removeAll("audio") { left.contains($0) } }
    for audio in left {
      guard let (name, values) = builder.given.device(audio) else { continue }
      let isInGuest = observed?.running?.first("devices")?.all("audio").contains { $0[attribute: "type"] == "spice" }
      changes.append(
        FieldChange(
          name, old: values, effect: isInGuest ?? false ? .nextBoot : .define, reason: .default,
          detail: "the sound of a SPICE display, which goes", range: spec.range))
    }
  }

  /// The first console mirrors the first serial port. libvirt adds it where there is no console at all, and where there
  /// are others gives one of them its place.
  private mutating func settleConsoles() {
    guard let devices = xml.first("devices"), let serial = devices.first("serial"),
      let console = devices.first("console"),
      console.value(at: .characterTarget) ?? "serial" != "serial",
      !["pci-serial", "usb-serial", "isa-debug"].contains(serial.value(at: .characterTarget)),
      let type = serial[attribute: "type"]
    else { return }
    xml.update("devices") { devices in
      let mirror = XMLElement(
        "console", ["type": type], children: [XMLElement("target", ["type": "serial", "port": "0"])])
      devices.insert(mirror, at: devices.indexOfChild("console") ?? 0)
    }
  }

  /// Another board has other buses, so that no address that the devices have would mean anything.
  private mutating func checkBoard() {
    guard let observed, let machine = spec.setting(.machine),
      let old = observed.inactive.value(at: .machine), let new = xml.value(at: .machine),
      let board = board(old), let other = self.board(new), board != other
    else { return }
    builder.refuse(
      "cannot-change", "machine is \(old) and cannot become \(machine.value), a board with other buses",
      at: machine.range, subject: object, suggestion: "only a new domain can have it")
  }

  private func board(_ machine: String) -> String? {
    ["q35", "pc"].first { MachineType.isOne(machine, of: $0) }
  }

  /// Two disks cannot have one target; a disk that was there before has one even where the spec says none.
  private mutating func checkTargets() {
    let targets = xml.devices(Vocabulary.disk).compactMap { $0.value(at: .diskTarget) }
    for disk in spec.members("disks") {
      guard let setting = disk.setting(.target), let target = disk[.target],
        targets.count(where: { $0 == target }) > 1
      else { continue }
      builder.refuse(
        "conflict", "another disk of the domain has the target \(target) already", at: setting.range, subject: object,
        suggestion: "choose another one, or give that disk a `target` of its own")
    }
  }
}
