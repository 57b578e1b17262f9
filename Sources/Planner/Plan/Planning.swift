// From what is wanted and what is there to what is to be done: a pure function, without clock, randomness or I/O.

public import Diagnostics
import Dispatch
public import Inventory
public import Spec
import Synchronization
public import Vocabulary

extension Plan {
  /// The plan that makes a host look like a spec says.
  ///
  /// - Parameters:
  ///   - maxEffect: the most disruptive effect that a change may have; nil for no limit but the domains' own.
  ///   - deletions: what may leave the host.
  ///   - discardsSavedStates: whether the saved memory of the stack's stopped guests is given up.
  ///   - refusingObjects: whether an object that a state of the host forbids is refused by itself, with what depends on
  ///     it, and is part of the plan as such. Otherwise it keeps the whole from being planned.
  /// - Throws: everything that keeps the host from being made so, at once. Nothing is to be done then.
  public init(
    for spec: StackSpec, on inventory: Inventory, maxEffect: Effect? = nil,
    deleting deletions: DeletionOptions = DeletionOptions(), discardsSavedStates: Bool = false,
    refusingObjects: Bool = false
  ) throws(DiagnosticsError) {
    let builder = PlanBuilder(
      planning: spec, on: inventory, maxEffect: maxEffect, deleting: deletions, discardsSavedStates: discardsSavedStates
    )
    let refusals = builder.parts.refusals.map(\.problem)
    guard builder.parts.errors.isEmpty, refusingObjects || refusals.isEmpty else {
      throw DiagnosticsError(builder.parts.errors + refusals)
    }
    self.init(
      stack: spec.name, uri: inventory.host.uri, objects: builder.parts.objects, actions: builder.parts.actions,
      notes: builder.parts.notes)
    if deletions.scope == .everything { purpose = .destruction }
    for folder in spec.pools.compactMap({ $0.holdsFiles ? $0[.path] : nil }) {
      pools.updateValue(inventory.folders[folder], forKey: folder)
    }
    secrets = builder.parts.secrets
  }
}

extension PlanBuilder {
  /// Plans a whole stack, as far as it can be planned.
  convenience init(
    planning spec: StackSpec, on inventory: Inventory, maxEffect: Effect? = nil,
    deleting deletions: DeletionOptions = DeletionOptions(), discardsSavedStates: Bool = false
  ) {
    self.init(spec, inventory, discardsSavedStates: discardsSavedStates)
    conceal(spec.secrets)
    for failure in inventory.failures {
      note("unreadable-object", "\(failure.subject): \(failure.message)", severity: .warning)
    }
    let uses = DiskUses(inventory)
    if deletions.scope != .everything {
      for network in spec.networks { plan(network: network) }
      for pool in spec.pools { plan(pool: pool) }
      for image in spec.images { plan(image: image, uses: uses) }
      planVolumes()
      plan(domains: spec.domains, uses: uses)
    } else {
      noteVolumes()
    }
    planDeletions(deletions)
    enforce(maxEffect)
    withdrawRefused(followsSpec: deletions.scope != .everything)
    limitDeletions(deletions)
    orderDependents()
    redactMessages()
  }

  /// Plans domains. None looks at another's plan, so batches of them are planned side by side.
  fileprivate func plan(domains: [ObjectSpec], uses: DiskUses) {
    let size = 32
    let batches = stride(from: 0, to: domains.count, by: size).map { domains[$0..<min($0 + size, domains.count)] }
    let parts = Mutex([PlanParts?](repeating: nil, count: batches.count))
    // Only read until all batches are done.
    nonisolated(unsafe) let common = self
    DispatchQueue.concurrentPerform(iterations: batches.count) { index in
      let builder = PlanBuilder(continuing: common)
      for domain in batches[index] {
        var planning = DomainPlanning(domain, in: builder, uses: uses)
        planning.plan()
      }
      let part = builder.parts
      parts.withLock { $0[index] = part }
    }
    for case let part? in parts.withLock({ $0 }) { append(part) }
  }
}
