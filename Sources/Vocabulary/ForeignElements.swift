// Elements of namespaces beside libvirt's own, in which drivers take options in other programs' words.

import XMLTree

extension Lens {
  /// The children of an element of a namespace, as one value.
  ///
  /// libvirt declares the namespace in the document's first element, and only where there is such an element.
  static func foreign(
    _ name: String, namespace: String, prefix: String,
    read: @escaping @Sendable ([XMLElement]) -> Value?, write: @escaping @Sendable (Value) -> [XMLElement]
  ) -> Lens {
    @Sendable func isMeant(_ element: XMLElement) -> Bool {
      element.name == name && element.namespaceURI == namespace
    }
    @Sendable func value(_ root: XMLElement) -> Value? {
      let found = root.elements.filter(isMeant)
      guard found.count == 1, found[0].attributes.isEmpty else { return nil }
      return read(Array(found[0].elements))
    }
    return Lens(places: ["\(prefix):\(name)"], read: value) { root, new in
      if let new, value(root) == new { return }
      let index = root.children.firstIndex { $0.element.map(isMeant) ?? false }
      guard let new else {
        guard index != nil else { return }
        root.children.removeAll { $0.element.map(isMeant) ?? false }
        if !root.elements.contains(where: { $0.namespaceURI == namespace }) {
          root.namespaceDeclarations.removeAll { $0.uri == namespace }
        }
        return
      }
      let declared = root.namespaceDeclarations.first { $0.uri == namespace }?.prefix
      if declared == nil { root.namespaceDeclarations.append(XMLNamespace(prefix: prefix, uri: namespace)) }
      var element = XMLElement(name, attributes: [], children: [])
      element.children = write(new).map { child in
        var child = child
        child.prefix = declared ?? prefix
        child.namespaceURI = namespace
        return .element(child)
      }
      element.prefix = declared ?? prefix
      element.namespaceURI = namespace
      if let index { root.replaceChild(at: index, with: element) } else { root.append(element) }
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
}
