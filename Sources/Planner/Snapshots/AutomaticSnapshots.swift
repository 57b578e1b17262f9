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

extension DomainPlanning {
  private var automaticSnapshots: [AutomaticSnapshot] {
    AutomaticSnapshot.all(of: observed?.snapshots ?? [], except: Set(spec.members("snapshots").map(\.name)))
  }

  /// Plans a snapshot of the running guest before something is done to it, where the spec asks for one.
  ///
  /// - Parameter effect: of what is going to be done; nil for nothing that a snapshot is taken before.
  /// - Returns: the snapshot and the step that takes it.
  mutating func planSnapshot(
    before effect: Effect?, after steps: [Int]
  ) -> (snapshot: AutomaticSnapshot, step: Int)? {
    guard let effect, let observed, observed.isActive, let setting = spec.setting(.snapshotBefore),
      (setting.value.list ?? []).contains(.string(effect.rawValue)),
      let running = observed.running, SnapshotChoice.hasWrittenDisk(running)
    else { return nil }
    let planned = builder.planSnapshot(
      of: observed, running, before: effect, automaticSnapshots, known: knownSnapshots, at: setting.range,
      after: steps)
    guard let planned else { return nil }
    changes.append(planned.change)
    return (planned.snapshot, planned.step)
  }

  /// Plans to delete the snapshots that are too many or too old. The last one stays in any case.
  ///
  /// - Parameters:
  ///   - taken: the one that this plan takes.
  ///   - steps: what must have gone well before.
  mutating func planRetention(with taken: AutomaticSnapshot?, after steps: [Int]) {
    guard let setting = spec.setting(.snapshotBefore) else { return }
    let all = automaticSnapshots + [taken].compactMap(\.self)
    let kept = spec[.retainedSnapshots] ?? 3
    let age = spec[.snapshotAge]
    let now = builder.inventory.time
    var previous = steps
    for (place, snapshot) in all.enumerated().dropLast() {
      let reason: String
      if place < all.count - kept {
        reason = kept == 1 ? "only the last one is kept" : "only the last \(kept) are kept"
      } else if let age, let created = snapshot.created, let now,
        case let (passed, overflow) = now.subtractingReportingOverflow(created),
        overflow ? created < 0 : passed > age
      {
        reason = "older than \(Value.seconds(age))"
      } else {
        continue
      }
      let effect: Effect = observed?.isActive ?? false ? .live : .define
      changes.append(
        FieldChange(
          "snapshots.\(snapshot.name)", old: .string(snapshot.kind?.rawValue ?? "taken"), effect: effect, reason: .spec,
          detail: "deleted: \(reason)", range: setting.range))
      previous = [
        builder.add(
          .deleteSnapshot(domain: identity, name: snapshot.name), for: object, after: previous, effect: effect)
      ]
    }
  }
}

extension PlanBuilder {
  /// Plans a snapshot of a domain before it is undefined, where its spec or its record asks for one and its disks stay.
  ///
  /// - Returns: the snapshot and the step that takes it.
  func planSnapshot(
    beforeRemovalOf domain: ObservedDomain, _ declared: ObjectSpec?, _ record: OwnershipRecord?
  ) -> (change: FieldChange, step: Int)? {
    let setting = declared?.setting(.snapshotBefore)
    let effects = declared.map { $0[.snapshotBefore] } ?? record?.content(of: .snapshotBefore)
    let definition = domain.running ?? domain.inactive
    guard [Effect.delete, .replace].contains(where: { effects?.contains($0.rawValue) ?? false }),
      domain.isPersistent,
      SnapshotChoice.hasWrittenDisk(definition)
    else { return nil }
    let known = domain.snapshots ?? []
    return planSnapshot(
      of: domain, definition, before: .delete, AutomaticSnapshot.all(of: known), known: known, at: setting?.range
    ).map { ($0.change, $0.step) }
  }

  /// Plans the next snapshot of a domain before something is done to it.
  ///
  /// - Parameters:
  ///   - definition: the domain as it is: what runs, or what is stored of a stopped one.
  ///   - earlier: the automatic ones that there are, the oldest first.
  ///   - known: all that there are or that are taken before.
  /// - Returns: nil where none can be taken, which has been told.
  fileprivate func planSnapshot(
    of domain: ObservedDomain, _ definition: XMLElement, before effect: Effect, _ earlier: [AutomaticSnapshot],
    known: [ObservedSnapshot], at range: SourceRange?, after steps: [Int] = []
  ) -> (snapshot: AutomaticSnapshot, change: FieldChange, step: Int)? {
    let object = ObjectReference(.domain, domain.name)
    let number = (earlier.last?.number ?? 0) + 1
    let creation = SnapshotCreation(
      name: AutomaticSnapshot.name(before: effect, number), description: "taken by Vireo before a \(effect.noun)")
    let choice: SnapshotChoice
    do throws(SnapshotRefusal) {
      choice = try SnapshotChoice(
        creation, of: definition, isActive: domain.isActive, with: known, on: inventory.host.libvirtVersion)
    } catch {
      refuse(
        "snapshot", "no snapshot can be taken before the \(effect.noun): \(error.message)", at: range, subject: object,
        suggestion: error.remedy)
      return nil
    }
    guard effect != .delete || choice.kind == .internal else {
      // Its overlays would make the definition another one than the plan has seen; its disks stay as they are anyway.
      note(
        "no-snapshot", "no snapshot is taken before the removal: it could only be external", at: range, subject: object)
      return nil
    }
    let change = FieldChange(
      "snapshots.\(creation.name)", new: .string(choice.kind.rawValue), effect: domain.isActive ? .live : .define,
      reason: .spec, detail: choice.detail, range: range)
    let identity = DomainIdentity(name: domain.name, uuid: domain.uuid)
    let step = add(.takeSnapshot(domain: identity, creation), for: object, after: steps, effect: change.effect)
    let snapshot = AutomaticSnapshot(name: creation.name, number: number, kind: choice.kind, created: nil)
    return (snapshot, change, step)
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
