// What new objects and devices are given where the spec is silent: every value that stands in the definition is shown, whoever
// has chosen it.

import Spec
import Vocabulary
import XMLTree

extension ObjectSpec {
  /// The values of a new definition that the spec does not name, as changes.
  ///
  /// - Parameters:
  ///   - element: the definition, or a device of it.
  ///   - owner: what the names of a device's fields begin with: `disks.root.`.
  ///   - shown: the names of fields that are shown already.
  func given(
    in element: XMLElement, of owner: String = "", effect: Effect = .define, besides shown: Set<String> = []
  ) -> [FieldChange] {
    var fragment: XMLElement?
    if case .xml(let wanted)? = self[Field.xmlName] { fragment = wanted.root }
    return type.values(in: element).compactMap { field, value in
      let name = owner + type.displayName(of: field)
      // What stands in the spec's own XML is shown as such.
      guard settings[field.name] == nil, !shown.contains(name),
        fragment == nil || fragment.flatMap({ field.lens?.get($0) }) != value
      else { return nil }
      return FieldChange(name, new: value, effect: effect, reason: .default, range: range)
    }
  }
}

extension DomainPlanning {
  /// Shows what a new domain is given, and the devices that no entry of the spec stands for.
  ///
  /// - Parameter declared: the devices of the definition before Vireo has added any of its own.
  mutating func noteGiven(besides declared: [XMLElement]) {
    if observed == nil {
      changes += spec.given(in: xml, besides: Set(changes.map(\.field)))
    }
    var names = Set(
      Vocabulary.domain.collections.flatMap { kind in spec.members(kind.key).map { "\(kind.key).\($0.name)" } })
    var others = declared
    // A controller takes hold when the device does that it is for.
    let effect = observed == nil ? .define : min(changes.map(\.effect).max() ?? .define, .nextBoot)
    for device in xml.first("devices").map({ Array($0.elements) }) ?? [] {
      if let place = others.firstIndex(of: device) {
        others.remove(at: place)
        continue
      }
      guard let kind = Vocabulary.domain.collections.first(where: { $0.type.device?.matches(device) ?? false }) else {
        continue
      }
      var name = "\(kind.key).\(Self.name(ofGiven: device))"
      while !names.insert(name).inserted { name += "-1" }
      let values = kind.type.values(in: device).map { (kind.type.displayName(of: $0.field), $0.value) }
      changes.append(
        FieldChange(
          name, new: .table(Dictionary(values) { first, _ in first }), effect: effect, reason: .default,
          range: spec.range))
    }
  }

  /// What people would call a device that has no entry.
  private static func name(ofGiven device: XMLElement) -> String {
    switch device.name {
    case "controller":
      [device[attribute: "type"], device[attribute: "index"]].compactMap(\.self).joined(separator: "-")
    case "channel" where device.value(at: "target/@name") == NewDomain.agentChannel: "agent"
    case "input": device[attribute: "type"] ?? device.name
    default: device.name
    }
  }
}

extension DefinitionFields {
  /// Shows what a new object is given, once its definition is complete.
  mutating func noteGiven() {
    guard isNew else { return }
    changes += spec.given(in: xml, besides: Set(changes.map(\.field)))
  }
}
