// What a running guest takes and lets go of: libvirt 9.0 to 12, measured per kind of device.

public import XMLTree

/// Devices of a kind that a running guest treats alike.
public struct Hotplug: Sendable {
  /// Which devices of the kind, in words behind its name: `on SCSI`; empty for all that no other words fit.
  public let devices: String
  /// What such a device takes or needs in the guest, whether it is there from the start or plugged in.
  public let needs: [Need]
  /// Whether a running guest can get one.
  public let canPlug: Bool
  /// Whether a running guest can be asked to let go of one.
  public let canUnplug: Bool
  let holds: @Sendable (XMLElement) -> Bool

  private init(
    _ devices: String, _ needs: [Need], canPlug: Bool, canUnplug: Bool,
    _ holds: @escaping @Sendable (XMLElement) -> Bool
  ) {
    self.devices = devices
    self.needs = needs
    self.canPlug = canPlug
    self.canUnplug = canUnplug
    self.holds = holds
  }

  /// Devices that a running guest gets and lets go of.
  static func live(
    _ devices: String = "", needs: [Need], where holds: @escaping @Sendable (XMLElement) -> Bool = { _ in true }
  ) -> Hotplug { Hotplug(devices, needs, canPlug: true, canUnplug: true, holds) }

  /// Devices that a running guest gets, and keeps until it stops.
  static func plugged(
    _ devices: String = "", needs: [Need], where holds: @escaping @Sendable (XMLElement) -> Bool = { _ in true }
  ) -> Hotplug { Hotplug(devices, needs, canPlug: true, canUnplug: false, holds) }

  /// Devices that come and go with the next start.
  static func restart(
    _ devices: String = "", needs: [Need] = [], where holds: @escaping @Sendable (XMLElement) -> Bool = { _ in true }
  ) -> Hotplug { Hotplug(devices, needs, canPlug: false, canUnplug: false, holds) }

  /// Whether the guest has a say in whether it lets go: of what sits on PCI and of memory, but not of what is on a bus
  /// whose controller does without it.
  public var needsGuestToUnplug: Bool {
    needs.contains { [.rootPort, .conventionalPCI, .memorySlot].contains($0) }
  }
}

extension Hotplug {
  /// Whether a device can be plugged into a running guest.
  ///
  /// - Parameters:
  ///   - device: the device as it is stored.
  ///   - running: the domain as it runs.
  ///   - planned: devices that are to be plugged in before it.
  public static func canPlug(_ device: XMLElement, into running: XMLElement, beside planned: [XMLElement]) -> Bool {
    guard let hotplug = DeviceRule.rule(of: device)?.hotplug(of: device), hotplug.canPlug else { return false }
    return keepsBootOrder(device, running)
      && hotplug.needs.allSatisfy { $0.isMet(for: device, by: running, beside: planned) }
  }

  /// Whether a running guest can be asked to let go of a device.
  public static func canUnplug(_ device: XMLElement) -> Bool {
    DeviceRule.rule(of: device)?.hotplug(of: device)?.canUnplug ?? false
  }

  /// Whether a device takes a place of its own of a sort in the guest.
  public static func takes(_ need: Need, _ device: XMLElement) -> Bool {
    DeviceRule.rule(of: device)?.hotplug(of: device)?.needs.contains(need) ?? false
  }

  /// A guest keeps its way of booting until it stops.
  private static func keepsBootOrder(_ device: XMLElement, _ running: XMLElement) -> Bool {
    guard let order = device.value(at: "boot/@order") else { return true }
    return !running.exists(at: "os/boot")
      && !(running.first("devices")?.elements.contains { $0.value(at: "boot/@order") == order } ?? false)
  }
}
