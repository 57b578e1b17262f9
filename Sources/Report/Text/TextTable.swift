// Tables of text, with columns as wide as what is in them; and moments in them.

import SystemCalls

enum TextTable {
  /// Rows with aligned columns, the first of them titles.
  static func render(_ rows: [[String]], indent: String = "") -> String {
    guard let titles = rows.first else { return "" }
    let widths = titles.indices.map { column in rows.map { SafeText.width($0[column]) }.max() ?? 0 }
    return rows.map { row in
      let cells = zip(row, widths).map { SafeText.pad($0, to: $1) }
      return indent + cells.joined(separator: "  ").trimmingEnd() + "\n"
    }.joined()
  }

  /// A moment in UTC, `2026-11-24 18:09:09`.
  ///
  /// - Parameter seconds: since 1970.
  static func moment(_ seconds: Int) -> String {
    // A year that no calendar here has.
    guard let moment = CalendarMoment(seconds: seconds) else { return "\(seconds) s" }
    return "\(moment.date) \(moment.time)"
  }
}

extension String {
  fileprivate func trimmingEnd() -> String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
