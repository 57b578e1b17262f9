// From files to a stack: reading, parsing, variables, merging, decoding, checking. Every mistake is collected on the way.

public import Diagnostics
import YAMLTree

/// Reads spec files into a stack.
public struct SpecLoader: Sendable {
  /// Where values of variables come from beside the spec's own `variables`.
  public var variables: VariableSources

  /// A loader; by default without variables from outside the spec.
  public init(variables: VariableSources = VariableSources()) {
    self.variables = variables
  }

  /// What came of the files: the stack, where there are no errors, and every message.
  public struct Result: Sendable {
    /// The stack; nil where any message is an error.
    public var stack: StackSpec?
    /// Messages in the order in which they were found, without secrets; at most 500 and a note on those left out.
    public var diagnostics: [Diagnostic]
  }

  /// Reads files, and folders recursively in name order; `-` is standard input.
  public func load(_ paths: [String]) -> Result {
    var diagnostics: [Diagnostic] = []
    let files = SpecFiles.read(paths, into: &diagnostics)
    return load(files, diagnostics: diagnostics)
  }

  /// Reads texts that are in memory already.
  public func load(_ files: [SourceFile], diagnostics found: [Diagnostic] = []) -> Result {
    var diagnostics = found
    var documents: [YAMLNode] = []
    var unreadable: [SourceFile] = []
    var isPartial = found.hasErrors
    for file in files {
      let parsed = parseYAML(file)
      diagnostics += parsed.diagnostics
      documents += parsed.documents
      if !parsed.isWhole { isPartial = true }
      if parsed.diagnostics.hasErrors { unreadable.append(file) }
    }
    // Which files mark secrets, and which have them, need not be the same.
    if !unreadable.isEmpty, files.contains(where: { UnreadableSecrets.mayHoldSecrets($0.text) }) {
      for file in unreadable { UnreadableSecrets.conceal(file, in: &diagnostics) }
    }
    guard let root = StackMerger.merge(documents, files: files, into: &diagnostics) else {
      return Result(stack: nil, diagnostics: diagnostics)
    }
    var scope = VariableScope(variables, declarations: root["variables"], into: &diagnostics)
    let substituted = scope.substitute(in: root, into: &diagnostics)
    scope.reportUnused(into: &diagnostics)
    var secrets = SecretNodes.conceal(in: substituted, of: files + variables.files)
    var decoder = StackDecoder(diagnostics: diagnostics, isPartial: isPartial)
    let stack = decoder.decode(substituted)
    // What has been read has its final form, with the numbers of domains in it.
    secrets.formUnion(stack.secrets)
    diagnostics = decoder.diagnostics.map(secrets.redacted)
    let hasErrors = diagnostics.contains { $0.severity == .error }
    return Result(stack: hasErrors ? nil : stack, diagnostics: Self.limited(diagnostics))
  }

  /// How many messages a spec may have; nobody reads more, and showing each takes time that grows with its line.
  private static let maximumDiagnostics = 500

  /// The messages, or as many as are shown, errors before warnings then, and how many are left out.
  private static func limited(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
    guard diagnostics.count > maximumDiagnostics else { return diagnostics }
    let errors = diagnostics.filter { $0.severity == .error }
    let kept = (errors + diagnostics.filter { $0.severity != .error }).prefix(maximumDiagnostics)
    return kept + [
      Diagnostic(
        .note, "more-messages", "\(diagnostics.count - maximumDiagnostics) more messages are not shown",
        suggestion: "mend these first")
    ]
  }

  /// What looks like a shell's variable in a text, such as `$HOME`; nil without one. None is expanded in any path.
  public static func shellVariable(in text: String) -> String? { Template.shellVariable(in: text) }
}
