// Merge keys: `<<: *base` brings in another mapping's entries (https://yaml.org/type/merge.html).

import Diagnostics

extension Composer {
  /// The entries of a mapping with its merge key resolved: explicit keys win, then earlier mappings of a list.
  ///
  /// Entries brought in take the place of the merge key, in the order of their mappings.
  mutating func mergingKeys(_ entries: [YAMLEntry]) -> [YAMLEntry] {
    var taken = Set(entries.lazy.filter { !$0.isMergeKey }.map(\.name))
    var result: [YAMLEntry] = []
    for entry in entries {
      guard entry.isMergeKey else {
        result.append(entry)
        continue
      }
      for source in mergeSources(entry.value) {
        result.append(contentsOf: source.lazy.filter { taken.insert($0.name).inserted })
      }
    }
    return result
  }

  private mutating func mergeSources(_ node: YAMLNode) -> [[YAMLEntry]] {
    switch node.content {
    case .mapping(let entries):
      return [entries]
    case .sequence(let elements):
      var sources: [[YAMLEntry]] = []
      for element in elements {
        if let entries = element.entries { sources.append(entries) } else { reportMerge(of: element) }
      }
      return sources
    case .scalar:
      reportMerge(of: node)
      return []
    }
  }

  private mutating func reportMerge(of node: YAMLNode) {
    // An alias that failed was reported already and left an empty scalar behind.
    if diagnostics.contains(where: { $0.range == node.range }) { return }
    report(
      Diagnostic(
        .error, "yaml-merge", "`<<` merges mappings, not \(node.kindName)", at: node.range,
        suggestion: "write an alias of a mapping, such as `<<: *base`, or a list of them"))
  }
}
