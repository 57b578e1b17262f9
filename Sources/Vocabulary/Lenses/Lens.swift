// Where a field lives in libvirt's XML: reading it from an element, and putting it there.

public import XMLTree

/// A field's place in an element of libvirt's XML.
///
/// A lens obeys two laws over every document that libvirt writes: what was put is what is got, and putting back what
/// was got changes nothing.
public struct Lens: Sendable {
  /// The places, for people: `memory`, `os/type/@machine`.
  public let places: [String]
  private let read: @Sendable (XMLElement) -> Value?
  private var write: @Sendable (inout XMLElement, Value?) -> Void
  private var meaning: (@Sendable (XMLElement, Value) -> Bool)?

  /// - Parameters:
  ///   - read: the value, or nil where the document does not say.
  ///   - write: puts a value; nil takes the field out, so that libvirt's default holds.
  init(
    places: [String], read: @escaping @Sendable (XMLElement) -> Value?,
    write: @escaping @Sendable (inout XMLElement, Value?) -> Void
  ) {
    self.places = places
    self.read = read
    self.write = write
  }

  /// The field's value in an element, normalised for comparison; nil where the element does not say.
  public func get(_ element: XMLElement) -> Value? { read(element) }

  /// Whether an element means a value in another way than ``get(_:)`` reads: what one libvirt leaves unsaid another one
  /// writes down.
  func isMeant(_ value: Value, by element: XMLElement) -> Bool { meaning?(element, value) ?? false }

  /// The same place, for which some elements mean a value without saying it there.
  func alsoMeant(_ meaning: @escaping @Sendable (XMLElement, Value) -> Bool) -> Lens {
    var lens = self
    lens.meaning = meaning
    return lens
  }

  /// The same place, where silence means a value that libvirt does not write down by itself, but keeps where it is said.
  func unsaid(_ value: Value) -> Lens { alsoMeant { element, meant in meant == value && get(element) == nil } }

  /// The same place, where a write does something more.
  ///
  /// - Parameter more: gets the element with the value in it, the value, and the element as it was before.
  func afterwards(
    _ more: @escaping @Sendable (inout XMLElement, _ value: Value?, _ before: XMLElement) -> Void
  ) -> Lens {
    var lens = self
    lens.write = { element, value in
      let before = element
      write(&element, value)
      more(&element, value, before)
    }
    return lens
  }

  /// Puts a value into an element; nil takes the field out. What is there already is not written again, so that an
  /// element keeps the notation that libvirt gave it.
  public func put(_ value: Value?, into element: inout XMLElement) {
    guard value == nil || read(element) != value else { return }
    write(&element, value)
  }
}

extension Field {
  /// Whether an element has what the spec asks for: the value itself, an alias of it, or what means the same.
  public func isMet(_ desired: Value, in element: XMLElement) -> Bool {
    guard let lens else { return false }
    return matches(desired: desired, stored: lens.get(element)) || lens.isMeant(desired, by: element)
  }
}
