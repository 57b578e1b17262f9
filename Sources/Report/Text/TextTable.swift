// Tables of text, with columns as wide as what is in them; and moments in them.

import Glibc

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
    var time = time_t(seconds)
    var parts = tm()
    // A year that no calendar here has.
    guard gmtime_r(&time, &parts) != nil else { return "\(seconds) s" }
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) \(two(parts.tm_hour)):"
      + "\(two(parts.tm_min)):\(two(parts.tm_sec))"
  }
}

extension String {
  fileprivate func trimmingEnd() -> String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
