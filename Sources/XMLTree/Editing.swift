// Changing an element's children in place: the document that libvirt gave back is edited, never rendered again.

extension XMLElement {
  /// Changes the first child element called `name` for which `matches` holds.
  ///
  /// - Parameters:
  ///   - create: whether an empty child is added when none matches; it goes behind the last child of that name, or to
  ///     the end.
  ///   - body: changes the child.
  /// - Returns: whether there was a child to change, found or created.
  @discardableResult
  public mutating func update<Failure: Error>(
    _ name: String, where matches: (XMLElement) -> Bool = { _ in true }, create: Bool = true,
    _ body: (inout XMLElement) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    if let index = indexOfChild(name, where: matches) {
      try withChild(at: index, body)
      return true
    }
    guard create else { return false }
    var child = XMLElement(name)
    try body(&child)
    insertBesideSiblings(child)
    return true
  }

  /// Changes every child element called `name` for which `matches` holds, in document order.
  public mutating func updateAll<Failure: Error>(
    _ name: String, where matches: (XMLElement) -> Bool = { _ in true },
    _ body: (inout XMLElement) throws(Failure) -> Void
  ) throws(Failure) {
    for index in children.indices {
      guard case .element(let child) = children[index], child.isNamed(name), matches(child) else { continue }
      try withChild(at: index, body)
    }
  }

  /// Removes every child element called `name` for which `matches` holds.
  ///
  /// - Returns: how many were removed.
  @discardableResult
  public mutating func removeAll(_ name: String, where matches: (XMLElement) -> Bool = { _ in true }) -> Int {
    let before = children.count
    children.removeAll { node in
      if case .element(let child) = node { child.isNamed(name) && matches(child) } else { false }
    }
    return before - children.count
  }

  /// Adds a child element at the end.
  public mutating func append(_ child: XMLElement) {
    children.append(.element(child))
  }

  /// Adds a child element behind the last one of the same name, or at the end when it is the first of its kind.
  public mutating func insertBesideSiblings(_ child: XMLElement) {
    let name = child.qualifiedName
    let last = children.lastIndex { if case .element(let other) = $0 { other.isNamed(name) } else { false } }
    children.insert(.element(child), at: last.map { $0 + 1 } ?? children.endIndex)
  }

  /// Adds a child element before the node at `index`; an index beyond the end adds it at the end.
  public mutating func insert(_ child: XMLElement, at index: Int) {
    children.insert(.element(child), at: min(max(index, 0), children.count))
  }

  /// Puts `child` in the place of the node at `index` of ``children``.
  ///
  /// - Precondition: `index` is a valid index of ``children``.
  public mutating func replaceChild(at index: Int, with child: XMLElement) {
    children[index] = .element(child)
  }

  /// The index in ``children`` of the first child element called `name` for which `matches` holds.
  public func indexOfChild(_ name: String, where matches: (XMLElement) -> Bool = { _ in true }) -> Int? {
    children.firstIndex { node in
      if case .element(let child) = node { child.isNamed(name) && matches(child) } else { false }
    }
  }

  /// Whether the element has neither attributes, declarations, children nor text.
  public var isBare: Bool {
    attributes.isEmpty && namespaceDeclarations.isEmpty && children.allSatisfy { $0 == .text("") }
  }

  /// Hands the child element at `index` to `body` without copying its storage. Does nothing for other nodes.
  mutating func withChild<Failure: Error>(
    at index: Int, _ body: (inout XMLElement) throws(Failure) -> Void
  ) throws(Failure) {
    guard case .element(var child) = children[index] else { return }
    // The array must not hold a second reference while the child changes, or each level would be copied.
    children[index] = .text("")
    do {
      try body(&child)
    } catch {
      children[index] = .element(child)
      throw error
    }
    children[index] = .element(child)
  }
}
