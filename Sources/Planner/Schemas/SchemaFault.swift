// What is at fault in a definition that libvirt's schema refuses. The schema itself names little more than the nearest list of
// choices, and often an innocent neighbour: the fault is found by trying what it would accept.

import Spec
import Vocabulary
import XMLTree

/// A part of a spec without which, or with more of which, the schema would accept its object.
struct SchemaFault: Sendable, Hashable {
  enum Reason: Sendable, Hashable {
    /// The schema does not allow it; of a fragment the smallest part, such as `memtune/soft`.
    case value(place: String?)
    /// The schema requires another field of the same object beside it.
    case missing(String)
    /// The schema allows it, and not beside the rest of the object or the domain.
    case company
  }

  /// The name of the device in the spec, `disks.root`; ``OwnershipRecord/itself`` for the object itself.
  var owner: String
  /// The name of the field; nil for what no field of the spec says.
  var field: String?
  var reason: Reason
}

/// Searches what is at fault.
struct SchemaSearch {
  let accepts: (XMLElement) -> Bool

  /// A device of the spec with its element in the definition.
  typealias Device = (key: String, object: ObjectSpec, element: XMLElement)

  // MARK: Domains

  /// What is at fault in the definition of a domain.
  func faults(in domain: ObjectSpec, _ devices: [Device], of definition: XMLElement) -> [SchemaFault] {
    var found: [SchemaFault] = []
    let bare = Self.withoutDevices(definition)
    if !accepts(bare) { found += faults(in: domain, bare) }
    for device in devices where !accepts(Self.shell(around: device.element)) {
      found += faults(in: device.object, owner: device.key, device.element, Self.shell)
    }
    found += undeclaredFaults(in: domain, devices, of: definition)
    return found.isEmpty ? company(of: domain, devices, definition) : found
  }

  /// Whether the schema accepts a definition without the values that are at fault in another one.
  func isCured(
    of faults: [SchemaFault], _ domain: ObjectSpec, _ devices: [Device], in definition: XMLElement
  ) -> Bool {
    var cured = definition
    for fault in faults {
      guard case .value(let place) = fault.reason, let name = fault.field else { return false }
      let device = devices.first { $0.key == fault.owner }
      let object = device?.object ?? domain
      guard device != nil || fault.owner == OwnershipRecord.itself, let field = object.type.field(name),
        let value = object.settings[field]?.value, place != nil || !field.isFragment
      else { return false }
      guard let rest = (device?.element ?? cured).without(field, value, at: place) else { return false }
      if let device {
        cured.update("devices") { $0.children = $0.children.map { $0.element == device.element ? .element(rest) : $0 } }
      } else {
        cured = rest
      }
    }
    return !faults.isEmpty && accepts(cured)
  }

  /// A definition's own part.
  static func withoutDevices(_ definition: XMLElement) -> XMLElement {
    var bare = definition
    bare.update("devices", create: false) { $0.children = [] }
    return bare
  }

  /// A domain that has nothing else for the schema to be against.
  static func shell(around device: XMLElement) -> XMLElement {
    XMLElement(
      "domain", ["type": "qemu"],
      children: [
        XMLElement("name", text: "shell"), XMLElement("memory", text: "1048576"),
        XMLElement("os", children: [XMLElement("type", text: "hvm")]), XMLElement("devices", children: [device]),
      ])
  }

  /// Devices without an entry: those of the domain's own fragment, and what Vireo or the host has put there.
  private func undeclaredFaults(
    in domain: ObjectSpec, _ devices: [Device], of definition: XMLElement
  ) -> [SchemaFault] {
    let known = Set(devices.map(\.element))
    let others = definition.first("devices").map { Array($0.elements) } ?? []
    return others.filter { !known.contains($0) && !accepts(Self.shell(around: $0)) }.map { device in
      let isFragment = domain[.xml]?.root.first("devices")?.first(device.name) != nil
      return SchemaFault(
        owner: OwnershipRecord.itself, field: isFragment ? Field.xmlName : nil,
        reason: .value(place: "devices/\(device.name)"))
    }
  }

  /// What the schema would accept the domain without, where it has nothing against any part of its own.
  private func company(of domain: ObjectSpec, _ devices: [Device], _ definition: XMLElement) -> [SchemaFault] {
    let device = devices.last { device in
      var rest = definition
      rest.update("devices") { $0.children.removeAll { $0.element == device.element } }
      return accepts(rest)
    }
    return [SchemaFault(owner: device?.key ?? OwnershipRecord.itself, field: nil, reason: .company)]
  }

  // MARK: Objects

  /// What is at fault in the fields of an object that the schema refuses.
  ///
  /// - Parameter wrapped: the element in a document that has nothing else wrong.
  func faults(
    in object: ObjectSpec, owner: String = OwnershipRecord.itself, _ element: XMLElement,
    _ wrapped: (XMLElement) -> XMLElement = { $0 }
  ) -> [SchemaFault] {
    let said = object.type.fields(object.settings.keys).reversed().compactMap { field in
      object.settings[field].map { (field: field, value: $0.value) }
    }
    func accepts(_ element: XMLElement) -> Bool { self.accepts(wrapped(element)) }
    let single = said.first { field, value in
      let rest = element.without(field, value)
      return rest != element && accepts(rest)
    }
    if let missing = object.type.fields.first(where: { isMissing($0, in: object, element, accepts) }) {
      return [SchemaFault(owner: owner, field: single?.field.name, reason: .missing(missing.name))]
    }
    let faulty = single.map { [$0] } ?? smallestSet(of: said, in: element, accepts)
    guard !faulty.isEmpty else { return [SchemaFault(owner: owner, field: nil, reason: .value(place: nil))] }
    return faulty.map { field, value in
      // What is allowed by itself is not to blame alone.
      if accepts(said.reduce(element) { $1.field == field ? $0 : $0.without($1.field, $1.value) }) {
        return SchemaFault(owner: owner, field: field.name, reason: .company)
      }
      var others = element
      for other in faulty where other.field != field { others = others.without(other.field, other.value) }
      return SchemaFault(
        owner: owner, field: field.name, reason: .value(place: place(of: value, in: others, accepts)))
    }
  }

  /// Whether the schema would accept an element that had a field besides.
  private func isMissing(
    _ field: Field, in object: ObjectSpec, _ element: XMLElement, _ accepts: (XMLElement) -> Bool
  ) -> Bool {
    guard object.settings[field] == nil, let lens = field.lens, lens.get(element) == nil else { return false }
    return field.trials.contains { value in
      var more = element
      lens.put(value, into: &more)
      // What takes the place of something else is not what was missing.
      return more != element && XMLFragment(element).isMet(by: more) && accepts(more)
    }
  }

  /// The fewest fields without which the schema has nothing against an element; none where it always has.
  private func smallestSet(
    of said: [(field: Field, value: Value)], in element: XMLElement, _ accepts: (XMLElement) -> Bool
  ) -> [(field: Field, value: Value)] {
    func rest(without fields: [(field: Field, value: Value)]) -> XMLElement {
      fields.reduce(element) { $0.without($1.field, $1.value) }
    }
    guard var count = said.indices.first(where: { accepts(rest(without: Array(said[...$0]))) }) else { return [] }
    var faulty = Array(said[...count])
    while count > 0 {
      count -= 1
      var fewer = faulty
      fewer.remove(at: count)
      if accepts(rest(without: fewer)) { faulty = fewer }
    }
    return faulty
  }

  // MARK: Fragments

  /// The smallest part of a fragment that is at fault; nil for the value of a field.
  private func place(of value: Value, in element: XMLElement, _ accepts: (XMLElement) -> Bool) -> String? {
    guard case .xml(let fragment) = value else { return nil }
    let rest = element.without(fragment)
    let steps = steps(in: fragment.root) { part in
      var merged = rest
      XMLFragment(part).merge(into: &merged)
      return accepts(merged)
    }
    return steps.isEmpty ? nil : steps.joined(separator: "/")
  }

  /// The way down to the smallest part of an element that the schema would accept it without.
  private func steps(in element: XMLElement, _ accepts: (XMLElement) -> Bool) -> [String] {
    for index in element.children.indices {
      guard let child = element.children[index].element else { continue }
      var rest = element
      rest.children.remove(at: index)
      guard accepts(rest) else { continue }
      return [child.name]
        + steps(in: child) { smaller in
          var rest = element
          rest.children[index] = .element(smaller)
          return accepts(rest)
        }
    }
    for attribute in element.attributes {
      var rest = element
      rest[attribute: attribute.name] = nil
      if accepts(rest) { return ["@\(attribute.name)"] }
    }
    return []
  }
}

extension Field {
  /// Values that tell whether an object lacks the field: one of each kind that there is.
  fileprivate var trials: [Value] {
    if let value = initial ?? libvirtDefault { return [value] }
    return switch type {
    case .enumeration(let names): names.map(Value.string)
    case .boolean: [.boolean(true), .boolean(false)]
    case .integer(let range): [.integer(min(max(range.lowerBound, 1), range.upperBound))]
    case .path: [.string("/p")]
    default: []
    }
  }
}

extension XMLElement {
  /// The element without what a field says, or without a part of a fragment; nil where the fragment has no such part.
  fileprivate func without(_ field: Field, _ value: Value, at place: String?) -> XMLElement? {
    guard let place, case .xml(let fragment) = value else { return without(field, value) }
    var part = fragment.root
    guard part.remove(part: place.split(separator: "/")[...]) else { return nil }
    var result = without(fragment)
    XMLFragment(part).merge(into: &result)
    return result
  }

  /// Takes out the first part with a place, such as `tune/sendbuf` or `driver/@colour`.
  ///
  /// - Returns: whether there is one.
  private mutating func remove(part steps: ArraySlice<Substring>) -> Bool {
    guard let step = steps.first else { return false }
    if step.hasPrefix("@") {
      let name = String(step.dropFirst())
      defer { self[attribute: name] = nil }
      return self[attribute: name] != nil
    }
    guard let index = indexOfChild(String(step)), var child = children[index].element else { return false }
    if steps.count == 1 {
      children.remove(at: index)
      return true
    }
    guard child.remove(part: steps.dropFirst()) else { return false }
    children[index] = .element(child)
    return true
  }

  /// The element without what a field says.
  fileprivate func without(_ field: Field, _ value: Value) -> XMLElement {
    if case .xml(let fragment) = value { return without(fragment) }
    var result = self
    field.lens?.put(nil, into: &result)
    return result
  }

  fileprivate func without(_ fragment: XMLFragment) -> XMLElement {
    var result = self
    fragment.remove(from: &result)
    return result
  }
}
