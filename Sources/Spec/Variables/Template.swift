// Texts with variables in them: `${name}`, `$$` for a dollar, and nothing else.

/// Texts with `${name}` in them.
///
/// They are expanded twice: first the variables, then, when a value is read, the number of its domain and the escapes.
enum Template {
  /// Replaces each `${name}` by its value; a name without a value stays as it is.
  ///
  /// - Parameter keepingEscapes: whether `$$` stays, for a later pass, or becomes `$`.
  static func expand(_ text: String, keepingEscapes: Bool, _ value: (String) -> String?) -> String {
    var result = ""
    var rest = text.utf8[...]
    while let place = rest.firstIndex(of: dollar) {
      result += Substring(rest[..<place])
      rest = rest[place...].dropFirst()
      if rest.first == dollar {
        result += keepingEscapes ? "$$" : "$"
        rest = rest.dropFirst()
      } else if let variable = variable(at: rest) {
        result += value(variable.name) ?? "${\(variable.name)}"
        rest = variable.rest
      } else {
        result += "$"
      }
    }
    return result + Substring(rest)
  }

  private static let dollar = UInt8(ascii: "$")

  /// The variable whose dollar stands right before a text, and what follows it.
  ///
  /// A name ends with the first byte that no name has, so that a text takes time by its length, whatever it holds.
  private static func variable(at text: Substring.UTF8View) -> (name: String, rest: Substring.UTF8View)? {
    guard text.first == UInt8(ascii: "{") else { return nil }
    let inner = text.dropFirst()
    let name = inner.prefix(while: isNameByte)
    let rest = inner[name.endIndex...]
    guard rest.first == UInt8(ascii: "}"), let first = name.first, !isDigit(first) else { return nil }
    return (String(Substring(name)), rest.dropFirst())
  }

  /// The first `${` that begins no variable, with what follows it up to a brace, as far as a message shows it; nil where
  /// there is none.
  static func malformed(_ text: String) -> String? {
    var rest = text.utf8[...]
    while let place = rest.firstIndex(of: dollar) {
      let after = rest[place...].dropFirst()
      if after.first == UInt8(ascii: "{"), variable(at: after) == nil {
        let fragment = after.prefix { $0 != UInt8(ascii: "}") }
        let end = fragment.endIndex == after.endIndex ? after.endIndex : after.index(after: fragment.endIndex)
        let shown = Substring(rest[place..<end]).prefix(shownLength + 1)
        return shown.count > shownLength ? shown.dropLast() + "…" : String(shown)
      }
      rest = after.first == dollar ? after.dropFirst() : after
    }
    return nil
  }

  /// How many characters of a mistake a message shows.
  private static let shownLength = 80

  /// The names of the variables in a text.
  static func names(in text: String) -> [String] {
    var names: [String] = []
    guard text.utf8.contains(UInt8(ascii: "$")) else { return names }
    _ = expand(text, keepingEscapes: true) { name in
      names.append(name)
      return nil
    }
    return names
  }

  /// What looks like a shell's variable, which is none here: `$HOME` in `$HOME/vms`, `$(` in `$(pwd)`; nil without one.
  static func shellVariable(in text: String) -> String? {
    var rest = text.utf8[...]
    while let place = rest.firstIndex(of: dollar) {
      let after = rest[place...].dropFirst()
      if after.first == UInt8(ascii: "(") { return "$(" }
      let name = after.prefix(while: isNameByte)
      if let first = name.first, !isDigit(first) { return "$" + Substring(name) }
      rest = after.first == dollar ? after.dropFirst() : after
    }
    return nil
  }

  /// A text that expands to what it was. Dollars that mean nothing stay single, so that a path can contain them.
  static func escape(_ text: String) -> String {
    var result = ""
    var rest = text.utf8[...]
    while let place = rest.firstIndex(of: dollar) {
      result += Substring(rest[..<place])
      rest = rest[place...].dropFirst()
      result += rest.first.map { $0 == dollar || $0 == UInt8(ascii: "{") } ?? true ? "$$" : "$"
    }
    return result + Substring(rest)
  }

  /// A template whose last dollar is escaped, where it is one that means nothing yet.
  static func closed(_ text: String) -> String {
    let dollars = text.utf8.reversed().prefix { $0 == dollar }.count
    return dollars.isMultiple(of: 2) ? text : text + "$"
  }

  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !isDigit(first) else { return false }
    return text.utf8.allSatisfy(isNameByte)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}
