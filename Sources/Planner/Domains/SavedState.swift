// A guest whose memory is saved: its next start resumes that, with the definition that it was saved with, unless the
// memory is discarded.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// What becomes of a domain's saved memory.
enum SavedState {
  /// Plans to discard the saved memory before anything else, if that is asked for: the definition of its time would come back
  /// with it.
  static func planDiscarding(_ context: DomainContext) -> DomainPart {
    var part = DomainPart(context)
    guard context.discardsSavedState else { return part }
    part.changes.append(
      FieldChange(
        "saved-state", old: .string("the memory of the guest"), effect: .dataLoss, reason: .spec,
        detail: "discarded", range: context.spec.range))
    part.fileSteps.append(
      Step(
        operation: .discardSavedState(DomainIdentity(name: context.nameOnHost, uuid: context.identity.uuid)),
        effect: .dataLoss))
    return part
  }

  /// What the next start of a saved guest goes without, whatever is stored.
  ///
  /// - Parameter hasChanges: whether the domain has changes that its guest would not have.
  static func note(
    _ context: DomainContext, _ definition: XMLElement, _ identities: [String: DeviceIdentity], hasChanges: Bool
  ) -> DomainPart {
    var part = DomainPart(context)
    guard let observed = context.observed, observed.hasManagedSave, !observed.isActive else { return part }
    if let saved = observed.saved { part.pending = difference(context.spec, definition, saved, identities) }
    part.findings.note(
      "saved-state",
      "the guest has a saved state: its next start resumes that, with the definition that it was saved with",
      at: context.spec.place(of: .state),
      suggestion: "to discard its memory and boot instead, apply with `--discard-saved-state`",
      severity: hasChanges ? .warning : .note)
    return part
  }

  /// Values that are stored and that a saved guest goes on without: they wait until its memory is discarded.
  private static func difference(
    _ spec: ObjectSpec, _ definition: XMLElement, _ saved: XMLElement, _ identities: [String: DeviceIdentity]
  ) -> [PendingValue] {
    func compare(_ object: ObjectSpec, _ stored: XMLElement, _ saved: XMLElement, _ owner: String) -> [PendingValue] {
      object.type.fields(object.settings.keys).compactMap { field in
        guard let lens = field.lens, field.isComparableWhenRunning, let value = lens.get(stored) else { return nil }
        let resumed = lens.get(saved)
        guard !field.matches(desired: value, stored: resumed) else { return nil }
        return PendingValue(
          owner + object.type.displayName(of: field), running: resumed, stored: value, isSaved: true)
      }
    }
    var pending = compare(spec, definition, saved, "")
    for collection in Vocabulary.domain.collections where collection.type.device != nil {
      for device in spec.members(collection.key) {
        let key = "\(collection.key).\(device.name)"
        guard let identity = identities[key], let stored = identity.find(in: definition) else { continue }
        if let resumed = identity.find(in: saved).map(Vocabulary.storedForm(ofRunning:)) {
          pending += compare(device, stored, resumed, key + ".")
        } else {
          pending.append(
            PendingValue(key, running: nil, stored: .string(device.type.name), isSaved: true))
        }
      }
    }
    return pending
  }
}
