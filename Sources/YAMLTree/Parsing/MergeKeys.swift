// Merge keys: `<<: *base` brings in another mapping's entries (https://yaml.org/type/merge.html).

import Diagnostics

extension Composer {
  /// The entries of a mapping with its merge key resolved: explicit keys win, then earlier mappings of a list.
  ///
  /// Entries brought in take the place of the merge key, in the order of their mappings.
  ///
  /// - Parameter isBroken: becomes true if the mapping lacks what it is to merge.
  mutating func mergingKeys(_ entries: [YAMLEntry], isBroken: inout Bool) -> [YAMLEntry] {
    var taken = Set(entries.lazy.filter { !$0.isMergeKey }.map(\.name))
    var result: [YAMLEntry] = []
    for entry in entries {
      guard entry.isMergeKey else {
        result.append(entry)
        continue
      }
      for source in mergeSources(entry.value, isBroken: &isBroken) {
        result.append(contentsOf: source.lazy.filter { taken.insert($0.name).inserted })
      }
    }
    return result
  }

  private mutating func mergeSources(_ node: YAMLNode, isBroken: inout Bool) -> [[YAMLEntry]] {
    if node.isBroken { isBroken = true }
    switch node.content {
    case .mapping(let entries):
      return [entries]
    case .sequence(let elements):
      var sources: [[YAMLEntry]] = []
      for element in elements {
        if element.isBroken { isBroken = true }
        if let entries = element.entries {
          sources.append(entries)
        } else {
          reportMerge(of: element, isBroken: &isBroken)
        }
      }
      return sources
    case .scalar:
      reportMerge(of: node, isBroken: &isBroken)
      return []
    }
  }

  private mutating func reportMerge(of node: YAMLNode, isBroken: inout Bool) {
    isBroken = true
    // An alias that failed has been reported.
    if node.isBroken { return }
    report(
      Diagnostic(
        .error, "yaml-merge", "`<<` merges mappings, not \(node.kindName)", at: node.range,
        suggestion: "write an alias of a mapping, such as `<<: *base`, or a list of them"))
  }
}
