// Elements as structured values: a record is the parts of one element, a list or a table are elements of one name.

import Versions
import XMLTree

/// How one element is written as a value, and a value as an element.
///
/// The two are inverse to each other: an element that says more than the value holds, or says it in another way, has no
/// value, so that whatever is read can be written back without loss.
struct ElementForm: Sendable {
  /// The kind of value that the element is.
  let type: ValueType
  private let decode: @Sendable (XMLElement) -> Value?
  private let encode: @Sendable (Value) -> XMLElement?

  init(
    _ type: ValueType, decode: @escaping @Sendable (XMLElement) -> Value?,
    encode: @escaping @Sendable (Value) -> XMLElement?
  ) {
    self.type = type
    self.decode = decode
    self.encode = encode
  }

  /// The element's value; nil where it cannot be written back.
  func value(of element: XMLElement) -> Value? {
    guard let value = decode(element), let written = encode(value), difference(written, element).isEmpty else {
      return nil
    }
    return value
  }

  func element(of value: Value) -> XMLElement? { encode(value) }
}

/// One part of an element that becomes a record.
struct ElementPart: Sendable {
  let member: ValueType.Member
  let lens: Lens

  init(_ name: String, _ type: ValueType, _ summary: String, isRequired: Bool = false, lens: Lens) {
    member = ValueType.Member(name, type, summary, isRequired: isRequired)
    self.lens = lens
  }

  private init(_ member: ValueType.Member, lens: Lens) {
    self.member = member
    self.lens = lens
  }

  /// The same part, which a version of libvirt brought: `since(11, 2)`.
  func since(_ major: Int, _ minor: Int) -> ElementPart {
    ElementPart(member.since(LibvirtVersion(major, minor)), lens: lens)
  }
}

extension ElementForm {
  /// An element whose parts are the members of a record.
  static func record(_ name: String, _ parts: [ElementPart]) -> ElementForm {
    ElementForm(.record(parts.map(\.member))) { element in
      var members: [String: Value] = [:]
      for part in parts { members[part.member.name] = part.lens.get(element) }
      return parts.contains { $0.member.isRequired && members[$0.member.name] == nil } ? nil : .table(members)
    } encode: { value in
      guard let members = value.table else { return nil }
      var element = XMLElement(name)
      for part in parts { part.lens.put(members[part.member.name], into: &element) }
      return element
    }
  }

  /// An element that is a single value in one of its attributes.
  static func attribute(
    _ name: String, _ attribute: String, _ type: ValueType, _ notation: Notation = .text
  ) -> ElementForm {
    ElementForm(type) { element in
      element[attribute: attribute].flatMap(notation.value).flatMap { type.accepts($0) ? $0 : nil }
    } encode: { value in
      notation.text(value).map { XMLElement(name, [attribute: $0]) }
    }
  }
}

extension ValueType {
  /// Whether a value that was read from a document is one of this kind, in the form in which such values are compared.
  func accepts(_ value: Value) -> Bool {
    switch (self, value) {
    case (.list(let element), .list(let values)): return values.allSatisfy(element.accepts)
    case (.table(let key, let element), .table(let entries)):
      return entries.allSatisfy { (try? key.normalised($0.key)) == $0.key && element.accepts($0.value) }
    case (.record(let members), .table(let entries)):
      return entries.allSatisfy { name, value in
        members.first { $0.name == name }?.type.accepts(value) ?? false
      }
    case (.list, _), (.table, _), (.record, _), (_, .list), (_, .table): return false
    default: return (try? parse(value.string ?? value.description)) == value
    }
  }

  /// Whether a stored value has all that is asked for. libvirt may have filled in members of a record that the spec is
  /// silent about; entries of a table and of a list it never adds.
  func covers(desired: Value, stored: Value) -> Bool {
    if desired == stored { return true }
    switch (self, desired, stored) {
    case (.list(let element), .list(let wanted), .list(let found)):
      return wanted.count == found.count && zip(wanted, found).allSatisfy { element.covers(desired: $0, stored: $1) }
    case (.table(_, let element), .table(let wanted), .table(let found)):
      return wanted.count == found.count
        && wanted.allSatisfy { key, value in found[key].map { element.covers(desired: value, stored: $0) } ?? false }
    case (.record(let members), .table(let wanted), .table(let found)):
      return wanted.allSatisfy { name, value in
        guard let other = found[name], let member = members.first(where: { $0.name == name }) else { return false }
        return member.type.covers(desired: value, stored: other)
      }
    default: return false
    }
  }
}

extension Lens {
  /// A lens that leaves an element alone that has the value already, in whatever notation.
  static func careful(
    places: [String], read: @escaping @Sendable (XMLElement) -> Value?,
    write: @escaping @Sendable (inout XMLElement, Value?) -> Void
  ) -> Lens {
    Lens(places: places, read: read) { element, value in
      if let value, read(element) == value { return }
      write(&element, value)
    }
  }

  /// A value in one attribute or text that is a value of a kind; nil where the document has something else.
  static func checked(_ path: XMLPath, _ type: ValueType, _ notation: Notation = .text) -> Lens {
    let lens = Lens.at(path, notation)
    return Lens(places: lens.places) { element in
      guard let value = lens.get(element), type.accepts(value), notation.text(value) == element.value(at: path) else {
        return nil
      }
      return value
    } write: { element, value in
      lens.put(value, into: &element)
      element.removeBlankText()
    }
  }

  /// One element as a record; nil where it says more than the record holds.
  static func record(_ path: XMLPath, _ form: ElementForm) -> Lens {
    Lens(places: [path.description]) { element in
      let found = element.all(at: path)
      return found.count == 1 ? form.value(of: found[0]) : nil
    } write: { element, value in
      let found = element.all(at: path)
      if let value, found.count == 1, form.value(of: found[0]) == value { return }
      guard let value, let new = form.element(of: value) else { return element.remove(at: path) }
      element.update(at: path) { $0 = new }
    }
  }

  /// The elements of a name below an element as a list, in their order.
  ///
  /// - Parameters:
  ///   - parent: where they are; nil for right here.
  ///   - order: the names of the siblings in libvirt's order, for where the first is put.
  static func rows(_ parent: XMLPath?, _ name: String, _ form: ElementForm, order: [String] = []) -> Lens {
    elements(parent, name, order: order) { elements in
      let values = elements.compactMap(form.value)
      return values.isEmpty || values.count < elements.count ? nil : .list(values)
    } write: { value, old in
      (value.list ?? []).compactMap { value in
        old.first { form.value(of: $0) == value } ?? form.element(of: value)
      }
    }
  }

  /// The elements of a name below an element as a table, by what one of their parts says.
  static func table(
    _ parent: XMLPath?, _ name: String, key: Lens, _ form: ElementForm, order: [String] = [],
    sorted: (@Sendable (String, String) -> Bool)? = nil
  ) -> Lens {
    /// The element's key and its value without it.
    @Sendable func entry(_ element: XMLElement) -> (String, Value)? {
      guard let name = key.get(element)?.string else { return nil }
      var rest = element
      key.put(nil, into: &rest)
      return form.value(of: rest).map { (name, $0) }
    }
    return elements(parent, name, order: order) { elements in
      let entries = elements.compactMap(entry)
      let table = Dictionary(entries, uniquingKeysWith: { first, _ in first })
      return table.isEmpty || table.count < elements.count ? nil : .table(table)
    } write: { value, old in
      let table = value.table ?? [:]
      // What is there keeps its place and its notation.
      var result = old.filter { element in entry(element).map { table[$0.0] == $0.1 } ?? false }
      let kept = Set(result.compactMap { entry($0)?.0 })
      for name in table.keys.filter({ !kept.contains($0) }).sorted(by: sorted ?? { $0 < $1 }) {
        guard let value = table[name], let rest = form.element(of: value) else { continue }
        var element = XMLElement(rest.qualifiedName)
        key.put(.string(name), into: &element)
        element.attributes += rest.attributes
        element.children += rest.children
        result.append(element)
      }
      return result
    }
  }

  /// Several elements of a name as one value.
  static func elements(
    _ parent: XMLPath?, _ name: String, order: [String] = [],
    read: @escaping @Sendable ([XMLElement]) -> Value?,
    write: @escaping @Sendable (_ value: Value, _ old: [XMLElement]) -> [XMLElement]
  ) -> Lens {
    @Sendable func found(_ element: XMLElement) -> [XMLElement] {
      guard let parent else { return element.all(name) }
      return element.element(at: parent)?.all(name) ?? []
    }
    return Lens(places: [(parent.map { "\($0)/" } ?? "") + name]) { element in
      read(found(element))
    } write: { element, value in
      let old = found(element)
      if let value, read(old) == value { return }
      let new = value.map { write($0, old) } ?? []
      if new.isEmpty, old.isEmpty { return }
      guard let parent else { return element.replaceAll(name, with: new, order: order) }
      element.update(at: parent, create: !new.isEmpty) { $0.replaceAll(name, with: new, order: order) }
      if element.element(at: parent)?.isBare ?? false { element.remove(at: parent) }
    }
  }
}

extension XMLElement {
  /// Puts elements in the place of all those of a name: where the first was, or where siblings' order has it.
  mutating func replaceAll(_ name: String, with new: [XMLElement], order: [String] = []) {
    let place = indexOfChild(name) ?? place(of: name, in: order)
    children.removeAll { $0.element?.isNamed(name) ?? false }
    children.insert(contentsOf: new.map(XMLNode.element), at: min(place, children.count))
    removeBlankText()
  }

  /// Where the first element of a name is put among its siblings.
  func place(of name: String, in order: [String]) -> Int {
    guard let rank = order.firstIndex(of: name) else { return children.count }
    let later = Set(order[(rank + 1)...])
    return children.firstIndex { $0.element.map { later.contains($0.qualifiedName) } ?? false } ?? children.count
  }

  /// Takes out the line break that libvirt leaves in an element without children, once there is or could be one.
  mutating func removeBlankText() {
    guard children.count > 1 else { return }
    children.removeAll { node in
      if case .text(let text) = node { text.allSatisfy(\.isWhitespace) } else { false }
    }
  }
}
