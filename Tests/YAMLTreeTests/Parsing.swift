// Short ways to parse and to look at a tree, for the tests.

import Diagnostics
import YAMLTree

func parse(_ text: String, limits: YAMLLimits = YAMLLimits()) -> YAMLFile {
  parseYAML(SourceFile(path: "test.yaml", text: text), limits: limits)
}

/// A tree in one line, in flow style: `{a: [1, "x"]}`. Quoted scalars have quotes, nothing is `~`.
func outline(_ node: YAMLNode) -> String {
  switch node.content {
  case .scalar(let scalar):
    switch scalar.value {
    case .null: "~"
    case .string(let text): scalar.style == .plain ? text : "\"\(text.replacing("\n", with: "\\n"))\""
    default: scalar.text
    }
  case .sequence(let elements): "[" + elements.map(outline).joined(separator: ", ") + "]"
  case .mapping(let entries): "{" + entries.map { "\($0.name): \(outline($0.value))" }.joined(separator: ", ") + "}"
  }
}

/// The text that a range covers, for ranges that begin and end on their lines.
func covered(_ range: SourceRange) -> String {
  let utf8 = range.file.text.utf8
  let start = utf8.index(utf8.startIndex, offsetBy: range.file.utf8Offset(of: range.start))
  let end = utf8.index(utf8.startIndex, offsetBy: range.file.utf8Offset(of: range.end))
  return start <= end ? String(range.file.text[start..<end]) : "backwards"
}

/// Every node of a tree, keys included.
func allNodes(_ node: YAMLNode) -> [YAMLNode] {
  switch node.content {
  case .scalar: [node]
  case .sequence(let elements): [node] + elements.flatMap(allNodes)
  case .mapping(let entries): [node] + entries.flatMap { [$0.key] + allNodes($0.value) }
  }
}
