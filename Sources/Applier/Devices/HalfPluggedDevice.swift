// What a run that was killed while it plugged in a device leaves in QEMU: the device's parts, or the device itself, without
// libvirt knowing of them. An embedded driver dies in the middle with the program, and QEMU refuses the same names later.

import Libvirt
import Planner
import Vocabulary
import XMLTree

/// A device that is to be plugged in and that libvirt does not know the guest to have.
struct HalfPluggedDevice {
  let domain: LibvirtDomain
  let device: XMLElement

  /// Whether libvirt's error is that QEMU has something of the name already.
  static func isSuspected(_ error: LibvirtError) -> Bool { Phrase.nameTaken.occurs(in: error.message) }

  /// Takes out of QEMU what it has of the device.
  ///
  /// - Returns: whether all of it is gone. A guest without a system keeps a device on PCI.
  func clear() async throws -> Bool {
    guard let alias = device.value(at: .alias) else { return false }
    let monitor = GuestMonitor(domain: domain)
    do {
      guard try await unplug(alias, monitor) else { return false }
      for object in try await names("/objects", monitor) where Self.objects(of: alias).contains(object) {
        try await monitor.ask("object-del", ["id": .text(object)])
      }
      let channels = try await monitor.ask("query-chardev").items.compactMap { $0["label"]?.string }
      for channel in channels where channel == "char\(alias)" {
        try await monitor.ask("chardev-remove", ["id": .text(channel)])
      }
      if Vocabulary.interface.holds(device) {
        // QEMU has no question for these.
        _ = try? await monitor.ask("netdev_del", ["id": .text("host\(alias)")])
      }
      if let path = DiskSource.path(of: device) { try await monitor.close { $0 == path } }
      return true
    } catch let error as LibvirtError where error.isUnsupported {
      return false
    } catch is ActionFailure {
      // QEMU needs it still.
      return false
    }
  }

  /// QEMU's objects that libvirt makes for a device: of random numbers, memory, shared memory.
  private static func objects(of alias: String) -> [String] { ["obj\(alias)", "mem\(alias)", "shmmem-\(alias)"] }

  private func unplug(_ alias: String, _ monitor: GuestMonitor) async throws -> Bool {
    guard try await names("/machine/peripheral", monitor).contains(alias) else { return true }
    try await monitor.ask("device_del", ["id": .text(alias)])
    for _ in 0..<20 {
      guard try await names("/machine/peripheral", monitor).contains(alias) else { return true }
      try await Task.sleep(for: .milliseconds(100))
    }
    return false
  }

  private func names(_ path: String, _ monitor: GuestMonitor) async throws -> [String] {
    try await monitor.ask("qom-list", ["path": .text(path)]).items.compactMap { $0["name"]?.string }
  }
}
