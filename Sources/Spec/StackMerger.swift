// Several documents make one stack: mappings are merged by key, of anything else the later one wins.

import Diagnostics
import YAMLTree

/// Merges the documents of a stack.
enum StackMerger {
  /// The documents as one; nil when there is nothing to decode.
  static func merge(_ documents: [YAMLNode], files: [SourceFile], into diagnostics: inout [Diagnostic]) -> YAMLNode? {
    var result: YAMLNode?
    for document in documents {
      guard document.entries != nil else {
        diagnostics.append(
          Diagnostic(
            "wrong-kind", "a spec is a mapping, not \(document.kindName)", at: document.range,
            suggestion: "begin with `stack: NAME`"))
        continue
      }
      if let first = result?["stack"], let second = document["stack"], first.scalar?.text != second.scalar?.text {
        diagnostics.append(
          Diagnostic(
            "two-stacks", "the files name two stacks", at: second.range,
            suggestion: "one run works on one stack",
            notes: [.init("the other one is here", at: first.range)]))
      }
      result = result.map { merge(document, over: $0) } ?? document
    }
    if result == nil, documents.isEmpty, !files.isEmpty, diagnostics.isEmpty {
      diagnostics.append(
        Diagnostic("empty-spec", "\(files[0].path) is empty", suggestion: "begin with `stack: NAME`"))
    }
    return result
  }

  private static func merge(_ later: YAMLNode, over earlier: YAMLNode) -> YAMLNode {
    guard let laterEntries = later.entries, var entries = earlier.entries else { return later }
    var places = Dictionary(entries.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    for entry in laterEntries {
      if let place = places[entry.name] {
        entries[place].value = merge(entry.value, over: entries[place].value)
      } else {
        places[entry.name] = entries.count
        entries.append(entry)
      }
    }
    var result = earlier
    result.content = .mapping(entries)
    return result
  }
}
