// How one element of libvirt's XML holds a value, for what a definition repeats: pins, NUMA cells, timers, labels.

import Versions
import XMLTree

/// A value that an element holds: in an attribute, in its text, or in several places that belong together.
struct Shape: Sendable {
  let type: ValueType
  /// The value; nil for an element that says something else than this shape holds.
  let get: @Sendable (XMLElement) -> Value?
  let put: @Sendable (Value, inout XMLElement) -> Void
  /// The one place of the value within the element, for people: `@dev`.
  private var place: String?
  /// Attributes and elements that are not the value's.
  private var others: Set<String> = []

  init(
    _ type: ValueType, get: @escaping @Sendable (XMLElement) -> Value?,
    put: @escaping @Sendable (Value, inout XMLElement) -> Void
  ) {
    self.type = type
    self.get = get
    self.put = put
  }

  /// What a lens finds within the element.
  private init(_ type: ValueType, _ lens: Lens) {
    self.init(type, get: lens.get) { value, element in lens.put(value, into: &element) }
  }

  /// The element's text.
  static func text(_ type: ValueType, _ notation: Notation? = nil) -> Shape { at(".", type, notation) }

  /// One attribute, or the text of an element below.
  static func at(_ path: String, _ type: ValueType, _ notation: Notation? = nil) -> Shape {
    var shape = Shape(type, .at(path, type, notation))
    if path != "." { shape.place = path }
    return shape
  }

  /// Elements of one name within, in their order.
  static func list(_ name: String, _ shape: Shape) -> Shape {
    Shape(.list(of: shape.type), .list("", name, shape))
  }

  /// Elements of one name within, or within `parent`, told apart by what `key` names.
  static func table(
    in parent: String = "", _ name: String, key: XMLPath, _ rule: TextRule, _ shape: Shape
  ) -> Shape {
    Shape(.table(key: rule, of: shape.type), .table(parent, name, key: key, rule, shape))
  }

  /// Several values under names of their own.
  static func record(_ parts: [Part]) -> Shape {
    Shape(.record(parts.map(\.member))) { element in
      var values: [String: Value] = [:]
      for part in parts { values[part.member.name] = part.lens.get(element) }
      for part in parts where part.member.isRequired && values[part.member.name] == nil { return nil }
      return .table(values)
    } put: { value, element in
      for part in parts { part.lens.put(value.table?[part.member.name], into: &element) }
    }
  }

  /// The place of elements of a name that hold the value.
  fileprivate func place(below parent: String, _ name: String) -> String {
    [parent, name, place ?? ""].filter { !$0.isEmpty }.joined(separator: "/")
  }

  /// The same shape, for elements that have something more, which others know: `@part_separator`, `freeExtent`.
  func besides(_ names: String...) -> Shape {
    var shape = self
    shape.others = Set(names)
    return shape
  }

  /// The value of an element that holds it and nothing else; nil for one that could not be made again from the value.
  ///
  /// - Parameter blank: the element without the value.
  func wholeValue(of element: XMLElement, from blank: XMLElement) -> Value? {
    guard let value = get(element) else { return nil }
    return made(value, from: blank).outline(without: others) == element.outline(without: others) ? value : nil
  }

  func made(_ value: Value, from blank: XMLElement) -> XMLElement {
    var element = blank
    put(value, &element)
    return element
  }

  /// Makes an element hold a value. One that holds more than the shape knows is re-created, or it could not be read back.
  func settle(_ value: Value, in element: inout XMLElement, blank: XMLElement) {
    guard let old = wholeValue(of: element, from: blank) else {
      element = made(value, from: blank)
      return
    }
    if old != value { put(value, &element) }
  }
}

/// A member of a record and its place in the record's element.
struct Part: Sendable {
  let member: ValueType.Member
  let lens: Lens

  init(_ name: String, _ type: ValueType, _ summary: String, lens: Lens, isRequired: Bool = false) {
    member = .init(name, type, summary, isRequired: isRequired)
    self.lens = lens
  }

  /// The same member, which a version of libvirt brought: `since(11, 2)`.
  func since(_ major: Int, _ minor: Int) -> Part {
    Part(member.since(LibvirtVersion(major, minor)), lens: lens)
  }

  /// The same member, some of whose values a later version of libvirt brought.
  func values(_ words: String..., since major: Int, _ minor: Int) -> Part {
    Part(
      ValueType.Member(
        member.name, member.type, member.summary, isRequired: member.isRequired,
        origin: member.origin.values(words, since: LibvirtVersion(major, minor)), rules: member.rules), lens: lens)
  }

  /// The same member with other rules.
  func changed(_ rules: FieldRules) -> Part {
    Part(
      ValueType.Member(
        member.name, member.type, member.summary, isRequired: member.isRequired, origin: member.origin, rules: rules),
      lens: lens)
  }

  private init(_ member: ValueType.Member, lens: Lens) {
    self.member = member
    self.lens = lens
  }

  /// A member in one attribute, or in the text of an element.
  init(
    _ name: String, _ type: ValueType, _ summary: String, at path: String, _ notation: Notation? = nil,
    isRequired: Bool = false
  ) {
    self.init(name, type, summary, lens: .at(path, type, notation), isRequired: isRequired)
  }

  /// A member that is a table itself.
  init(
    _ name: String, _ summary: String, table parent: String, _ element: String, _ key: XMLPath, _ rule: TextRule,
    _ shape: Shape
  ) {
    self.init(name, .table(key: rule, of: shape.type), summary, lens: .table(parent, element, key: key, rule, shape))
  }

  /// A member that is a list itself.
  init(
    _ name: String, _ summary: String, list parent: String, _ element: String, _ shape: Shape, isRequired: Bool = false
  ) {
    self.init(name, .list(of: shape.type), summary, lens: .list(parent, element, shape), isRequired: isRequired)
  }

  /// A member that is an element of its own.
  init(_ name: String, _ summary: String, element path: String, _ shape: Shape) {
    self.init(name, shape.type, summary, lens: .record(path, shape))
  }
}

extension Lens {
  /// Values by name: elements of one name below `parent`, told apart by an attribute or by what `key` names.
  ///
  /// Elements whose value stays are left as they are, in the notation and the place that libvirt gave them.
  static func table(_ parent: String, _ name: String, key: XMLPath, _ rule: TextRule, _ shape: Shape) -> Lens {
    @Sendable func blank(_ key: String, _ path: XMLPath) -> XMLElement {
      var element = XMLElement(name)
      element.set(key, at: path)
      return element
    }
    @Sendable func entry(_ element: XMLElement) -> (key: String, value: Value)? {
      guard let text = element.value(at: key), let normal = try? rule.normalised(text),
        let value = shape.wholeValue(of: element, from: blank(text, key))
      else { return nil }
      return (normal, value)
    }
    return Lens(places: [shape.place(below: parent, name)]) { element in
      guard let items = element.items(parent, name) else { return nil }
      var values: [String: Value] = [:]
      for item in items {
        guard let entry = entry(item), values.updateValue(entry.value, forKey: entry.key) == nil else { return nil }
      }
      return .table(values)
    } write: { element, value in
      guard value != nil || element.items(parent, name) != nil else { return }
      var missing = value?.table ?? [:]
      element.rewrite(parent, isWanted: !missing.isEmpty) { owner in
        owner.rewriteItems(name) { item in
          guard let text = item.value(at: key), let normal = try? rule.normalised(text),
            let wanted = missing.removeValue(forKey: normal)
          else { return false }
          shape.settle(wanted, in: &item, blank: blank(text, key))
          return true
        }
        for (text, value) in Value.table(missing).sortedEntries {
          owner.insertBesideSiblings(shape.made(value, from: blank(text, key)))
        }
      }
    }
  }

  /// Values in an order: all elements of one name below `parent`.
  static func list(_ parent: String, _ name: String, _ shape: Shape) -> Lens {
    Lens(places: [shape.place(below: parent, name)]) { element in
      guard let items = element.items(parent, name) else { return nil }
      let values = items.compactMap { shape.wholeValue(of: $0, from: XMLElement(name)) }
      return values.count == items.count ? .list(values) : nil
    } write: { element, value in
      guard value != nil || element.items(parent, name) != nil else { return }
      var rest = (value?.list ?? [])[...]
      element.rewrite(parent, isWanted: !rest.isEmpty) { owner in
        owner.rewriteItems(name) { item in
          guard let wanted = rest.popFirst() else { return false }
          shape.settle(wanted, in: &item, blank: XMLElement(name))
          return true
        }
        for value in rest { owner.insertBesideSiblings(shape.made(value, from: XMLElement(name))) }
      }
    }
  }

  /// The only item of a list, where there can be only one.
  var single: Lens {
    Lens(places: places) { element in
      guard let items = get(element)?.list, items.count == 1 else { return nil }
      return items[0]
    } write: { element, value in
      put(value.map { .list([$0]) }, into: &element)
    }
  }

  /// A record in one element.
  static func record(_ path: String, _ shape: Shape) -> Lens {
    let place = XMLPath(stringLiteral: path)
    return Lens(places: [path]) { element in
      element.element(at: place).flatMap { shape.wholeValue(of: $0, from: XMLElement($0.qualifiedName)) }
    } write: { element, value in
      guard let value else { return element.remove(at: place) }
      element.update(at: place) { shape.settle(value, in: &$0, blank: XMLElement($0.qualifiedName)) }
    }
  }
}

extension XMLElement {
  /// Every element and attribute within, by name and place, without regard to their order or their values.
  ///
  /// - Parameter others: attributes (`@name`) and children of the element itself that are left out.
  fileprivate func outline(without others: Set<String>) -> [String] {
    var lines: [String] = []
    var element = self
    if !others.isEmpty {
      element.attributes.removeAll { others.contains("@" + $0.name) }
      element.children.removeAll { $0.element.map { others.contains($0.qualifiedName) } ?? false }
    }
    element.outline(at: "", into: &lines)
    return lines.sorted()
  }

  private func outline(at path: String, into lines: inout [String]) {
    lines.append(
      path + (text.allSatisfy(\.isWhitespace) ? "" : "=") + namespaceDeclarations.map { "!\($0.prefix ?? "")" }.joined()
    )
    for attribute in attributes { lines.append("\(path)@\(attribute.name)") }
    for child in elements { child.outline(at: "\(path)/\(child.qualifiedName)", into: &lines) }
  }

  /// The elements of a name below `parent`, an empty path for the element itself; nil without any.
  fileprivate func items(_ parent: String, _ name: String) -> [XMLElement]? {
    let owner = parent.isEmpty ? self : element(at: XMLPath(stringLiteral: parent))
    let items = owner?.all(name) ?? []
    return items.isEmpty ? nil : items
  }

  /// Changes the element at `parent`, and drops it where nothing is left in it.
  fileprivate mutating func rewrite(_ parent: String, isWanted: Bool, _ body: (inout XMLElement) -> Void) {
    guard !parent.isEmpty else { return body(&self) }
    let path = XMLPath(stringLiteral: parent)
    update(at: path, create: isWanted, body)
    if !isWanted, let rest = element(at: path), rest.isBare { remove(at: path) }
  }

  /// Passes the elements of a name through `body` in their order; those for which it says no are dropped.
  fileprivate mutating func rewriteItems(_ name: String, _ body: (inout XMLElement) -> Bool) {
    children = children.compactMap { node in
      guard case .element(var item) = node, item.isNamed(name) else { return node }
      return body(&item) ? .element(item) : nil
    }
  }
}
