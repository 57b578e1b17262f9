// What guests do: starting, resuming, stopping, and whether they start with the host.

import Libvirt
import Planner

extension ApplyRun {
  func setAutostart(of identity: DomainIdentity, _ value: Bool) async throws {
    let domain = try await domain(identity)
    if try await domain.autostart() == value { return }
    try await domain.setAutostart(value)
    guard try await domain.autostart() == value else {
      throw ActionFailure("libvirt did not keep the autostart setting of domain \(domain.name)", field: "autostart")
    }
  }

  /// Starts a domain. One that does not start with a definition of this run gets its old one back.
  func startDomain(_ identity: DomainIdentity) async throws {
    let domain = try await domain(identity)
    try await waitUntilSettled(domain)
    switch try await domain.state() {
    case .running, .blocked: return
    case .shutOff, .noState, .crashed: break
    case .paused, .shuttingDown, .pmSuspended:
      throw ActionFailure(
        "domain \(domain.name) changed since it was planned: it is not stopped any more", remedy: planAgain)
    }
    try await UnfinishedMerges(domain: domain, connection: connection).finish()
    try await checkIsAlone(domain)
    do {
      await keepVariables(of: domain)
      try await start(domain)
      guard try await domain.isActive() else {
        throw ActionFailure(
          "domain \(domain.name) ended right after its start",
          remedy: "see QEMU's log, for example /var/log/libvirt/qemu/\(domain.name).log")
      }
    } catch let error as LibvirtError where !error.isConnectionLost {
      // Somebody else was faster: libvirt itself starts guests when the host has booted.
      if error.code == .operationInvalid {
        try await waitUntilSettled(domain)
        if [.running, .blocked].contains(try await domain.state()) { return }
      }
      throw await putBack(domain, because: await startFailure(error, of: domain))
    } catch {
      throw await putBack(domain, because: ActionFailure(error))
    }
  }

  /// Drops the memory of a saved guest. One that has none counts as done.
  func discardSavedState(of identity: DomainIdentity) async throws {
    let domain = try await domain(identity)
    guard try await domain.hasManagedSave() else { return }
    try await domain.removeManagedSave()
    guard try await !domain.hasManagedSave() else {
      throw ActionFailure("libvirt did not discard the saved state of domain \(domain.name)")
    }
  }

  /// Holds a guest where it is; one that does not run is started first.
  func pauseDomain(_ identity: DomainIdentity) async throws {
    let domain = try await domain(identity)
    if try await !domain.isActive() { try await startDomain(identity) }
    try await waitUntilSettled(domain)
    if try await domain.state() == .paused { return }
    try await domain.suspend()
    guard try await domain.waitUntil(.paused, timeout: .seconds(5)) else {
      throw ActionFailure("domain \(domain.name) is not paused after it was asked to be")
    }
  }

  func resumeDomain(_ identity: DomainIdentity) async throws {
    let domain = try await domain(identity)
    try await waitUntilSettled(domain)
    switch try await domain.state() {
    case .running, .blocked: return
    case .paused: break
    default:
      throw ActionFailure(
        "domain \(domain.name) changed since it was planned: it is not paused any more", remedy: planAgain)
    }
    do {
      try await domain.resume()
    } catch let error as LibvirtError where !error.isConnectionLost {
      // Somebody else was faster.
      if error.code == .operationInvalid, [.running, .blocked].contains(try await domain.state()) { return }
      throw ActionFailure(
        "cannot resume domain \(domain.name): \(startMessage(error).text)",
        remedy: "a guest that QEMU paused needs its cause removed first, for example a full disk of the host")
    }
    guard try await domain.waitUntil(.running, timeout: .seconds(5)) else {
      throw ActionFailure(
        "domain \(domain.name) does not run after it was resumed",
        remedy: "a guest that QEMU paused needs its cause removed first, for example a full disk of the host")
    }
  }

  /// Waits for a guest that is being started, saved and so on, by somebody else or by a run that was killed: a daemon
  /// finishes what it was asked for.
  private func waitUntilSettled(_ domain: LibvirtDomain) async throws {
    guard let transition = try await domain.waitUntilSettled(timeout: .seconds(60)), transition.isShort else { return }
    throw ActionFailure(
      "domain \(domain.name) is between two states and does not come out of it",
      remedy: "see what libvirt is doing with `virsh domjobinfo \(domain.name)`, then plan again")
  }

  /// Asks a guest to shut down and waits; forces it off only with the spec's consent.
  func stopDomain(_ identity: DomainIdentity, _ shutdown: Shutdown) async throws {
    // A transient domain ends with its guest.
    guard let domain = try await domainIfAny(named: identity.name), domain.uuid == identity.uuid.lowercased(),
      try await domain.isActive()
    else { return }
    await replaced.noteVariables(try await connection.runningDefinition(of: domain), of: domain.uuid)
    try await UnfinishedMerges(domain: domain, connection: connection).settle()
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(max(0, shutdown.timeout))
    var nextRequest = clock.now
    var refusal: ActionFailure?
    while true {
      // A guest misses the power button while its firmware runs, so it is pressed again.
      if clock.now >= nextRequest {
        nextRequest = clock.now + .seconds(10)
        refusal = try await askToShutDown(domain, shutdown.mode)
      }
      let wait = min(.seconds(1), max(.zero, deadline - clock.now))
      if try await domain.waitUntilShutOff(timeout: wait) {
        await replaced.noteStopped(domain.uuid)
        return
      }
      if clock.now >= deadline { break }
      if stop.isMade {
        throw ActionFailure(
          "domain \(domain.name) is still shutting down: it was asked to, and the wait was interrupted",
          remedy: "apply again when it has stopped")
      }
    }
    guard shutdown.forceOff else {
      let reason = refusal.map { " (\($0.message))" } ?? ""
      throw ActionFailure(
        "domain \(domain.name) did not shut down within \(shutdown.timeout) s\(reason)",
        remedy:
          "shut it down from within, raise `shutdown.timeout`, or consent to `shutdown.force-off: true` (`vireo destroy` has --force)",
        field: "shutdown.force-off")
    }
    do {
      try await domain.destroy(graceful: true)
    } catch let error as LibvirtError where !error.isConnectionLost && !error.isNotFound {
      // QEMU does not end by itself, or ended meanwhile.
      if try await domain.isActive() { try await domain.destroy() }
    }
    guard try await domain.waitUntilShutOff(timeout: .seconds(10)) else {
      throw ActionFailure("domain \(domain.name) still runs after it was forced off")
    }
    await replaced.noteStopped(domain.uuid)
  }

  /// Stops a guest and starts it again. One that does not start with its new definition runs with the old one.
  func restartDomain(_ identity: DomainIdentity, _ shutdown: Shutdown) async throws {
    try await stopDomain(identity, shutdown)
    do {
      try await startDomain(identity)
    } catch {
      var failure = ActionFailure(error)
      if failure.isConnectionLost { throw failure }
      let domain = try await domain(identity)
      do {
        try await UnfinishedMerges(domain: domain, connection: connection).finish()
        if try await !domain.isActive() { try await start(domain) }
        failure.message += "; it runs again"
      } catch {
        failure.message += "; it is stopped"
      }
      throw failure
    }
  }

  /// - Parameter mode: who is asked; nil for whoever answers, the agent first.
  /// - Returns: why the guest could not even be asked, if so; it may have ended meanwhile.
  private func askToShutDown(_ domain: LibvirtDomain, _ mode: Shutdown.Mode?) async throws -> ActionFailure? {
    // Left to itself, libvirt waits for an agent that is not there before it presses the button.
    let ways: [DomainShutdownOptions] =
      switch mode {
      case .agent: [.agent]
      case .acpi: [.acpi]
      case nil: try await hasAgent(domain) ? [.agent, .acpi] : [.acpi, []]
      }
    var refusal: ActionFailure?
    for way in ways {
      do {
        try await domain.shutdown(way)
        return nil
      } catch let error as LibvirtError where !error.isConnectionLost {
        refusal = refusal ?? ActionFailure(error)
      }
    }
    return refusal
  }
}
