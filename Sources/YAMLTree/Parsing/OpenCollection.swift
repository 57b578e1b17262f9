// A list or mapping whose end has not been read yet.

import Diagnostics

struct OpenCollection {
  enum Kind { case sequence, mapping }

  let kind: Kind
  let start: SourcePosition
  let anchor: String?
  let anchorStart: SourcePosition
  let tag: String?
  /// How many nodes the file had before this one.
  let nodesBefore: Int
  /// Whether `]` or `}` ends it, so that libyaml's end mark is right; a block ends with its last node.
  let endsWithBracket: Bool

  private(set) var elements: [YAMLNode] = []
  private(set) var entries: [YAMLEntry] = []
  /// Levels of collections from here down, this one counted.
  private(set) var height = 1
  private(set) var lastEnd: SourcePosition?
  private(set) var hasMergeKey = false
  /// Whether a mistake, which has been reported, keeps the collection from being whole.
  var hasMistake = false
  /// The key whose value comes next.
  private var key: YAMLNode?
  /// Whether the entry under way is a mistake, reported already, and is not kept.
  private var dropsEntry = false
  /// Names and their entries, once there are so many that searching them one by one would be slow.
  private var index: [String: Int] = [:]

  init(
    kind: Kind, start: SourcePosition, anchor: String?, anchorStart: SourcePosition, tag: String?, nodesBefore: Int,
    endsWithBracket: Bool
  ) {
    self.kind = kind
    self.start = start
    self.anchor = anchor
    self.anchorStart = anchorStart
    self.tag = tag
    self.nodesBefore = nodesBefore
    self.endsWithBracket = endsWithBracket
  }

  /// Takes an element, a key or a value, in turn.
  ///
  /// - Returns: what is wrong with it.
  mutating func add(_ node: YAMLNode, height childHeight: Int) -> Diagnostic? {
    height = max(height, childHeight + 1)
    lastEnd = node.range.end
    if kind == .sequence {
      elements.append(node)
      return nil
    }
    guard let key else {
      self.key = node
      let mistake = check(key: node)
      dropsEntry = mistake != nil
      // The first of two equal keys is kept.
      if let mistake, mistake.rule != "duplicate-key" { hasMistake = true }
      return mistake
    }
    self.key = nil
    if !dropsEntry { append(YAMLEntry(key: key, value: node)) }
    return nil
  }

  private mutating func append(_ entry: YAMLEntry) {
    if entry.isMergeKey { hasMergeKey = true }
    entries.append(entry)
    if entries.count == Self.searchedOneByOne {
      for (offset, entry) in entries.enumerated() { index[entry.name] = offset }
    } else if entries.count > Self.searchedOneByOne {
      index[entry.name] = entries.count - 1
    }
  }

  private static let searchedOneByOne = 12

  private func check(key node: YAMLNode) -> Diagnostic? {
    guard let scalar = node.scalar else {
      return Diagnostic(
        .error, "yaml-key", "a key is a text, not \(node.kindName)", at: node.range,
        suggestion: "if you mean a text, quote it")
    }
    if scalar.text.isEmpty, scalar.style == .plain {
      return Diagnostic(.error, "yaml-key", "the key before the `:` is missing", at: node.range)
    }
    let first =
      entries.count < Self.searchedOneByOne
      ? entries.firstIndex { $0.name == scalar.text } : index[scalar.text]
    guard let first else { return nil }
    let note = Diagnostic.Note("it is first given here", at: entries[first].key.range)
    return Diagnostic(
      .error, "duplicate-key", "the key `\(scalar.text)` is given twice", at: node.range,
      suggestion: scalar.text == "<<" ? "write one `<<` with a list: `<<: [*a, *b]`" : nil, notes: [note])
  }
}

extension YAMLEntry {
  /// Whether this is a merge key: a plain, untagged `<<` (YAML 1.1's merge type).
  var isMergeKey: Bool {
    guard case .scalar(let scalar) = key.content else { return false }
    return scalar.style == .plain && scalar.typeTag == nil && scalar.text == "<<"
  }
}
