// Paths into an element, in the small form that lenses need: "os/type/@machine", "cpu/feature[@name='vmx']/@policy".
// A path is taken apart once, when it is made; reading with it neither parses nor allocates.

/// Where a value lives below an element.
///
/// A path is a row of child names divided by `/`, relative to the element it is used on. It may end in an attribute,
/// `@name`. A name may be followed by conditions, `[key='value']`, where the key is a path itself: `[@name='vmx']`,
/// `[target/@dev='vda']`, `[.='text']`. `.` alone is the element itself. Names are compared as written, prefix
/// included. Where several elements match, the first in document order for which the *whole* path exists is meant.
///
/// The form is a part of XPath 1.0's abbreviated syntax.
public struct XMLPath: Sendable, Hashable {
  struct Step: Sendable, Hashable {
    var name: String
    var conditions: [Condition] = []

    func matches(_ element: XMLElement) -> Bool {
      guard element.isNamed(name) else { return false }
      for condition in conditions where !condition.holds(for: element) { return false }
      return true
    }

    /// An element that this step matches.
    var made: XMLElement {
      var element = XMLElement(name)
      for condition in conditions { element.set(condition.value, at: condition.path) }
      return element
    }
  }

  struct Condition: Sendable, Hashable {
    var path: XMLPath
    var value: String

    func holds(for element: XMLElement) -> Bool { element.value(at: path) == value }
  }

  var steps: [Step]
  var attribute: String?

  init(steps: [Step], attribute: String?) {
    self.steps = steps
    self.attribute = attribute
  }

  /// Whether the path names the element itself that it is used on.
  public var isWhole: Bool { steps.isEmpty && attribute == nil }

  /// Takes a path from outside apart.
  ///
  /// - Throws: ``XMLError`` whose column is the place in `text` (line 1) that is not understood.
  public init(parsing text: String) throws(XMLError) {
    var reader = PathReader(text)
    self = try reader.path(until: nil)
  }

  /// The path followed by `other`.
  ///
  /// - Precondition: this path names an element, not an attribute.
  public func appending(_ other: XMLPath) -> XMLPath {
    precondition(attribute == nil, "nothing can follow the attribute in \(self)")
    return XMLPath(steps: steps + other.steps, attribute: other.attribute)
  }

  /// The path whose last element must also satisfy `key = value`. Takes any value, quotes included.
  ///
  /// - Precondition: this path names an element below the one it is used on.
  public func matching(_ key: XMLPath, _ value: String) -> XMLPath {
    precondition(attribute == nil && !steps.isEmpty, "a condition needs a named element, not \(self)")
    var path = self
    path.steps[steps.count - 1].conditions.append(Condition(path: key, value: value))
    return path
  }
}

extension XMLPath: ExpressibleByStringLiteral {
  /// A path written in code.
  ///
  /// - Precondition: the literal is a well-formed path. For paths from outside there is ``init(parsing:)``.
  public init(stringLiteral value: String) {
    do {
      try self.init(parsing: value)
    } catch {
      preconditionFailure("\"\(value)\" is not a path: \(error.message) (column \(error.column))")
    }
  }
}

extension XMLPath: CustomStringConvertible {
  /// The path in the notation that it is parsed from; `.` for the element itself.
  public var description: String {
    var parts = steps.map { step in
      step.name + step.conditions.map { "[\($0.path)=\(XMLPath.quoted($0.value))]" }.joined()
    }
    if let attribute { parts.append("@" + attribute) }
    return parts.isEmpty ? "." : parts.joined(separator: "/")
  }

  static func quoted(_ value: String) -> String {
    value.utf8.contains(UInt8(ascii: "'")) ? "\"\(value)\"" : "'\(value)'"
  }
}

/// Reads the written form of a path.
private struct PathReader {
  let bytes: [UInt8]
  var position = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  func failure(_ message: String) -> XMLError {
    XMLError(reason: .path, line: 1, column: position + 1, message: message)
  }

  /// Reads to the end of the text, or to `end` (not consumed).
  mutating func path(until end: UInt8?) throws(XMLError) -> XMLPath {
    var path = XMLPath(steps: [], attribute: nil)
    if next == UInt8(ascii: ".") {
      position += 1
      guard next == end else { throw failure("\".\" stands alone") }
      return path
    }
    while true {
      if next == UInt8(ascii: "@") {
        position += 1
        path.attribute = try name()
        guard next == end else { throw failure("nothing can follow an attribute") }
        return path
      }
      var step = XMLPath.Step(name: try name())
      while next == UInt8(ascii: "[") { step.conditions.append(try condition()) }
      path.steps.append(step)
      if next == end { return path }
      guard next == UInt8(ascii: "/") else { throw failure("expected \"/\"") }
      position += 1
    }
  }

  private mutating func name() throws(XMLError) -> String {
    let start = position
    while let byte = next, !"/[]=@'\" \t\n".utf8.contains(byte) { position += 1 }
    guard position > start else { throw failure("expected a name") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func condition() throws(XMLError) -> XMLPath.Condition {
    position += 1
    let key = try path(until: UInt8(ascii: "="))
    position += 1
    guard let quote = next, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw failure("expected a value in quotes")
    }
    position += 1
    guard let end = bytes[position...].firstIndex(of: quote) else { throw failure("the quote is not closed") }
    let value = String(decoding: bytes[position..<end], as: UTF8.self)
    position = end + 1
    guard next == UInt8(ascii: "]") else { throw failure("expected \"]\"") }
    position += 1
    return XMLPath.Condition(path: key, value: value)
  }
}
