// How values are written in attributes and texts of libvirt's XML, by their kind.

/// How a value is written in an attribute or text.
struct Notation: Sendable {
  let value: @Sendable (String) -> Value?
  let text: @Sendable (Value) -> String?

  static let yesNo = words(true: "yes", false: "no")
  static let onOff = words(true: "on", false: "off")

  private static func words(true yes: String, false no: String) -> Notation {
    Notation(
      value: { $0 == yes ? .boolean(true) : $0 == no ? .boolean(false) : nil },
      text: { $0.boolean.map { $0 ? yes : no } })
  }

  /// A size as so many times a number of bytes.
  static func multiples(of unit: UInt64) -> Notation {
    Notation(
      value: { text in
        guard let number = UInt64(text) else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
        return overflow ? nil : .bytes(bytes)
      }, text: { $0.bytes.map { String($0 / unit) } })
  }

  /// The notation of a kind of value: what the spec would not accept is nothing that the XML says.
  ///
  /// - Precondition: the kind is one of texts, words, paths, whole numbers and times; others have several notations.
  static func of(_ type: ValueType) -> Notation {
    switch type {
    case .text, .enumeration, .path:
      return Notation(value: { try? type.parse($0) }, text: \.string)
    case .integer(let range):
      return Notation(
        value: { Int($0).flatMap { range.contains($0) ? .integer($0) : nil } },
        text: { $0.integer.map(String.init) })
    case .duration:
      return Notation(
        value: { text in Int(text).flatMap { $0 >= 0 ? .seconds($0) : nil } }, text: { $0.seconds.map(String.init) })
    default: preconditionFailure("\(type) has no notation of its own")
    }
  }
}
