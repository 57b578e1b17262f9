// Watchdogs have one action between them: it is QEMU's, not the device's.
//
// libvirt from 9.1 on writes down the watchdog that every q35 board has, `itco`, and refuses definitions whose watchdogs have
// different actions. So one that the spec does not declare follows those that it does.

import Spec
import Vocabulary
import XMLTree

/// The action of a guest's watchdogs.
enum WatchdogRules {
  /// Gives all watchdogs the one action that they can have.
  static func settle(
    _ context: DomainContext, _ identities: [String: DeviceIdentity], in definition: inout XMLElement
  ) -> DomainPart {
    var part = DomainPart(context)
    let owned = ownedAction(context)
    guard let devices = definition.first("devices"), devices.all("watchdog").count > 1 || owned != nil,
      case let field = Vocabulary.watchdog[.action], let lens = field.lens, let initial = field.libvirtDefault
    else { return part }
    let before = definition
    func isDeclared(_ element: XMLElement) -> Bool {
      context.spec.members("watchdogs").contains { identities["watchdogs.\($0.name)"]?.find(in: before) == element }
    }
    // What the spec names; the default again, where it named one and does not any more; else what the watchdogs have that are
    // there already.
    let named = context.spec.members("watchdogs").lazy.compactMap { $0.setting(.action)?.value }.first
    let others = devices.all("watchdog").filter { !isDeclared($0) }
    let wanted = named ?? (owned != nil ? initial : others.lazy.compactMap { lens.get($0) }.first ?? initial)
    var updated = devices
    updated.updateAll("watchdog") { element in
      let old = lens.get(element) ?? initial
      guard old != wanted else { return }
      lens.put(wanted, into: &element)
      // A declared one is shown with its fields, or is new.
      guard !isDeclared(element) else { return }
      let model = element[attribute: "model"] ?? "watchdog"
      part.changes.append(
        FieldChange(
          "watchdogs.\(model).\(field.name)", old: old, new: wanted, effect: context.effect(of: field, to: wanted),
          reason: .default, detail: "a guest has one action for all its watchdogs", range: context.spec.range))
    }
    if updated != devices { definition.update("devices") { $0 = updated } }
    return part
  }

  /// The action that an earlier apply has given the watchdogs.
  private static func ownedAction(_ context: DomainContext) -> String? {
    let record = context.record
    return record?.devices(of: "watchdogs").lazy.compactMap { record?[$0, .action] }.first
  }
}
