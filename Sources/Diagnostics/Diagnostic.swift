// A message to the user: what is wrong, where, and what to do.

/// How much a message matters.
public enum Severity: String, Sendable, Codable, CaseIterable {
  /// Something that must be put right: the command fails.
  case error
  /// Something that is probably not meant; the command goes on.
  case warning
  /// Something worth knowing that needs no action.
  case note
}

/// One message, with the place it is about and the remedy.
///
/// Text is made at the rim, by ``DiagnosticFormat``; this is the value that modules pass along.
public struct Diagnostic: Error, Sendable, Hashable, Codable {
  /// A further place that explains the message, such as the first of two equal keys.
  public struct Note: Sendable, Hashable, Codable {
    /// What is to be seen there: lower case, no full stop.
    public var message: String
    /// The further place; nil for a note about no place.
    public var range: SourceRange?

    /// A note, by default about no place.
    public init(_ message: String, at range: SourceRange? = nil) {
      self.message = message
      self.range = range
    }
  }

  /// How much it matters: only errors make a command fail.
  public var severity: Severity
  /// A stable name of the rule in kebab case, such as `unknown-key`, for machines.
  public var rule: String
  /// What is wrong: lower case, no full stop, as compilers write it.
  public var message: String
  /// The place in a file, where there is one.
  public var range: SourceRange?
  /// The object that it is about, such as `domain web` or `image debian-12`, where no file can be named or it helps.
  public var subject: String?
  /// What to do about it, short enough to stand beside the caret: `write 2048 MiB or 2 GiB`.
  public var suggestion: String?
  /// Further places, in the order in which they are shown.
  public var notes: [Note]

  /// A message of any severity. One of more than 2000 bytes loses its middle.
  public init(
    _ severity: Severity, _ rule: String, _ message: String, at range: SourceRange? = nil,
    subject: String? = nil, suggestion: String? = nil, notes: [Note] = []
  ) {
    self.severity = severity
    self.rule = rule
    self.message = shortened(message)
    self.range = range
    self.subject = subject
    self.suggestion = suggestion
    self.notes = notes
  }

  /// An error.
  public init(
    _ rule: String, _ message: String, at range: SourceRange? = nil, subject: String? = nil,
    suggestion: String? = nil, notes: [Note] = []
  ) {
    self.init(.error, rule, message, at: range, subject: subject, suggestion: suggestion, notes: notes)
  }
}

/// A message that quotes a value of any length, without its middle where it would fill the screen.
private func shortened(_ message: String) -> String {
  guard message.utf8.count > 2000 else { return message }
  return message.prefix(300) + "…" + message.suffix(300)
}

/// Several messages thrown at once: a run reports every mistake that it can find.
public struct DiagnosticsError: Error, Sendable {
  /// The messages, in the order in which they are shown.
  public let diagnostics: [Diagnostic]

  /// An error of these messages; at least one should have the severity `error`.
  public init(_ diagnostics: [Diagnostic]) {
    self.diagnostics = diagnostics
  }
}
