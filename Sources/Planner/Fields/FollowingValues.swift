// Fields that change with another one, because they share an element with it, or mean something only beside it. Their values are
// shown like all others.

import Spec
import Vocabulary
import XMLTree

/// The changes of fields that other changes have taken along.
///
/// - Parameters:
///   - owner: what the names of a device's fields begin with: `disks.root.`.
///   - shown: the changes of the object that are shown already.
///   - earlier: the most disruptive effect of other changes, made before.
///   - isInUse: whether a guest runs that would have the values after its next start, or is saved.
func followingChanges(
  of object: ObjectSpec, owner: String = "", from before: XMLElement, to after: XMLElement, running: XMLElement?,
  besides shown: [FieldChange], earlier: Effect = .define, isInUse: Bool
) -> [FieldChange] {
  guard before != after else { return [] }
  var reader = ReadValues()
  let old = reader.values(of: object.type, in: before)
  let new = reader.values(of: object.type, in: after)
  let values = Dictionary(old.map { ($0.name, $0.value) }) { first, _ in first }
  let changed = new.filter { values[$0.name] != $0.value }
  let left = Set(new.map(\.name))
  // What runs is no different beyond what the changes shown do to it.
  let most = min(shown.map(\.effect).reduce(earlier, max), .nextBoot)
  return (changed + old.filter { !left.contains($0.name) }).compactMap { entry in
    let (field, name) = (entry.field, owner + entry.name)
    guard let lens = field.lens, !field.isFragment, !shown.contains(where: { $0.field == name }) else {
      return nil
    }
    let (old, new) = (lens.get(before), lens.get(after))
    guard old != new else { return nil }
    let isFree = !isInUse || isRunning(field, lens, of: after, in: running)
    return FieldChange(
      name, old: old, new: new, effect: isFree ? .define : most, reason: .default,
      range: object.settings[field]?.range ?? object.range)
  }
}
