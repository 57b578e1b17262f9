// Waiting until a guest that was started is ready: it has an address, its agent answers, a port takes connections.

import Libvirt
import Planner
import SystemCalls
import XMLTree

/// Waits until guests are ready.
struct ReadinessActions: Sendable {
  let context: ApplyContext
  let replaced: ReplacedDefinitions
  let guests: GuestActions
  private var connection: LibvirtConnection { context.connection }

  /// Waits until a guest is ready. One that is not in time, or ends meanwhile, gets back what it had before this run,
  /// where its definition was changed.
  func wait(
    for identity: DomainIdentity, _ readiness: Readiness, _ shutdown: Shutdown, _ news: ActionNews
  ) async throws {
    let domain = try await connection.domain(identity)
    let clock = ContinuousClock()
    let start = clock.now
    let deadline = start + .seconds(max(0, readiness.timeout))
    while true {
      guard try await domain.isActive() else {
        let failure = ActionFailure(
          "domain \(domain.name) ended before it was ready", remedy: "look at its console", field: "state")
        throw await goBack(domain, identity, shutdown, because: failure)
      }
      guard let missing = try await firstMissing(readiness, of: domain) else { return }
      if context.stop.isMade {
        throw ActionFailure(
          "domain \(domain.name) is not ready yet, and the wait was interrupted: \(missing.text)",
          remedy: "it is still starting; plan again to see its state")
      }
      guard clock.now < deadline else {
        let failure = ActionFailure(
          "domain \(domain.name) is not ready after \(readiness.timeout) s: \(missing.text)",
          remedy: "look at its console, or raise `ready.timeout`", field: missing.field)
        throw await goBack(domain, identity, shutdown, because: failure)
      }
      let waited = (clock.now - start).components.seconds
      news.waits(for: "\(missing.text), \(waited) of \(readiness.timeout) s")
      try await Task.sleep(for: .seconds(1))
    }
  }

  /// What a guest lacks to be ready; nil when it is.
  private func firstMissing(
    _ readiness: Readiness, of domain: LibvirtDomain
  ) async throws -> (field: String, text: String)? {
    if readiness.lease, try await domain.knownAddresses(from: .lease).isEmpty {
      return ("ready.lease", "it has no DHCP lease")
    }
    if readiness.agent {
      guard try await connection.hasAgent(domain), try await domain.agentAnswers() else {
        return ("ready.agent", "its agent does not answer")
      }
    }
    guard let port = readiness.port else { return nil }
    var addresses = readiness.address.map { [$0] } ?? []
    if addresses.isEmpty { addresses = try await domain.knownAddresses(from: .lease) }
    if addresses.isEmpty, try await connection.hasAgent(domain) {
      addresses = try await domain.knownAddresses(from: .agent)
    }
    if addresses.isEmpty { return ("ready.tcp", "Vireo knows no address of it on which to try port \(port) at") }
    let known = addresses
    let answers = try await context.files.run {
      known.contains { TCPReachability.answers(at: $0, port: port, milliseconds: 1000) }
    }
    return answers ? nil : ("ready.tcp", "port \(port) accepts no connection at \(addresses.joined(separator: ", "))")
  }

  /// Gives a guest that is not ready the definition back that it had before this run.
  ///
  /// - Returns: `failure` with what was done.
  private func goBack(
    _ domain: LibvirtDomain, _ identity: DomainIdentity, _ shutdown: Shutdown, because failure: ActionFailure
  ) async -> ActionFailure {
    guard await replaced.has(domain.uuid) else { return failure }
    var failure = failure
    let wasStopped = await replaced.wasStopped(domain.uuid)
    do {
      try await guests.stop(identity, shutdown)
    } catch {
      failure.message +=
        "; it cannot be stopped to get its old definition back: \(ActionFailure(error).message)"
      return failure
    }
    // What this stop means is not what an earlier one meant.
    if !wasStopped { await replaced.forgetStopped(domain.uuid) }
    return await DefinitionReturn(context: context, replaced: replaced).putBack(domain, because: failure)
  }
}

extension LibvirtConnection {
  /// Whether the guest has opened the channel of its agent.
  func hasAgent(_ domain: LibvirtDomain) async throws -> Bool {
    let channel = try await runningDefinition(of: domain).agentChannel
    return channel?.value(at: "target/@state") == "connected"
  }
}

extension LibvirtDomain {
  /// Addresses that the host can reach, where somebody knows any; none where the driver has no such source.
  fileprivate func knownAddresses(from source: DomainAddressSource) async throws -> [String] {
    do {
      // What is good on one link alone (RFC 4291, section 2.5.6) cannot be reached without naming the link.
      return try await addresses(from: source).filter { !$0.lowercased().hasPrefix("fe80:") }
    } catch let error as LibvirtError where !error.isConnectionLost && !error.isNotFound {
      return []
    }
  }
}
