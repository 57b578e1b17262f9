// Reading an element by the vocabulary's tables: which fields say what it says, and what is left for `xml`.

import Vocabulary
import XMLTree

/// An element read as an object of a type.
struct FieldReading {
  private(set) var values: [Field: Value] = [:]
  /// Values that libvirt fills in by itself, so that a spec need not say them.
  private(set) var implied: [Field: Value] = [:]
  /// The element that the values make, from the given start.
  private(set) var made: XMLElement

  /// Reads whatever fields hold of an element.
  ///
  /// A field is taken when putting its value into what the fields so far have made gives nothing that the element does
  /// not have: a value is never bought with a change.
  ///
  /// - Parameters:
  ///   - start: what a new object's element is before its fields are put.
  ///   - known: values that are settled already.
  ///   - skipped: fields that are not asked.
  init(_ element: XMLElement, as type: ObjectType, from start: XMLElement, skipping skipped: Set<Field> = []) {
    made = start
    for field in type.fields where !skipped.contains(field) {
      guard let lens = field.lens, let value = lens.get(element), field.canSay(value) else { continue }
      guard lens.get(made) != value else { continue }
      var next = made
      lens.put(value, into: &next)
      guard next != made, lens.get(next) == value else { continue }
      // What was met before is so still: only the elements are compared that the field has changed.
      let changed = next.namesOfChildren(unlike: made)
      guard XMLFragment(next.holding(only: changed)).isMet(within: element.holding(only: changed)) else { continue }
      made = next
      // What libvirt fills in by itself need not be said.
      if value == field.libvirtDefault { implied[field] = value } else { values[field] = value }
    }
  }
}

extension XMLElement {
  /// The names of the child elements that are not the same in both elements.
  fileprivate func namesOfChildren(unlike other: XMLElement) -> Set<String> {
    Set(elements.map(\.name)).union(other.elements.map(\.name)).filter { all($0) != other.all($0) }
  }

  /// The element without the child elements of other names.
  fileprivate func holding(only names: Set<String>) -> XMLElement {
    var result = self
    result.children.removeAll { node in node.element.map { !names.contains($0.name) } ?? false }
    return result
  }
}

extension Field {
  /// Whether a spec can say the value: what was read must be what is decoded again.
  func canSay(_ value: Value) -> Bool { type.canSay(value) }
}

extension ValueType {
  fileprivate func canSay(_ value: Value) -> Bool {
    switch (self, value) {
    case (.list(let element), .list(let values)): values.allSatisfy(element.canSay)
    case (.table(let key, let element), .table(let values)):
      values.allSatisfy { (try? key.normalised($0.key)) == $0.key && element.canSay($0.value) }
    case (.record(let members), .table(let values)):
      values.allSatisfy { name, value in members.first { $0.name == name }?.type.canSay(value) ?? false }
    // A concealed text is described by its mask.
    case (.text, .concealed(let text)): (try? parse(text.text)) == value
    case (.path, .string(let path)): path.isPlainPath
    case (.boolean, .boolean), (.xml, .xml): true
    case (.integer(let range), .integer(let number)): range.contains(number)
    default: (try? parse(value.description)) == value
    }
  }
}

extension String {
  /// Whether a spec that has the path means this very path: an absolute one without `.`, `..` and empty steps, which a
  /// spec's paths are freed of.
  fileprivate var isPlainPath: Bool {
    self == "/"
      || hasPrefix("/") && !contains("\n")
        && split(separator: "/", omittingEmptySubsequences: false).dropFirst().allSatisfy {
          ![".", "..", ""].contains($0)
        }
  }
}
