// The line that a message is about, cut to the terminal's width, and where the caret goes.

/// A source line ready to be shown.
struct SourceExcerpt {
  /// What to print: tabs expanded, control characters visible, ends cut off with "…".
  private(set) var text = ""
  /// Columns before the caret.
  private(set) var caretColumn = 0
  /// Columns to underline, 1 at least.
  private(set) var caretWidth = 1

  /// - Parameters:
  ///   - range: the first line of it is shown.
  ///   - width: columns that the excerpt may take.
  init(of range: SourceRange, width: Int) {
    let width = max(width, 20)
    var cells: [VisibleScalar] = []
    var columns: [Int] = [0]
    var scalars = range.file.shownLine(range.start.line).unicodeScalars[...]
    var start = range.start.column - 1
    var end = range.end.line > range.start.line ? Int.max : range.end.column - 1
    if range.start.line == 1, scalars.first == "\u{FEFF}" {
      scalars = scalars.dropFirst()
      start -= 1
      end -= 1
    }
    // Of a very long line only the neighbourhood is looked at.
    let reach = 8 * width
    let skipped = max(0, start - reach)
    scalars = scalars.dropFirst(skipped)
    start -= skipped
    if end != Int.max { end -= skipped }
    for scalar in scalars.prefix(max(0, start) + reach) {
      let column = columns[cells.count]
      let cell = VisibleScalar(scalar, column: column)
      cells.append(cell)
      columns.append(column + cell.width)
    }
    start = min(max(start, 0), cells.count)
    end = min(max(end, start), cells.count)
    // Blanks at the end are neither shown nor underlined, unless they are what it is about.
    var shownEnd = cells.count
    while shownEnd > max(start, 0), cells[shownEnd - 1].text.utf8.allSatisfy({ $0 == 0x20 }) { shownEnd -= 1 }
    if range.end.line > range.start.line { end = max(start, min(end, shownEnd)) }

    let window = Self.window(columns, start: start, end: end, shownEnd: shownEnd, width: width)
    let cutsFront = window.lowerBound > 0 || skipped > 0
    let cutsBack = window.upperBound < shownEnd
    text = (cutsFront ? "…" : "") + cells[window].map(\.text).joined() + (cutsBack ? "…" : "")
    while text.last == " " { text.removeLast() }
    let shift = (cutsFront ? 1 : 0) - columns[window.lowerBound]
    caretColumn = columns[start] + shift
    caretWidth = max(1, columns[min(end, max(window.upperBound, start))] - columns[start])
  }

  /// The cells to show: all, or as many as fit around the place.
  private static func window(_ columns: [Int], start: Int, end: Int, shownEnd: Int, width: Int) -> Range<Int> {
    guard columns[max(shownEnd, end)] > width else { return 0..<shownEnd }
    // As much of the place as fits, with a third of the width before it, so that one sees where it stands.
    let room = width - 2
    let placeWidth = min(columns[end] - columns[start], room)
    var firstColumn = max(0, columns[start] - max(0, min(room / 3, room - placeWidth)))
    firstColumn = min(firstColumn, max(0, columns[max(shownEnd, start)] - room))
    var low = 0
    while low < start, columns[low] < firstColumn { low += 1 }
    var high = low
    while high < shownEnd, columns[high + 1] - columns[low] <= room { high += 1 }
    return low..<high
  }
}
