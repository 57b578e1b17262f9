// Devices that the spec no longer has: they leave the definition, and the running guest now or at its next start.

import Spec
import Vocabulary
import XMLTree

/// What becomes of devices of a kind that no entry of the spec stands for.
struct LeavingDevices {
  let context: DomainContext
  let collection: ObjectType.Collection
  let rule: DeviceRule

  /// Devices that leave the domain because they left the spec, by their indices; others that nobody declared are reported.
  func removals(_ matcher: DeviceMatcher) -> (indices: Set<Int>, part: DomainPart) {
    var part = DomainPart(context)
    var removed: Set<Int> = []
    for (index, element, key) in matcher.unclaimed {
      if let key, context.record?.hasDevice("\(collection.key).\(key)") ?? false {
        removed.insert(index)
        let name = "\(collection.key).\(key)"
        part.owned.formers[name] = FormerPart(element, place: matcher.place(of: index), context.concealment)
        let identity = DeviceIdentity(
          of: element, key: key, kind: collection.type.name, rule, isAlone: matcher.count == 1)
        let isLive = rule.identity == .alias && context.canUnplug(identity)
        if isLive { part.detachments.append((name, identity)) }
        let isInGuest = context.running.map { identity.find(in: $0) != nil || rule.identity != .alias } ?? false
        // What shows later that it is the guest's no more, where a run is cut off before it has left.
        if isInGuest, identity.marks != nil || isLive {
          part.owned.setMarks(name, context.concealment.recorded(DeviceMarks(of: element)))
        }
        part.changes.append(
          FieldChange(
            name, old: .string(element.deviceSummary), effect: isLive ? .live : isInGuest ? .nextBoot : .define,
            reason: .dropped, detail: rule.role == .storage ? "the file stays" : nil, range: context.spec.range))
      } else if rule.role != .other, !isInFragment(element) {
        part.findings.note(
          "undeclared-device", "\(rule.element) that the spec does not declare: \(element.deviceSummary)",
          suggestion: "it is left alone")
      }
    }
    return (removed, part)
  }

  /// Whether the domain's own fragment declares a device.
  private func isInFragment(_ device: XMLElement) -> Bool {
    let declared = context.spec[.xml]?.root.first("devices")?.all(device.name) ?? []
    return declared.contains { XMLFragment($0).isMet(by: device) }
  }

  /// Devices that an earlier apply took out of the definition and that the running guest still has.
  func pending() -> DomainPart {
    var part = DomainPart(context)
    guard let observed = context.observed, let running = observed.running else { return part }
    let kind = collection.type.name
    func keys(_ domain: XMLElement) -> [String] {
      (domain.first("devices")?.all(rule.element) ?? []).compactMap { DeviceIdentity.key(of: $0, kind: kind) }
    }
    let known = Set(keys(observed.inactive) + context.spec.members(collection.key).map(\.name))
    let left = leftovers(of: observed.inactive, in: running)
    // Somebody else's alias may begin as Vireo's do.
    let others = Set(left.values.compactMap { $0[.alias] }.compactMap { DeviceIdentity.key(alias: $0, kind: kind) })
    let then = OwnershipRecord(in: running)
    for key in Set(keys(running)).subtracting(others).union(left.keys).sorted() where !known.contains(key) {
      let name = "\(collection.key).\(key)"
      let identity = identity(key, left[key])
      // It goes now, unless the guest was asked to let go of it and has not: a run that was cut off had not asked yet.
      let isVireos = context.record != nil && (left[key] != nil || then?.hasDevice(name) ?? false)
      if isVireos, rule.identity == .alias, !(context.refused?.contains(.detach, of: name) ?? false),
        context.canUnplug(identity), let element = identity.find(in: running)
      {
        part.detachments.append((name, identity))
        part.changes.append(
          FieldChange(
            name, old: .string(element.deviceSummary), effect: .live, reason: .dropped,
            detail: FieldChange.storedAlready, range: context.spec.range))
        continue
      }
      part.pending.append(PendingValue(name, running: .string(kind), stored: nil))
      part.needsRestart = true
    }
    return part
  }

  /// Devices of the running guest without keys of Vireo's that the definition does not have any more: those that the record
  /// has as gone from it, and those that the guest's own record has, which is of the time when it was started.
  private func leftovers(of inactive: XMLElement, in running: XMLElement) -> [String: DeviceMarks] {
    guard rule.identity == .alias else { return [:] }
    let prefix = collection.key + "."
    var found: [String: DeviceMarks] = [:]
    for (name, marks) in context.record?.leavers ?? [:] where name.hasPrefix(prefix) {
      let key = String(name.dropFirst(prefix.count))
      let device = identity(key, marks)
      if device.find(in: running) != nil, device.find(in: inactive) == nil { found[key] = marks }
    }
    if let then = OwnershipRecord(in: running), !then.marks.isEmpty {
      let devices = RecordedDevices(of: collection, in: running, then)
      for (place, key) in devices.keys where then.marks["\(prefix)\(key)"] != nil {
        let device = DeviceIdentity(
          of: devices.elements[place].element, key: key, kind: collection.type.name, rule,
          isAlone: devices.elements.count == 1)
        if device.find(in: inactive) == nil { found[key] = DeviceMarks(of: devices.elements[place].element) }
      }
    }
    return found
  }

  private func identity(_ key: String, _ marks: DeviceMarks?) -> DeviceIdentity {
    DeviceIdentity(
      element: rule.element, identity: rule.identity,
      value: DeviceIdentity.alias(kind: collection.type.name, key: key), marks: marks)
  }
}
