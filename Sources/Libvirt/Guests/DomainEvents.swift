// What happens to domains, as libvirt's event loop tells it, for whoever listens.

import CLibvirt
import Synchronization

/// Something that happened to a domain.
public struct DomainEvent: Hashable, Sendable {
  /// The domain's name at the time of the event.
  public let name: String
  /// In libvirt's notation, lower case with hyphens.
  public let uuid: String
  /// What happened, with the alias of the device where it is about one.
  public let kind: Kind

  /// The kinds of events that this module listens to.
  public enum Kind: Hashable, Sendable {
    /// The domain changed its state or its definition (VIR_DOMAIN_EVENT_ID_LIFECYCLE).
    case lifecycle(Lifecycle)
    /// A guest let go of a device.
    case deviceRemoved(alias: String)
    /// A guest refused to let go of a device.
    case deviceRemovalFailed(alias: String)
  }

  /// virDomainEventType.
  public enum Lifecycle: Int32, Hashable, Sendable {
    /// A definition was stored: a new domain, a changed one, or one with a new name.
    case defined = 0
    /// The stored definition was removed.
    case undefined = 1
    /// A guest was started, restored, or has arrived from another host.
    case started = 2
    /// A guest was paused.
    case suspended = 3
    /// A paused or suspended guest runs on.
    case resumed = 4
    /// A guest has ended, in whatever way.
    case stopped = 5
    /// The guest's system has come to its end; the guest stops next.
    case shutdown = 6
    /// The guest's own power management has suspended it.
    case pmSuspended = 7
    /// The guest has crashed.
    case crashed = 8
  }
}

extension LibvirtConnection {
  /// Events of all domains from now on.
  ///
  /// Registered when this returns: what happens later is in the stream. It ends with the connection's ``close()`` or
  /// with its last reader. A reader that falls 4,096 events behind loses the oldest.
  public func domainEvents() async throws -> AsyncStream<DomainEvent> {
    let events = core.events
    try await core.perform("listen to domain events") { connection throws(LibvirtError) in
      try events.start(on: connection)
    }
    return events.stream()
  }
}

/// One registration with libvirt for each kind of event, any number of readers.
final class DomainEventHub: Sendable {
  private struct State {
    var registrations: [Int32]?
    var isFinished = false
    var nextReader = 0
    var readers: [Int: AsyncStream<DomainEvent>.Continuation] = [:]
  }

  private let state = Mutex(State())

  func start(on connection: ConnectionPointer) throws(LibvirtError) {
    try state.withLock { state throws(LibvirtError) in
      guard state.registrations == nil else { return }
      let lifecycle = try register(VIR_DOMAIN_EVENT_ID_LIFECYCLE, genericCallback(lifecycleCallback), on: connection)
      state.registrations = [lifecycle]
      // Not every driver has devices to remove.
      let devices = [
        (VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, removedCallback),
        (VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, removalFailedCallback),
      ]
      for (id, callback) in devices {
        if let number = try? register(id, genericCallback(callback), on: connection) {
          state.registrations?.append(number)
        }
      }
    }
  }

  func stop(on connection: ConnectionPointer) {
    let registrations = state.withLock { state in
      defer { state.registrations = nil }
      return state.registrations
    }
    for number in registrations ?? [] { virConnectDomainEventDeregisterAny(connection, number) }
    virResetLastError()
  }

  func stream() -> AsyncStream<DomainEvent> {
    AsyncStream(bufferingPolicy: .bufferingNewest(4096)) { continuation in
      let reader: Int? = state.withLock { state in
        guard !state.isFinished else { return nil }
        state.nextReader += 1
        state.readers[state.nextReader] = continuation
        return state.nextReader
      }
      guard let reader else { return continuation.finish() }
      continuation.onTermination = { [weak self] _ in
        // Also called by `finish`, with no lock held there.
        self?.state.withLock { _ = $0.readers.removeValue(forKey: reader) }
      }
    }
  }

  func finish() {
    let readers = state.withLock { state in
      state.isFinished = true
      defer { state.readers = [:] }
      return Array(state.readers.values)
    }
    for reader in readers { reader.finish() }
  }

  func send(_ event: DomainEvent) {
    let readers = state.withLock { Array($0.readers.values) }
    for reader in readers { reader.yield(event) }
  }

  private func register(
    _ id: virDomainEventID, _ callback: virConnectDomainEventGenericCallback, on connection: ConnectionPointer
  ) throws(LibvirtError) -> Int32 {
    let context = Unmanaged.passRetained(self).toOpaque()
    let number = virConnectDomainEventRegisterAny(
      connection, nil, Int32(id.rawValue), callback, context, releaseHub)
    guard number >= 0 else {
      let error = LibvirtError.last(doing: "listen to domain events")
      releaseHub(context)
      throw error
    }
    return number
  }
}

private let releaseHub: virFreeCallback = { context in
  guard let context else { return }
  Unmanaged<DomainEventHub>.fromOpaque(context).release()
}

/// libvirt takes callbacks of all kinds as the generic one (the macro VIR_DOMAIN_EVENT_CALLBACK).
private func genericCallback<T>(_ callback: T) -> virConnectDomainEventGenericCallback {
  unsafeBitCast(callback, to: virConnectDomainEventGenericCallback.self)
}

private let lifecycleCallback: virConnectDomainEventCallback = { _, domain, event, _, context in
  if let kind = DomainEvent.Lifecycle(rawValue: event) { deliver(.lifecycle(kind), domain, context) }
  return 0
}

private let removedCallback: virConnectDomainEventDeviceRemovedCallback = { _, domain, alias, context in
  if let alias { deliver(.deviceRemoved(alias: String(cString: alias)), domain, context) }
}

private let removalFailedCallback: virConnectDomainEventDeviceRemovalFailedCallback = { _, domain, alias, context in
  if let alias { deliver(.deviceRemovalFailed(alias: String(cString: alias)), domain, context) }
}

private func deliver(_ kind: DomainEvent.Kind, _ domain: DomainPointer?, _ context: UnsafeMutableRawPointer?) {
  guard let domain, let context, let name = virDomainGetName(domain) else { return }
  let hub = Unmanaged<DomainEventHub>.fromOpaque(context).takeUnretainedValue()
  hub.send(
    DomainEvent(name: String(cString: name), uuid: uuidText(domain, virDomainGetUUIDString), kind: kind))
}
