// Snapshots that are taken because something disruptive is about to be done, and how many of them are kept.

import Diagnostics
import Inventory
import Spec
import Vocabulary
import XMLTree

/// A snapshot that `snapshot-before` has taken, or takes in this plan.
struct AutomaticSnapshot {
  let name: String
  /// They are numbered as they are taken, whatever they are taken before.
  let number: Int
  let kind: SnapshotKind?
  /// Seconds since 1970; nil for one that is taken in this plan.
  let created: Int?

  static func name(before effect: Effect, _ number: Int) -> String { "before-\(effect.rawValue)-\(number)" }

  /// A snapshot of a domain, where its name is one of those that plans give.
  init?(_ snapshot: ObservedSnapshot) {
    // A number that no plan gets to is of somebody else's choosing.
    guard let number = snapshot.name.split(separator: "-").last.flatMap({ Int($0) }), number < 1_000_000_000,
      [Effect.restart, .offline, .delete, .replace].contains(where: { Self.name(before: $0, number) == snapshot.name })
    else { return nil }
    self.init(name: snapshot.name, number: number, kind: snapshot.kind, created: snapshot.created)
  }

  /// Those among a domain's snapshots, the oldest first. One that a spec declares by its name is the spec's.
  static func all(of snapshots: [ObservedSnapshot], except declared: Set<String> = []) -> [AutomaticSnapshot] {
    snapshots.compactMap(AutomaticSnapshot.init).filter { !declared.contains($0.name) }
      .sorted { $0.number < $1.number }
  }

  init(name: String, number: Int, kind: SnapshotKind?, created: Int?) {
    self.name = name
    self.number = number
    self.kind = kind
    self.created = created
  }
}

extension DomainContext {
  /// The snapshots that were taken by `snapshot-before`, the oldest first.
  var automaticSnapshots: [AutomaticSnapshot] {
    AutomaticSnapshot.all(of: observed?.snapshots ?? [], except: Set(spec.members("snapshots").map(\.name)))
  }
}

extension AutomaticSnapshot {
  /// The snapshots that are too many or too old, and what is shown of their deletion. The last one stays in any case.
  ///
  /// - Parameter taken: the one that this plan takes.
  static func retention(
    _ context: DomainContext, with taken: AutomaticSnapshot?
  ) -> [(name: String, shown: FieldChange)] {
    let spec = context.spec
    guard let setting = spec.setting(.snapshotBefore) else { return [] }
    let all = context.automaticSnapshots + [taken].compactMap(\.self)
    let kept = spec[.retainedSnapshots] ?? 3
    let age = spec[.snapshotAge]
    let now = context.stack.inventory.time
    return all.enumerated().dropLast().compactMap { place, snapshot in
      let reason: String
      if place < all.count - kept {
        reason = kept == 1 ? "only the latest is kept" : "only the latest \(kept) are kept"
      } else if let age, let created = snapshot.created, let now,
        case let (passed, overflow) = now.subtractingReportingOverflow(created),
        overflow ? created < 0 : passed > age
      {
        reason = "older than \(Value.seconds(age))"
      } else {
        return nil
      }
      return (
        snapshot.name,
        FieldChange(
          "snapshots.\(snapshot.name)", old: .string(snapshot.kind?.rawValue ?? "taken"),
          effect: context.isActive ? .live : .define, reason: .spec, detail: "deleted: \(reason)",
          range: setting.range)
      )
    }
  }

  /// A snapshot that is to be taken.
  struct Planned {
    var snapshot: AutomaticSnapshot
    var operation: Operation
    var change: FieldChange
  }
}

extension Findings {
  /// The snapshot of a domain before it is undefined, where its spec or its record asks for one and its disks stay.
  mutating func snapshot(
    beforeRemovalOf domain: ObservedDomain, _ declared: ObjectSpec?, _ record: OwnershipRecord?, on host: Inventory.Host
  ) -> AutomaticSnapshot.Planned? {
    let setting = declared?.setting(.snapshotBefore)
    let effects = declared.map { $0[.snapshotBefore] } ?? record?.content(of: .snapshotBefore)
    let definition = domain.running ?? domain.inactive
    guard [Effect.delete, .replace].contains(where: { effects?.contains($0.rawValue) ?? false }),
      domain.isPersistent,
      SnapshotChoice.hasWrittenDisk(definition)
    else { return nil }
    let known = domain.snapshots ?? []
    return snapshot(
      of: domain, definition, before: .delete, AutomaticSnapshot.all(of: known), known: known, at: setting?.range,
      on: host)
  }

  /// The next snapshot of a domain before something is done to it.
  ///
  /// - Parameters:
  ///   - definition: the domain as it is: what runs, or what is stored of a stopped one.
  ///   - earlier: the automatic ones that there are, the oldest first.
  ///   - known: all that there are or that are taken before.
  /// - Returns: nil where none can be taken, which has been told.
  mutating func snapshot(
    of domain: ObservedDomain, _ definition: XMLElement, before effect: Effect, _ earlier: [AutomaticSnapshot],
    known: [ObservedSnapshot], at range: SourceRange?, on host: Inventory.Host
  ) -> AutomaticSnapshot.Planned? {
    let number = (earlier.last?.number ?? 0) + 1
    let creation = SnapshotCreation(
      name: AutomaticSnapshot.name(before: effect, number), description: "taken by Vireo before a \(effect.noun)")
    let choice: SnapshotChoice
    do throws(SnapshotRefusal) {
      choice = try SnapshotChoice(
        creation, of: definition, isActive: domain.isActive, with: known, on: host.libvirtVersion)
    } catch {
      refuse(
        "snapshot", "no snapshot can be taken before the \(effect.noun): \(error.message)", at: range,
        suggestion: error.remedy)
      return nil
    }
    guard effect != .delete || choice.kind == .internal else {
      // Its overlays would make the definition another one than the plan has seen; its disks stay as they are anyway.
      note(
        "no-snapshot", "no snapshot is taken before the removal, because only an external one is possible", at: range)
      return nil
    }
    return AutomaticSnapshot.Planned(
      snapshot: AutomaticSnapshot(name: creation.name, number: number, kind: choice.kind, created: nil),
      operation: .takeSnapshot(domain: DomainIdentity(name: domain.name, uuid: domain.uuid), creation),
      change: FieldChange(
        "snapshots.\(creation.name)", new: .string(choice.kind.rawValue), effect: domain.isActive ? .live : .define,
        reason: .spec, detail: choice.detail, range: range))
  }
}

extension Effect {
  /// What is done, in a sentence.
  fileprivate var noun: String {
    switch self {
    case .offline: "stop"
    case .delete: "removal"
    default: rawValue
    }
  }
}
