// Elements of namespaces beside libvirt's own, in which drivers take options in other programs' words.

import XMLTree

extension Lens {
  /// An element of another namespace, whose children are one value.
  ///
  /// libvirt declares the namespace in the document's first element, and only where there is such an element.
  ///
  /// - Parameter shape: how the element holds the value, with names that have no prefix.
  static func foreign(_ name: String, namespace: String, prefix: String, _ shape: Shape) -> Lens {
    @Sendable func isMeant(_ element: XMLElement) -> Bool {
      element.name == name && element.namespaceURI == namespace
    }
    return Lens(places: ["\(prefix):\(name)"]) { root in
      let found = root.elements.filter(isMeant)
      guard found.count == 1 else { return nil }
      return shape.wholeValue(of: found[0].inNamespace(nil, prefix: nil), from: XMLElement(name))
    } write: { root, value in
      let index = root.children.firstIndex { $0.element.map(isMeant) ?? false }
      guard let value else {
        root.children.removeAll { $0.element.map(isMeant) ?? false }
        if index != nil, !root.elements.contains(where: { $0.namespaceURI == namespace }) {
          root.namespaceDeclarations.removeAll { $0.uri == namespace }
        }
        return
      }
      let declared = root.namespaceDeclarations.first { $0.uri == namespace }?.prefix
      if declared == nil { root.namespaceDeclarations.append(XMLNamespace(prefix: prefix, uri: namespace)) }
      let element = shape.made(value, from: XMLElement(name)).inNamespace(namespace, prefix: declared ?? prefix)
      if let index { root.replaceChild(at: index, with: element) } else { root.append(element) }
    }
  }
}

extension XMLElement {
  /// The element and its children in a namespace.
  fileprivate func inNamespace(_ uri: String?, prefix: String?) -> XMLElement {
    var element = self
    element.namespaceURI = uri
    element.prefix = prefix
    element.children = children.map { node in
      guard case .element(let child) = node else { return node }
      return .element(child.inNamespace(uri, prefix: prefix))
    }
    return element
  }
}
