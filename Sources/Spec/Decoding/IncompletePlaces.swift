// Parts of a spec that a mistake keeps from being whole, so that one mistake is one message.

import Diagnostics
import Vocabulary

/// What a mistake, which has been reported, has kept from being what its author meant. Nothing is missed there, and
/// nothing that may be named there is unknown.
struct IncompletePlaces {
  private var extents: [SourceRange] = []
  private var collections: Set<String> = []
  /// Whether documents of the spec could not be read.
  var isPartial = false

  /// Whether nothing is known to be broken.
  var isEmpty: Bool { extents.isEmpty && collections.isEmpty && !isPartial }

  /// Adds an object by its key and its content. A stack has no extent: what is in it stands by itself.
  mutating func add(_ key: SourceRange, _ content: SourceRange, of type: ObjectType) {
    guard type !== Vocabulary.stack else { return }
    guard key.file.path == content.file.path, key.start <= content.start else {
      extents += [key, content]
      return
    }
    extents.append(SourceRange(file: key.file, start: key.start, end: max(key.end, content.end)))
  }

  /// Adds a collection of the stack, which may lack objects.
  mutating func addCollection(_ key: String) { collections.insert(key) }

  mutating func formUnion(_ other: IncompletePlaces) {
    extents += other.extents
    collections.formUnion(other.collections)
    isPartial = isPartial || other.isPartial
  }

  /// Whether objects of a collection may be missing.
  func lacksSome(of collection: String) -> Bool { isPartial || collections.contains(collection) }

  /// Messages about how the parts of the spec go together, without those that may come from a mistake that has been
  /// reported.
  func unexplained(_ diagnostics: some Sequence<Diagnostic>) -> [Diagnostic] {
    let extents = mergedExtents()
    return diagnostics.filter { diagnostic in
      // What is named is right or wrong wherever it is named.
      if diagnostic.rule == "unknown-reference" { return !isPartial && collections.isEmpty }
      guard let range = diagnostic.range, let places = extents[range.file.path] else { return true }
      return !places.contains(range.start)
    }
  }

  private func mergedExtents() -> [String: MergedExtents] {
    Dictionary(grouping: extents, by: \.file.path).mapValues(MergedExtents.init)
  }
}

/// Stretches of a file, sorted and apart from each other.
private struct MergedExtents {
  private var stretches: [(start: SourcePosition, end: SourcePosition)] = []

  init(_ ranges: [SourceRange]) {
    for range in ranges.sorted(by: { $0.start < $1.start }) {
      if let last = stretches.last, range.start <= last.end {
        stretches[stretches.count - 1].end = max(last.end, range.end)
      } else {
        stretches.append((range.start, range.end))
      }
    }
  }

  func contains(_ position: SourcePosition) -> Bool {
    var low = 0
    var high = stretches.count
    while low < high {
      let middle = (low + high) / 2
      if stretches[middle].start <= position { low = middle + 1 } else { high = middle }
    }
    return low > 0 && position <= stretches[low - 1].end
  }
}
