// Files that more people may read than what they derive from: copies that an earlier version made readable to everybody,
// overlays that libvirt made so and a run that was killed could not narrow.

import DiskImage
import Inventory
import Spec
import Vocabulary

extension Inventory {
  /// The mode that a file is to have; nil where it has it, and where it is not this user's to set.
  ///
  /// - Parameters:
  ///   - most: the permissions that groups and others may have.
  ///   - looked: those that are looked at; others stay.
  func narrowerMode(of file: ImageInfo, most: UInt32, among looked: UInt32) -> UInt32? {
    guard let mode = file.mode, let owner = file.owner, let user, user == 0 || user == owner else {
      return nil
    }
    let excess = mode & looked & ~most
    return excess == 0 ? nil : mode & ~excess
  }
}

extension StackContext {
  /// Takes the right to read a copy of a base image from whoever may not read its source.
  ///
  /// - Returns: the step and its change; nil where there is nothing to do.
  func narrowing(ofCopy path: String, from source: ObservedFile?, _ image: ObjectSpec) -> (Step, FieldChange)? {
    guard case .image(let source)? = source, let sourceMode = source.top.mode,
      case .image(let copy)? = inventory.files[path]
    else { return nil }
    // QEMU's user gets the file from libvirt; another user than root keeps the right to read it by its group.
    let most = sourceMode | (inventory.user == 0 ? 0 : 0o040)
    guard let mode = inventory.narrowerMode(of: copy.top, most: most, among: 0o044) else { return nil }
    return (
      Step(
        operation: .narrowMode(path: path, to: mode, file: PlannedImage(isStated: false, identity: copy.top.identity))),
      FieldChange(
        "mode", old: copy.top.mode.map(Value.mode), new: .mode(mode), effect: .define, reason: .spec,
        detail: "only users who may read the source may read the copy", range: image.setting(.source)?.range)
    )
  }
}

extension SnapshotPlanning {
  /// Takes the right to read the overlay of a snapshot from whoever may not read what it stands on.
  static func overlayModes(_ context: DomainContext) -> ([Step], [FieldChange]) {
    guard context.record != nil, let observed = context.observed else { return ([], []) }
    let overlays = OverlayMode.all(of: observed.snapshots ?? [], of: observed, on: context.stack.inventory)
    return (
      overlays.map { Step(operation: $0.operation) },
      overlays.map { overlay in
        FieldChange(
          "snapshots.\(overlay.snapshot).mode", old: overlay.overlay.mode.map(Value.mode), new: .mode(overlay.mode),
          effect: .define, reason: .spec,
          detail: "only users who may read its backing file may read \(overlay.overlay.path)", range: context.spec.range
        )
      }
    )
  }
}

extension Value {
  /// Permission bits as people write them: `0600`.
  fileprivate static func mode(_ mode: UInt32) -> Value {
    let digits = String(mode, radix: 8)
    return .string(String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
  }
}
