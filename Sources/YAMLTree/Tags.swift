// Tags: the core schema's are understood, any other is a mistake.

import Diagnostics

extension Composer {
  private static let prefix = "tag:yaml.org,2002:"

  /// The tag as one writes it: `!!str` for `tag:yaml.org,2002:str`.
  private func shortTag(_ tag: String) -> String {
    tag.hasPrefix(Self.prefix) ? "!!" + tag.dropFirst(Self.prefix.count) : tag
  }

  /// Applies a scalar's tag, and reports one that is unknown or does not fit.
  mutating func resolveTag(
    _ tag: String?, on scalar: inout YAMLScalar, writtenFrom start: SourcePosition, at place: SourceRange
  ) -> String? {
    guard let tag else { return nil }
    let short = shortTag(tag)
    // The non-specific tag makes any scalar a text (YAML 1.2.2, section 6.9.1).
    guard let type = short == "!" ? .string : YAMLScalar.TypeTag(rawValue: short) else {
      reportTag(short, from: start, known: YAMLScalar.TypeTag.allCases.map(\.rawValue), others: ["!!map", "!!seq"])
      return nil
    }
    scalar.typeTag = type
    if type != .string, case .string = scalar.value {
      report(
        Diagnostic(
          .error, "yaml-tag", "the text does not fit its tag `\(short)`", at: place,
          suggestion: "remove the tag, or write a value of that type"))
      scalar.typeTag = nil
    }
    return short
  }

  /// Checks the tag of a list or mapping.
  mutating func resolveTag(_ tag: String?, of kind: OpenCollection.Kind, writtenFrom start: SourcePosition) -> String? {
    guard let tag else { return nil }
    let short = shortTag(tag)
    let expected = kind == .sequence ? "!!seq" : "!!map"
    guard short == expected || short == "!" else {
      reportTag(
        short, from: start, known: [expected], others: YAMLScalar.TypeTag.allCases.map(\.rawValue) + ["!!map", "!!seq"])
      return nil
    }
    return short
  }

  private mutating func reportTag(_ tag: String, from start: SourcePosition, known: [String], others: [String]) {
    let match = closestMatch(to: tag, among: known)
    guard hasRoomForDiagnostics() else { return }
    report(
      Diagnostic(
        .error, "yaml-tag",
        others.contains(tag) ? "the tag `\(tag)` is not allowed here" : "the tag `\(tag)` is unknown",
        at: input.tagRange(from: start),
        suggestion: match.map { "did you mean `\($0)`?" } ?? "remove the tag, or quote the text"))
  }
}
