// From what is wanted and what is there to what is to be done: a pure function, without clock, randomness or I/O.

public import Diagnostics
public import Inventory
public import Spec
public import Vocabulary

extension Plan {
  /// The plan that makes a host look like a spec says.
  ///
  /// - Parameters:
  ///   - maxEffect: the most disruptive effect that a change may have; nil for no limit but the domains' own.
  ///   - deletions: what may leave the host.
  ///   - discardsSavedStates: whether the saved memory of the stack's stopped guests is given up.
  ///   - schemas: libvirt's schemas, which definitions that would be stored are checked against; nil where there are none.
  ///   - refusingObjects: whether an object that a state of the host forbids is refused by itself, with what depends on
  ///     it, and is part of the plan as such. Otherwise it keeps the whole from being planned.
  /// - Throws: everything that keeps the host from being made so, at once. Nothing is to be done then.
  public init(
    for spec: StackSpec, on inventory: Inventory, maxEffect: Effect? = nil,
    deleting deletions: DeletionOptions = DeletionOptions(), discardsSavedStates: Bool = false,
    schemas: DefinitionSchemas? = nil, refusingObjects: Bool = false
  ) throws(DiagnosticsError) {
    let builder = PlanBuilder(
      planning: spec, on: inventory, maxEffect: maxEffect, deleting: deletions,
      discardsSavedStates: discardsSavedStates, schemas: schemas)
    let refusals = builder.refusals.map(\.problem)
    guard builder.errors.isEmpty, refusingObjects || refusals.isEmpty else {
      throw DiagnosticsError(builder.errors + refusals)
    }
    self.init(
      stack: spec.name, uri: inventory.host.uri, objects: builder.objects, actions: builder.actions,
      notes: builder.notes)
    if deletions.scope == .everything { purpose = .destruction }
    for folder in spec.pools.compactMap({ $0.holdsFiles ? $0[.path] : nil }) {
      pools.updateValue(inventory.folders[folder], forKey: folder)
    }
    secrets = builder.secrets
  }
}

extension PlanBuilder {
  /// Plans a whole stack, as far as it can be planned.
  init(
    planning spec: StackSpec, on inventory: Inventory, maxEffect: Effect? = nil,
    deleting deletions: DeletionOptions = DeletionOptions(), discardsSavedStates: Bool = false,
    schemas: DefinitionSchemas? = nil
  ) {
    self.init(spec, inventory)
    for failure in inventory.failures {
      note("unreadable-object", "\(failure.subject): \(failure.message)", severity: .warning)
    }
    let context = StackContext(spec, inventory, discardsSavedStates: discardsSavedStates, schemas: schemas)
    if deletions.scope != .everything {
      addObjects(context)
    } else {
      for part in VolumePlanning.staying(spec.volumes, in: context) { add(part) }
    }
    planDeletions(deletions, context)
    enforce(maxEffect)
    withdrawRefused(context, followsSpec: deletions.scope != .everything)
    limitDeletions(deletions)
    orderDependents()
    redactMessages()
  }

  /// Plans what the spec declares, each kind of object after those that it needs.
  private mutating func addObjects(_ context: StackContext) {
    var context = context
    for network in spec.networks { add(NetworkPlanning.plan(network, in: context)) }
    for pool in spec.pools { add(PoolPlanning.plan(pool, in: context)) }
    for image in spec.images {
      let (part, path) = ImagePlanning.plan(image, in: context)
      add(part)
      if let path { context.basePaths[path] = image.name }
    }
    for part in VolumePlanning.plan(spec.volumes, in: context) { add(part) }
    context.awaited = awaited
    // No domain looks at another's plan.
    let domains = concurrentMap(spec.domains, with: GivenValues()) { [context] domain, given in
      DomainPlanning.plan(domain, in: context, &given)
    }
    for part in domains { add(part) }
  }
}
