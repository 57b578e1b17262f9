// Putting a fragment into an element, taking one out again, and what an element has beyond another one.

public import XMLTree

extension XMLFragment {
  /// Puts what the fragment says into the object's element. What is there already in any notation is not written again.
  public func merge(into element: inout XMLElement) {
    // libvirt keeps the declarations of namespaces at the root.
    let declared = Set(element.namespaceDeclarations.map(\.uri))
    for namespace in root.undeclaredNamespaces where !declared.contains(namespace.uri) {
      element.namespaceDeclarations.append(namespace)
    }
    element.merge(root)
  }

  /// This fragment over another one: both, and this one's word where they differ.
  public func merged(over base: XMLFragment) -> XMLFragment {
    var root = base.root
    merge(into: &root)
    return XMLFragment(root)
  }

  /// Takes out of an element what the fragment had put there, as far as it is still what the fragment says.
  public func remove(from element: inout XMLElement) {
    element.subtract(root)
  }

  /// What this fragment says beyond what another one does; nil for nothing.
  public func beyond(_ other: XMLFragment?) -> XMLFragment? {
    guard let other else { return self }
    return root.rest(beyond: other.root).map(XMLFragment.init)
  }

  /// What an object's element has beyond another form of it: merged into that form, this gives the element again.
  ///
  /// - Returns: nil where there is nothing. Where the two are too different for merging, the whole element.
  public static func rest(of element: XMLElement, beyond base: XMLElement) -> XMLFragment? {
    guard let rest = element.rest(beyond: base) else { return nil }
    return XMLFragment(rest)
  }

  /// Whether an element has all that the fragment says, wherever the namespaces in it are declared.
  public func isMet(within element: XMLElement) -> Bool {
    var merged = element
    merged.merge(root)
    return merged == element
  }
}

extension XMLElement {
  /// The children in groups of one name, in the order of their first.
  private var families: [[XMLElement]] {
    var groups: [[XMLElement]] = []
    for child in elements {
      if let index = groups.firstIndex(where: { $0[0].isKin(of: child) }) {
        groups[index].append(child)
      } else {
        groups.append([child])
      }
    }
    return groups
  }

  fileprivate mutating func merge(_ wanted: XMLElement) {
    let isSameSize = XMLScalar.isSameSize(self, wanted)
    for attribute in wanted.attributes where !(isSameSize && attribute.name == "unit") {
      if let old = self[attribute: attribute.name], XMLScalar.isEquivalent(old, attribute.value) { continue }
      self[attribute: attribute.name] = attribute.value
    }
    let text = wanted.text
    if !text.isEmpty, !isSameSize, !XMLScalar.isEquivalent(self.text, text) {
      self.text = text
      // A number without a unit is one of KiB.
      if wanted[attribute: "unit"] == nil { self[attribute: "unit"] = nil }
    }
    for family in wanted.families { merge(family) }
  }

  private mutating func merge(_ family: [XMLElement]) {
    let places = children.indices.filter { children[$0].element?.isKin(of: family[0]) ?? false }
    let present = places.compactMap { children[$0].element }
    if case .list? = XMLSiblings.rule(for: family[0].name, under: name) {
      guard !Self.isSameList(present, family) else { return }
      for place in places.reversed() { children.remove(at: place) }
      let start = places.first ?? children.endIndex
      children.insert(contentsOf: family.map(XMLNode.element), at: start)
      return
    }
    for (element, pair) in zip(family, counterparts(of: family, among: present, under: name)) {
      if let pair {
        var child = present[pair]
        child.merge(element)
        if child != present[pair] { replaceChild(at: places[pair], with: child) }
      } else {
        insertBesideSiblings(element)
      }
    }
  }

  private static func isSameList(_ a: [XMLElement], _ b: [XMLElement]) -> Bool {
    guard a.count == b.count else { return false }
    return zip(a, b).allSatisfy { XMLFragment($1).isMet(within: $0) }
  }

  /// What this has beyond `base`; nil for nothing.
  fileprivate func rest(beyond base: XMLElement) -> XMLElement? {
    var result = XMLElement(name, attributes: [], children: [])
    result.prefix = prefix
    result.namespaceURI = namespaceURI
    let isSameSize = XMLScalar.isSameSize(self, base)
    result.attributes = attributes.filter { attribute in
      guard !(isSameSize && attribute.name == "unit") else { return false }
      return base[attribute: attribute.name].map { !XMLScalar.isEquivalent($0, attribute.value) } ?? true
    }
    if !text.isEmpty, !isSameSize, !XMLScalar.isEquivalent(base.text, text) {
      result.text = text
      if let unit = self[attribute: "unit"] { result[attribute: "unit"] = unit }
    }
    for family in families {
      let present = base.elements.filter { $0.isKin(of: family[0]) }
      let rule = XMLSiblings.rule(for: family[0].name, under: name)
      if case .list? = rule {
        if !Self.isSameList(present, family) || !Self.isSameList(family, present) {
          for element in family { result.append(element) }
        }
        continue
      }
      for (element, pair) in zip(family, counterparts(of: family, among: present, under: name)) {
        guard let pair else {
          result.append(element)
          continue
        }
        guard var rest = element.rest(beyond: present[pair]) else { continue }
        if case .keyed(let paths)? = rule {
          for path in paths { if let value = element.value(at: path) { rest.set(value, at: path) } }
        }
        result.append(rest)
      }
    }
    return result.attributes.isEmpty && result.children.isEmpty ? nil : result
  }

  fileprivate mutating func subtract(_ unwanted: XMLElement) {
    for attribute in unwanted.attributes {
      if let value = self[attribute: attribute.name], XMLScalar.isEquivalent(value, attribute.value) {
        self[attribute: attribute.name] = nil
      }
    }
    if !unwanted.text.isEmpty, XMLScalar.isEquivalent(text, unwanted.text) || XMLScalar.isSameSize(self, unwanted) {
      text = ""
      self[attribute: "unit"] = nil
    }
    for family in unwanted.families {
      let places = children.indices.filter { children[$0].element?.isKin(of: family[0]) ?? false }
      let present = places.compactMap { children[$0].element }
      if case .list? = XMLSiblings.rule(for: family[0].name, under: name) {
        guard Self.isSameList(present, family) else { continue }
        for place in places.reversed() { children.remove(at: place) }
        continue
      }
      let pairs = counterparts(of: family, among: present, under: name)
      for (element, pair) in zip(family, pairs).sorted(by: { $0.1 ?? 0 > $1.1 ?? 0 }) {
        guard let pair else { continue }
        var child = present[pair]
        child.subtract(element)
        if case .keyed(let paths)? = XMLSiblings.rule(for: element.name, under: name), !child.isBare {
          // What remains is still known by its key.
          for path in paths { if let value = present[pair].value(at: path) { child.set(value, at: path) } }
        }
        if child.isBare { children.remove(at: places[pair]) } else { replaceChild(at: places[pair], with: child) }
      }
    }
  }

  /// The namespaces that elements within are in and that none of them declares, each once.
  fileprivate var undeclaredNamespaces: [XMLNamespace] {
    var found: [XMLNamespace] = []
    collectUndeclared(in: [], into: &found)
    return found
  }

  private func collectUndeclared(in scope: [XMLNamespace], into found: inout [XMLNamespace]) {
    let scope = scope + namespaceDeclarations
    if let prefix, let namespaceURI {
      let namespace = XMLNamespace(prefix: prefix, uri: namespaceURI)
      if !scope.contains(namespace), !found.contains(namespace) { found.append(namespace) }
    }
    for child in elements { child.collectUndeclared(in: scope, into: &found) }
  }
}
