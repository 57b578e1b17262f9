// Waiting for what a guest does in its own time. Events wake at once; a slow poll covers drivers without them and
// whatever an event may have missed.

import CLibvirt

extension LibvirtDomain {
  private static let pollInterval = Duration.milliseconds(500)

  /// Waits until there is no guest any more. A transient domain that is gone counts.
  ///
  /// - Returns: whether that happened within `timeout`.
  public func waitUntilShutOff(timeout: Duration) async throws -> Bool {
    try await wait(timeout: timeout) {
      do {
        return try await !self.isActive()
      } catch let error as LibvirtError where error.isNotFound {
        return true
      }
    }
  }

  /// Waits until the domain is in `state`.
  ///
  /// - Returns: whether that happened within `timeout`.
  public func waitUntil(_ state: DomainState, timeout: Duration) async throws -> Bool {
    try await wait(timeout: timeout) { try await self.state() == state }
  }

  /// Waits until the running guest has let go of the device with this alias.
  ///
  /// - Returns: whether the device is gone within `timeout`; `false` at once if the guest refuses.
  public func waitUntilDeviceRemoved(alias: String, timeout: Duration) async throws -> Bool {
    try await wait(timeout: timeout, giveUpOn: .deviceRemovalFailed(alias: alias)) {
      do {
        return try await !self.xml().contains("<alias name='\(alias)'/>")
      } catch let error as LibvirtError where error.isNotFound {
        return true
      }
    }
  }

  private func wait(
    timeout: Duration, giveUpOn refusal: DomainEvent.Kind? = nil,
    _ isReached: @escaping @Sendable () async throws -> Bool
  ) async throws -> Bool {
    let deadline = ContinuousClock.now + timeout
    let events = try await handle.core.domainEventsIfAny()
    // After listening began, so that nothing falls between.
    if try await isReached() { return true }

    return try await withThrowingTaskGroup(of: Bool?.self) { group in
      if let events {
        let uuid = uuid
        group.addTask {
          for await event in events where event.uuid == uuid {
            if event.kind == refusal { return false }
            if try await isReached() { return true }
          }
          return nil
        }
      }
      group.addTask {
        while ContinuousClock.now < deadline {
          try await Task.sleep(until: min(deadline, ContinuousClock.now + Self.pollInterval))
          if try await isReached() { return true }
        }
        return false
      }
      defer { group.cancelAll() }
      while let outcome = try await group.next() {
        if let outcome { return outcome }
      }
      return false
    }
  }
}

extension ConnectionCore {
  /// A stream of events, or `nil` on drivers that have none.
  func domainEventsIfAny() async throws -> AsyncStream<DomainEvent>? {
    let events = events
    do {
      try await perform("listen to domain events") { connection throws(LibvirtError) in
        try events.start(on: connection)
      }
      return events.stream()
    } catch let error as LibvirtError where !error.isConnectionLost {
      return nil
    }
  }
}
