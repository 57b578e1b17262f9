// Did you mean …? The known name that is most likely meant by an unknown one.

/// The candidate that a misspelt name most likely means; nil when none is near.
///
/// Case, `_` and `-` count as no difference. Otherwise the Damerau–Levenshtein distance decides (insertions, deletions,
/// substitutions, and swaps of neighbours), up to a third of the name's length; a plural's `s`, and a beginning such as
/// `mem` for `memory`, are near too. Among equals the first wins. A candidate that equals the name is never given.
public func closestMatch(to name: String, among candidates: some Sequence<String>) -> String? {
  let wanted = SimplifiedName(name)
  guard !wanted.scalars.isEmpty, wanted.scalars.count <= SimplifiedName.longest else { return nil }
  var best: (name: String, score: Int)?
  for candidate in candidates where candidate != name {
    guard let score = wanted.score(SimplifiedName(candidate)) else { continue }
    if score < best?.score ?? Int.max { best = (candidate, score) }
  }
  return best?.name
}

/// The candidate that a misspelt name most likely means, for one more message after others; nil after a hundred. Going
/// through the names of a whole spec takes a while, and who has made so many mistakes needs no word on each.
public func closestMatch(
  to name: String, among candidates: @autoclosure () -> [String], after diagnostics: [Diagnostic]
) -> String? {
  diagnostics.count < 100 ? closestMatch(to: name, among: candidates()) : nil
}

/// The candidates that are most like a name, the most like first, however little that is.
public func nearestNames(to name: String, among candidates: [String], count: Int) -> [String] {
  let wanted = SimplifiedName(String(name.prefix(SimplifiedName.longest)))
  let ranked = candidates.enumerated().map { place, candidate in
    (wanted.difference(SimplifiedName(candidate)), place, candidate)
  }
  return ranked.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(count).map(\.2)
}

/// A name without case and word separators.
private struct SimplifiedName {
  /// Longer names are not names that anybody misspelt.
  static let longest = 128

  let scalars: [Unicode.Scalar]

  init(_ name: String) {
    scalars = name.lowercased().unicodeScalars.filter { $0 != "-" && $0 != "_" && $0 != " " }
  }

  /// How far a candidate is: the less the nearer; nil when it is too far to be meant.
  func score(_ other: SimplifiedName) -> Int? {
    if scalars == other.scalars { return 0 }
    if isPlural(of: other) || other.isPlural(of: self) { return 1 }
    let limit = scalars.count <= 2 ? 0 : max(1, scalars.count / 3)
    if let distance = distance(to: other, limit: limit) { return 2 * distance }
    // A beginning ranks behind two typing errors, and the longer the rest, the further.
    let (short, long) = scalars.count < other.scalars.count ? (self, other) : (other, self)
    guard short.scalars.count >= 3 || (short.scalars.count == 2 && long.scalars.count == 3) else { return nil }
    guard long.scalars.starts(with: short.scalars) else { return nil }
    return 5 + long.scalars.count - short.scalars.count
  }

  /// How unlike two names are, as a part of the longer one: edits by its length, in thousandths.
  func difference(_ other: SimplifiedName) -> Int {
    let longest = max(scalars.count, other.scalars.count, 1)
    return (distance(to: other, limit: longest) ?? longest) * 1000 / longest
  }

  private func isPlural(of other: SimplifiedName) -> Bool {
    scalars.count >= 3 && (scalars == other.scalars + ["s"] || scalars == other.scalars + ["e", "s"])
  }

  /// The optimal string alignment distance, nil beyond the limit.
  private func distance(to other: SimplifiedName, limit: Int) -> Int? {
    let left = scalars
    let right = other.scalars
    guard limit > 0, abs(left.count - right.count) <= limit else { return nil }
    var twoBack = [Int](repeating: 0, count: right.count + 1)
    var back = Array(0...right.count)
    var row = back
    for i in 1...left.count {
      row[0] = i
      for j in right.isEmpty ? 0..<0 : 1..<right.count + 1 {
        let substituted = back[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1)
        row[j] = min(substituted, back[j] + 1, row[j - 1] + 1)
        if i > 1, j > 1, left[i - 1] == right[j - 2], left[i - 2] == right[j - 1] {
          row[j] = min(row[j], twoBack[j - 2] + 1)
        }
      }
      (twoBack, back, row) = (back, row, twoBack)
    }
    return back[right.count] <= limit ? back[right.count] : nil
  }
}
