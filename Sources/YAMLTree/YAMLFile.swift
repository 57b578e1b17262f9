// The entry point: a text becomes documents and messages.

public import Diagnostics

/// Bounds on what a file may make the parser do, so that a hostile one cannot exhaust memory or time.
public struct YAMLLimits: Sendable, Hashable {
  /// The largest text in bytes of UTF-8.
  public var maximumBytes: Int
  /// The deepest nesting of lists and mappings, counted after aliases are expanded.
  public var maximumDepth: Int
  /// The most nodes of a file, counted after aliases and merge keys are expanded.
  public var maximumNodes: Int
  /// The most messages of a file; what comes after is left out, and a last message reports that.
  public var maximumDiagnostics: Int

  /// Limits; the defaults are 16 MiB, 64 levels, a million nodes and 100 messages.
  public init(
    maximumBytes: Int = 16 << 20, maximumDepth: Int = 64, maximumNodes: Int = 1_000_000, maximumDiagnostics: Int = 100
  ) {
    self.maximumBytes = maximumBytes
    self.maximumDepth = maximumDepth
    self.maximumNodes = maximumNodes
    self.maximumDiagnostics = maximumDiagnostics
  }
}

/// What could be read of a YAML text, and what was wrong with it.
public struct YAMLFile: Sendable {
  /// The documents in order; empty ones are left out, and so is one that a syntax error cut short.
  public var documents: [YAMLNode]
  /// Mistakes in the order of the text.
  public var diagnostics: [Diagnostic]
  /// Whether all of the text was read; false where a syntax error or a limit cut a document short.
  public var isWhole = true

  /// What a parser has read. Documents and errors may stand side by side: the rest of a file is read on.
  public init(documents: [YAMLNode], diagnostics: [Diagnostic]) {
    self.documents = documents
    self.diagnostics = diagnostics
  }

  /// Whether any message is an error.
  public var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

/// Reads a YAML text: all of its documents, with anchors, aliases and merge keys resolved.
///
/// Never fails as a whole. A syntax error ends its document, and reading goes on with the next `---`. The syntax is
/// libyaml's (YAML 1.1, which for what people write is 1.2's too); scalars mean what YAML 1.2's core schema says.
/// Safe to call from any thread.
public func parseYAML(_ file: SourceFile, limits: YAMLLimits = YAMLLimits()) -> YAMLFile {
  var composer = Composer(file: file, limits: limits)
  return composer.composeFile()
}
