// Watchdogs have one action between them: it is QEMU's, not the device's.
//
// libvirt from 9.1 on writes down the watchdog that every q35 board has, `itco`, and refuses definitions whose watchdogs have
// different actions. So one that the spec does not declare follows those that it does.

import Spec
import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Gives all watchdogs the one action that they can have.
  mutating func settleWatchdogs() {
    guard let devices = xml.first("devices"), devices.all("watchdog").count > 1 || ownedWatchdogAction != nil,
      case let field = Vocabulary.watchdog[.action], let lens = field.lens, let initial = field.libvirtDefault
    else { return }
    let wanted = watchdogAction(among: devices, lens, initial)
    var updated = devices
    updated.updateAll("watchdog") { element in
      let old = lens.get(element) ?? initial
      guard old != wanted else { return }
      lens.put(wanted, into: &element)
      // A declared one is shown with its fields, or is new.
      guard !isDeclared(element) else { return }
      let model = element[attribute: "model"] ?? "watchdog"
      changes.append(
        FieldChange(
          "watchdogs.\(model).\(field.name)", old: old, new: wanted, effect: effect(of: field, to: wanted),
          reason: .default,
          detail: "a guest has one action for all its watchdogs", range: spec.range))
    }
    guard updated != devices else { return }
    xml.update("devices") { $0 = updated }
  }

  /// The action that the spec names; the default again, where it named one and does not any more; else what the watchdogs
  /// have that are there already.
  private func watchdogAction(among devices: XMLElement, _ lens: Lens, _ initial: Value) -> Value {
    if let named = spec.members("watchdogs").lazy.compactMap({ $0.setting(.action)?.value }).first { return named }
    if ownedWatchdogAction != nil { return initial }
    let others = devices.all("watchdog").filter { !isDeclared($0) }
    return others.lazy.compactMap { lens.get($0) }.first ?? initial
  }

  /// The action that an earlier apply has given the watchdogs.
  private var ownedWatchdogAction: String? {
    record?.devices(of: "watchdogs").lazy.compactMap { record?[$0, .action] }.first
  }

  private func isDeclared(_ element: XMLElement) -> Bool {
    spec.members("watchdogs").contains { identities["watchdogs.\($0.name)"]?.find(in: xml) == element }
  }
}
