// What differs between two documents in meaning: attribute order, the order of differently named siblings, comments and
// white space around text are not meaning.

/// One thing that differs between two documents.
public struct XMLDifference: Sendable, Hashable {
  /// In which of the two documents the place is found.
  public enum Kind: Sendable, Hashable {
    /// Only in the second document.
    case added
    /// Only in the first document.
    case removed
    /// In both, with another value.
    case changed
  }

  /// The place, from the root: `/domain/devices/disk[target/@dev='vda']/source/@file`.
  ///
  /// One of several siblings of a name is distinguished by its identity, or, when it has none, by its position counted
  /// from 1 (in the second document for what was added, in the first for everything else).
  public var path: String
  /// Whether it was added, removed or changed on the way from the first document to the second.
  public var kind: Kind
  /// The value in the first document: an attribute's, a text, or for a removed element its XML on one line.
  public var old: String?
  /// The value in the second document, likewise.
  public var new: String?

  /// A difference in the form that ``difference(_:_:options:)`` gives it: `old` is nil for what was added, `new` for
  /// what was removed.
  public init(path: String, kind: Kind, old: String?, new: String?) {
    self.path = path
    self.kind = kind
    self.old = old
    self.new = new
  }
}

/// How siblings of the same name find their counterparts.
public struct XMLDifferenceOptions: Sendable {
  /// The value that identifies an element among its siblings of the same name, as a path relative to it: for a disk
  /// `target/@dev`. Elements with equal values are compared with each other wherever they stand. Nil, or a path that
  /// does not exist in the element: no identity.
  public var identity: @Sendable (_ element: XMLElement) -> XMLPath?
  /// Whether siblings of the same name without identity are compared as a multiset rather than in order. `path` is
  /// where they are, such as `/domain/cpu/feature`.
  public var isUnordered: @Sendable (_ element: XMLElement, _ path: String) -> Bool

  /// Options; by default no element has an identity, and siblings of a name are compared in order.
  public init(
    identity: @escaping @Sendable (_ element: XMLElement) -> XMLPath? = { _ in nil },
    isUnordered: @escaping @Sendable (_ element: XMLElement, _ path: String) -> Bool = { _, _ in false }
  ) {
    self.identity = identity
    self.isUnordered = isUnordered
  }
}

/// Compares two documents in meaning and returns what differs, in the first document's order.
///
/// Names are compared by namespace where it is known, whatever the prefix. An element that only one side has is one
/// difference, not one for each thing inside it.
///
/// - Returns: nothing when both mean the same.
public func difference(
  _ a: XMLElement, _ b: XMLElement, options: XMLDifferenceOptions = XMLDifferenceOptions()
) -> [XMLDifference] {
  if a == b { return [] }
  let a = Meaning(a, path: "", scope: [], options)
  let b = Meaning(b, path: "", scope: [], options)
  guard a.key == b.key else {
    return [XMLDifference(path: "/", kind: .changed, old: a.label, new: b.label)]
  }
  var found: [XMLDifference] = []
  a.compare(with: b, path: "/" + a.label, into: &found)
  return found
}

/// An element reduced to what it means, so that equal meaning is plain equality.
private struct Meaning: Hashable {
  /// The name with its namespace.
  var key: String
  var attributes: [XMLAttribute]
  var text: String
  var groups: [Group]
  /// The name as a reader knows it. Not part of the meaning.
  var label: String
  /// The condition that identifies it, such as `target/@dev='vda'`. Follows from the rest.
  var identity: String?
  var source: XMLElement

  /// The children of one name.
  struct Group: Hashable {
    var key: String
    var isUnordered: Bool
    var members: [Meaning]
  }

  static func == (a: Meaning, b: Meaning) -> Bool {
    a.key == b.key && a.attributes == b.attributes && a.text == b.text && a.groups == b.groups
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(key)
    hasher.combine(attributes)
    hasher.combine(text)
    hasher.combine(groups)
  }

  init(_ element: XMLElement, path outer: String, scope outerScope: [XMLNamespace], _ options: XMLDifferenceOptions) {
    label = element.qualifiedName
    source = element
    let path = outer + "/" + label
    let declarations = element.namespaceDeclarations
    let scope = declarations.isEmpty ? outerScope : outerScope + declarations
    let prefix = element.prefix
    let uri = element.namespaceURI ?? scope.last { $0.prefix == prefix }?.uri ?? ""
    key = uri.isEmpty ? label : "{\(uri)}\(element.name)"
    attributes = element.attributes
    if attributes.count > 1 { attributes.sort { $0.name < $1.name } }
    text = element.text.trimmingXMLSpace
    if let key = options.identity(element), let value = element.value(at: key) {
      identity = "\(key)=\(XMLPath.quoted(value))"
    }
    groups = []
    var places: [String: Int] = [:]
    for child in element.elements {
      let meaning = Meaning(child, path: path, scope: scope, options)
      if let place = places[meaning.key] {
        groups[place].members.append(meaning)
      } else {
        places[meaning.key] = groups.count
        let isUnordered = options.isUnordered(child, path + "/" + meaning.label)
        groups.append(Group(key: meaning.key, isUnordered: isUnordered, members: [meaning]))
      }
    }
    for index in groups.indices where groups[index].members.count > 1 {
      groups[index].settleOrder()
    }
    if groups.count > 1 { groups.sort { $0.key < $1.key } }
  }

  func compare(with other: Meaning, path: String, into found: inout [XMLDifference]) {
    if self == other { return }
    for attribute in source.attributes {
      let new = other.source[attribute: attribute.name]
      if new == attribute.value { continue }
      found.append(
        XMLDifference(
          path: path + "/@" + attribute.name, kind: new == nil ? .removed : .changed, old: attribute.value, new: new))
    }
    for attribute in other.source.attributes where source[attribute: attribute.name] == nil {
      found.append(
        XMLDifference(path: path + "/@" + attribute.name, kind: .added, old: nil, new: attribute.value))
    }
    if text != other.text {
      found.append(XMLDifference(path: path, kind: .changed, old: text, new: other.text))
    }
    let theirs = Dictionary(other.groups.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    let ours = Set(groups.map(\.key))
    for group in groups {
      let counterpart = theirs[group.key] ?? Group(key: group.key, isUnordered: group.isUnordered, members: [])
      group.compare(with: counterpart, path: path, into: &found)
    }
    for group in other.groups where !ours.contains(group.key) {
      Group(key: group.key, isUnordered: group.isUnordered, members: []).compare(with: group, path: path, into: &found)
    }
  }
}

extension Meaning.Group {
  /// Brings members whose order means nothing into one that depends on their content alone.
  mutating func settleOrder() {
    let keyed = members.enumerated().map { position, member in
      (
        // Members with an identity come first, by identity; then the others, as they stand or by content.
        order: member.identity.map { "0" + $0 } ?? (isUnordered ? "1" + member.content : "2"),
        position: position, member: member
      )
    }
    members = keyed.sorted { ($0.order, $0.position) < ($1.order, $1.position) }.map(\.member)
  }

  fileprivate func compare(with other: Meaning.Group, path: String, into found: inout [XMLDifference]) {
    var left = Array(members.indices)
    var right = Array(other.members.indices)
    var pairs: [(Int, Int)] = []

    // By identity, then equals among the unordered, then equals at both ends of the ordered, then in order.
    var identified: [String: [Int]] = [:]
    for index in right.reversed() {
      if let identity = other.members[index].identity { identified[identity, default: []].append(index) }
    }
    pair(&left, &right, &pairs) { member in member.identity.flatMap { identified[$0]?.popLast() } }
    if isUnordered {
      var equals: [Meaning: [Int]] = [:]
      for index in right.reversed() { equals[other.members[index], default: []].append(index) }
      pair(&left, &right, &pairs) { member in equals[member]?.popLast() }
    }
    let begun = zip(left, right).prefix { members[$0] == other.members[$1] }.count
    (left, right) = (Array(left.dropFirst(begun)), Array(right.dropFirst(begun)))
    let ended = zip(left.reversed(), right.reversed()).prefix { members[$0] == other.members[$1] }.count
    (left, right) = (left.dropLast(ended), right.dropLast(ended))
    // What has an identity that the other side lacks is another thing, not a changed one.
    let strangersLeft = left.filter { members[$0].identity != nil }
    let strangersRight = right.filter { other.members[$0].identity != nil }
    left.removeAll { members[$0].identity != nil }
    right.removeAll { other.members[$0].identity != nil }
    pairs += zip(left, right)
    let isAlone = members.count <= 1 && other.members.count <= 1

    for (index, counterpart) in pairs.sorted(by: { $0.0 < $1.0 }) {
      let path = members[index].path(in: path, position: isAlone ? nil : index)
      members[index].compare(with: other.members[counterpart], path: path, into: &found)
    }
    for index in (strangersLeft + left.dropFirst(right.count)).sorted() {
      let path = members[index].path(in: path, position: isAlone ? nil : index)
      found.append(XMLDifference(path: path, kind: .removed, old: members[index].content, new: nil))
    }
    for index in (strangersRight + right.dropFirst(left.count)).sorted() {
      let member = other.members[index]
      let path = member.path(in: path, position: isAlone ? nil : index)
      found.append(XMLDifference(path: path, kind: .added, old: nil, new: member.content))
    }
  }

  /// Pairs members from `left` with those in `right` that `counterpart` names.
  private func pair(
    _ left: inout [Int], _ right: inout [Int], _ pairs: inout [(Int, Int)], _ counterpart: (Meaning) -> Int?
  ) {
    var taken: Set<Int> = []
    left.removeAll { index in
      guard let match = counterpart(members[index]) else { return false }
      pairs.append((index, match))
      taken.insert(match)
      return true
    }
    right.removeAll { taken.contains($0) }
  }
}

extension Meaning {
  /// The element on one line, as the document has it.
  var content: String { source.serialised(indent: nil) }

  func path(in outer: String, position: Int?) -> String {
    if let identity { return "\(outer)/\(label)[\(identity)]" }
    guard let position else { return "\(outer)/\(label)" }
    return "\(outer)/\(label)[\(position + 1)]"
  }
}

extension String {
  fileprivate var trimmingXMLSpace: String {
    let bytes = utf8
    guard let first = bytes.first, let last = bytes.last, first.isXMLSpace || last.isXMLSpace else { return self }
    guard let start = bytes.firstIndex(where: { !$0.isXMLSpace }) else { return "" }
    let end = bytes.lastIndex { !$0.isXMLSpace } ?? start
    return String(self[start...end])
  }
}
