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
    try requireImage(path, of: target, in: try await runningXML(of: domain), disk)
    let before = try await domain.blockInfo(target).capacity
    if before == size { return }
    try requireGrowth(disk, from: before, to: size)
    try await domain.blockResize(target, bytes: size)
    try requireSize(disk, try await domain.blockInfo(target).capacity, size)
  }

  /// Plugs a device into a running guest, as the stored definition has it. One that is there counts as plugged in.
  func attachDevice(to identity: DomainIdentity, _ device: DeviceIdentity, _ name: String) async throws {
    let domain = try await domain(identity)
    let before = try await runningXML(of: domain)
    if try device.isIn(before) { return }
    let stored = try await domain.xml([.inactive, .secure])
    let element = try device.xml(in: stored, name, of: domain.name)
    do {
      try await domain.attachDevice(element, scope: .live)
    } catch {
      throw attachFailure(error, name, domain.name)
    }
    let after = try await runningXML(of: domain)
    if try device.isIn(after) { return }
    throw ActionFailure(
      "`\(name)` was plugged into domain \(domain.name), but the guest does not have it", remedy: restartForDevice,
      field: name)
  }

  private func runningXML(of domain: LibvirtDomain) async throws -> String {
    guard try await domain.isActive() else {
      throw ActionFailure("domain \(domain.name) does not run any more", remedy: planAgain)
    }
    return try await domain.xml()
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
  fileprivate func isIn(_ domain: String) throws -> Bool { find(in: try XMLElement.parse(domain)) != nil }

  fileprivate func xml(in domain: String, _ name: String, of domainName: String) throws -> String {
    guard let element = find(in: try XMLElement.parse(domain)) else {
      throw ActionFailure("the stored definition of domain \(domainName) has no `\(name)` any more", remedy: planAgain)
    }
    return element.serialised()
  }
}

private func requireImage(_ path: String, of target: String, in running: String, _ disk: String) throws {
  let running = try XMLElement.parse(running)
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
