// One apply under way: starts actions as they become ready and hands each to the file that knows its kind.

import BlockingWork
import Diagnostics
import DiskImage
import Inventory
import Libvirt
import Planner

/// One apply under way.
struct ApplyRun: Sendable {
  let connection: LibvirtConnection
  /// For work on files, which blocks.
  let files: BlockingPool
  let jobs: Int
  /// How many guests may be stopped or restarted at once; nil for no limit.
  let disruptions: Int?
  let stop: StopRequest
  let events: AsyncStream<ApplyEvent>.Continuation
  let folders: FolderFlush
  /// The stack that is applied, for the marks of files.
  let stack: String
  let replaced = ReplacedDefinitions()
  let removals: RemovalDesk
  let refusals: RefusalNotes
  let patience: LockPatience
  let places: PoolFolders
  /// What no message may show: libvirt's own sentences quote values.
  private let secrets: KnownSecrets
  private let host: HostIdentity

  init(
    connection: LibvirtConnection, stack: String, files: BlockingPool, jobs: Int, disruptions: Int?, stop: StopRequest,
    events: AsyncStream<ApplyEvent>.Continuation, patience: LockPatience = .ofFolders,
    pools: [String: FileIdentity?] = [:], secrets: KnownSecrets = KnownSecrets()
  ) {
    places = PoolFolders(pools)
    self.patience = patience
    self.secrets = secrets
    refusals = RefusalNotes(connection: connection)
    removals = RemovalDesk(connection: connection, patience: patience)
    host = HostIdentity(of: connection)
    self.connection = connection
    self.stack = stack
    self.files = files
    self.jobs = jobs
    self.disruptions = disruptions
    self.stop = stop
    self.events = events
    folders = FolderFlush(files: files)
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
    let lock = try await lockFolders(of: action.operation)
    defer { withExtendedLifetime(lock) {} }
    switch action.operation {
    case .createDirectory(let path): try await createDirectory(path)
    case .defineNetwork(let definition): try await defineNetwork(definition)
    case .updateNetwork(let name, let fields):
      return try await updateNetwork(name, fields.map(\.field)).map(ActionOutcome.waits) ?? .done
    case .setNetworkAutostart(let name, let value): try await setNetworkAutostart(name, value)
    case .startNetwork(let name): try await startNetwork(name)
    case .stopNetwork(let name): try await stopNetwork(name)
    case .definePool(let pool): try await definePool(pool)
    case .setPoolAutostart(let name, let value): try await setPoolAutostart(name, value)
    case .startPool(let name): try await startPool(name)
    case .importImage(let image): try await importImage(image, index, origin(for: action))
    case .createImage(let path, let creation, _): try await createImage(path, creation, origin(for: action))
    case .growImage(let path, let format, let from, let to, _, let file):
      try await growImage(path, format, from: from, to: to, file)
    case .defineDomain(let definition):
      return try await defineDomain(definition).map(ActionOutcome.noted) ?? .done
    case .resizeBlockDevice(let domain, let target, let path, let to, let device):
      try await resizeBlockDevice(of: domain, target, path, to, device)
    case .attachDevice(let domain, let device, let name):
      return try await attachDevice(to: domain, device, name).map(ActionOutcome.waits) ?? .done
    case .detachDevice(let domain, let device, let name):
      return try await detachDevice(from: domain, device, name).map(ActionOutcome.waits) ?? .done
    case .changeRunning(let domain, let changes):
      return try await changeRunning(domain, changes).map(ActionOutcome.waits) ?? .done
    case .takeSnapshot(let domain, let creation): try await takeSnapshot(of: domain, creation)
    case .setAutostart(let domain, let value): try await setAutostart(of: domain, value)
    case .startDomain(let domain): try await startDomain(domain)
    case .resumeDomain(let domain): try await resumeDomain(domain)
    case .pauseDomain(let domain): try await pauseDomain(domain)
    case .stopDomain(let domain, let shutdown): try await stopDomain(domain, shutdown)
    case .renameDomain(let domain, let name): try await renameDomain(domain, to: name)
    case .undefineDomain(let domain, let undefinition): try await undefineDomain(domain, undefinition)
    case .undefineNetwork(let name): try await undefineNetwork(name)
    case .deleteFile(let path, _, let owner): try await deleteFile(path, of: owner)
    case .restartDomain(let domain, let shutdown): try await restartDomain(domain, shutdown)
    case .awaitReady(let domain, let readiness, let shutdown):
      try await awaitReady(domain, readiness, shutdown, index)
    case .discardSavedState(let domain): try await discardSavedState(of: domain)
    case .deleteSnapshot(let domain, let name):
      return try await deleteSnapshot(of: domain, name).map(ActionOutcome.remarked) ?? .done
    case .revertToSnapshot(let domain, let name): try await revert(domain, to: name)
    case .narrowMode(let path, let mode, _, let file): try await narrowMode(of: path, to: mode, file)
    case .takeImageSnapshot(let path, let name, let file): try await takeImageSnapshot(path, name, file)
    }
    return .done
  }

  /// The mark of a file that an action makes.
  private func origin(for action: Action) -> String {
    FileOrigin(host: host, stack: stack, object: action.object.description).text
  }
}
