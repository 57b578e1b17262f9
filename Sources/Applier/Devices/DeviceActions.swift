// Changes to running guests' devices: growing a disk, plugging one in.

import Libvirt
import Planner
import Vocabulary
import XMLTree

/// Plugs devices into running guests and out of them, and grows their disks.
struct DeviceActions: Sendable {
  let context: ApplyContext
  /// Shared with the changes of values: the notes of a guest are one text.
  let refusals: RefusalNotes
  private var connection: LibvirtConnection { context.connection }

  /// Grows the disk of a running guest. Never shrinks it: libvirt would, without a flag or an error.
  ///
  /// - Parameter device: the disk as the spec writes it.
  func resize(
    of identity: DomainIdentity, _ target: String, _ path: String, _ size: UInt64, _ device: String
  ) async throws {
    let domain = try await connection.domain(identity)
    let disk = "\(device) of domain \(domain.name)"
    // libvirt names the image that it believes the guest to be on.
    try await LeftOverlays(domain: domain, connection: connection).mend()
    try requireImage(path, of: target, in: try await running(domain), disk)
    let before = try await domain.blockInfo(target).capacity
    if before == size { return }
    try requireGrowth(disk, from: before, to: size)
    try await domain.blockResize(target, bytes: size)
    try requireSize(disk, try await domain.blockInfo(target).capacity, size)
  }

  /// Plugs a device into a running guest, as the stored definition has it. One that is there counts as plugged in.
  ///
  /// - Returns: why the guest does not take the device as it runs; nil when it has it. It has it with its next start.
  /// - Throws: where the next start would fail for the same cause.
  func attach(to identity: DomainIdentity, _ device: DeviceIdentity, _ name: String) async throws -> String? {
    let domain = try await connection.domain(identity)
    let before = try await running(domain)
    if device.find(in: before) != nil { return nil }
    let stored = try await connection.storedDefinition(of: domain)
    let element = try device.element(in: stored, name, of: domain.name)
    var refusal = try await plug(element, into: domain)
    // A run that was killed may have left parts of it. QEMU's news that they are gone reach libvirt a moment later, which takes
    // them for news of the new device, so that is looked at again.
    for _ in 0..<3 {
      guard let error = refusal, HalfPluggedDevice.isSuspected(error),
        try await HalfPluggedDevice(domain: domain, device: element).clear()
      else { break }
      try await Task.sleep(for: .milliseconds(500))
      refusal = try await plug(element, into: domain)
      guard refusal == nil else { continue }
      try await Task.sleep(for: .milliseconds(500))
      if device.find(in: try await running(domain)) == nil { refusal = error }
    }
    var reason: String?
    if let refusal {
      guard isRefusal(refusal) || HalfPluggedDevice.isSuspected(refusal) else {
        throw await StartFailures(context: context).failure(refusal, plugging: name, into: domain.name)
      }
      reason = "`\(name)` cannot be plugged in while the guest runs (\(startMessage(refusal).text))"
    } else if device.find(in: try await running(domain)) == nil {
      reason = "`\(name)` was plugged in, but the guest does not have it"
    }
    try await refusals.note(.attach, of: name, isRefused: reason != nil, on: domain)
    return reason
  }

  /// Plugs a device in at the address that the definition gives it, or wherever libvirt finds a place: until the next
  /// start the guest may have another device there that left the definition, or no such bus.
  ///
  /// - Returns: what libvirt says against it.
  private func plug(_ device: XMLElement, into domain: LibvirtDomain) async throws -> LibvirtError? {
    var elsewhere = device
    elsewhere.removeAll("address")
    var error: LibvirtError?
    for attempt in elsewhere == device ? [device] : [device, elsewhere] {
      do {
        try await domain.attachDevice(attempt.serialised(), scope: .live)
        return nil
      } catch let refusal as LibvirtError where !refusal.isConnectionLost {
        error = refusal
      }
    }
    return error
  }

  /// Asks a running guest to let go of a device that left the stored definition.
  ///
  /// - Returns: why the guest has it still; nil when it is gone. It goes with the guest's next start at the latest.
  func detach(from identity: DomainIdentity, _ device: DeviceIdentity, _ name: String) async throws -> String? {
    let domain = try await connection.domain(identity)
    guard try await domain.isActive() else { return nil }
    let running = try await connection.runningDefinition(of: domain)
    guard let alias = device.find(in: running)?.value(at: .alias) else { return nil }
    var reason: String?
    do {
      try await domain.detachDevice(alias: alias, scope: .live)
      // Success means that the guest was asked. One without a system never answers.
      if try await !domain.waitUntilDeviceRemoved(alias: alias, timeout: .seconds(10)) {
        reason = "the guest has not released `\(name)`"
      }
    } catch let error as LibvirtError where !error.isConnectionLost {
      reason = "`\(name)` cannot be unplugged while the guest runs (\(plainMessage(error)))"
    }
    try await refusals.note(.detach, of: name, isRefused: reason != nil, on: domain)
    return reason
  }

  /// What the guest is as it runs, which it must.
  private func running(_ domain: LibvirtDomain) async throws -> XMLElement {
    guard try await domain.isActive() else {
      throw ActionFailure("domain \(domain.name) no longer runs", remedy: planAgain)
    }
    return try await connection.runningDefinition(of: domain)
  }
}

/// Whether libvirt or QEMU will not do something to a running guest and might when it starts: there is no free place, no
/// such bus, or no way while it runs. What the host itself lacks keeps the guest from starting, too.
func isRefusal(_ error: LibvirtError) -> Bool {
  switch error.code {
  case .configurationUnsupported, .operationUnsupported, .argumentUnsupported, .noSupport:
    return !Phrase.hostCannot.occurs(in: error.message)
  case .internalError, .operationFailed, .operationInvalid:
    return Phrase.noFreePlace.occurs(in: error.message)
  default: return false
  }
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
  let disks = running.devices(Vocabulary.disk)
  guard let found = disks.first(where: { $0.value(at: .diskTarget) == target }) else {
    throw ActionFailure("\(disk) no longer exists", remedy: planAgain)
  }
  let stored = found.value(at: .diskFile)
  if stored == path { return }
  throw ActionFailure(
    "\(disk) changed since it was planned: its image is \(stored ?? "no file"), not \(path)", remedy: planAgain)
}

private func requireGrowth(_ disk: String, from old: UInt64, to new: UInt64) throws(ActionFailure) {
  if old < new { return }
  throw ActionFailure(
    "\(disk) has \(ByteCount.text(old)), more than the requested \(ByteCount.text(new)); shrinking would cut off data",
    remedy: "request at least \(ByteCount.text(old))", field: "size")
}

private func requireSize(_ disk: String, _ size: UInt64, _ wanted: UInt64) throws(ActionFailure) {
  if size == wanted { return }
  throw ActionFailure(
    "\(disk) has \(ByteCount.text(size)) after it was grown to \(ByteCount.text(wanted))", field: "size")
}
