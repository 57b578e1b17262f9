// What an element cannot have beside what it is: the rules between the fields of an object, asked of its XML.

public import XMLTree

extension ObjectType {
  /// The names of fields that decide whether another one may be set.
  public var decidingNames: Set<String> {
    Set(fields.flatMap { ($0.rules.only.joined() + $0.rules.excluded).map(\.field) })
  }

  /// Takes out of an element what a change of its kind leaves without a meaning: each field that might be set beside what it
  /// was, and may not beside what it is.
  ///
  /// - Parameters:
  ///   - before: the element as it was.
  ///   - kept: fields that stay whatever they are: those that the spec names.
  public func removeUnfit(from element: inout XMLElement, changedFrom before: XMLElement, except kept: Set<Field>) {
    guard element != before else { return }
    for field in fields where !kept.contains(field) && !(field.rules.only.isEmpty && field.rules.excluded.isEmpty) {
      guard let lens = field.lens, isUnfit(field, in: element), !isUnfit(field, in: before) else { continue }
      // Where another field has the same place, that one's value is there.
      guard let value = lens.get(element), value == lens.get(before) else { continue }
      lens.put(nil, into: &element)
    }
  }

  /// Whether an element is of a kind beside which a field may not be set.
  private func isUnfit(_ field: Field, in element: XMLElement) -> Bool {
    func holds(_ condition: FieldCondition) -> Bool? {
      guard let other = self.field(condition.field), let lens = other.lens else { return nil }
      return condition.isMet(by: lens.get(element) ?? (condition.words == nil ? nil : other.libvirtDefault))
    }
    return field.rules.only.contains { $0.allSatisfy { holds($0) == false } }
      || field.rules.excluded.contains { holds($0) == true }
  }
}
