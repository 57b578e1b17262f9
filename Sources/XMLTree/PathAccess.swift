// Reading and writing by path. The laws that lenses rely on: what was set is what is read; setting what was read
// changes nothing; after setting nil there is nothing to read.

extension XMLElement {
  /// The value at `path`: the attribute's, or the element's own text (empty for an element without any).
  ///
  /// - Returns: nil when there is no such attribute or element.
  public func value(at path: XMLPath) -> String? {
    firstValue(path.steps, 0, path.attribute)
  }

  /// Whether the attribute or element at `path` is there.
  public func exists(at path: XMLPath) -> Bool {
    exists(path.steps, 0, path.attribute)
  }

  /// The first element at `path`; for an attribute's path the element that has it.
  public func element(at path: XMLPath) -> XMLElement? {
    firstElement(path.steps, 0, path.attribute)
  }

  /// All elements at `path` in document order; for an attribute's path the elements that have it.
  public func all(at path: XMLPath) -> [XMLElement] {
    var found: [XMLElement] = []
    collect(path.steps, 0, path.attribute, into: &found)
    return found
  }

  /// Writes the value at `path`.
  ///
  /// A value goes to the place that ``value(at:)`` reads; what is missing on the way is created, the attributes and
  /// elements that conditions ask for included. Nil removes *everything* that the path names, so that nothing is left
  /// to read, and then each element on the way up that is left without attributes, children and text, but never the
  /// element itself that this is called on.
  ///
  /// A path that changes its own condition (`feature[@name='vmx']/@name`) no longer finds what it has set.
  public mutating func set(_ value: String?, at path: XMLPath) {
    guard let value else {
      remove(at: path)
      return
    }
    update(at: path) { element in
      if let attribute = path.attribute {
        if element[attribute: attribute] != value { element[attribute: attribute] = value }
      } else if element.text != value {
        element.text = value
      }
    }
  }

  /// Changes the element at `path` in place; for an attribute's path, the element that has or will have it.
  ///
  /// - Parameter create: whether missing elements are created.
  /// - Returns: whether there was an element to change, found or created.
  @discardableResult
  public mutating func update<Failure: Error>(
    at path: XMLPath, create: Bool = true, _ body: (inout XMLElement) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    if let trail = trail(path.steps, 0, path.attribute) ?? trail(path.steps, 0, nil) {
      try modify(along: trail[...], body)
      return true
    }
    guard create else { return false }
    try grow(path.steps[...], body)
    return true
  }

  /// Removes every attribute or element at `path`, and what is left empty on the way. See ``set(_:at:)``.
  public mutating func remove(at path: XMLPath) {
    if path.steps.isEmpty {
      if let attribute = path.attribute { self[attribute: attribute] = nil } else { text = "" }
      return
    }
    while let trail = trail(path.steps, 0, path.attribute) { remove(along: trail[...], path.attribute) }
  }
}

// MARK: - Reading

extension XMLElement {
  private func firstValue(_ steps: [XMLPath.Step], _ depth: Int, _ attribute: String?) -> String? {
    if depth == steps.count {
      if let attribute { return self[attribute: attribute] }
      return text
    }
    for case .element(let child) in children where steps[depth].matches(child) {
      if let value = child.firstValue(steps, depth + 1, attribute) { return value }
    }
    return nil
  }

  private func exists(_ steps: [XMLPath.Step], _ depth: Int, _ attribute: String?) -> Bool {
    if depth == steps.count { return has(attribute) }
    for case .element(let child) in children where steps[depth].matches(child) {
      if child.exists(steps, depth + 1, attribute) { return true }
    }
    return false
  }

  private func firstElement(_ steps: [XMLPath.Step], _ depth: Int, _ attribute: String?) -> XMLElement? {
    if depth == steps.count { return has(attribute) ? self : nil }
    for case .element(let child) in children where steps[depth].matches(child) {
      if let element = child.firstElement(steps, depth + 1, attribute) { return element }
    }
    return nil
  }

  private func collect(
    _ steps: [XMLPath.Step], _ depth: Int, _ attribute: String?, into found: inout [XMLElement]
  ) {
    if depth == steps.count {
      if has(attribute) { found.append(self) }
      return
    }
    for case .element(let child) in children where steps[depth].matches(child) {
      child.collect(steps, depth + 1, attribute, into: &found)
    }
  }

  private func has(_ attribute: String?) -> Bool {
    guard let attribute else { return true }
    return self[attribute: attribute] != nil
  }

  /// The indexes of children that lead to the first match, nil without one.
  private func trail(_ steps: [XMLPath.Step], _ depth: Int, _ attribute: String?) -> [Int]? {
    var trail: [Int] = []
    trail.reserveCapacity(steps.count)
    return follow(steps, depth, attribute, &trail) ? trail : nil
  }

  private func follow(_ steps: [XMLPath.Step], _ depth: Int, _ attribute: String?, _ trail: inout [Int]) -> Bool {
    if depth == steps.count { return has(attribute) }
    for index in children.indices {
      guard case .element(let child) = children[index], steps[depth].matches(child) else { continue }
      trail.append(index)
      if child.follow(steps, depth + 1, attribute, &trail) { return true }
      trail.removeLast()
    }
    return false
  }
}

// MARK: - Writing

extension XMLElement {
  private mutating func modify<Failure: Error>(
    along trail: ArraySlice<Int>, _ body: (inout XMLElement) throws(Failure) -> Void
  ) throws(Failure) {
    guard let index = trail.first else { return try body(&self) }
    try withChild(at: index) { (child: inout XMLElement) throws(Failure) in
      try child.modify(along: trail.dropFirst(), body)
    }
  }

  private mutating func grow<Failure: Error>(
    _ steps: ArraySlice<XMLPath.Step>, _ body: (inout XMLElement) throws(Failure) -> Void
  ) throws(Failure) {
    guard let step = steps.first else { return try body(&self) }
    if let index = indexOfChild(step.name, where: step.matches) {
      try withChild(at: index) { (child: inout XMLElement) throws(Failure) in
        try child.grow(steps.dropFirst(), body)
      }
    } else {
      var child = step.made
      try child.grow(steps.dropFirst(), body)
      insertBesideSiblings(child)
    }
  }

  private mutating func remove(along trail: ArraySlice<Int>, _ attribute: String?) {
    guard let index = trail.first else {
      if let attribute { self[attribute: attribute] = nil }
      return
    }
    if trail.count == 1 && attribute == nil {
      children.remove(at: index)
      return
    }
    var isBare = false
    withChild(at: index) { child in
      child.remove(along: trail.dropFirst(), attribute)
      isBare = child.isBare
    }
    if isBare { children.remove(at: index) }
  }
}

// MARK: - Changing all values of a place

extension XMLElement {
  /// Replaces every value at a path, wherever several elements match: an attribute's for a path that ends in one; otherwise
  /// all attributes and texts of the elements and of everything within them.
  public mutating func replaceValues(at path: XMLPath, _ transform: (String) -> String) {
    replaceValues(path.steps[...], path.attribute, transform)
  }

  private mutating func replaceValues(
    _ steps: ArraySlice<XMLPath.Step>, _ attribute: String?, _ transform: (String) -> String
  ) {
    if let step = steps.first {
      for index in children.indices {
        guard case .element(var child) = children[index], step.matches(child) else { continue }
        child.replaceValues(steps.dropFirst(), attribute, transform)
        children[index] = .element(child)
      }
    } else if let attribute {
      if let value = self[attribute: attribute] { self[attribute: attribute] = transform(value) }
    } else {
      replaceAllValues(transform)
    }
  }

  /// Replaces all attributes and texts of the element and of everything within.
  public mutating func replaceAllValues(_ transform: (String) -> String) {
    for attribute in attributes { self[attribute: attribute.name] = transform(attribute.value) }
    for index in children.indices {
      switch children[index] {
      case .element(var child):
        child.replaceAllValues(transform)
        children[index] = .element(child)
      case .text(let text) where !text.allSatisfy(\.isWhitespace): children[index] = .text(transform(text))
      case .text, .comment, .processingInstruction: break
      }
    }
  }
}
