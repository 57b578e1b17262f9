// Plugging devices into running guests: what libvirt and the guest's board can take.

import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Whether a device can be plugged into the running guest, beside those that are to be plugged in already.
  func canPlugIn(_ element: XMLElement, into running: XMLElement) -> Bool {
    // Into a guest that is to be stopped nothing needs to be plugged.
    guard !isToBeStopped, Hotplug.isPossible(element, into: running) else { return false }
    guard NewDomain.takesRootPort(element), let free = Hotplug.freeRootPorts(of: running) else { return true }
    let devices = xml.first("devices")
    let planned = attachments.count { attachment in
      devices?.elements.first(where: attachment.identity.isMet).map(NewDomain.takesRootPort) ?? true
    }
    return planned < free
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

  /// Whether a guest can let go of a device while it runs: disks on buses that can, and interfaces.
  static func isUnpluggable(_ element: XMLElement) -> Bool {
    switch element.name {
    case "disk":
      element[attribute: "device"] ?? "disk" == "disk"
        && ["virtio", "scsi", "usb"].contains(element.value(at: "target/@bus"))
    case "interface": true
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
    switch element.name {
    case "disk":
      guard element[attribute: "device"] != "cdrom" else { return false }
      switch element.value(at: "target/@bus") {
      case "virtio": return true
      // A controller of its own would not get the address that the stored definition gives it.
      case "scsi", "usb":
        let controllers = running.first("devices")?.all("controller") ?? []
        return controllers.contains { $0[attribute: "type"] == element.value(at: "target/@bus") }
      default: return false
      }
    case "interface": return true
    default: return false
    }
  }
}
