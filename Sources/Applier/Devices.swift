// Changes to running guests' devices: growing a disk, plugging one in.

import Libvirt
import Planner
import Vocabulary
import XMLTree

extension ApplyRun {
  /// Grows the disk of a running guest. Never shrinks it: libvirt would, without a flag or an error.
  func resizeBlockDevice(of identity: DomainIdentity, _ target: String, _ path: String, _ size: UInt64) async throws {
    let domain = try await domain(identity)
    let disk = "disk \(target) of domain \(domain.name)"
    try requireImage(path, of: target, in: try await running(domain), disk)
    let before = try await domain.blockInfo(target).capacity
    if before == size { return }
    try requireGrowth(disk, from: before, to: size)
    try await domain.blockResize(target, bytes: size)
    try requireSize(disk, try await domain.blockInfo(target).capacity, size)
  }

  /// Plugs a device into a running guest, as the stored definition has it. One that is there counts as plugged in.
  func attachDevice(to identity: DomainIdentity, _ device: DeviceIdentity, _ name: String) async throws {
    let domain = try await domain(identity)
    let before = try await running(domain)
    if device.find(in: before) != nil { return }
    let stored = try await connection.storedDefinition(of: domain)
    try await plug(try device.element(in: stored, name, of: domain.name), into: domain, name)
    let after = try await running(domain)
    if device.find(in: after) != nil { return }
    throw ActionFailure(
      "`\(name)` was plugged into domain \(domain.name), but the guest does not have it", remedy: restartForDevice,
      field: name)
  }

  /// Plugs a device in at the address that the definition gives it, or wherever libvirt finds a place: until the next
  /// start the guest may have another device there that left the definition, or no such bus.
  private func plug(_ device: XMLElement, into domain: LibvirtDomain, _ name: String) async throws {
    var elsewhere = device
    elsewhere.removeAll("address")
    do {
      try await domain.attachDevice(device.serialised(), scope: .live)
    } catch let error as LibvirtError where !error.isConnectionLost && elsewhere != device {
      do {
        try await domain.attachDevice(elsewhere.serialised(), scope: .live)
      } catch {
        throw attachFailure(error, name, domain.name)
      }
    } catch {
      throw attachFailure(error, name, domain.name)
    }
  }

  /// Asks a running guest to let go of a device that left the stored definition.
  ///
  /// - Returns: why the guest has it still; nil when it is gone. It goes with the guest's next start at the latest.
  func detachDevice(from identity: DomainIdentity, _ device: DeviceIdentity, _ name: String) async throws -> String? {
    let domain = try await domain(identity)
    guard try await domain.isActive() else { return nil }
    let running = try await connection.runningDefinition(of: domain)
    guard let alias = device.find(in: running)?.value(at: "alias/@name") else { return nil }
    do {
      try await domain.detachDevice(alias: alias, scope: .live)
    } catch let error as LibvirtError where !error.isConnectionLost {
      return "`\(name)` cannot be unplugged as the guest runs (\(plainMessage(error)))"
    }
    // Success means that the guest was asked. One without a system never answers.
    if try await domain.waitUntilDeviceRemoved(alias: alias, timeout: .seconds(10)) { return nil }
    return "the guest has not let go of `\(name)`"
  }

  /// What the guest is as it runs, which it must.
  private func running(_ domain: LibvirtDomain) async throws -> XMLElement {
    guard try await domain.isActive() else {
      throw ActionFailure("domain \(domain.name) does not run any more", remedy: planAgain)
    }
    return try await connection.runningDefinition(of: domain)
  }
}

private let restartForDevice = "stop and start the domain: its stored definition has the device"

private func attachFailure(_ error: any Error, _ name: String, _ domain: String) -> ActionFailure {
  guard let error = error as? LibvirtError, !error.isConnectionLost else { return ActionFailure(error) }
  return ActionFailure(
    "cannot plug `\(name)` into the running domain \(domain): \(startMessage(error).text)", remedy: restartForDevice,
    field: name)
}

extension DeviceIdentity {
  fileprivate func element(in domain: XMLElement, _ name: String, of domainName: String) throws -> XMLElement {
    guard let element = find(in: domain) else {
      throw ActionFailure("the stored definition of domain \(domainName) has no `\(name)` any more", remedy: planAgain)
    }
    return element
  }
}

private func requireImage(_ path: String, of target: String, in running: XMLElement, _ disk: String) throws {
  let disks = running.first("devices")?.all("disk") ?? []
  guard let found = disks.first(where: { $0.value(at: "target/@dev") == target }) else {
    throw ActionFailure("\(disk) is not there any more", remedy: planAgain)
  }
  let stored = found.value(at: "source/@file")
  if stored == path { return }
  throw ActionFailure(
    "\(disk) changed since it was planned: its image is \(stored ?? "no file"), not \(path)", remedy: planAgain)
}

private func requireGrowth(_ disk: String, from old: UInt64, to new: UInt64) throws(ActionFailure) {
  if old < new { return }
  throw ActionFailure(
    "\(disk) has \(ByteCount.text(old)), more than the \(ByteCount.text(new)) asked for; shrinking would cut off data",
    remedy: "ask for at least \(ByteCount.text(old))", field: "size")
}

private func requireSize(_ disk: String, _ size: UInt64, _ wanted: UInt64) throws(ActionFailure) {
  if size == wanted { return }
  throw ActionFailure(
    "\(disk) has \(ByteCount.text(size)) after it was grown to \(ByteCount.text(wanted))", field: "size")
}
