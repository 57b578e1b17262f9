// The tree: nodes that remember where they were written.

public import Diagnostics

/// A scalar, list or mapping, with its place in the file.
///
/// A value: copies share storage until one is changed, so an anchor used a thousand times is stored once.
public struct YAMLNode: Sendable {
  /// What a node holds.
  public enum Content: Sendable {
    /// A text, number, truth value or nothing.
    case scalar(YAMLScalar)
    /// The elements of a list in their order.
    case sequence([YAMLNode])
    /// Keys are unique, in the order written; merge keys (`<<`) are already resolved.
    case mapping([YAMLEntry])
  }

  /// What the node holds, with aliases expanded.
  public var content: Content
  /// Where it was written, without anchor and tag.
  ///
  /// A block collection runs from its first key or dash to the end of its last node. An alias has its own range here,
  /// while the nodes within keep the places where the anchor has them. A value left out (`key:`) has an empty range
  /// behind the colon.
  public var range: SourceRange
  /// Whether a mistake, which has been reported, keeps the node from holding what its author meant: an alias without
  /// its anchor, a mapping that lacks what it merges, a text that does not fit its tag.
  public var isBroken = false
  private var knownTag: KnownTag?

  /// The tag as one writes it, such as `!!str`; nil when there was none.
  ///
  /// Only `!!null`, `!!bool`, `!!int`, `!!float`, `!!str`, `!!seq`, `!!map` and `!` exist here; setting another one
  /// sets none. It does not change what a scalar means: that is ``YAMLScalar/typeTag``.
  public var tag: String? {
    get { knownTag?.rawValue }
    set { knownTag = newValue.flatMap { KnownTag(rawValue: $0) } }
  }

  /// A node with the place that messages about it point at; a tag that is not among those of ``tag`` is dropped.
  public init(_ content: Content, at range: SourceRange, tag: String? = nil) {
    self.content = content
    self.range = range
    knownTag = tag.flatMap { KnownTag(rawValue: $0) }
  }

  /// A byte instead of a text in each node.
  private enum KnownTag: String {
    case null = "!!null"
    case boolean = "!!bool"
    case integer = "!!int"
    case number = "!!float"
    case string = "!!str"
    case sequence = "!!seq"
    case mapping = "!!map"
    case nonSpecific = "!"
  }

  /// A scalar made in code, with the place that its messages shall point at.
  public init(_ text: String, style: YAMLScalar.Style = .plain, at range: SourceRange) {
    self.init(.scalar(YAMLScalar(text, style: style)), at: range)
  }
}

/// One `key: value` of a mapping.
public struct YAMLEntry: Sendable {
  /// Always a scalar when it comes from the parser.
  public var key: YAMLNode
  /// What the key stands for; an empty scalar where the file has nothing behind the colon.
  public var value: YAMLNode

  /// An entry from its two nodes.
  public init(key: YAMLNode, value: YAMLNode) {
    self.key = key
    self.value = value
  }

  /// The key's text.
  public var name: String { key.scalar?.text ?? "" }
}

extension YAMLNode {
  /// The scalar, when it is one.
  public var scalar: YAMLScalar? {
    if case .scalar(let scalar) = content { scalar } else { nil }
  }

  /// What the scalar means under the core schema; nil for lists and mappings.
  public var value: YAMLScalarValue? { scalar?.value }

  /// Whether this is a scalar that means nothing: empty, `~` or `null`.
  public var isNull: Bool { value == .null }

  /// The list's elements; nil when it is not a list.
  public var elements: [YAMLNode]? {
    if case .sequence(let elements) = content { elements } else { nil }
  }

  /// The mapping's entries in the order written; nil when it is not a mapping.
  public var entries: [YAMLEntry]? {
    if case .mapping(let entries) = content { entries } else { nil }
  }

  /// The entry with that key; nil when there is none, or this is not a mapping. The search is linear.
  public func entry(_ name: String) -> YAMLEntry? {
    entries?.first { $0.name == name }
  }

  /// The value under a key of a mapping.
  ///
  /// Setting replaces the value in place, appends a new entry (whose key takes the value's range), or with nil removes
  /// the entry; on a node that is not a mapping, setting does nothing.
  public subscript(name: String) -> YAMLNode? {
    get { entry(name)?.value }
    set {
      guard case .mapping(var entries) = content else { return }
      content = .mapping([])
      defer { content = .mapping(entries) }
      let index = entries.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): entries[index].value = value
      case (let index?, nil): entries.remove(at: index)
      case (nil, let value?): entries.append(YAMLEntry(key: YAMLNode(name, at: value.range), value: value))
      case (nil, nil): break
      }
    }
  }

  /// The kind in words for a message: `a mapping`, `a list`, `a text`, `a number`, `a boolean`, `nothing`.
  public var kindName: String {
    switch content {
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .scalar(let scalar): scalar.value.kindName
    }
  }

  /// The same node with another text, keeping style, tag and place.
  ///
  /// Only scalars have a text; other nodes are returned as they are.
  public func replacingText(_ text: String) -> YAMLNode {
    guard case .scalar(var scalar) = content else { return self }
    scalar.text = text
    return replacingContent(by: .scalar(scalar))
  }

  /// The same node with the text that a template in it has become: the reader says what the text means, whatever quotes
  /// stood around the template.
  ///
  /// Only scalars have a text; other nodes are returned as they are.
  public func replacingTemplate(by text: String) -> YAMLNode {
    guard case .scalar(var scalar) = content else { return self }
    scalar.text = text
    scalar.isFromTemplate = true
    return replacingContent(by: .scalar(scalar))
  }

  /// The tree with every scalar that is a value (not a key) passed through `transform`; nil keeps the scalar as it is.
  ///
  /// Lists and mappings in which nothing changed keep sharing their storage.
  public func replacingScalars<Failure: Error>(
    _ transform: (YAMLNode) throws(Failure) -> YAMLNode?
  ) throws(Failure) -> YAMLNode {
    try changed(transform) ?? self
  }

  private func changed<Failure: Error>(
    _ transform: (YAMLNode) throws(Failure) -> YAMLNode?
  ) throws(Failure) -> YAMLNode? {
    switch content {
    case .scalar:
      return try transform(self)
    case .sequence(let elements):
      var copy: [YAMLNode]?
      for index in elements.indices {
        if let new = try elements[index].changed(transform) {
          if copy == nil { copy = elements }
          copy?[index] = new
        }
      }
      return copy.map { replacingContent(by: .sequence($0)) }
    case .mapping(let entries):
      var copy: [YAMLEntry]?
      for index in entries.indices {
        if let new = try entries[index].value.changed(transform) {
          if copy == nil { copy = entries }
          copy?[index].value = new
        }
      }
      return copy.map { replacingContent(by: .mapping($0)) }
    }
  }

  private func replacingContent(by content: Content) -> YAMLNode {
    var copy = self
    copy.content = content
    return copy
  }

  /// Whether two trees hold the same content: scalars by meaning, mappings without regard to order, places ignored.
  public func hasSameContent(as other: YAMLNode) -> Bool {
    switch (content, other.content) {
    case (.scalar(let left), .scalar(let right)):
      return left.value == right.value
    case (.sequence(let left), .sequence(let right)):
      return left.count == right.count && zip(left, right).allSatisfy { $0.hasSameContent(as: $1) }
    case (.mapping(let left), .mapping(let right)):
      guard left.count == right.count else { return false }
      let values = Dictionary(right.map { ($0.name, $0.value) }) { first, _ in first }
      return left.allSatisfy { entry in values[entry.name].map { entry.value.hasSameContent(as: $0) } ?? false }
    default:
      return false
    }
  }
}
