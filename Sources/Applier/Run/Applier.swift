// Carries out a plan: order, concurrency, verification. The one room that changes anything.

import BlockingWork
public import DiskImage
import Inventory
public import Libvirt
public import Planner

/// Carries out plans on a connection.
public struct Applier: Sendable {
  let connection: LibvirtConnection
  let jobs: Int
  let disruptions: Int?
  let patience: LockPatience

  /// - Parameters:
  ///   - jobs: how many actions may run side by side, at least 1.
  ///   - disruptions: how many guests may be stopped or restarted at once, at least 1; nil for no limit but `jobs`.
  ///   - patience: how long a step waits for a folder that another process has locked.
  public init(
    connection: LibvirtConnection, jobs: Int, disruptions: Int? = nil, patience: LockPatience = .ofFolders
  ) {
    self.patience = patience
    self.connection = connection
    self.jobs = max(1, jobs)
    self.disruptions = disruptions.map { max(1, $0) }
  }

  /// Carries out a plan, actions that do not depend on each other side by side.
  ///
  /// An action that fails stops those that depend on it; the others go on. When the task is cancelled, the actions in
  /// flight are finished and no more are started. A wait for a guest to shut down ends early, as a failure that says where
  /// things stand; and copies and images whose space is being written, which nobody sees before they are complete, are given
  /// up.
  ///
  /// Each step looks at its object again first, and leaves it alone when it is not what the plan saw. A run that was
  /// killed can be repeated: what is there already exactly as it would be made counts as done.
  ///
  /// - Parameter report: called for every event, one at a time, in order, from any thread; it should not block for
  ///   long. Every action has one ``ApplyEvent/finished(_:_:)``, whether it was started or not. All events are
  ///   delivered when this returns.
  public func apply(_ plan: Plan, report: @escaping @Sendable (ApplyEvent) -> Void = { _ in }) async -> ApplyResult {
    let stop = StopRequest()
    let (events, sender) = AsyncStream<ApplyEvent>.makeStream()
    let context = ApplyContext(
      connection: connection, host: HostIdentity(of: connection), stack: plan.stack,
      files: BlockingPool(name: "vireo-files", threads: jobs), stop: stop, patience: patience)
    let run = ApplyRun(
      context, jobs: jobs, disruptions: disruptions, events: sender, folders: plan.pools, secrets: plan.secrets)
    // The task within keeps a cancellation away from calls that are under way: they would report "cancelled" for
    // something that happens nevertheless. It is waited for like a child.
    return await withTaskCancellationHandler {
      await Task {
        async let delivery: Void = { for await event in events { report(event) } }()
        let result = await run.carryOut(plan.actions)
        sender.finish()
        await delivery
        return result
      }.value
    } onCancel: {
      stop.make()
    }
  }
}
