// Planning what a spec says in libvirt's own XML: merged, shown place by place, recorded, and taken back.

import Spec
import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Plans the fragment of the domain itself, once its fields and devices are in place.
  mutating func planFragment() {
    var domain = xml
    var found: [FieldChange] = []
    plan(fragmentOf: spec, key: nil, device: nil, into: &domain, isNew: observed == nil, changes: &found)
    xml = domain
    changes += found
  }

  /// Merges an object's fragment into its element, and takes out what an earlier one said and this one does not.
  ///
  /// - Parameter key: the object's name in the domain, `disks.root`; nil for the domain itself.
  mutating func plan(
    fragmentOf object: ObjectSpec, key: String?, device: DeviceIdentity?, into element: inout XMLElement, isNew: Bool,
    changes: inout [FieldChange]
  ) {
    let name = key.map { "\($0).\(Field.xmlName)" } ?? Field.xmlName
    let setting = object.settings[Field.xmlName]
    var wanted: XMLFragment?
    if case .xml(let fragment)? = setting?.value { wanted = fragment }
    let recorded = record?.fields[name].flatMap { try? XMLFragment.parse($0, element: element.name) }
    guard wanted != nil || recorded != nil else { return }

    let before = element
    if !isNew, let dropped = recorded?.beyond(wanted?.withoutSecrets) { dropped.remove(from: &element) }
    if let wanted, let setting {
      wanted.merge(into: &element)
      owned.fields[name] = setting.value.description
      expectations.append(Expectation(field: name, value: setting.value, device: device, entry: Field.xmlName))
      checkFragment(of: object, setting, against: element)
    }
    guard element != before else {
      if let setting, !isNew { noteOwnership(name, setting, key: name) }
      return
    }
    // A new device is shown as a whole.
    guard !(isNew && device != nil) else { return }
    let effect: Effect = observed?.isActive ?? false ? .nextBoot : .define
    let reason: FieldChange.Reason =
      wanted == nil ? .dropped : recorded != nil && recorded == wanted?.withoutSecrets ? .drift : .spec
    let (shownBefore, shown) = (XMLFragment(before).withoutSecrets.root, XMLFragment(element).withoutSecrets.root)
    if shownBefore == shown {
      changes.append(
        FieldChange(
          name, effect: effect, reason: reason, detail: "a password", range: setting?.range ?? object.range))
    }
    for difference in difference(shownBefore, shown, options: .siblings) {
      let place = difference.path.drop { $0 == "/" }.drop { $0 != "/" }
      changes.append(
        FieldChange(
          name + place, old: difference.old.map(Value.string), new: difference.new.map(Value.string), effect: effect,
          reason: reason, range: setting?.range ?? object.range))
    }
  }

  /// A fragment has the last word, and must not contradict the object's own fields: one of the two would never hold.
  private mutating func checkFragment(of object: ObjectSpec, _ fragment: Setting, against element: XMLElement) {
    for field in object.type.fields {
      guard let setting = object.settings[field.name], let lens = field.lens else { continue }
      let value = lens.get(element)
      guard !field.matches(desired: setting.value, stored: value) else { continue }
      builder.fail(
        "conflict",
        "`xml` makes \(object.type.displayName(of: field)) \(value.map(\.description) ?? "undefined"), and it is to be \(setting.value)",
        at: fragment.range, subject: self.object, suggestion: "say it once, with the field")
    }
  }
}
