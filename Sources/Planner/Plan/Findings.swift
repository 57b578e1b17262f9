// What planning an object finds besides its changes: what the reader should know, mistakes in the spec, and why the host as it
// is refuses the object.

import Diagnostics
import Spec

/// Messages about one object, in the order in which they were found.
struct Findings: Sendable {
  let object: ObjectReference
  private(set) var notes: [Diagnostic] = []
  /// Mistakes in the spec, which would be wrong on every host: nothing is planned at all.
  private(set) var mistakes: [Diagnostic] = []
  /// What a state of the host forbids. What does not depend on the object is planned all the same.
  private(set) var refusals: [Diagnostic] = []

  init(about object: ObjectReference) {
    self.object = object
  }

  mutating func note(
    _ rule: String, _ message: String, at range: SourceRange? = nil, suggestion: String? = nil,
    severity: Severity = .note
  ) {
    notes.append(
      Diagnostic(severity, rule, message, at: range, subject: object.description, suggestion: suggestion))
  }

  /// Refuses the object for a state of the host.
  mutating func refuse(_ rule: String, _ message: String, at range: SourceRange? = nil, suggestion: String? = nil) {
    refusals.append(Diagnostic(rule, message, at: range, subject: object.description, suggestion: suggestion))
  }

  /// Reports a mistake in the spec.
  mutating func fail(_ rule: String, _ message: String, at range: SourceRange? = nil, suggestion: String? = nil) {
    fail(Diagnostic(rule, message, at: range, subject: object.description, suggestion: suggestion))
  }

  /// Reports a mistake in the spec.
  mutating func fail(_ mistake: Diagnostic) { mistakes.append(mistake) }

  static func += (findings: inout Findings, more: Findings) {
    findings.notes += more.notes
    findings.mistakes += more.mistakes
    findings.refusals += more.refusals
  }
}
