// Planning the snapshots that a domain is to have: those that are missing are taken.

import Inventory
import Spec
import Vocabulary
import XMLTree

/// What becomes of a domain's snapshots.
enum SnapshotPlanning {
  struct Plan {
    var part: DomainPart
    /// Steps that take permissions from the overlays of snapshots.
    var modes: [Step] = []
    /// The snapshots to take, one after the other.
    var taken: [(creation: SnapshotCreation, effect: Effect)] = []
    /// The snapshots that there are, and those that this plan takes.
    var known: [ObservedSnapshot]
  }

  /// Plans the snapshots that the spec declares and that the domain does not have.
  static func plan(_ context: DomainContext, _ definition: XMLElement) -> Plan {
    var plan = Plan(part: DomainPart(context), known: context.observed?.snapshots ?? [])
    (plan.modes, plan.part.changes) = overlayModes(context)
    for declared in context.spec.members("snapshots") {
      let creation = SnapshotCreation(
        name: declared.name, description: declared[.description],
        kind: declared[.snapshotKind].flatMap(SnapshotKind.init(rawValue:)), memory: declared[.keepsMemory],
        quiesce: declared[.quiesce] ?? false)
      let key = "snapshots.\(declared.name)"
      if let present = plan.known.first(where: { $0.name == declared.name }) {
        plan.part.findings.noteDifference(present, declared, key: key)
        continue
      }
      let choice: SnapshotChoice
      do throws(SnapshotRefusal) {
        choice = try SnapshotChoice(
          creation, of: context.running ?? definition, isActive: context.isActive, with: plan.known,
          on: context.stack.host.libvirtVersion)
      } catch {
        plan.part.findings.refuse(
          "snapshot", "\(key): \(error.message)", at: declared.range, suggestion: error.remedy)
        continue
      }
      let effect: Effect = context.isActive ? .live : .define
      if !context.isNew {
        plan.part.changes.append(
          FieldChange(
            key, new: .string(choice.kind.rawValue), effect: effect, reason: .spec, detail: choice.detail,
            range: declared.range))
      }
      plan.taken.append((creation, effect))
      plan.known.append(ObservedSnapshot(planned: declared.name, kind: choice.kind))
    }
    return plan
  }
}

extension Findings {
  /// A snapshot is what the guest was: it is not taken again because the spec says another kind now.
  fileprivate mutating func noteDifference(_ present: ObservedSnapshot, _ declared: ObjectSpec, key: String) {
    guard let kind = declared.setting(.snapshotKind), let actual = present.kind, kind.value != .string(actual.rawValue)
    else {
      return
    }
    note(
      "other-snapshot", "\(key) is \(actual.rawValue), and the spec says \(kind.value)", at: kind.range,
      suggestion: "it does not change; for another kind, use another name", severity: .warning)
  }
}

extension SnapshotChoice {
  /// What it means for the guest, in a few words.
  var detail: String {
    switch (kind, hasMemory) {
    case (.internal, true): "disks and memory; the guest pauses while its memory is written"
    case (.internal, false): "inside the images"
    case (.external, true): "overlays on the disks, and the memory"
    case (.external, false): "overlays on the disks"
    }
  }
}
