// Plugging devices into running guests: what libvirt and the guest's board can take.

import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Whether a device can be plugged into the running guest, beside those that are to be plugged in already.
  func canPlugIn(_ element: XMLElement, into running: XMLElement) -> Bool {
    // Into a guest that is to be stopped nothing needs to be plugged.
    guard !isToBeStopped, Hotplug.isPossible(element, into: running) else { return false }
    let planned = attachments.map(\.element)
    if element.name == "memory", !Hotplug.hasRoom(for: element, beside: planned, in: running) { return false }
    if Hotplug.takesSerialPort(element),
      planned.count(where: Hotplug.takesSerialPort) >= Hotplug.freeSerialPorts(of: running)
    {
      return false
    }
    guard Hotplug.takesRootPort(element), let free = Hotplug.freeRootPorts(of: running) else { return true }
    return planned.count(where: Hotplug.takesRootPort) < free
  }

  /// Whether a device can be unplugged from the running guest.
  func canUnplug(_ device: DeviceIdentity) -> Bool {
    guard !isToBeStopped, let element = observed?.running.flatMap(device.find) else {
      return false
    }
    return Hotplug.isUnpluggable(element)
  }
}

/// What can be plugged into a running guest (libvirt 9.0, measured per kind of device).
enum Hotplug {
  /// Root ports that no device is in; nil for a board without any.
  static func freeRootPorts(of running: XMLElement) -> Int? {
    let devices = running.first("devices")
    let ports = (devices?.all("controller") ?? []).filter { $0[attribute: "model"] == "pcie-root-port" }
    guard !ports.isEmpty else { return nil }
    let taken = Set(
      (devices?.elements.map { $0 } ?? []).compactMap { device -> Int? in
        guard let address = device.first("address"), address[attribute: "type"] == "pci" else { return nil }
        return address[attribute: "bus"].flatMap { Int($0.dropFirst(2), radix: 16) }
      })
    return ports.count { port in !(port[attribute: "index"].flatMap { Int($0) }.map(taken.contains) ?? true) }
  }

  /// Whether a device takes a root port of a PCI Express board; others share a bus that is there, or have none.
  static func takesRootPort(_ device: XMLElement) -> Bool {
    switch device.name {
    case "disk": device.value(at: "target/@bus") == "virtio"
    case "interface", "rng", "memballoon", "vsock", "crypto", "filesystem": true
    case "controller": ["scsi", "usb", "virtio-serial"].contains(device[attribute: "type"])
    case "input": device[attribute: "bus"] == "virtio"
    case "hostdev": ["pci", "mdev", "scsi_host"].contains(device[attribute: "type"])
    case "memory": device[attribute: "model"]?.hasPrefix("virtio") ?? false
    default: false
    }
  }

  /// Whether a device takes a port of a virtio-serial controller.
  static func takesSerialPort(_ device: XMLElement) -> Bool {
    ["console", "channel"].contains(device.name) && device.value(at: "target/@type") == "virtio"
  }

  /// Ports of virtio-serial controllers that no device is in. libvirt would take another controller for granted that the
  /// running guest does not have.
  static func freeSerialPorts(of running: XMLElement) -> Int {
    let devices = running.first("devices")
    let controllers = (devices?.all("controller") ?? []).filter { $0[attribute: "type"] == "virtio-serial" }
    // Without a number QEMU's controller has 31 ports. The first is kept for a console.
    let ports = controllers.map { min(max($0[attribute: "ports"].flatMap { Int($0) } ?? 31, 1), 1 << 16) - 1 }
      .reduce(0, +)
    return ports - (devices?.elements.count(where: takesSerialPort) ?? 0)
  }

  /// Whether a guest can be asked to let go of a device while it runs.
  static func isUnpluggable(_ element: XMLElement) -> Bool {
    switch element.name {
    case "disk":
      element[attribute: "device"] ?? "disk" == "disk"
        && ["virtio", "scsi", "usb"].contains(element.value(at: "target/@bus"))
    case "interface", "rng", "shmem", "vsock", "redirdev": true
    case "hostdev": isAssignable(element)
    case "input": ["usb", "virtio"].contains(element[attribute: "bus"])
    case "serial": ["usb-serial", "pci-serial"].contains(element.value(at: "target/@type"))
    case "console", "channel": element.value(at: "target/@type") == "virtio"
    case "controller": element[attribute: "type"] == "scsi"
    case "watchdog": element[attribute: "model"] == "i6300esb"
    case "filesystem": element.value(at: "driver/@type") == "virtiofs"
    // QEMU keeps memory on virtio (7.2).
    case "memory": ["dimm", "nvdimm"].contains(element[attribute: "model"])
    default: false
    }
  }

  static func isPossible(_ element: XMLElement, into running: XMLElement) -> Bool {
    let others = running.first("devices")?.elements.map { $0 } ?? []
    // A device that left the definition earlier keeps its target, and a guest its way of booting, until it stops.
    if let target = element.value(at: "target/@dev"), element.name == "disk",
      others.contains(where: { $0.name == "disk" && $0.value(at: "target/@dev") == target })
    {
      return false
    }
    if let order = element.value(at: "boot/@order"),
      running.exists(at: "os/boot") || others.contains(where: { $0.value(at: "boot/@order") == order })
    {
      return false
    }
    // A controller of its own would not get the address that the stored definition gives it.
    func hasBus(_ type: String) -> Bool {
      others.contains { $0.name == "controller" && $0[attribute: "type"] == type && $0[attribute: "model"] != "none" }
    }
    switch element.name {
    case "disk":
      guard element[attribute: "device"] != "cdrom" else { return false }
      return switch element.value(at: "target/@bus") {
      case "virtio": true
      case "scsi": hasBus("scsi")
      case "usb": hasBus("usb")
      default: false
      }
    case "interface", "rng", "vsock": return true
    case "hostdev":
      guard isAssignable(element) else { return false }
      return switch element[attribute: "type"] {
      case "usb": hasBus("usb")
      case "scsi": hasBus("scsi")
      default: true
      }
    case "input":
      // libvirt gives a tablet the bus USB.
      return switch element[attribute: "bus"] ?? (element[attribute: "type"] == "tablet" ? "usb" : nil) {
      case "usb": hasBus("usb")
      case "virtio": true
      default: false
      }
    case "redirdev": return hasBus("usb") && hasDisplay(for: element, in: others)
    case "serial":
      guard hasDisplay(for: element, in: others) else { return false }
      return switch element.value(at: "target/@type") {
      case "usb-serial": hasBus("usb")
      case "pci-serial": hasConventionalPCI(running)
      default: false
      }
    case "console", "channel":
      return takesSerialPort(element) && hasDisplay(for: element, in: others)
    case "controller":
      return element[attribute: "type"] == "scsi"
        && !others.contains {
          $0.name == "controller" && $0[attribute: "type"] == "scsi"
            && $0[attribute: "index"] == element[attribute: "index"]
        }
    case "watchdog":
      // QEMU's action for all watchdogs is settled when it starts.
      return element[attribute: "model"] == "i6300esb" && hasConventionalPCI(running)
        && others.allSatisfy {
          $0.name != "watchdog" || ($0[attribute: "action"] ?? "reset") == (element[attribute: "action"] ?? "reset")
        }
    case "shmem": return hasConventionalPCI(running)
    case "filesystem": return element.value(at: "driver/@type") == "virtiofs" && sharesMemory(running)
    case "memory": return ["dimm", "nvdimm", "virtio-pmem", "virtio-mem"].contains(element[attribute: "model"])
    default: return false
    }
  }

  /// Devices of the host that libvirt hands to a guest, not to a container.
  private static func isAssignable(_ element: XMLElement) -> Bool {
    element[attribute: "mode"] ?? "subsystem" == "subsystem"
      && ["pci", "usb", "scsi", "scsi_host", "mdev"].contains(element[attribute: "type"])
  }

  /// A character device that leads to the viewer of a display needs one.
  private static func hasDisplay(for element: XMLElement, in others: [XMLElement]) -> Bool {
    guard let type = element[attribute: "type"], ["spicevmc", "spiceport"].contains(type) else { return true }
    return others.contains { $0.name == "graphics" && $0[attribute: "type"] == "spice" }
  }

  /// Whether the board has slots of conventional PCI, which PCI Express boards have behind a bridge only.
  private static func hasConventionalPCI(_ running: XMLElement) -> Bool {
    let bridges = ["pci-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge"]
    return running.first("devices")?.all("controller").contains { controller in
      controller[attribute: "model"].map(bridges.contains) ?? false
    } ?? false
  }

  /// Whether another process can share the guest's memory, which is settled when it starts.
  private static func sharesMemory(_ running: XMLElement) -> Bool {
    running.value(at: "memoryBacking/access/@mode") == "shared"
      || running.all(at: "cpu/numa/cell").contains { $0[attribute: "memAccess"] == "shared" }
  }

  /// Whether a running guest has been made ready for a memory device: a free slot, NUMA nodes, and room below the most that
  /// it can have.
  static func hasRoom(for device: XMLElement, beside planned: [XMLElement], in running: XMLElement) -> Bool {
    guard running.exists(at: "cpu/numa/cell"), let whole = Vocabulary.wholeMemory(of: running),
      let slots = running.value(at: "maxMemory/@slots").flatMap({ Int($0) }),
      let most = Vocabulary.domain[.maxMemorySize].lens?.get(running)?.bytes
    else { return false }
    let added = planned.filter { $0.name == "memory" }
    let taken = (running.first("devices")?.all("memory").count ?? 0) + added.count
    let holder = XMLElement("domain", children: [XMLElement("devices", children: added + [device])])
    let (sum, overflow) = whole.addingReportingOverflow(Vocabulary.deviceMemory(of: holder))
    return taken < slots && !overflow && sum <= most
  }
}
