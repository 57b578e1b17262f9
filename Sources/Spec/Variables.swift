// Variables: `${name}` in a value stands for a text from the command line, a file, the environment or the spec itself.
// They and `count` are the only templating; there are no expressions.

public import Diagnostics
import YAMLTree

/// Where values of variables come from beside the spec's own defaults.
public struct VariableSources: Sendable {
  /// Values given one by one; these win over all others.
  public var values: [String: String]
  /// Files that map names to plain values; a later file wins over an earlier one.
  public var files: [SourceFile]
  /// The environment; `VIREO_VAR_name` is the variable `name`. It wins over files.
  public var environment: [String: String]

  public init(values: [String: String] = [:], files: [SourceFile] = [], environment: [String: String] = [:]) {
    self.values = values
    self.files = files
    self.environment = environment
  }

  static let environmentPrefix = "VIREO_VAR_"
}

/// The variables of one run, and which of them were used.
struct VariableScope {
  /// Stands for the number of a domain that `count` makes; set when the domain is made.
  static let index = "index"

  private var values: [String: String] = [:]
  /// Names that the user gave explicitly: one that nothing uses is most likely misspelt.
  private var explicit: [String]
  private var declared: Set<String> = []
  private var used: Set<String> = []

  init(_ sources: VariableSources, declarations: YAMLNode?, into diagnostics: inout [Diagnostic]) {
    explicit = sources.values.keys.sorted()
    if let declarations {
      declared = Set(Self.read(declarations, of: "variables", into: &values, &diagnostics))
    }
    for file in sources.files {
      let parsed = parseYAML(file)
      diagnostics += parsed.diagnostics
      for document in parsed.documents {
        Self.read(document, of: "a variables file", into: &values, &diagnostics)
      }
    }
    for (name, value) in sources.environment where name.hasPrefix(VariableSources.environmentPrefix) {
      values[String(name.dropFirst(VariableSources.environmentPrefix.count))] = value
    }
    values.merge(sources.values) { _, new in new }
    if values.removeValue(forKey: Self.index) != nil {
      diagnostics.append(
        Diagnostic(
          "reserved-variable", "`index` is the number of a domain that `count` makes",
          suggestion: "give the variable another name"))
    }
  }

  /// Replaces the variables in every value below a node; keys are left as they are.
  mutating func substitute(in root: YAMLNode, into diagnostics: inout [Diagnostic]) -> YAMLNode {
    guard let entries = root.entries else { return root }
    var result = root
    result.content = .mapping(
      entries.map { entry in
        guard entry.name != "variables" else { return entry }
        return YAMLEntry(key: entry.key, value: substitute(below: entry.value, into: &diagnostics))
      })
    return result
  }

  private mutating func substitute(below node: YAMLNode, into diagnostics: inout [Diagnostic]) -> YAMLNode {
    var (scope, found) = (self, [Diagnostic]())
    let result = node.replacingScalars { scalar in
      guard let text = scalar.scalar?.text, text.utf8.contains(UInt8(ascii: "$")) else { return nil }
      return scalar.replacingText(scope.expand(text, at: scalar.range, into: &found))
    }
    self = scope
    diagnostics += found
    return result
  }

  private mutating func expand(_ text: String, at range: SourceRange, into diagnostics: inout [Diagnostic]) -> String {
    if let fragment = Template.malformed(text) {
      diagnostics.append(
        Diagnostic(
          "bad-variable", "`\(fragment)` is no variable", at: range,
          suggestion: "write `${name}` with letters, digits and `_`, or `$${` for the characters themselves"))
    }
    return Template.expand(text, keepingEscapes: true) { name in
      if name == Self.index { return nil }
      used.insert(name)
      if let value = values[name] { return Template.escape(value) }
      diagnostics.append(
        Diagnostic(
          "unknown-variable", "the variable `\(name)` has no value", at: range,
          suggestion: closestMatch(to: name, among: values.keys.sorted()).map { "did you mean `${\($0)}`?" }
            ?? "give it with --var \(name)=VALUE, or a default under `variables`"))
      return nil
    }
  }

  /// Reports variables that were given one by one and that nothing uses.
  func reportUnused(into diagnostics: inout [Diagnostic]) {
    let known = declared.union(used)
    for name in explicit where !known.contains(name) && name != Self.index {
      diagnostics.append(
        Diagnostic(
          "unused-variable", "nothing in the spec uses the variable `\(name)` of --var",
          suggestion: closestMatch(to: name, among: known.sorted()).map { "did you mean `\($0)`?" }))
    }
  }

  @discardableResult
  private static func read(
    _ node: YAMLNode, of what: String, into values: inout [String: String], _ diagnostics: inout [Diagnostic]
  ) -> [String] {
    guard let entries = node.entries else {
      if !node.isNull {
        diagnostics.append(
          Diagnostic("wrong-kind", "\(what) maps names to values, and is not \(node.kindName)", at: node.range))
      }
      return []
    }
    for entry in entries {
      guard Template.isName(entry.name) else {
        diagnostics.append(
          Diagnostic(
            "bad-name", "`\(entry.name)` is not the name of a variable", at: entry.key.range,
            suggestion: "use letters, digits and `_`, the first not a digit"))
        continue
      }
      guard let scalar = entry.value.scalar else {
        diagnostics.append(
          Diagnostic(
            "wrong-kind", "a variable is a plain value, not \(entry.value.kindName)", at: entry.value.range))
        continue
      }
      values[entry.name] = scalar.value == .null ? "" : scalar.text
    }
    return entries.map(\.name)
  }
}

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

  /// A text that expands to what it was.
  static func escape(_ text: String) -> String {
    text.utf8.contains(UInt8(ascii: "$")) ? String(text.flatMap { $0 == "$" ? "$$" : String($0) }) : text
  }

  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy {
      $0 == UInt8(ascii: "_") || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
    }
  }
}
