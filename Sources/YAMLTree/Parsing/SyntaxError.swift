// libyaml's complaints, found again in the text and said in our words.

import CLibYAML
import Diagnostics

/// A mistake that ends the reading of a document.
struct SyntaxError {
  var diagnostic: Diagnostic
  /// The line at which libyaml gave up.
  var line: Int
}

extension Composer {
  func syntaxError(_ problem: EventParser.Problem) -> SyntaxError {
    if problem.kind == YAML_READER_ERROR {
      let place = file.position(utf8Offset: problem.offset)
      return SyntaxError(diagnostic: syntax("the text cannot be read: \(problem.text)", at: place), line: place.line)
    }
    let place = input.backFromBlankEnd(position(problem.mark))
    let context = position(problem.contextMark)
    let diagnostic =
      indentationProblem(problem, at: place, context) ?? quoteProblem(problem, at: place, context)
      ?? flowProblem(problem, at: place, context) ?? tokenProblem(problem, at: place, context)
      ?? syntax(
        "YAML syntax: \(problem.text)" + (problem.context.isEmpty ? "" : " \(problem.context)"), at: place)
    return SyntaxError(diagnostic: diagnostic, line: place.line)
  }

  private func syntax(
    _ message: String, at start: SourcePosition, to end: SourcePosition? = nil, fix: String? = nil,
    notes: [Diagnostic.Note] = []
  ) -> Diagnostic {
    Diagnostic(
      .error, "yaml-syntax", message,
      at: range(start, end ?? SourcePosition(line: start.line, column: start.column + 1)), suggestion: fix,
      notes: notes)
  }

  private func note(_ message: String, at place: SourcePosition) -> Diagnostic.Note {
    Diagnostic.Note(message, at: range(place, SourcePosition(line: place.line, column: place.column + 1)))
  }

  // MARK: Mappings, lists and indentation

  private func indentationProblem(
    _ problem: EventParser.Problem, at place: SourcePosition, _ context: SourcePosition
  ) -> Diagnostic? {
    let line = file.line(place.line)
    switch problem.text {
    case "mapping values are not allowed in this context":
      return nestedMapping(line, colon: place)
    case "block sequence entries are not allowed in this context":
      return syntax(
        "a list item cannot begin here", at: place,
        fix: "begin the list on a line of its own, or quote the text")
    case "mapping keys are not allowed in this context":
      return syntax("a key cannot begin with `? ` here", at: place, fix: "quote the text")
    case "could not find expected ':'":
      let text = file.line(context.line)
      let end = SourcePosition(line: context.line, column: lastColumn(of: text) + 1)
      return syntax(
        "a `:` is missing after this key", at: context, to: max(end, context),
        fix: "write `key: value`, or indent the line if it continues the text above")
    case "did not find expected key":
      return unexpectedInCollection(line, at: place, context, "mapping")
    case "did not find expected '-' indicator":
      return unexpectedInCollection(line, at: place, context, "list")
    case "did not find expected <document start>":
      return syntax(
        "the document has ended before this text", at: place,
        fix: "check the indentation, or begin a new document with `---`")
    default:
      return nil
    }
  }

  private func nestedMapping(_ line: String, colon: SourcePosition) -> Diagnostic {
    let scalars = Array(line.unicodeScalars)
    let before = scalars.prefix(colon.column - 1)
    if let first = before.indices.first(where: { $0 + 1 < before.count && before[$0] == ":" && before[$0 + 1] == " " })
    {
      let value = String(String.UnicodeScalarView(scalars[(first + 1)...])).trimmingBlanks()
      let canShow =
        value.unicodeScalars.count <= 40 && !value.contains("\"") && !value.contains("\\")
        && !value.contains(" #")
      return syntax(
        "a value cannot contain `: ` unless it is quoted", at: colon,
        fix: canShow ? "write \"\(value)\" in quotes" : "put the value in quotes")
    }
    let start = SourcePosition(line: colon.line, column: before.prefix { $0 == " " || $0 == "\t" }.count + 1)
    return syntax(
      "a mapping cannot begin here, because the line above already gives a value", at: start,
      to: SourcePosition(line: colon.line, column: colon.column + 1),
      fix: "check the indentation of this line, and the quotes above it")
  }

  private func unexpectedInCollection(
    _ line: String, at place: SourcePosition, _ context: SourcePosition, _ kind: String
  ) -> Diagnostic {
    var notes: [Diagnostic.Note] = []
    if let quote = lastLongQuote, quote.end.line == place.line || quote.end.line == place.line - 1 {
      notes.append(note("this quote ends only in line \(quote.end.line); is a closing quote missing?", at: quote.start))
    }
    switch character(at: place) {
    case "]"?, "}"?: return syntax("this bracket closes no open one", at: place, notes: notes)
    case ":"?: return syntax("the key before the `:` is missing", at: place, notes: notes)
    case "*"?: return syntax("an alias can have neither anchor nor tag of its own", at: place, notes: notes)
    default: break
    }
    let before = line.unicodeScalars.prefix(place.column - 1)
    if before.contains(where: { $0 != " " && $0 != "\t" }) {
      return syntax(
        "unexpected text after the value", at: place,
        to: max(
          SourcePosition(line: place.line, column: place.column + 1),
          SourcePosition(line: place.line, column: lastColumn(of: line) + 1)),
        fix: "put the whole value in one pair of quotes", notes: notes)
    }
    notes.append(note("the \(kind) begins here, in column \(context.column)", at: context))
    let isItem = character(at: place) == "-"
    let message =
      isItem && kind == "mapping"
      ? "a list item is not allowed among the keys of a mapping"
      : "the indentation of this line matches no line above it"
    let width = max(1, lastColumn(of: line) + 1 - place.column)
    return syntax(
      message, at: place, to: SourcePosition(line: place.line, column: place.column + width),
      fix: isItem ? nil : "indent it to column \(context.column) to continue the \(kind)", notes: notes)
  }

  // MARK: Quotes

  private func quoteProblem(
    _ problem: EventParser.Problem, at place: SourcePosition, _ context: SourcePosition
  ) -> Diagnostic? {
    switch (problem.context, problem.text) {
    case ("while scanning a quoted scalar", "found unexpected end of stream"):
      return syntax("the quote that opens here is never closed", at: context, fix: "add the closing quote")
    case ("while scanning a quoted scalar", "found unexpected document indicator"):
      return syntax(
        "the quote that opens here is not closed in its document", at: context, fix: "add the closing quote",
        notes: [note("the document ends here", at: place)])
    case ("while parsing a quoted scalar", "found unknown escape character"):
      let next = SourcePosition(line: place.line, column: place.column + 1)
      let escape = "\\" + (character(at: next).map { String($0) } ?? "")
      return syntax(
        "`\(escape)` is not an escape of YAML", at: place,
        to: SourcePosition(line: place.line, column: place.column + 2),
        fix: "write `\\\(escape)`, or use single quotes")
    case ("while parsing a quoted scalar", "did not find expected hexdecimal number"):
      return syntax(
        "the escape needs hexadecimal digits", at: place, fix: "write `\\xXX`, `\\uXXXX` or `\\UXXXXXXXX`")
    case ("while parsing a quoted scalar", "found invalid Unicode character escape code"):
      return syntax("the escape is not a Unicode character", at: place)
    default:
      return nil
    }
  }

  // MARK: Lists in brackets and mappings in braces

  private func flowProblem(
    _ problem: EventParser.Problem, at place: SourcePosition, _ context: SourcePosition
  ) -> Diagnostic? {
    let (open, close): (String, String)
    switch problem.text {
    case "did not find expected ',' or ']'": (open, close) = ("[", "]")
    case "did not find expected ',' or '}'": (open, close) = ("{", "}")
    case "did not find expected node content": return missingContent(problem, at: place)
    default: return nil
    }
    if let problem = unquotedVariable(at: place, within: open + close) { return problem }
    guard place.line != context.line || character(at: place) == nil else {
      return syntax(
        "`,` or `\(close)` is expected here", at: place, notes: [note("the `\(open)` is here", at: context)])
    }
    return syntax(
      "the `\(open)` that opens here is not closed, or a `,` is missing", at: context, fix: "close it with `\(close)`",
      notes: [note("here `,` or `\(close)` is expected", at: place)])
  }

  /// A template such as `${name}` that stands without quotes within brackets, where its brace begins a mapping.
  private func unquotedVariable(at place: SourcePosition, within brackets: String) -> Diagnostic? {
    let line = Array(file.line(place.line).unicodeScalars)
    let brace = place.column - 1
    guard line.indices.contains(brace), line[brace] == "{", brace > 0, line[brace - 1] == "$" else { return nil }
    var start = brace - 1
    // A key ends with a colon and a space.
    while start > 0, !",[{".unicodeScalars.contains(line[start - 1]) || isTemplateBrace(line, start - 1),
      !(line[start - 1] == " " && start > 1 && line[start - 2] == ":")
    {
      start -= 1
    }
    while start < brace, line[start] == " " { start += 1 }
    var end = brace
    var depth = 0
    while end < line.count {
      if line[end] == "{" { depth += 1 }
      if line[end] == "}" || line[end] == "]" || line[end] == "," {
        guard depth > 0 else { break }
        if line[end] == "}" { depth -= 1 }
      }
      if depth == 0, line[end] == ":", end + 1 == line.count || line[end + 1] == " " { break }
      end += 1
    }
    let value = String(String.UnicodeScalarView(line[start..<end])).trimmingBlanks()
    let canShow = depth == 0 && value.unicodeScalars.count <= 40 && !value.contains("\"") && !value.contains("\\")
    return syntax(
      "a value with `${` must be in quotes within `\(brackets)`",
      at: SourcePosition(line: place.line, column: start + 1),
      to: SourcePosition(line: place.line, column: start + 1 + max(1, value.unicodeScalars.count)),
      fix: canShow ? "write \"\(value)\"" : "put the value in double quotes")
  }

  private func isTemplateBrace(_ line: [Unicode.Scalar], _ index: Int) -> Bool {
    line[index] == "{" && index > 0 && line[index - 1] == "$"
  }

  private func missingContent(_ problem: EventParser.Problem, at place: SourcePosition) -> Diagnostic {
    if problem.context == "while parsing a flow node", let open = innermostBracket, let bracket = character(at: open),
      character(at: place) == nil || (place.column == 1 && character(at: place) == "-")
    {
      return syntax(
        "the `\(bracket)` that opens here is not closed", at: open, fix: "close it with `\(bracket == "[" ? "]" : "}")`"
      )
    }
    return switch character(at: place) {
    case let bracket? where problem.context == "while parsing a flow node" && "]}".unicodeScalars.contains(bracket):
      syntax("a value, or the bracket that closes the inner one, is missing before this `\(bracket)`", at: place)
    case ","?: syntax("a value is missing before the `,`", at: place)
    case "]"?, "}"?: syntax("this bracket closes no open one", at: place, fix: "put the text in quotes")
    case nil: syntax("the file ends where a value is expected", at: place)
    default: syntax("a value is expected here", at: place, fix: "if you mean a text, put it in quotes")
    }
  }

  // MARK: Single characters and words

  private func tokenProblem(
    _ problem: EventParser.Problem, at place: SourcePosition, _ context: SourcePosition
  ) -> Diagnostic? {
    switch problem.text {
    case "found character that cannot start any token":
      guard let character = character(at: place) else { return nil }
      if character == "\t" { return tab(at: place) }
      let name = character == "`" ? "a backtick" : "`\(character)`"
      return syntax("a text cannot begin with \(name)", at: place, fix: "put the text in quotes")
    case "found a tab character that violates indentation",
      "found a tab character where an indentation space is expected":
      return tab(at: place)
    case "did not find expected comment or line break" where problem.context == "while scanning a block scalar":
      return syntax(
        "only a comment may follow `|` or `>`", at: place, fix: "begin the text on the next line, indented")
    case "found an indentation indicator equal to 0":
      return syntax("the indentation behind `|` or `>` must be 1 to 9", at: place)
    case "did not find expected alphabetic or numeric character":
      let isAlias = problem.context.hasSuffix("alias")
      return syntax(
        isAlias ? "the name of an alias is expected after `*`" : "the name of an anchor is expected after `&`",
        at: context, fix: "if you do not mean \(isAlias ? "an alias" : "an anchor"), put the text in quotes")
    case "found undefined tag handle":
      return syntax("the tag's handle is not declared", at: place, fix: "remove the tag, or quote the text")
    case "found incompatible YAML document":
      return syntax("this version of YAML is not supported", at: place, fix: "write %YAML 1.2")
    case "found duplicate %YAML directive", "found duplicate %TAG directive":
      return syntax("the directive is given twice", at: place)
    default:
      if problem.context == "while scanning a directive" || problem.context.hasSuffix("directive") {
        return syntax(
          "the line begins with `%` but is not a directive of YAML", at: context, fix: "put the text in quotes")
      }
      if problem.context.contains("tag") {
        return syntax("this is not a valid tag", at: context, fix: "if you do not mean a tag, put the text in quotes")
      }
      return nil
    }
  }

  private func tab(at place: SourcePosition) -> Diagnostic {
    let width = file.line(place.line).unicodeScalars.dropFirst(place.column - 1).prefix { $0 == "\t" }.count
    return syntax(
      "a tab cannot indent YAML", at: place,
      to: SourcePosition(line: place.line, column: place.column + max(1, width)), fix: "use spaces")
  }

  // MARK: Looking at the text

  private func character(at place: SourcePosition) -> Unicode.Scalar? {
    file.line(place.line).unicodeScalars.dropFirst(place.column - 1).first
  }

  /// The column of the last scalar that is not a blank; 0 for a blank line.
  private func lastColumn(of line: String) -> Int {
    var count = 0
    for (index, scalar) in line.unicodeScalars.enumerated() where scalar != " " && scalar != "\t" { count = index + 1 }
    return count
  }
}

extension String {
  fileprivate func trimmingBlanks() -> String {
    let isBlank: (Unicode.Scalar) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
    var rest = unicodeScalars.drop(while: isBlank)
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    return String(rest)
  }
}
