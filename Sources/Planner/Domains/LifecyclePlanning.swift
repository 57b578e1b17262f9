// Planning what a guest does: plugged in, started, stopped, with the host; and whether it could start at all.

import Diagnostics
import Inventory
import Spec
import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Plans the steps that come after the definition is stored.
  mutating func planLifecycle(after definition: Int?) {
    // What everything else waits for: the definition, or the files where that is as it should be.
    let stored = definition.map { [$0] } ?? fileSteps
    var steps = stored
    if !liveChanges.isEmpty {
      let networks = liveChanges.contains { $0.way == .connection } ? ownNetworks : []
      steps.append(
        builder.add(
          .changeRunning(domain: identity, liveChanges), for: object, after: stored, waitingFor: networks,
          effect: .live))
    }
    // A new disk may want a new I/O thread.
    let changed = steps
    for attachment in attachments {
      steps.append(
        builder.add(
          .attachDevice(domain: identity, device: attachment.identity, name: attachment.name), for: object,
          after: changed, waitingFor: ownNetworks, effect: .live))
    }
    // A guest is not restarted, nor a snapshot taken of it, while it is being changed.
    for removal in detachments {
      steps.append(
        builder.add(
          .detachDevice(domain: identity, device: removal.identity, name: removal.name), for: object,
          after: stored, effect: .live))
    }
    if let autostart = spec.setting(.autostart), let wanted = spec[.autostart],
      wanted != observed?.autostart ?? false
    {
      if observed != nil {
        changes.append(
          FieldChange(
            FieldKey.autostart.name, old: observed.map { .boolean($0.autostart) }, new: autostart.value,
            effect: .define,
            reason: reason(.autostart, autostart), range: autostart.range))
      }
      builder.add(.setAutostart(domain: identity, wanted), for: object, after: stored)
    }
    steps += planSnapshots(after: steps)
    if !planRestart(after: steps) { planState(after: steps) }
  }

  /// Restarts the guest for what it cannot get as it runs, where the spec allows it.
  ///
  /// - Returns: whether it is restarted, which leaves nothing else to be done about its state.
  private mutating func planRestart(after steps: [Int]) -> Bool {
    guard let observed, observed.isActive, spec[.restartPolicy] == .whenNeeded,
      ![.stopped, .paused].contains(spec[.state])
    else { return false }
    guard needsRestart || changes.contains(where: { $0.effect == .nextBoot }) else { return false }
    for index in changes.indices where changes[index].effect == .nextBoot { changes[index].effect = .restart }
    let range = spec.setting(.restartPolicy)?.range
    changes += pending.map { value in
      FieldChange(
        value.field, old: value.running, new: value.stored, effect: .restart, reason: .spec,
        detail: FieldChange.storedAlready,
        range: range)
    }
    pending = []
    let kept = planSnapshot(before: .restart, after: steps)
    let restart = builder.add(
      .restartDomain(identity, Shutdown(spec)), for: object, after: steps + [kept?.step].compactMap(\.self),
      waitingFor: ownNetworks, effect: .restart)
    planRetention(with: kept?.snapshot, after: [planReadiness(after: restart)])
    return true
  }

  /// Plans to wait until the guest is ready, where the spec says when it is.
  ///
  /// - Parameter step: the one that starts it.
  /// - Returns: the step after which the guest is where it should be.
  private mutating func planReadiness(after step: Int) -> Int {
    guard let readiness = Readiness(spec) else { return step }
    return builder.add(.awaitReady(identity, readiness, Shutdown(spec)), for: object, after: [step])
  }

  /// The networks of the stack that the guest is connected to, which must be there before it starts.
  private var ownNetworks: [ObjectReference] {
    let names = Set(spec.members("interfaces").compactMap { $0[.network] })
    return names.filter { builder.spec.network($0) != nil }.sorted().map { ObjectReference(.network, $0) }
  }

  /// Guests do not start on networks that are not there.
  func checkNetworks() {
    guard let networks = builder.inventory.networks else { return }
    let starts = spec[.state] == .running && !(observed?.isActive ?? false)
    for interface in spec.members("interfaces") {
      guard let setting = interface.setting(.network), let name = interface[.network] else { continue }
      if let planned = builder.spec.network(name) {
        guard planned[.networkState] == .inactive, starts else { continue }
        builder.fail(
          "inactive-network", "the network \(name) is not to be active", at: setting.range, subject: object,
          suggestion: "take `state: inactive` from the network, or `state: running` from the domain")
      } else if networks[name] == nil {
        let remedy =
          closestMatch(to: name, among: networks.keys.sorted() + builder.spec.networks.map(\.name)).map {
            "did you mean `\($0)`?"
          }
          ?? "declare it under `networks`, or define it with `virsh net-define`"
        let message = "the host has no network \(name)"
        if starts {
          builder.refuse("missing-network", message, at: setting.range, subject: object, suggestion: remedy)
        } else {
          builder.note(
            "missing-network", message, at: setting.range, subject: object, suggestion: remedy, severity: .warning)
        }
      } else if networks[name]?.isActive == false, starts {
        builder.refuse(
          "inactive-network", "the network \(name) is not active", at: setting.range, subject: object,
          suggestion: "start it with `virsh net-start \(name)`")
      }
    }
  }

  private mutating func planState(after steps: [Int]) {
    guard let setting = spec.setting(.state) else { return planRetention(with: nil, after: steps) }
    let state = observed?.state ?? .stopped
    let isActive = observed?.isActive ?? false
    let operation: Operation
    var effect = Effect.live
    switch (setting.value.string, state) {
    case ("running", .paused) where isActive: operation = .resumeDomain(identity)
    case ("running", _) where !isActive: operation = .startDomain(identity)
    case ("paused", _) where !isActive: operation = .pauseDomain(identity)
    case ("paused", _) where state != .paused: (operation, effect) = (.pauseDomain(identity), .offline)
    // A paused guest loses its memory as one that runs does.
    case ("stopped", _) where isActive: (operation, effect) = (.stopDomain(identity, Shutdown(spec)), .offline)
    default: return planRetention(with: nil, after: steps)
    }
    if let observed {
      changes.append(
        FieldChange(
          FieldKey.state.name, old: .string(observed.hasManagedSave && !isActive ? "saved" : state.rawValue),
          new: setting.value,
          effect: effect, reason: reason(.state, setting), range: setting.range))
    }
    let kept = planSnapshot(before: effect == .offline ? .offline : nil, after: steps)
    let step = builder.add(
      operation, for: object, after: steps + [kept?.step].compactMap(\.self), waitingFor: isActive ? [] : ownNetworks,
      effect: effect)
    let end = spec[.state] == .running ? planReadiness(after: step) : step
    planRetention(with: kept?.snapshot, after: [end])
  }

  /// The next start of a saved guest goes on with the definition of the time when it was saved, whatever is stored.
  mutating func noteSavedState() {
    guard let observed, observed.hasManagedSave, !observed.isActive else { return }
    compareSaved(observed)
    builder.note(
      "saved-state",
      "the guest has a saved state: its next start resumes that, with the definition of the time when it was saved",
      at: spec.place(of: .state), subject: object,
      suggestion: "to discard its memory and boot instead, apply with `--discard-saved-state`",
      severity: changes.isEmpty ? .note : .warning)
  }

  /// Values that are stored and that a saved guest goes on without: they wait until its memory is discarded.
  private mutating func compareSaved(_ observed: ObservedDomain) {
    guard let saved = observed.saved else { return }
    func compare(_ object: ObjectSpec, _ stored: XMLElement, _ saved: XMLElement, _ owner: String) -> [PendingValue] {
      object.type.fields(object.settings.keys).compactMap { field in
        guard let lens = field.lens, field.isComparableWhenRunning, let value = lens.get(stored) else { return nil }
        let resumed = lens.get(saved)
        guard !field.matches(desired: value, stored: resumed) else { return nil }
        return PendingValue(
          owner + object.type.displayName(of: field), running: resumed, stored: value, isSaved: true)
      }
    }
    pending += compare(spec, xml, saved, "")
    for collection in Vocabulary.domain.collections where collection.type.device != nil {
      for device in spec.members(collection.key) {
        let key = "\(collection.key).\(device.name)"
        guard let identity = identities[key], let stored = identity.find(in: xml) else { continue }
        if let resumed = identity.find(in: saved).map(Vocabulary.storedForm(ofRunning:)) {
          pending += compare(device, stored, resumed, key + ".")
        } else {
          pending.append(
            PendingValue(key, running: nil, stored: .string(device.type.name), isSaved: true))
        }
      }
    }
  }
}
