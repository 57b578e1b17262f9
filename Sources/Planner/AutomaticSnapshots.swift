// Snapshots that are taken because something disruptive is about to be done, and how many of them are kept.

import Inventory
import Spec
import Vocabulary

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
    guard let number = snapshot.name.split(separator: "-").last.flatMap({ Int($0) }),
      [Effect.restart, .offline].contains(where: { Self.name(before: $0, number) == snapshot.name })
    else { return nil }
    self.init(name: snapshot.name, number: number, kind: snapshot.kind, created: snapshot.created)
  }

  init(name: String, number: Int, kind: SnapshotKind?, created: Int?) {
    self.name = name
    self.number = number
    self.kind = kind
    self.created = created
  }
}

extension DomainPlanning {
  /// Those that there are, the oldest first. One that the spec declares by its name is the spec's.
  private var automaticSnapshots: [AutomaticSnapshot] {
    let declared = Set(spec.members("snapshots").map(\.name))
    return (observed?.snapshots ?? []).compactMap(AutomaticSnapshot.init)
      .filter { !declared.contains($0.name) }.sorted { $0.number < $1.number }
  }

  /// Plans a snapshot of the running guest before something is done to it, where the spec asks for one.
  ///
  /// - Parameter effect: of what is going to be done; nil for nothing that a snapshot is taken before.
  /// - Returns: the snapshot and the step that takes it.
  mutating func planSnapshot(
    before effect: Effect?, after steps: [Int]
  ) -> (snapshot: AutomaticSnapshot, step: Int)? {
    guard let effect, let observed, observed.isActive, let setting = spec.settings["snapshot-before"],
      (setting.value.list ?? []).contains(.string(effect.rawValue)),
      let running = observed.running, SnapshotChoice.hasWrittenDisk(running)
    else { return nil }
    let number = (automaticSnapshots.last?.number ?? 0) + 1
    let creation = SnapshotCreation(
      name: AutomaticSnapshot.name(before: effect, number), description: "taken by Vireo before a \(effect.noun)")
    let choice: SnapshotChoice
    do throws(SnapshotRefusal) {
      choice = try SnapshotChoice(creation, of: running, isActive: true, with: knownSnapshots)
    } catch {
      builder.fail(
        "snapshot", "no snapshot can be taken before the \(effect.noun): \(error.message)", at: setting.range,
        subject: object, suggestion: error.remedy)
      return nil
    }
    changes.append(
      FieldChange(
        "snapshots.\(creation.name)", new: .string(choice.kind.rawValue), effect: .live, reason: .spec,
        detail: choice.detail, range: setting.range))
    let step = builder.add(.takeSnapshot(domain: identity, creation), for: object, after: steps, effect: .live)
    return (AutomaticSnapshot(name: creation.name, number: number, kind: choice.kind, created: nil), step)
  }

  /// Plans to delete the snapshots that are too many or too old. The last one stays in any case.
  ///
  /// - Parameters:
  ///   - taken: the one that this plan takes.
  ///   - steps: what must have gone well before.
  mutating func planRetention(with taken: AutomaticSnapshot?, after steps: [Int]) {
    guard let setting = spec.settings["snapshot-before"] else { return }
    let all = automaticSnapshots + [taken].compactMap(\.self)
    let kept = spec["snapshot-retention.count"]?.integer ?? 3
    let age = spec["snapshot-retention.age"]?.seconds
    let now = builder.inventory.time
    var previous = steps
    for (place, snapshot) in all.enumerated().dropLast() {
      let reason: String
      if place < all.count - kept {
        reason = kept == 1 ? "only the last one is kept" : "only the last \(kept) are kept"
      } else if let age, let created = snapshot.created, let now, now - created > age {
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

extension Effect {
  /// What is done, in a sentence.
  fileprivate var noun: String { self == .offline ? "stop" : "restart" }
}
