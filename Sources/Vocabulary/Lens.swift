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
  private let write: @Sendable (inout XMLElement, Value?) -> Void
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

  /// Puts a value into an element; nil takes the field out. What is there already is not written again, so that an
  /// element keeps the notation that libvirt gave it.
  public func put(_ value: Value?, into element: inout XMLElement) {
    guard value == nil || read(element) != value else { return }
    write(&element, value)
  }
}

extension Lens {
  /// A value in one attribute or in an element's text, in a notation.
  static func at(_ path: XMLPath, _ notation: Notation = .text) -> Lens {
    Lens(places: [path.description]) { element in
      element.value(at: path).flatMap(notation.value)
    } write: { element, value in
      element.set(value.flatMap(notation.text), at: path)
    }
  }

  /// A size in an element's text, with its unit in the attribute `unit`. libvirt writes KiB.
  static func size(_ path: XMLPath) -> Lens {
    let unitPath = XMLPath(stringLiteral: path.description + "/@unit")
    return Lens(places: [path.description]) { element in
      guard let text = element.value(at: path), let number = UInt64(text),
        let unit = ByteCount.libvirtUnit(element.value(at: unitPath) ?? "KiB")
      else { return nil }
      let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
      // libvirt rounds up to KiB; so does this, for documents that it has not rewritten yet.
      let (rounded, isTooMuch) = bytes.addingReportingOverflow(1023)
      return overflow || isTooMuch ? nil : .bytes(rounded / 1024 * 1024)
    } write: { element, value in
      guard let bytes = value?.bytes else {
        element.set(nil, at: unitPath)
        element.set(nil, at: path)
        return
      }
      element.set(String(bytes / 1024), at: path)
      element.set("KiB", at: unitPath)
    }
  }

  /// An element that is there or not, such as `readonly`.
  static func presence(_ path: XMLPath) -> Lens {
    Lens(places: [path.description]) { element in
      .boolean(element.exists(at: path))
    } write: { element, value in
      switch (value?.boolean ?? false, element.exists(at: path)) {
      case (true, false): element.set("", at: path)
      case (false, true): element.remove(at: path)
      default: break
      }
    }
  }

  /// The same attribute of several elements in an order that means something, such as `os/boot/@dev`.
  static func list(_ parent: String, _ name: String, attribute: String) -> Lens {
    Lens(places: ["\(parent)/\(name)/@\(attribute)"]) { element in
      let values = element.first(parent)?.all(name).compactMap { $0[attribute: attribute] } ?? []
      return values.isEmpty ? nil : .list(values.map(Value.string))
    } write: { element, value in
      var words: [String] = []
      if case .list(let values)? = value { words = values.compactMap(\.string) }
      element.update(parent, create: !words.isEmpty) { parent in
        parent.removeAll(name)
        for word in words { parent.append(XMLElement(name, [attribute: word])) }
      }
    }
  }
}

/// How a value is written in an attribute or text.
struct Notation: Sendable {
  let value: @Sendable (String) -> Value?
  let text: @Sendable (Value) -> String?

  static let text = Notation(value: { .string($0) }, text: \.string)
  static let lowercase = Notation(value: { .string($0.lowercased()) }, text: \.string)
  static let integer = Notation(value: { Int($0).map(Value.integer) }, text: { $0.integer.map(String.init) })
  static let yesNo = words(true: "yes", false: "no")
  static let onOff = words(true: "on", false: "off")

  private static func words(true yes: String, false no: String) -> Notation {
    Notation(
      value: { $0 == yes ? .boolean(true) : $0 == no ? .boolean(false) : nil },
      text: { $0.boolean.map { $0 ? yes : no } })
  }
}

extension Field {
  /// Whether an element has what the spec asks for: the value itself, an alias of it, or what means the same.
  public func isMet(_ desired: Value, in element: XMLElement) -> Bool {
    guard let lens else { return false }
    return matches(desired: desired, stored: lens.get(element)) || lens.isMeant(desired, by: element)
  }
}
