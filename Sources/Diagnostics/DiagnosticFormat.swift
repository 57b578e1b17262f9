// How messages leave the program: one entry point for people, programs and GitHub.

/// A form that messages can be written in.
public enum DiagnosticFormat: Sendable, Hashable {
  /// For people: the message, the line it is about, and a caret under the place.
  ///
  /// `color` adds ANSI colours, which carry no meaning of their own. `width` is the terminal's: messages are broken into
  /// lines that fit, and long source lines are cut around the caret. Nil is for pipes and files: each message stays on a
  /// line, so that it can be searched for, as compilers do it, and source lines are cut at 80.
  case text(color: Bool, width: Int?)
  /// For programs: one JSON object, `{"format": "vireo-diagnostics", "version": 1, "diagnostics": […]}`.
  case json
  /// GitHub's workflow commands, which become annotations of a pull request.
  case github

  /// Writes messages in one of the forms.
  ///
  /// They are put in order of file, line and column, those without a place last; a message that says the same of the
  /// same place as another is left out. For people, messages that differ only in the object that they are about, such as
  /// those of domains made from one entry, become one that names the objects. Foreign text within cannot reach the terminal: control characters are shown,
  /// not sent.
  ///
  /// - Returns: whole lines, the last one with its line break; for text and GitHub nothing when there are no messages.
  public static func render(_ diagnostics: [Diagnostic], as format: DiagnosticFormat) -> String {
    let ordered = diagnostics.inReadingOrder()
    switch format {
    case .text(let color, let width):
      return TextFormat(color: color, columns: width).render(ordered.joiningSubjects())
    case .json: return JSONFormat.render(ordered)
    case .github: return GitHubFormat.render(ordered.joiningSubjects())
    }
  }

  /// The count that ends a report, such as `3 errors, 1 warning`; nil when there are neither errors nor warnings.
  public static func summary(of diagnostics: [Diagnostic]) -> String? {
    let ordered = diagnostics.inReadingOrder().joiningSubjects()
    func count(_ severity: Severity) -> String? {
      let number = ordered.count { $0.severity == severity }
      return number == 0 ? nil : "\(number) \(severity.rawValue)\(number == 1 ? "" : "s")"
    }
    let parts = [count(.error), count(.warning)].compactMap(\.self)
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }
}

extension [Diagnostic] {
  /// Whether any is an error.
  public var hasErrors: Bool { contains { $0.severity == .error } }

  /// In order of file, line and column, those without a place last, repetitions left out; otherwise as they were.
  public func inReadingOrder() -> [Diagnostic] {
    var seen: Set<MessageIdentity> = []
    let unique = filter { diagnostic in
      let range = diagnostic.range
      return seen.insert(
        MessageIdentity(
          severity: diagnostic.severity, message: diagnostic.message, subject: diagnostic.subject,
          path: range?.file.path, start: range?.start)
      ).inserted
    }
    // Swift's sort keeps equals in order, but does not promise to.
    return unique.enumerated().sorted { left, right in
      switch (left.element.range, right.element.range) {
      case (nil, nil): return left.offset < right.offset
      case (nil, _): return false
      case (_, nil): return true
      case (let first?, let second?):
        if first.file.path != second.file.path { return first.file.path < second.file.path }
        if first.start != second.start { return first.start < second.start }
        return left.offset < right.offset
      }
    }.map(\.element)
  }
}

extension [Diagnostic] {
  /// Messages of one place that differ only in their subject as one, with a note that names the subjects.
  fileprivate func joiningSubjects() -> [Diagnostic] {
    var result: [Diagnostic] = []
    var places: [MessageIdentity: Int] = [:]
    var subjects: [Int: [String]] = [:]
    for diagnostic in self {
      // Without a place the subject is part of the message.
      guard let range = diagnostic.range, let subject = diagnostic.subject else {
        result.append(diagnostic)
        continue
      }
      let identity = MessageIdentity(
        severity: diagnostic.severity, message: diagnostic.message, subject: nil, path: range.file.path,
        start: range.start)
      let index = places[identity] ?? result.count
      if index == result.count {
        places[identity] = index
        result.append(diagnostic)
      }
      subjects[index, default: []].append(subject)
    }
    for (index, names) in subjects where names.count > 1 {
      let shown = names.prefix(names.count > 4 ? 3 : 4).joined(separator: ", ")
      let rest = names.count > 4 ? " and \(names.count - 3) more" : ""
      result[index].notes.append(.init("this is about \(shown)\(rest)"))
    }
    return result
  }
}

/// What makes two messages the same to a reader.
private struct MessageIdentity: Hashable {
  let severity: Severity
  let message: String
  let subject: String?
  let path: String?
  let start: SourcePosition?
}
