// What a running guest must have so that a device can be plugged in: a place on a bus, and whatever QEMU settles when it starts.

import XMLTree

extension Hotplug {
  /// What a device takes or needs in a running guest.
  public enum Need: Sendable, Hashable {
    /// A root port of a board with PCI Express.
    case rootPort
    /// A slot of conventional PCI.
    case conventionalPCI
    /// A controller of a type. One of the device's own would not get the address that the stored definition gives it.
    case bus(String)
    /// A port of a virtio-serial controller.
    case serialPort
    /// A slot for memory, and room below the most that the guest can have.
    case memorySlot
    /// Memory that another process can share, which is settled when the guest starts.
    case sharedMemory
    /// A display whose viewer the device leads to, where it leads to one.
    case viewer
    /// A number that no other of the kind has.
    case ownNumber
    /// The name on its bus that no other of the kind has; one that left the definition keeps its name until the guest stops.
    case ownTarget
    /// The action that all of the kind have, which QEMU settles when it starts.
    case commonAction
  }
}

extension Hotplug.Need {
  /// What the guest must have, in words behind "requires"; nil where this goes without saying.
  public var words: String? {
    switch self {
    case .rootPort: "a free root port, on a board with PCI Express"
    case .conventionalPCI: "conventional PCI, which boards with PCI Express have behind a bridge"
    case .bus("usb"): "a USB controller"
    case .bus("scsi"): "a SCSI controller"
    case .bus(let type): "a controller of the type `\(type)`"
    case .serialPort: "a virtio-serial controller with a free port"
    case .memorySlot: "`max-memory` with a free slot and enough room, and a NUMA cell"
    case .sharedMemory: "shared memory: `memory-backing.access: shared`"
    case .viewer: "a SPICE display, if it leads to the viewer"
    case .commonAction: "the `action` of the guest's other watchdogs"
    case .ownNumber, .ownTarget: nil
    }
  }

  /// Whether a running guest has it, beside what other devices are going to take.
  func isMet(for device: XMLElement, by running: XMLElement, beside planned: [XMLElement]) -> Bool {
    let others = running.first("devices")?.elements.map { $0 } ?? []
    /// Devices of the same kind that the guest has.
    func kin(_ isLike: (XMLElement) -> Bool) -> Bool { others.contains { $0.name == device.name && isLike($0) } }
    func plannedCount() -> Int { planned.count { Hotplug.takes(self, $0) } }
    switch self {
    case .rootPort: return Self.freeRootPorts(of: running).map { plannedCount() < $0 } ?? true
    case .conventionalPCI:
      return Self.controllers(of: running).contains { Self.bridges.contains($0[attribute: "model"] ?? "") }
    case .bus(let type):
      return Self.controllers(of: running).contains {
        $0[attribute: "type"] == type && $0[attribute: "model"] != "none"
      }
    case .serialPort: return plannedCount() < Self.freeSerialPorts(of: running)
    case .memorySlot: return Self.hasRoom(for: device, beside: planned.filter { Hotplug.takes(self, $0) }, in: running)
    case .sharedMemory:
      return running.value(at: "memoryBacking/access/@mode") == "shared"
        || running.all(at: "cpu/numa/cell").contains { $0[attribute: "memAccess"] == "shared" }
    case .viewer:
      guard ["spicevmc", "spiceport"].contains(device[attribute: "type"]) else { return true }
      return others.contains { $0.name == "graphics" && $0[attribute: "type"] == "spice" }
    case .ownNumber:
      return !kin {
        $0[attribute: "type"] == device[attribute: "type"] && $0[attribute: "index"] == device[attribute: "index"]
      }
    case .ownTarget:
      guard let target = device.value(at: "target/@dev") else { return true }
      return !kin { $0.value(at: "target/@dev") == target }
    case .commonAction:
      return !kin { ($0[attribute: "action"] ?? "reset") != (device[attribute: "action"] ?? "reset") }
    }
  }

  private static func controllers(of running: XMLElement) -> [XMLElement] {
    running.first("devices").map { $0.all("controller") } ?? []
  }

  /// Controllers with slots of conventional PCI.
  private static let bridges: Set = ["pci-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge"]

  /// Root ports that no device is in; nil for a board without any.
  static func freeRootPorts(of running: XMLElement) -> Int? {
    let ports = controllers(of: running).filter { $0[attribute: "model"] == "pcie-root-port" }
    guard !ports.isEmpty else { return nil }
    let taken = Set(
      (running.first("devices")?.elements.map { $0 } ?? []).compactMap { device -> Int? in
        guard let address = device.first("address"), address[attribute: "type"] == "pci" else { return nil }
        return address[attribute: "bus"].flatMap { Int($0.dropFirst(2), radix: 16) }
      })
    return ports.count { port in !(port[attribute: "index"].flatMap { Int($0) }.map(taken.contains) ?? true) }
  }

  /// Ports of virtio-serial controllers that no device is in. libvirt would take another controller for granted that the
  /// running guest does not have.
  static func freeSerialPorts(of running: XMLElement) -> Int {
    let controllers = controllers(of: running).filter { $0[attribute: "type"] == "virtio-serial" }
    // Without a number QEMU's controller has 31 ports. The first is kept for a console.
    let ports = controllers.map { min(max($0[attribute: "ports"].flatMap { Int($0) } ?? 31, 1), 1 << 16) - 1 }
      .reduce(0, +)
    return ports - (running.first("devices")?.elements.count { Hotplug.takes(.serialPort, $0) } ?? 0)
  }

  /// Whether a running guest has been made ready for a memory device: a free slot, NUMA nodes, and room below the most that
  /// it can have.
  private static func hasRoom(for device: XMLElement, beside added: [XMLElement], in running: XMLElement) -> Bool {
    guard running.exists(at: "cpu/numa/cell"), let whole = Vocabulary.wholeMemory(of: running),
      let slots = running.value(at: "maxMemory/@slots").flatMap({ Int($0) }),
      let most = Vocabulary.domain[.maxMemorySize, in: running]
    else { return false }
    let taken = (running.first("devices")?.all(device.name).count ?? 0) + added.count
    let holder = XMLElement("domain", children: [XMLElement("devices", children: added + [device])])
    let (sum, overflow) = whole.addingReportingOverflow(Vocabulary.deviceMemory(of: holder))
    return taken < slots && !overflow && sum <= most
  }
}
