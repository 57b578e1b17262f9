// One apply under way: starts actions as they become ready, hands each to the room that carries it out, and makes an outcome
// of what comes of it.

import Diagnostics
import DiskImage
import Planner
import SystemCalls

/// One apply under way.
struct ApplyRun: Sendable {
  private let jobs: Int
  /// How many guests may be stopped or restarted at once; nil for no limit.
  private let disruptions: Int?
  private let stop: StopRequest
  private let events: AsyncStream<ApplyEvent>.Continuation
  /// What no message may show: libvirt's own sentences quote values.
  private let secrets: KnownSecrets
  private let locks: WriterLocks

  // The rooms: each carries out the operations of one subject.
  private let networks: NetworkActions
  private let pools: PoolActions
  private let imports: ImportActions
  private let images: ImageActions
  private let domains: DomainActions
  private let renaming: RenamingActions
  private let guests: GuestActions
  private let readiness: ReadinessActions
  private let devices: DeviceActions
  private let live: LiveActions
  private let snapshots: SnapshotActions
  private let removals: RemovalActions

  /// - Parameters:
  ///   - jobs: how many actions may run side by side.
  ///   - folders: the paths of the pools, with the folders that the plan has seen.
  init(
    _ context: ApplyContext, jobs: Int, disruptions: Int?, events: AsyncStream<ApplyEvent>.Continuation,
    folders: [String: FileIdentity?], secrets: KnownSecrets
  ) {
    (self.jobs, self.disruptions, self.events, self.secrets) = (jobs, disruptions, events, secrets)
    stop = context.stop
    locks = WriterLocks(context: context)

    let connection = context.connection
    // What one room notes and another one asks for.
    let (places, replaced) = (PoolFolders(folders), ReplacedDefinitions())
    let refusals = RefusalNotes(connection: connection)
    networks = NetworkActions(connection: connection)
    pools = PoolActions(connection: connection)
    imports = ImportActions(context: context, places: places)
    images = ImageActions(context: context, places: places)
    domains = DomainActions(connection: connection, replaced: replaced)
    renaming = RenamingActions(context: context)
    guests = GuestActions(context: context, replaced: replaced)
    readiness = ReadinessActions(context: context, replaced: replaced, guests: guests)
    devices = DeviceActions(context: context, refusals: refusals)
    live = LiveActions(connection: connection, refusals: refusals)
    snapshots = SnapshotActions(context: context)
    removals = RemovalActions(context: context)
  }

  func carryOut(_ actions: [Action]) async -> ApplyResult {
    var schedule = Schedule(actions)
    /// The action that found the connection lost. Nothing is started then: each would fail likewise.
    var lost: Int?
    await withTaskGroup(of: (Int, ActionOutcome).self) { group in
      var running = 0
      while true {
        // Deletions wait for one another, and do not count: one look at the host serves all of them.
        while lost == nil, !stop.isMade, let index = schedule.next(atMost: disruptions, onlyDeletions: running >= jobs)
        {
          events.yield(.started(index))
          if !schedule.isDeletion[index] { running += 1 }
          group.addTask { (index, await carryOut(actions[index], index)) }
        }
        guard let (index, outcome) = await group.next() else { break }
        if !schedule.isDeletion[index] { running -= 1 }
        if case .failed(let failure) = outcome, failure.isConnectionLost { lost = lost ?? index }
        events.yield(.finished(index, outcome))
        for (other, cause) in schedule.settle(index, outcome) {
          events.yield(.finished(other, .blocked(by: cause)))
        }
      }
    }
    let left = schedule.close(because: lost)
    let outcomes = schedule.result
    for index in left { events.yield(.finished(index, outcomes[index])) }
    return ApplyResult(outcomes: outcomes, wasInterrupted: outcomes.contains(.notStarted))
  }

  private func carryOut(_ action: Action, _ index: Int) async -> ActionOutcome {
    do {
      return try await perform(action, index).redacted(secrets)
    } catch {
      let failure = ActionFailure(error)
      return failure == .interrupted ? .notStarted : .failed(failure.redacted(secrets))
    }
  }

  private func perform(_ action: Action, _ index: Int) async throws -> ActionOutcome {
    let lock = try await locks.take(for: action.operation)
    defer { withExtendedLifetime(lock) {} }
    let (object, news) = (action.object, ActionNews(index: index, events: events))
    switch action.operation {
    case .createDirectory(let path): try await images.createDirectory(path)
    case .defineNetwork(let definition): try await networks.define(definition)
    case .updateNetwork(let name, let fields):
      return try await networks.update(name, fields.map(\.field)).map(ActionOutcome.waits) ?? .done
    case .setNetworkAutostart(let name, let value): try await networks.setAutostart(of: name, value)
    case .startNetwork(let name): try await networks.start(name)
    case .stopNetwork(let name): try await networks.stop(name)
    case .definePool(let pool): try await pools.define(pool)
    case .setPoolAutostart(let name, let value): try await pools.setAutostart(of: name, value)
    case .startPool(let name): try await pools.start(name)
    case .importImage(let image): try await imports.importImage(image, for: object, news)
    case .createImage(let path, let creation, _): try await images.create(path, creation, for: object)
    case .growImage(let path, let format, let from, let to, _, let file):
      try await images.grow(path, format, from: from, to: to, file)
    case .defineDomain(let definition):
      return try await domains.define(definition).map(ActionOutcome.noted) ?? .done
    case .resizeBlockDevice(let domain, let target, let path, let to, let device):
      try await devices.resize(of: domain, target, path, to, device)
    case .attachDevice(let domain, let device, let name):
      return try await devices.attach(to: domain, device, name).map(ActionOutcome.waits) ?? .done
    case .detachDevice(let domain, let device, let name):
      return try await devices.detach(from: domain, device, name).map(ActionOutcome.waits) ?? .done
    case .changeRunning(let domain, let changes):
      return try await live.change(domain, changes).map(ActionOutcome.waits) ?? .done
    case .takeSnapshot(let domain, let creation): try await snapshots.take(of: domain, creation)
    case .setAutostart(let domain, let value): try await guests.setAutostart(of: domain, value)
    case .startDomain(let domain): try await guests.start(domain)
    case .resumeDomain(let domain): try await guests.resume(domain)
    case .pauseDomain(let domain): try await guests.pause(domain)
    case .stopDomain(let domain, let shutdown): try await guests.stop(domain, shutdown)
    case .renameDomain(let domain, let name): try await renaming.rename(domain, to: name)
    case .undefineDomain(let domain, let undefinition): try await removals.undefine(domain, undefinition)
    case .undefineNetwork(let name): try await networks.undefine(name)
    case .deleteFile(let path, _, let owner): try await removals.deleteFile(path, of: owner)
    case .restartDomain(let domain, let shutdown): try await guests.restart(domain, shutdown)
    case .awaitReady(let domain, let needs, let shutdown):
      try await readiness.wait(for: domain, needs, shutdown, news)
    case .discardSavedState(let domain): try await guests.discardSavedState(of: domain)
    case .deleteSnapshot(let domain, let name): try await snapshots.delete(of: domain, name)
    case .narrowMode(let path, let mode, _, let file): try await images.narrowMode(of: path, to: mode, file)
    case .takeImageSnapshot(let path, let name, let file): try await images.takeSnapshot(of: path, name, file)
    }
    return .done
  }
}
