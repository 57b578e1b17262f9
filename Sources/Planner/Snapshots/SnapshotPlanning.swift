// Planning the snapshots that a domain is to have: those that are missing are taken.

import Inventory
import Spec
import Vocabulary

extension DomainPlanning {
  /// Plans the snapshots that the spec declares and that the domain does not have.
  ///
  /// - Returns: the steps that take them, for the start to wait for.
  mutating func planSnapshots(after steps: [Int]) -> [Int] {
    planOverlayModes()
    var taken: [Int] = []
    for declared in spec.members("snapshots") {
      let creation = SnapshotCreation(
        name: declared.name, description: declared[.description],
        kind: declared[.snapshotKind].flatMap(SnapshotKind.init(rawValue:)), memory: declared[.keepsMemory],
        quiesce: declared[.quiesce] ?? false)
      let key = "snapshots.\(declared.name)"
      if let present = knownSnapshots.first(where: { $0.name == declared.name }) {
        noteDifference(present, declared, key: key)
        continue
      }
      let isActive = observed?.isActive ?? false
      let choice: SnapshotChoice
      do throws(SnapshotRefusal) {
        choice = try SnapshotChoice(
          creation, of: observed?.running ?? xml, isActive: isActive, with: knownSnapshots,
          on: builder.inventory.host.libvirtVersion)
      } catch {
        builder.refuse(
          "snapshot", "\(key): \(error.message)", at: declared.range, subject: object, suggestion: error.remedy)
        continue
      }
      let effect: Effect = isActive ? .live : .define
      if observed != nil {
        changes.append(
          FieldChange(
            key, new: .string(choice.kind.rawValue), effect: effect, reason: .spec, detail: choice.detail,
            range: declared.range))
      }
      taken.append(
        builder.add(
          .takeSnapshot(domain: identity, creation), for: object, after: steps + taken.suffix(1), effect: effect))
      knownSnapshots.append(ObservedSnapshot(planned: declared.name, kind: choice.kind))
    }
    return taken
  }

  /// A snapshot is what the guest was: it is not taken again because the spec says another kind now.
  private func noteDifference(_ present: ObservedSnapshot, _ declared: ObjectSpec, key: String) {
    guard let kind = declared.setting(.snapshotKind), let actual = present.kind, kind.value != .string(actual.rawValue)
    else {
      return
    }
    builder.note(
      "other-snapshot", "\(key) is \(actual.rawValue), and the spec says \(kind.value)", at: kind.range,
      subject: object,
      suggestion: "it stays as it was taken; another kind needs another name", severity: .warning)
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
