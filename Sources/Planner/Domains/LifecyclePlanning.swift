// Planning the steps that come after a definition is stored: what the running guest is given, snapshots, and what the guest does:
// started, stopped, restarted, with the host.

import Inventory
import Spec
import Vocabulary
import XMLTree

extension DomainPart {
  /// Turns everything that waits for the next start into what a restart does.
  mutating func restart() {
    for index in changes.indices where changes[index].effect == .nextBoot { changes[index].effect = .restart }
    pending = []
  }
}

/// Works out the steps after a domain's definition is as it should be.
struct LifecyclePlanning {
  private let context: DomainContext
  private var part: DomainPart
  /// The steps of the domain, and from here on those that are planned here.
  private var steps: Steps

  /// What comes after the definition.
  struct Plan {
    var part: DomainPart
    /// All steps of the domain.
    var steps: Steps
    /// Whether the guest is restarted: it gets everything then that waits for that.
    var isRestart: Bool
  }

  /// Plans the steps after the definition is stored.
  ///
  /// - Parameters:
  ///   - domain: what becomes of the domain so far.
  ///   - stored: what everything else waits for: the definition, or the files where that is as it should be.
  ///   - steps: the steps so far.
  static func plan(
    _ context: DomainContext, _ domain: DomainPart, _ definition: XMLElement, after stored: [Prerequisite],
    _ steps: Steps
  ) -> Plan {
    var planning = LifecyclePlanning(context: context, part: DomainPart(context), steps: steps)
    var before = planning.addLiveSteps(domain, after: stored)
    planning.addAutostart(after: stored)
    let snapshots = SnapshotPlanning.plan(context, definition)
    before += planning.add(snapshots, after: before)
    let isRestart = planning.isRestarted(domain)
    if isRestart {
      planning.addRestart(for: domain.pending, after: before, snapshots)
    } else {
      planning.addState(after: before, snapshots)
    }
    return Plan(part: planning.part, steps: planning.steps, isRestart: isRestart)
  }

  private var identity: DomainIdentity { context.identity }

  /// The networks of the stack that the guest is connected to, which must be there before it starts.
  private var ownNetworks: [Prerequisite] {
    let names = Set(context.spec.members("interfaces").compactMap { $0[.network] })
    return names.filter { context.stack.spec.network($0) != nil }.sorted().map {
      .object(ObjectReference(.network, $0))
    }
  }

  // MARK: The running guest

  /// Adds the steps that change the guest as it runs.
  ///
  /// - Returns: what comes after them waits for.
  private mutating func addLiveSteps(_ domain: DomainPart, after stored: [Prerequisite]) -> [Prerequisite] {
    var done = stored
    if !domain.liveChanges.isEmpty {
      let networks = domain.liveChanges.contains { $0.way == .connection } ? ownNetworks : []
      done.append(
        steps.add(.changeRunning(domain: identity, domain.liveChanges), after: stored + networks, effect: .live))
    }
    // A new disk may want a new I/O thread.
    let changed = done
    for (name, device, _) in domain.attachments {
      done.append(
        steps.add(
          .attachDevice(domain: identity, device: device, name: name), after: changed + ownNetworks, effect: .live))
    }
    // A guest is not restarted, nor a snapshot taken of it, while it is being changed.
    for (name, device) in domain.detachments {
      done.append(
        steps.add(.detachDevice(domain: identity, device: device, name: name), after: stored, effect: .live))
    }
    return done
  }

  private mutating func addAutostart(after stored: [Prerequisite]) {
    guard let autostart = context.spec.setting(.autostart), let wanted = context.spec[.autostart],
      wanted != context.observed?.autostart ?? false
    else { return }
    if let observed = context.observed {
      part.changes.append(
        FieldChange(
          FieldKey.autostart.name, old: .boolean(observed.autostart), new: autostart.value, effect: .define,
          reason: context.reason(.autostart, autostart), range: autostart.range))
    }
    steps.add(.setAutostart(domain: identity, wanted), after: stored)
  }

  // MARK: Snapshots

  /// Adds the snapshots that the spec declares.
  ///
  /// - Returns: the steps that take them, for the start to wait for.
  private mutating func add(_ snapshots: SnapshotPlanning.Plan, after before: [Prerequisite]) -> [Prerequisite] {
    part += snapshots.part
    for step in snapshots.modes { steps.add(step) }
    var taken: [Prerequisite] = []
    for (creation, effect) in snapshots.taken {
      taken.append(
        steps.add(
          .takeSnapshot(domain: identity, creation), after: before + taken.suffix(1), effect: effect))
    }
    return taken
  }

  /// Adds a snapshot of the running guest before something is done to it, where the spec asks for one.
  ///
  /// - Parameter effect: of what is going to be done; nil for nothing that a snapshot is taken before.
  /// - Returns: the snapshot and the step that takes it.
  private mutating func addSnapshot(
    before effect: Effect?, after before: [Prerequisite], _ snapshots: SnapshotPlanning.Plan
  ) -> (snapshot: AutomaticSnapshot, step: Prerequisite)? {
    guard let effect, let observed = context.observed, observed.isActive,
      let setting = context.spec.setting(.snapshotBefore),
      (setting.value.list ?? []).contains(.string(effect.rawValue)),
      let running = observed.running, SnapshotChoice.hasWrittenDisk(running)
    else { return nil }
    let planned = part.findings.snapshot(
      of: observed, running, before: effect, context.automaticSnapshots, known: snapshots.known, at: setting.range,
      on: context.stack.host)
    guard let planned else { return nil }
    part.changes.append(planned.change)
    return (planned.snapshot, steps.add(planned.operation, after: before, effect: planned.change.effect))
  }

  /// Deletes the snapshots that are too many or too old.
  ///
  /// - Parameters:
  ///   - taken: the one that this plan takes.
  ///   - before: what must have gone well before.
  private mutating func addRetention(with taken: AutomaticSnapshot?, after before: [Prerequisite]) {
    var previous = before
    for change in AutomaticSnapshot.retention(context, with: taken) {
      part.changes.append(change.shown)
      previous = [
        steps.add(
          .deleteSnapshot(domain: identity, name: change.name), after: previous, effect: change.shown.effect)
      ]
    }
  }

  // MARK: The state

  /// Whether the guest is restarted for what it cannot get as it runs. The spec must allow it.
  private func isRestarted(_ domain: DomainPart) -> Bool {
    guard context.isActive, context.spec[.restartPolicy] == .whenNeeded,
      ![.stopped, .paused].contains(context.spec[.state])
    else { return false }
    return domain.needsRestart || domain.changes.contains { $0.effect == .nextBoot }
  }

  /// Restarts the guest, which leaves nothing else to be done about its state.
  ///
  /// - Parameter pending: what is stored and waits for a restart.
  private mutating func addRestart(
    for pending: [PendingValue], after before: [Prerequisite], _ snapshots: SnapshotPlanning.Plan
  ) {
    let range = context.spec.setting(.restartPolicy)?.range
    part.changes += pending.map { value in
      FieldChange(
        value.field, old: value.running, new: value.stored, effect: .restart, reason: .spec,
        detail: FieldChange.storedAlready, range: range)
    }
    let kept = addSnapshot(before: .restart, after: before, snapshots)
    let restart = steps.add(
      .restartDomain(identity, Shutdown(context.spec)),
      after: before + [kept?.step].compactMap(\.self) + ownNetworks, effect: .restart)
    addRetention(with: kept?.snapshot, after: [addReadiness(after: restart)])
  }

  /// Waits until the guest is ready, where the spec says when it is.
  ///
  /// - Parameter step: the one that starts it.
  /// - Returns: the step after which the guest is where it should be.
  private mutating func addReadiness(after step: Prerequisite) -> Prerequisite {
    guard let readiness = Readiness(context.spec) else { return step }
    return steps.add(.awaitReady(identity, readiness, Shutdown(context.spec)), after: [step])
  }

  private mutating func addState(after before: [Prerequisite], _ snapshots: SnapshotPlanning.Plan) {
    let spec = context.spec
    guard let setting = spec.setting(.state) else { return addRetention(with: nil, after: before) }
    let state = context.observed?.state ?? .stopped
    let isActive = context.isActive
    let operation: Operation
    var effect = Effect.live
    switch (setting.value.string, state) {
    case ("running", .paused) where isActive: operation = .resumeDomain(identity)
    case ("running", _) where !isActive: operation = .startDomain(identity)
    case ("paused", _) where !isActive: operation = .pauseDomain(identity)
    case ("paused", _) where state != .paused: (operation, effect) = (.pauseDomain(identity), .offline)
    // A paused guest loses its memory as one that runs does.
    case ("stopped", _) where isActive: (operation, effect) = (.stopDomain(identity, Shutdown(spec)), .offline)
    default: return addRetention(with: nil, after: before)
    }
    if let observed = context.observed {
      part.changes.append(
        FieldChange(
          FieldKey.state.name, old: .string(observed.hasManagedSave && !isActive ? "saved" : state.rawValue),
          new: setting.value, effect: effect, reason: context.reason(.state, setting), range: setting.range))
    }
    let kept = addSnapshot(before: effect == .offline ? .offline : nil, after: before, snapshots)
    let step = steps.add(
      operation, after: before + [kept?.step].compactMap(\.self) + (isActive ? [] : ownNetworks), effect: effect)
    let end = spec[.state] == .running ? addReadiness(after: step) : step
    addRetention(with: kept?.snapshot, after: [end])
  }
}
