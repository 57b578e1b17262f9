// Secrets in what is shown and recorded: what the spec marks, what an earlier one marked, and what is known for one.

import Diagnostics
import Spec
import Vocabulary
import XMLTree

/// What of one object is concealed, and how its record has it.
///
/// A record has a digest in a secret's place, with a salt that stays the record's own: so a plan tells a secret that changed
/// from one that did not, and whoever reads the record has to guess at each of them again.
struct Concealment {
  /// What the spec marks as secret, and what the last apply had marked: what is no longer marked is shown when that is
  /// recorded, and not before.
  let places: SensitivePlaces
  /// Texts that are secrets, of the spec and of the host's definitions.
  let secrets: KnownSecrets
  let salt: String
  private let wanted: SensitivePlaces
  private let record: OwnershipRecord?
  /// The names of concealed fields, as changes have them.
  private let names: Set<String>

  /// - Parameters:
  ///   - salt: for a record that has none.
  ///   - definitions: what the host has of the object, stored and running.
  init(of spec: ObjectSpec, record: OwnershipRecord?, salt: String, definitions: [XMLElement]) {
    self.record = record
    self.salt = record?.salt ?? salt
    wanted = spec.sensitivePlaces
    var places = wanted
    var secrets = KnownSecrets()
    if let record { places.formUnion(record.sensitivePlaces(of: spec.type)) }
    self.places = places
    spec.collect(into: &secrets, besides: places)
    for definition in definitions {
      secrets.insert(Self.secrets(in: definition, at: places, of: spec, record))
      secrets.insertSuspects(definition.confidentialTexts)
    }
    self.secrets = secrets
    names = Set(
      places.owners.flatMap { owner in
        places.fields(of: owner).compactMap { field in
          let type = owner.isEmpty ? spec.type : spec.type.collection(String(owner.prefix { $0 != "." }))?.type
          guard let type else { return nil }
          return (owner.isEmpty ? "" : owner + ".") + type.displayName(of: field)
        }
      })
  }

  /// What the host has in the places that are concealed.
  private static func secrets(
    in definition: XMLElement, at places: SensitivePlaces, of spec: ObjectSpec, _ record: OwnershipRecord?
  ) -> [String] {
    var found: [String] = []
    for owner in places.owners {
      var elements = [definition]
      if !owner.isEmpty {
        // Which device is which entry is not known yet: any of the kind may be it.
        guard let kind = spec.type.collection(String(owner.prefix { $0 != "." }))?.type, let rule = kind.device else {
          continue
        }
        elements = definition.first("devices")?.elements.filter(rule.matches) ?? []
      }
      for element in elements {
        for field in places.fields(of: owner) {
          found += field.lens?.get(element)?.concealingTexts.secrets ?? []
        }
        let paths = places.paths(of: owner).filter { !$0.isWhole }
        if !paths.isEmpty { found += XMLFragment(element).texts(at: paths) }
      }
    }
    return found
  }

  // MARK: The record

  /// Records a value.
  func record(_ value: Value, of owner: String, _ field: Field, in owned: inout OwnershipRecord) {
    let value = wanted.contains(field, of: owner) ? value.concealingTexts : value
    guard let old = record?[owner, field], let notation = SecretMask.notation(in: old),
      text(value, of: owner, notation) == old
    else {
      owned[owner, field] = text(value, of: owner, .salted(salt))
      return
    }
    // The same value is not a change, in whatever notation the record has it.
    owned[owner, field] = old
    if case .unsalted = notation { owned.renew(owner, field, as: text(value, of: owner, .salted(salt))) }
  }

  /// Whether the record has a value of a field, whichever.
  func hasRecorded(_ owner: String, _ field: Field) -> Bool { record?[owner, field] != nil }

  /// Whether the record has a value.
  func isRecorded(_ value: Value, of owner: String, _ field: Field) -> Bool {
    guard let old = record?[owner, field] else { return false }
    let value = wanted.contains(field, of: owner) ? value.concealingTexts : value
    return old == text(value, of: owner, SecretMask.notation(in: old) ?? .salted(salt))
  }

  private func text(_ value: Value, of owner: String, _ notation: SecretNotation) -> String {
    guard case .xml(let fragment) = value else { return value.text(notation) }
    return fragment.text(notation, besides: wanted.paths(of: owner))
  }

  /// What a device is known by, as the record has it.
  func recorded(_ marks: DeviceMarks) -> DeviceMarks {
    guard !places.isEmpty else { return marks }
    return marks.concealing(.salted(salt)) { secrets.texts.contains($0) || secrets.redacted($0) != $0 }
  }

  // MARK: What is shown

  /// Whether a field is concealed, by the name that changes have.
  func conceals(_ name: String) -> Bool { names.contains(name) }

  /// What becomes of the object, with masks in the places of secrets.
  func concealed(_ plan: ObjectPlan) -> ObjectPlan {
    guard !secrets.isEmpty || !names.isEmpty || plan.changes.contains(where: \.hasMask) else { return plan }
    var plan = plan
    plan.changes = plan.changes.map { change in
      var change = change
      change.old = concealed(change.old, of: change.field)
      change.new = concealed(change.new, of: change.field)
      change.detail = change.detail.map { secrets.redacted(SecretMask.shown($0)) }
      change.field = secrets.redacted(SecretMask.shown(change.field))
      return change
    }
    plan.pending = plan.pending.map { value in
      PendingValue(
        value.field, running: concealed(value.running, of: value.field),
        stored: concealed(value.stored, of: value.field), isSaved: value.isSaved)
    }
    return plan
  }

  private func concealed(_ value: Value?, of field: String) -> Value? {
    if conceals(field) { return value?.concealingTexts }
    if case .xml(let fragment)? = value {
      let owner = field == Field.xmlName ? "" : String(field.dropLast(Field.xmlName.utf8.count + 1))
      return .xml(fragment.masked(.shown, besides: places.paths(of: owner)))
    }
    guard case .string(let text)? = value else { return value }
    return .string(secrets.redacted(SecretMask.shown(text)))
  }
}

extension FieldChange {
  /// Whether there is a digest in a text that is to be shown.
  fileprivate var hasMask: Bool {
    func has(_ text: String?) -> Bool { text.map { SecretMask.shown($0) != $0 } ?? false }
    return has(field) || has(detail) || has(new?.string) || has(old?.string)
  }
}

extension OwnershipRecord {
  /// What the last apply had marked as secret.
  fileprivate func sensitivePlaces(of type: ObjectType) -> SensitivePlaces {
    var places = SensitivePlaces()
    for (owner, name) in sensitiveNames {
      let kind = owner.isEmpty ? type : type.collection(String(owner.prefix { $0 != "." }))?.type
      guard let kind else { continue }
      try? places.insert(name, in: kind, owner: owner)
    }
    return places
  }

  /// The names that the last apply had marked as secret, each with the object whose list had it.
  var sensitiveNames: [(owner: String, name: String)] {
    ([Self.itself] + devices.sorted()).flatMap { owner -> [(owner: String, name: String)] in
      guard let text = self[owner, .sensitive] else { return [] }
      let names = (try? Field.sensitiveType.parse(text))?.list?.compactMap(\.string) ?? []
      return names.map { (owner, $0) }
    }
  }
}
