// Reading and writing an element of libvirt's XML by a field's key, so that no other module spells a place that a lens has.

public import XMLTree

extension ObjectType {
  /// What an element of such an object has in a field's place: `Vocabulary.disk[.target, in: element]`. Nil where it does
  /// not say, or says something that no spec could.
  ///
  /// - Precondition: such objects have the field.
  public subscript<Content>(key: FieldKey<Content>, in element: XMLElement) -> Content? {
    self[key].lens?.get(element).flatMap(Content.content)
  }
}

extension Field {
  /// Whether an element says something in the field's place.
  public func isThere(in element: XMLElement) -> Bool { lens?.get(element) != nil }

  /// Puts a value into an element; nil takes the field out. Nothing happens for a field without a place in XML.
  public func put(_ value: Value?, into element: inout XMLElement) { lens?.put(value, into: &element) }
}
