// Events become trees: nesting, anchors and aliases, duplicate keys, and the limits that keep hostile files harmless.

import CLibYAML
import Diagnostics

/// Builds the documents of one file.
struct Composer {
  let file: SourceFile
  let limits: YAMLLimits
  var input: InputText
  var diagnostics: [Diagnostic] = []
  private var documents: [YAMLNode] = []
  private var origin: InputText.Origin
  private var stack: [OpenCollection] = []
  private var anchors: [String: Anchor] = [:]
  private var nodeCount = 0
  private var root: YAMLNode?
  private var documentLine = 1
  /// The last quoted scalar that spans lines: the usual culprit when the text after it makes no sense.
  private(set) var lastLongQuote: SourceRange?
  private var leftOut = 0

  /// Where the innermost list or mapping in brackets begins that is still open.
  var innermostBracket: SourcePosition? { stack.last { $0.endsWithBracket }?.start }

  /// A node that aliases can refer to; no node while it is still open.
  struct Anchor {
    var node: YAMLNode?
    var position: SourcePosition
    var nodeCount: Int
    var height: Int
  }

  private enum Outcome {
    case finished
    case syntaxError(SyntaxError)
    /// A limit was hit and reported: nothing more is read.
    case stopped
  }

  init(file: SourceFile, limits: YAMLLimits) {
    self.file = file
    self.limits = limits
    let tooLarge = file.text.utf8.count > limits.maximumBytes
    input = InputText(
      tooLarge ? SourceFile(path: file.path, text: "") : file, maximumDiagnostics: limits.maximumDiagnostics)
    origin = input.start
    if tooLarge {
      diagnostics.append(
        Diagnostic(
          .error, "yaml-too-large",
          "the file has \(file.text.utf8.count) bytes; at most \(limits.maximumBytes) are read",
          subject: file.path, suggestion: "split it into several files"))
    }
  }

  mutating func composeFile() -> YAMLFile {
    diagnostics += input.diagnostics
    var isWhole = diagnostics.isEmpty
    var text = input.text
    text.withUTF8 { bytes in
      while true {
        let outcome = compose(UnsafeBufferPointer(rebasing: bytes[origin.offset...]))
        if case .finished = outcome { return }
        isWhole = false
        guard case .syntaxError(let error) = outcome else { return }
        report(error.diagnostic)
        let resume = max(error.line, documentLine + 1)
        guard leftOut == 0, let line = input.documentStart(atOrAfter: resume) else { return }
        origin = input.origin(ofLine: line)
        documentLine = line
      }
    }
    if leftOut > 0 {
      diagnostics.append(
        Diagnostic(.note, "yaml-more", "\(leftOut) more messages about this file are left out", subject: file.path))
    }
    var file = YAMLFile(documents: documents, diagnostics: diagnostics)
    file.isWhole = isWhole
    return file
  }

  mutating func report(_ diagnostic: Diagnostic) {
    if hasRoomForDiagnostics() { diagnostics.append(diagnostic) }
  }

  /// Whether one more message may be reported; one that may not is counted. Asked first where making it takes time.
  mutating func hasRoomForDiagnostics() -> Bool {
    if diagnostics.count < limits.maximumDiagnostics { return true }
    leftOut += 1
    return false
  }

  /// Reads one stretch of the file to its end or the first syntax error.
  private mutating func compose(_ bytes: UnsafeBufferPointer<UInt8>) -> Outcome {
    stack.removeAll()
    anchors.removeAll()
    root = nil
    lastLongQuote = nil
    guard var parser = EventParser(bytes) else {
      report(Diagnostic(.error, "yaml-memory", "there is not enough memory to read the file", subject: file.path))
      return .stopped
    }
    while true {
      guard let event = parser.next() else { return .syntaxError(syntaxError(parser.problem)) }
      switch event.pointee.type {
      case YAML_STREAM_END_EVENT, YAML_NO_EVENT:
        return .finished
      case YAML_DOCUMENT_START_EVENT:
        documentLine = position(event.pointee.start_mark).line
        anchors.removeAll()
        root = nil
      case YAML_DOCUMENT_END_EVENT:
        if let root, !isEmptyDocument(root) { documents.append(root) }
        root = nil
      default:
        guard take(event) else { return .stopped }
      }
    }
  }

  private func isEmptyDocument(_ node: YAMLNode) -> Bool {
    guard case .scalar(let scalar) = node.content else { return false }
    return scalar.text.isEmpty && scalar.style == .plain && node.tag == nil
  }

  func position(_ mark: yaml_mark_t) -> SourcePosition { input.position(mark, from: origin) }

  func range(_ start: SourcePosition, _ end: SourcePosition) -> SourceRange {
    SourceRange(file: file, start: start, end: end)
  }

  /// Takes an event that makes a node; false when a limit was hit.
  private mutating func take(_ event: UnsafePointer<yaml_event_t>) -> Bool {
    let start = position(event.pointee.start_mark)
    let end = position(event.pointee.end_mark)
    switch event.pointee.type {
    case YAML_SCALAR_EVENT:
      guard count(1, at: range(start, end)) else { return false }
      takeScalar(event, start, end)
    case YAML_ALIAS_EVENT:
      return takeAlias(copiedText(event.pointee.data.alias.anchor) ?? "", at: range(start, end))
    case YAML_SEQUENCE_START_EVENT:
      let data = event.pointee.data.sequence_start
      return open(
        .sequence, start, end, anchor: data.anchor, tag: data.tag, isFlow: data.style == YAML_FLOW_SEQUENCE_STYLE)
    case YAML_MAPPING_START_EVENT:
      let data = event.pointee.data.mapping_start
      return open(
        .mapping, start, end, anchor: data.anchor, tag: data.tag, isFlow: data.style == YAML_FLOW_MAPPING_STYLE)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      close(end)
    default:
      break
    }
    return true
  }

  private mutating func takeScalar(
    _ event: UnsafePointer<yaml_event_t>, _ markedStart: SourcePosition, _ markedEnd: SourcePosition
  ) {
    let data = event.pointee.data.scalar
    let text = String(decoding: UnsafeBufferPointer(start: data.value, count: Int(data.length)), as: UTF8.self)
    let style = YAMLScalar.Style(data.style)
    let anchor = copiedText(data.anchor)
    var start = markedStart
    if anchor != nil || data.tag != nil { start = input.skippingProperties(from: start, notBeyond: markedEnd) }
    let end = style == .literal || style == .folded ? input.trimmedEnd(markedEnd, start: start) : markedEnd
    let place = range(start, max(start, end))
    if style == .singleQuoted || style == .doubleQuoted, start.line != end.line { lastLongQuote = place }
    var scalar = YAMLScalar(text, style: style)
    let tagText = copiedText(data.tag)
    let tag = resolveTag(tagText, on: &scalar, writtenFrom: markedStart, at: place)
    var node = YAMLNode(.scalar(scalar), at: place, tag: tag)
    node.isBroken = tagText != nil && (tag == nil || scalar.typeTag == nil)
    if let anchor { anchors[anchor] = Anchor(node: node, position: start, nodeCount: 1, height: 0) }
    add(node, height: 0)
  }

  private mutating func takeAlias(_ name: String, at place: SourceRange) -> Bool {
    guard let anchor = anchors[name] else {
      reportUndefinedAlias(name, at: place)
      add(brokenNode(at: place), height: 0)
      return true
    }
    guard var node = anchor.node else {
      let note = Diagnostic.Note("the anchor is here", at: range(anchor.position, anchor.position))
      report(
        Diagnostic(
          .error, "recursive-alias", "`*\(name)` is inside its own anchor, so it would never end", at: place,
          notes: [note]))
      add(brokenNode(at: place), height: 0)
      return true
    }
    guard count(anchor.nodeCount, at: place), checkDepth(stack.count + anchor.height, at: place) else { return false }
    node.range = place
    add(node, height: anchor.height)
    return true
  }

  /// What stands for an alias that means nothing.
  private func brokenNode(at place: SourceRange) -> YAMLNode {
    var node = YAMLNode("", at: place)
    node.isBroken = true
    return node
  }

  private mutating func reportUndefinedAlias(_ name: String, at place: SourceRange) {
    guard hasRoomForDiagnostics() else { return }
    let match = anchors.count > 1000 ? nil : closestMatch(to: name, among: anchors.keys.sorted())
    report(
      Diagnostic(
        .error, "undefined-alias", "no anchor `&\(name)` precedes this alias", at: place,
        suggestion: match.map { "did you mean `*\($0)`?" } ?? "if you do not mean an alias, quote the text"))
  }

  private mutating func open(
    _ kind: OpenCollection.Kind, _ start: SourcePosition, _ end: SourcePosition,
    anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?, isFlow: Bool
  ) -> Bool {
    let before = nodeCount
    guard count(1, at: range(start, end)), checkDepth(stack.count + 1, at: range(start, end)) else { return false }
    var first = start
    if anchor != nil || tag != nil { first = input.skippingProperties(from: start, notBeyond: nil) }
    let name = copiedText(anchor)
    if let name { anchors[name] = Anchor(node: nil, position: start, nodeCount: 0, height: 0) }
    let knownTag = resolveTag(copiedText(tag), of: kind, writtenFrom: start)
    stack.append(
      OpenCollection(
        kind: kind, start: first, anchor: name, anchorStart: start, tag: knownTag, nodesBefore: before,
        endsWithBracket: isFlow && start != end))
    return true
  }

  private mutating func close(_ markedEnd: SourcePosition) {
    guard var closed = stack.popLast() else { return }
    let end = closed.endsWithBracket ? markedEnd : max(closed.start, closed.lastEnd ?? closed.start)
    let content: YAMLNode.Content
    switch closed.kind {
    case .sequence: content = .sequence(closed.elements)
    case .mapping:
      var isBroken = closed.hasMistake
      content = .mapping(closed.hasMergeKey ? mergingKeys(closed.entries, isBroken: &isBroken) : closed.entries)
      closed.hasMistake = isBroken
    }
    var node = YAMLNode(content, at: range(closed.start, end), tag: closed.tag)
    node.isBroken = closed.hasMistake
    if let anchor = closed.anchor {
      anchors[anchor] = Anchor(
        node: node, position: closed.anchorStart, nodeCount: nodeCount - closed.nodesBefore, height: closed.height)
    }
    add(node, height: closed.height)
  }

  /// Puts a finished node where it belongs: the open collection, or the document.
  private mutating func add(_ node: YAMLNode, height: Int) {
    guard !stack.isEmpty else {
      root = node
      return
    }
    if let mistake = stack[stack.count - 1].add(node, height: height) { report(mistake) }
  }

  private mutating func count(_ more: Int, at place: SourceRange) -> Bool {
    let (sum, overflow) = nodeCount.addingReportingOverflow(more)
    guard !overflow, sum <= limits.maximumNodes else {
      report(
        Diagnostic(
          .error, "yaml-too-large",
          "the file has more than \(limits.maximumNodes) values once its aliases are expanded", at: place,
          suggestion: "use fewer aliases, or split the file"))
      return false
    }
    nodeCount = sum
    return true
  }

  private mutating func checkDepth(_ depth: Int, at place: SourceRange) -> Bool {
    guard depth > limits.maximumDepth else { return true }
    report(
      Diagnostic(
        .error, "yaml-too-deep", "lists and mappings are nested more than \(limits.maximumDepth) deep", at: place))
    return false
  }
}

extension YAMLScalar.Style {
  init(_ style: yaml_scalar_style_t) {
    switch style {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: self = .singleQuoted
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: self = .doubleQuoted
    case YAML_LITERAL_SCALAR_STYLE: self = .literal
    case YAML_FOLDED_SCALAR_STYLE: self = .folded
    default: self = .plain
    }
  }
}
