// Where new elements stand: libvirt writes the children of an element in an order of its own.

import XMLTree

/// The order in which libvirt writes the elements of a document.
struct XMLOrder: Sendable {
  /// The names of children in their order, by the path of their parent; an empty path is the document's own element.
  private let children: [String: [String]]

  init(_ children: [String: [String]]) { self.children = children }

  /// Moves elements that have just been made to the place where libvirt writes them.
  func arrange(_ element: inout XMLElement, before: XMLElement?, at path: String = "") {
    guard let names = children[path] else { return }
    for name in names where element.first(name) != nil {
      if before?.first(name) == nil { element.moveAll(name, in: names) }
      let below = path.isEmpty ? name : "\(path)/\(name)"
      element.update(name, create: false) { arrange(&$0, before: before?.first(name), at: below) }
    }
    element.removeBlankText()
  }
}

extension Lens {
  /// The same place; elements that a write makes stand where libvirt writes them.
  func inOrder(_ order: XMLOrder) -> Lens {
    afterwards { element, value, before in
      if value != nil { order.arrange(&element, before: before) }
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

  fileprivate mutating func moveAll(_ name: String, in order: [String]) {
    let moved = all(name)
    removeAll(name)
    children.insert(contentsOf: moved.map(XMLNode.element), at: place(of: name, in: order))
  }

  /// Where the first element of a name is put among its siblings.
  fileprivate func place(of name: String, in order: [String]) -> Int {
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
