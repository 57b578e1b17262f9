// Variables: `${name}` in a value stands for a text from the command line, a file, the environment or the spec itself.
// They and `count` are the only templating; there are no expressions.

public import Diagnostics
import YAMLTree

/// Where values of variables come from beside the spec's own defaults.
public struct VariableSources: Sendable {
  /// Values given one by one; these win over all others. They are taken as they are.
  public var values: [String: String]
  /// Files that map names to plain values, which may hold other variables; a later file wins over an earlier one.
  public var files: [SourceFile]
  /// The environment; `VIREO_VAR_name` is the variable `name`. It wins over files, and is taken as it is.
  public var environment: [String: String]

  /// Sources by their kinds; by default none, so that only the spec's own defaults count.
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

  private var values: VariableValues
  /// Names that somebody gave a value beside the spec, and how: one that nothing uses is most likely misspelt.
  private var given: [GivenVariable] = []
  private var declared: Set<String> = []
  private var used: Set<String> = []

  init(_ sources: VariableSources, declarations: YAMLNode?, into diagnostics: inout [Diagnostic]) {
    var definitions: [String: VariableDefinition] = [:]
    if let declarations {
      let entries = Self.read(declarations, of: "variables", into: &definitions, &diagnostics)
      declared = Set(entries.map(\.name))
      used.formUnion(entries.flatMap(\.value.variableNames))
    }
    for file in sources.files {
      let parsed = parseYAML(file)
      diagnostics += parsed.diagnostics
      for document in parsed.documents {
        for entry in Self.read(document, of: "a variables file", into: &definitions, &diagnostics) {
          given.append(GivenVariable(name: entry.name, by: .file, range: entry.key.range))
          used.formUnion(entry.value.variableNames)
        }
      }
    }
    for (key, value) in sources.environment.sorted(by: { $0.key < $1.key }) {
      guard key.hasPrefix(VariableSources.environmentPrefix) else { continue }
      let name = String(key.dropFirst(VariableSources.environmentPrefix.count))
      definitions[name] = VariableDefinition(literal: value)
      given.append(GivenVariable(name: name, by: .environment))
    }
    for (name, value) in sources.values.sorted(by: { $0.key < $1.key }) {
      definitions[name] = VariableDefinition(literal: value)
      given.append(GivenVariable(name: name, by: .option))
    }
    if let definition = definitions.removeValue(forKey: Self.index) {
      diagnostics.append(
        Diagnostic(
          "reserved-variable", "`index` is the number of a domain that `count` makes", at: definition.range,
          suggestion: "give the variable another name"))
    }
    values = VariableValues(definitions)
    values.resolveAll(into: &diagnostics)
    warnOfLiterals(definitions, into: &diagnostics)
  }

  /// Replaces the variables in every value below a node; keys are left as they are.
  mutating func substitute(in root: YAMLNode, into diagnostics: inout [Diagnostic]) -> YAMLNode {
    guard let entries = root.entries else { return root }
    var result = root
    result.content = .mapping(
      entries.map { entry in
        guard entry.name != "variables" else { return entry }
        checkKeys(below: entry.value, into: &diagnostics)
        return YAMLEntry(key: entry.key, value: substitute(below: entry.value, into: &diagnostics))
      })
    return result
  }

  private mutating func substitute(below node: YAMLNode, into diagnostics: inout [Diagnostic]) -> YAMLNode {
    node.replacingScalars { scalar in
      guard let text = scalar.scalar?.text, text.utf8.contains(UInt8(ascii: "$")) else { return nil }
      return expand(scalar, text, into: &diagnostics)
    }
  }

  /// Reports keys with variables in them: names are what plans and merges go by.
  private func checkKeys(below node: YAMLNode, into diagnostics: inout [Diagnostic]) {
    for element in node.elements ?? [] { checkKeys(below: element, into: &diagnostics) }
    for entry in node.entries ?? [] {
      if let name = Template.names(in: entry.name).first {
        diagnostics.append(
          Diagnostic(
            "variable-in-key", "a key cannot contain a variable, but this one has `${\(name)}`", at: entry.key.range,
            suggestion: "write the name itself; `count` creates several domains from one entry"))
      }
      checkKeys(below: entry.value, into: &diagnostics)
    }
  }

  /// A value with its variables replaced. It is read as what its place asks for: quotes belong to the template.
  private mutating func expand(_ node: YAMLNode, _ text: String, into diagnostics: inout [Diagnostic]) -> YAMLNode {
    used.formUnion(Template.names(in: text))
    let expanded = values.expand(text, at: node.range, into: &diagnostics)
    return expanded == text ? node : node.replacingTemplate(by: expanded)
  }

  // MARK: Names that nothing uses

  /// Reports variables that were given and that the spec neither declares nor uses.
  ///
  /// The environment may be meant for other stacks too, so that there it is only a warning.
  func reportUnused(into diagnostics: inout [Diagnostic]) {
    let known = declared.union(used)
    for variable in given where !known.contains(variable.name) && variable.name != Self.index {
      let title = variable.title
      diagnostics.append(
        Diagnostic(
          variable.source == .environment ? .warning : .error, "unused-variable",
          "nothing in the spec uses the variable \(title)", at: variable.range,
          suggestion: closestMatch(to: variable.name, among: known.sorted(), after: diagnostics).map {
            "did you mean `\($0)`?"
          }
            ?? "remove it, or use it as `${\(variable.name)}`"))
    }
  }

  /// Values of the command line and the environment are taken as they are: a password may hold anything.
  private func warnOfLiterals(_ definitions: [String: VariableDefinition], into diagnostics: inout [Diagnostic]) {
    for variable in given where variable.source != .file {
      guard let definition = definitions[variable.name], !definition.isTemplate,
        let name = Template.names(in: definition.text).first, definitions[name] != nil
      else { continue }
      diagnostics.append(
        Diagnostic(
          .warning, "literal-variable", "`${\(name)}` in the value of \(variable.title) is not replaced",
          suggestion: "write the value under `variables` or in a --var-file, where variables are replaced"))
    }
  }

  // MARK: Reading

  @discardableResult
  private static func read(
    _ node: YAMLNode, of what: String, into definitions: inout [String: VariableDefinition],
    _ diagnostics: inout [Diagnostic]
  ) -> [YAMLEntry] {
    guard let entries = node.entries else {
      if !node.isNull {
        diagnostics.append(
          Diagnostic("wrong-kind", "\(what) is a mapping from names to values, not \(node.kindName)", at: node.range))
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
      definitions[entry.name] = VariableDefinition(
        template: scalar.value == .null ? "" : scalar.text, at: entry.value.range)
    }
    return entries.filter { Template.isName($0.name) }
  }
}

extension YAMLNode {
  /// The variables that a value of a variable holds.
  fileprivate var variableNames: [String] { scalar.map { Template.names(in: $0.text) } ?? [] }
}

/// A variable that was given beside the spec.
private struct GivenVariable {
  enum Source {
    case option, file, environment
  }

  var name: String
  var source: Source
  var range: SourceRange?

  init(name: String, by source: Source, range: SourceRange? = nil) {
    self.name = name
    self.source = source
    self.range = range
  }

  /// The variable in the words of a message.
  var title: String {
    switch source {
    case .option: "`\(name)` of --var"
    case .file: "`\(name)` of --var-file"
    case .environment: "`\(name)` of the environment (\(VariableSources.environmentPrefix)\(name))"
    }
  }
}
