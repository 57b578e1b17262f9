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
    var rest = Substring(text)
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      if rest.first == "$" {
        result += keepingEscapes ? "$$" : "$"
        rest = rest.dropFirst()
      } else if rest.first == "{", let end = rest.firstIndex(of: "}"),
        case let name = String(rest[rest.index(after: rest.startIndex)..<end]), isName(name)
      {
        result += value(name) ?? "${\(name)}"
        rest = rest[rest.index(after: end)...]
      } else {
        result += "$"
      }
    }
    return result + rest
  }

  /// The first `${` that begins no variable, with what follows it up to a brace; nil where there is none.
  static func malformed(_ text: String) -> String? {
    var rest = Substring(text)
    while let dollar = rest.firstIndex(of: "$") {
      let after = rest[rest.index(after: dollar)...]
      if after.first == "{" {
        let end = after.firstIndex(of: "}")
        let name = after.dropFirst().prefix { $0 != "}" }
        if end == nil || !isName(String(name)) {
          return String(rest[dollar...(end ?? rest.index(before: rest.endIndex))])
        }
      }
      rest = after.first == "$" ? after.dropFirst() : after
    }
    return nil
  }

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
    var rest = Substring(text)
    while let dollar = rest.firstIndex(of: "$") {
      let after = rest[rest.index(after: dollar)...]
      if after.first == "(" { return "$(" }
      let name = after.prefix { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
      if let first = name.first, !first.isNumber { return "$" + name }
      rest = after.first == "$" ? after.dropFirst() : after
    }
    return nil
  }

  /// A text that expands to what it was. Dollars that mean nothing stay single, so that they can be told in a path.
  static func escape(_ text: String) -> String {
    var result = ""
    var rest = Substring(text)
    while let dollar = rest.firstIndex(of: "$") {
      let next = rest.index(after: dollar)
      result += rest[..<dollar]
      result += next == rest.endIndex || rest[next] == "$" || rest[next] == "{" ? "$$" : "$"
      rest = rest[next...]
    }
    return result + rest
  }

  /// A template whose last dollar is escaped, where it is one that means nothing yet.
  static func closed(_ text: String) -> String {
    let dollars = text.reversed().prefix { $0 == "$" }.count
    return dollars.isMultiple(of: 2) ? text : text + "$"
  }

  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy {
      $0 == UInt8(ascii: "_") || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
    }
  }
}
