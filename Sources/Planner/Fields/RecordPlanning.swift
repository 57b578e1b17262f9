// What an apply writes into the ownership record, as changes: whatever the record says otherwise afterwards is shown, by a
// change of its field, by a device that comes or goes as a whole, or by a row of its own.

import Spec
import Vocabulary
import XMLTree

extension FieldChange {
  /// The detail of a value that no definition has: the record alone keeps it.
  static let recorded = "recorded"
  /// The detail of a value that the host has already, and that is the spec's as of now.
  static let metAlready = "unchanged; now recorded"
  /// The detail of a value or device that the spec no longer names and that stays on the host, which may change it as of now.
  static let released = "released; kept as it is"
  /// The detail of a value that the spec no longer names and that the host does not have either.
  static let absentAlready = "no longer set; no longer recorded"
  /// The detail of a device that is gone from the host before it left the spec.
  static let goneAlready = "already gone; no longer recorded"

  /// Whether the ownership record alone changes, and neither the object nor its guest.
  public var isRecordOnly: Bool {
    [Self.recorded, Self.metAlready, Self.released, Self.absentAlready, Self.goneAlready].contains(detail)
  }
}

/// The ownership record before and after, told as changes.
///
/// The law: each difference between the two is among the changes shown. Exempt is only what an object that is adopted has on
/// the host as the spec says it; that the object is adopted says that this becomes the spec's.
struct RecordDifference {
  /// What an earlier apply owned; nil for an object that is new or that nobody owns.
  let before: OwnershipRecord?
  let now: OwnershipRecord
  /// Whether the host does not have the object yet.
  let isNew: Bool
  /// Devices that the spec leaves to the host are still there.
  var unmanaged = UnmanagedPlaces()

  /// The differences of an object, or of one of its devices, that no change shows yet.
  ///
  /// - Parameters:
  ///   - owner: the name in the record: `disks.root`; ``OwnershipRecord/itself`` for the object.
  ///   - spec: what the spec says of it.
  ///   - shown: the changes that are shown already.
  ///   - held: the value that the host has of a field; nil where the host has none, or no place for one.
  func changes(
    of owner: String, _ spec: ObjectSpec, besides shown: [FieldChange], held: (Field) -> Value?
  ) -> [FieldChange] {
    let (old, new) = (before?.fields(of: owner) ?? [:], now.fields(of: owner))
    guard old != new else { return [] }
    let names = Set(shown.map(\.field))
    let known = spec.type.fields.map(\.name).filter { old[$0] != new[$0] }
    let others = Set(old.keys).union(new.keys).subtracting(known).filter { old[$0] != new[$0] }.sorted()
    return (known + others).compactMap { name in
      let field = spec.type.field(name)
      let shownName = Self.shownName(of: name, field, owner, spec.type)
      guard !names.contains(shownName),
        !(field?.isFragment ?? false) || !names.contains(where: { $0.hasPrefix(shownName + "/") }),
        // The file of a disk that Vireo makes is its source.
        name != OwnershipRecord.file || !names.contains("\(owner).\(FieldKey.source.name)")
      else { return nil }
      let setting = field.flatMap { spec.settings[$0] }
      let range = setting?.range ?? spec.range
      let place = name == OwnershipRecord.file ? spec.type[.source] : field
      let held = isNew ? nil : place.flatMap(held)
      let hasPlace = field?.lens != nil || field?.isFragment ?? false || held != nil
      guard new[name] != nil else {
        // What the record alone has kept is gone with it; what the definition has stays there.
        let value = hasPlace ? held : old[name].map { Self.value($0, field) }
        let detail =
          !hasPlace ? FieldChange.recorded : held == nil ? FieldChange.absentAlready : FieldChange.released
        return FieldChange(
          shownName, old: value, new: hasPlace ? held : nil, effect: .define, reason: .dropped, detail: detail,
          range: range)
      }
      let value = setting?.value ?? new[name].map { Self.value($0, field) }
      if hasPlace, !isNew {
        // The plan of an adopted object shows that for all of its fields.
        guard before != nil else { return nil }
        return FieldChange(
          shownName, old: held ?? value, new: value, effect: .define, reason: .spec, detail: FieldChange.metAlready,
          range: range)
      }
      return FieldChange(
        shownName, old: old[name].map { Self.value($0, field) }, new: value, effect: .define, reason: .spec,
        detail: isNew ? nil : FieldChange.recorded, range: range)
    }
  }

  /// Devices that the record gains or loses as a whole and that no change shows.
  func devices(of spec: ObjectSpec, besides shown: [FieldChange]) -> [FieldChange] {
    guard let before else { return [] }
    return before.devices.symmetricDifference(now.devices).sorted().compactMap { key in
      guard !shown.contains(where: { $0.field == key || $0.field.hasPrefix(key + ".") }) else { return nil }
      let kind = spec.type.collection(String(key.prefix { $0 != "." }))?.type.name ?? "device"
      let isGained = now.hasDevice(key)
      let isReleased = unmanaged.contains(device: key)
      let member = spec.members(String(key.prefix { $0 != "." })).first { key.hasSuffix(".\($0.name)") }
      return FieldChange(
        key, old: .string(kind), new: isGained || isReleased ? .string(kind) : nil, effect: .define,
        reason: isGained ? .spec : .dropped,
        detail: isGained ? FieldChange.metAlready : isReleased ? FieldChange.released : FieldChange.goneAlready,
        range: member?.range ?? (isReleased ? spec.place(of: .unmanage) : spec.range))
    }
  }

  private static func shownName(of name: String, _ field: Field?, _ owner: String, _ type: ObjectType) -> String {
    let own = field.map { type.displayName(of: $0) } ?? name
    return owner == OwnershipRecord.itself ? own : "\(owner).\(own)"
  }

  /// A recorded text as a value of its field.
  private static func value(_ text: String, _ field: Field?) -> Value {
    field.flatMap { try? $0.type.parse(text) } ?? .string(text)
  }
}
