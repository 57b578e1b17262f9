// What variables stand for: a value of the spec or of a file may hold other variables, which are replaced first.

import Diagnostics

/// Where a variable gets its value.
struct VariableDefinition {
  var text: String
  /// Whether the text may hold variables.
  var isTemplate: Bool
  var range: SourceRange?

  /// A value of the spec or of a file.
  init(template text: String, at range: SourceRange) {
    self.text = text
    isTemplate = true
    self.range = range
  }

  /// A value that is taken as it is.
  init(literal text: String) {
    self.text = text
    isTemplate = false
  }
}

/// The values of variables, each worked out once.
struct VariableValues {
  private let definitions: [String: VariableDefinition]
  /// Texts in which `${index}` alone is left, and dollars are escaped; nil for one without a value, which was reported.
  private var values: [String: String?] = [:]
  /// The variables that are being worked out, each within the value of the one before it.
  private var path: [String] = []
  /// Bytes that variables may still put into texts: a few of them, each naming the one before it twice, would come to more
  /// than any memory.
  private var budget = Self.maximumBytes

  /// What all expansions together come to at most, in bytes.
  static let maximumBytes = 64 << 20
  /// How many variables may stand within each other.
  static let maximumDepth = 64

  init(_ definitions: [String: VariableDefinition]) {
    self.definitions = definitions
  }

  /// Works out every value, so that each mistake is reported, and once.
  mutating func resolveAll(into diagnostics: inout [Diagnostic]) {
    for name in definitions.keys.sorted() { _ = value(of: name, into: &diagnostics) }
  }

  /// A text with its variables replaced; one without a value stays as it is.
  mutating func expand(_ text: String, at range: SourceRange?, into diagnostics: inout [Diagnostic]) -> String {
    expandWhole(text, at: range, into: &diagnostics).text
  }

  private mutating func expandWhole(
    _ text: String, at range: SourceRange?, into diagnostics: inout [Diagnostic]
  ) -> (text: String, isWhole: Bool) {
    var isWhole = true
    if let fragment = Template.malformed(text) {
      isWhole = false
      diagnostics.append(
        Diagnostic(
          "bad-variable", "`\(fragment)` is not a variable", at: range,
          suggestion: "write `${name}` with letters, digits and `_`, or `$${` for the characters themselves"))
    }
    let expanded = Template.expand(text, keepingEscapes: true) { name in
      guard name != VariableScope.index else { return nil }
      guard definitions[name] != nil else {
        isWhole = false
        diagnostics.append(unknown(name, at: range, after: diagnostics))
        return nil
      }
      guard let value = value(of: name, into: &diagnostics) else {
        isWhole = false
        return nil
      }
      let isFirst = budget >= 0
      budget -= min(value.utf8.count, Self.maximumBytes)
      guard budget >= 0 else {
        isWhole = false
        budget = -1
        if isFirst {
          diagnostics.append(
            Diagnostic(
              "bad-variable", "the values of the variables have more than \(Self.maximumBytes >> 20) MiB", at: range,
              suggestion: "do not let variables repeat each other"))
        }
        return nil
      }
      return value
    }
    return (expanded, isWhole)
  }

  private mutating func value(of name: String, into diagnostics: inout [Diagnostic]) -> String? {
    if let known = values[name] { return known }
    guard let definition = definitions[name] else { return nil }
    guard definition.isTemplate else {
      let value = Template.escape(definition.text)
      values[name] = value
      return value
    }
    if let start = path.firstIndex(of: name) {
      diagnostics.append(circle(path[start...] + [name], at: definition.range))
      return nil
    }
    guard path.count < Self.maximumDepth else {
      diagnostics.append(
        Diagnostic(
          "bad-variable", "more than \(Self.maximumDepth) variables are nested", at: definition.range,
          suggestion: "write the value itself"))
      values[name] = .some(nil)
      return nil
    }
    path.append(name)
    let (text, isWhole) = expandWhole(definition.text, at: definition.range, into: &diagnostics)
    path.removeLast()
    // A dollar at the end must not begin a variable with whatever follows it in another text.
    let value = isWhole ? Template.closed(text) : nil
    values[name] = .some(value)
    return value
  }

  // MARK: Messages

  private func unknown(_ name: String, at range: SourceRange?, after others: [Diagnostic]) -> Diagnostic {
    Diagnostic(
      "unknown-variable", "the variable `\(name)` has no value", at: range,
      suggestion: closestMatch(to: name, among: definitions.keys.sorted(), after: others).map {
        "did you mean `${\($0)}`?"
      }
        ?? (name.utf8.allSatisfy { (0x41...0x5A).contains($0) || $0 == UInt8(ascii: "_") }
          ? "the environment is not read: give it with --var \(name)=\"$\(name)\""
          : "give it with --var \(name)=VALUE, or a default under `variables`"))
  }

  private func circle(_ names: ArraySlice<String>, at range: SourceRange?) -> Diagnostic {
    let chain = names.joined(separator: " → ")
    return Diagnostic(
      "circular-variables",
      names.count == 2
        ? "the variable `\(names.first ?? "")` refers to itself" : "the variables refer to each other: \(chain)",
      at: range, suggestion: "give one of them a value without the others")
  }
}
