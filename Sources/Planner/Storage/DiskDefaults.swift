// What a disk gets that its entry leaves out: its bus, its target there, its serial number.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// The values of a disk that the spec does not name.
struct DiskDefaults {
  private let context: DomainContext
  private let disk: ObjectSpec
  /// The definition before any disk is planned.
  private let definition: XMLElement
  /// Targets that other new disks have been given.
  private let targets: Set<String>

  init(_ context: DomainContext, _ disk: ObjectSpec, _ definition: XMLElement, _ targets: Set<String>) {
    self.context = context
    self.disk = disk
    self.definition = definition
    self.targets = targets
  }

  /// Completes the element of a new disk.
  func complete(_ element: inout XMLElement) {
    let isMedium = disk[.device] == .cdrom
    if element.value(at: .diskBus) == nil {
      let isOldPC = definition.value(at: .machine).map { MachineType.isOne($0, of: "pc") } ?? false
      element.set(isMedium ? (isOldPC ? "ide" : "sata") : "virtio", at: .diskBus)
    }
    if element.value(at: .diskTarget) == nil { element.set(freeTarget(for: element), at: .diskTarget) }
    if isMedium {
      element.set(context.stack.base(of: disk)?.format.rawValue ?? "raw", at: .diskFormat)
      element.set("", at: .diskReadOnly)
      return
    }
    if disk[.discard] == nil { element.set("unmap", at: .diskDiscard) }
    if disk[.serial] == nil {
      element.set(
        Identity.serial(stack: context.stack.name, domain: context.spec.name, disk: disk.name), at: .diskSerial)
    }
  }

  /// A disk that changes its bus gets a target of the new one, unless the spec names it: libvirt derives the disk's place
  /// on the bus from it.
  ///
  /// - Parameters:
  ///   - current: the disk as the definition has it.
  ///   - identity: how the running guest's disk is found.
  /// - Returns: the target, and what is shown of it; nil for a disk that keeps its own.
  func retarget(
    _ element: inout XMLElement, from current: XMLElement, _ identity: DeviceIdentity
  ) -> (target: String, change: FieldChange?)? {
    guard disk[.target] == nil, current.value(at: .diskBus) != element.value(at: .diskBus) else { return nil }
    let inGuest = context.running.flatMap(identity.find)
    // A guest that has the disk on this bus keeps what it knows it by.
    let isRight = inGuest?.value(at: .diskBus) == element.value(at: .diskBus)
    var others = definition.devices(Vocabulary.disk).compactMap { $0.value(at: .diskTarget) }
    if let own = current.value(at: .diskTarget).flatMap({ others.firstIndex(of: $0) }) { others.remove(at: own) }
    let kept = inGuest?.value(at: .diskTarget).flatMap { isRight && !others.contains($0) ? $0 : nil }
    let target = kept ?? freeTarget(for: element)
    let old = element.value(at: .diskTarget)
    element.set(target, at: .diskTarget)
    guard old != target else { return (target, nil) }
    return (
      target,
      FieldChange(
        "disks.\(disk.name).target", old: old.map(Value.string), new: .string(target),
        effect: inGuest.map { $0.value(at: .diskTarget) != target } ?? false ? .nextBoot : .define, reason: .default,
        range: disk.range)
    )
  }

  /// The first target of the bus that no disk has, here or in the spec.
  private func freeTarget(for element: XMLElement) -> String {
    let bus = element.value(at: .diskBus)
    let prefix =
      switch bus {
      case "virtio": "vd"
      case "ide": "hd"
      default: "sd"
      }
    // A disk that left the definition earlier keeps its target in the running guest.
    let here = [definition, context.running].compactMap { $0?.first("devices") }.flatMap { devices in
      devices.all("disk").compactMap { $0.value(at: .diskTarget) }
    }
    let taken = Set(here + context.spec.members("disks").compactMap { $0[.target] }).union(targets)
    if bus == "nvme" { return (1...).lazy.map { "nvme0n\($0)" }.first { !taken.contains($0) } ?? "nvme0n1" }
    let letters = (0...25).map { String(UnicodeScalar(UInt8(ascii: "a") + $0)) }
    let names = letters + letters.flatMap { first in letters.map { first + $0 } }
    return names.lazy.map { prefix + $0 }.first { !taken.contains($0) } ?? prefix + "a"
  }
}
