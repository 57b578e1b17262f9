// Several documents make one stack: mappings are merged by key, of anything else the later one wins.

import Diagnostics
import YAMLTree

/// Merges the documents of a stack.
enum StackMerger {
  /// The documents as one; nil when there is nothing to decode.
  static func merge(_ documents: [YAMLNode], files: [SourceFile], into diagnostics: inout [Diagnostic]) -> YAMLNode? {
    var specs: [YAMLNode] = []
    var stack: YAMLNode?
    for document in documents {
      guard document.entries != nil else {
        diagnostics.append(
          Diagnostic(
            "wrong-kind", "a spec is a mapping, not \(document.kindName)", at: document.range,
            suggestion: "begin with `stack: NAME`"))
        continue
      }
      if let second = document[.stackName] {
        if let first = stack, first.scalar?.text != second.scalar?.text {
          diagnostics.append(
            Diagnostic(
              "two-stacks", "the files name two stacks", at: second.range,
              suggestion: "one run applies one stack",
              notes: [.init("the other one is here", at: first.range)]))
        }
        stack = second
      }
      specs.append(document)
    }
    if specs.isEmpty, documents.isEmpty, !files.isEmpty, diagnostics.isEmpty {
      diagnostics.append(
        Diagnostic("empty-spec", "\(files[0].path) is empty", suggestion: "begin with `stack: NAME`"))
    }
    return specs.isEmpty ? nil : merged(specs)
  }

  /// Nodes of one place, the later over the earlier; all of them at once, so that many documents take no longer than one
  /// that says the same.
  private static func merged(_ nodes: [YAMLNode]) -> YAMLNode {
    // What is not a mapping wins over whatever stands before it.
    let start = nodes.lastIndex { $0.entries == nil } ?? 0
    let nodes = nodes[start...].count > 1 && nodes[start].entries == nil ? nodes[(start + 1)...] : nodes[start...]
    guard nodes.count > 1, var result = nodes.first else { return nodes[nodes.startIndex] }
    var order: [(key: YAMLNode, values: [YAMLNode])] = []
    var places: [String: Int] = [:]
    for entry in nodes.lazy.compactMap(\.entries).joined() {
      if let place = places[entry.name] {
        order[place].values.append(entry.value)
      } else {
        places[entry.name] = order.count
        order.append((entry.key, [entry.value]))
      }
    }
    result.content = .mapping(order.map { YAMLEntry(key: $0.key, value: merged($0.values)) })
    return result
  }
}
