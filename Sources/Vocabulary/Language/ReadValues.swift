// Everything that an element of libvirt's XML says in the fields of a kind of object. Many objects that one spec makes say the
// same, so what was read is kept.

public import XMLTree

/// Reads elements by all the fields of their kind.
///
/// An element differs from its neighbours in little more than names and what is derived from them. What those leave of it is
/// read once.
public struct ReadValues {
  /// What the fields of an element say, in the order of its type's fields.
  public struct Entry {
    /// Where the field is among those of its type.
    fileprivate let place: Int
    /// The field that says it.
    public let field: Field
    /// The field's name as a reader knows it.
    public let name: String
    /// What it says.
    public let value: Value
  }

  private struct Key: Hashable {
    let type: ObjectIdentifier
    let element: XMLElement
  }

  private static let kinds = Dictionary(
    uniqueKeysWithValues: ([Vocabulary.domain, Vocabulary.network, Vocabulary.pool]
      + Vocabulary.domain.collections.map(\.type))
      .map { (ObjectIdentifier($0), Kind($0)) })

  private var known: [Key: [Entry]] = [:]

  /// Nothing read yet.
  public init() {}

  /// The values that the fields read from an element, without those that an element with nothing in it would have as well.
  public mutating func values(of type: ObjectType, in element: XMLElement) -> [Entry] {
    let id = ObjectIdentifier(type)
    let kind = Self.kinds[id] ?? Kind(type)
    let rest = Kind.withoutOwnParts(element)
    let key = Key(type: id, element: rest)
    let common = known[key] ?? kind.read(rest, by: kind.common)
    known[key] = common
    let own = kind.read(element, by: kind.own)
    return own.isEmpty ? common : (common + own).sorted { $0.place < $1.place }
  }

  /// The fields of a kind of object.
  private final class Kind: Sendable {
    /// The parts of an element that are its own: names, identities and files.
    private static let ownParts: Set<String> = ["name", "uuid", "metadata", "devices", "alias", "mac", "serial"]
    private static let ownFile = "source/@file"

    private let type: ObjectType
    private let names: [String]
    /// Fields by the part of an element that they are in, a child or an attribute with its `@`; those that say no place
    /// under "".
    let own: [String: [Int]]
    let common: [String: [Int]]

    init(_ type: ObjectType) {
      var (own, common): ([String: [Int]], [String: [Int]]) = ([:], [:])
      self.type = type
      names = type.fields.map(type.displayName)
      for (index, field) in type.fields.enumerated() {
        guard let lens = field.lens else { continue }
        let parts = lens.places.isEmpty ? [""] : Set(lens.places.map(Self.part))
        let isOwn = !parts.isDisjoint(with: Self.ownParts) || lens.places.contains(Self.ownFile)
        for part in parts {
          if isOwn { own[part, default: []].append(index) } else { common[part, default: []].append(index) }
        }
      }
      (self.own, self.common) = (own, common)
    }

    static func withoutOwnParts(_ element: XMLElement) -> XMLElement {
      var rest = element
      rest.children.removeAll { node in node.element.map { ownParts.contains($0.name) } ?? false }
      if let source = rest.first("source"), source[attribute: "file"] != nil {
        rest.update("source") { $0[attribute: "file"] = "" }
      }
      return rest
    }

    func read(_ element: XMLElement, by fields: [String: [Int]]) -> [Entry] {
      // Of the many fields that there are, few can have anything to read in an element.
      var places = fields[""] ?? []
      for child in element.elements { places += fields[child.name] ?? [] }
      for attribute in element.attributes { places += fields["@" + attribute.name] ?? [] }
      guard !places.isEmpty else { return [] }
      let silent = XMLElement(element.name)
      var entries: [Entry] = []
      var last = -1
      for place in places.sorted() where place != last {
        last = place
        let field = type.fields[place]
        guard let lens = field.lens, let value = lens.get(element), lens.get(silent) != value else { continue }
        entries.append(Entry(place: place, field: field, name: names[place], value: value))
      }
      return entries
    }

    /// The first step of a place: the child element, or the attribute with its `@`.
    private static func part(of place: String) -> String {
      let step = place.prefix { $0 != "/" && $0 != "[" }
      return step == "." || step == "*" ? "" : String(step)
    }
  }
}
