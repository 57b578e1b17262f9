// Breaking a message into lines that fit a terminal.

/// A text that is fit to be shown, broken at spaces.
///
/// A word that does not fit by itself stays whole, so that a path can be copied. Line breaks of the text stay.
///
/// - Parameters:
///   - columns: what a line may take; nil for lines of any length.
///   - used: what is taken of the first line already.
///   - indent: what further lines start with, which counts.
package func broken(_ text: String, to columns: Int?, used: Int = 0, indent: String) -> String {
  let parts = text.split(separator: "\n", omittingEmptySubsequences: false)
  guard let columns else { return parts.joined(separator: "\n" + indent) }
  var lines: [String] = []
  for (number, part) in parts.enumerated() {
    var line = ""
    var position = number == 0 ? used : indent.count
    for word in part.split(separator: " ", omittingEmptySubsequences: false) {
      let width = visibleWidth(String(word))
      if !line.isEmpty, position + 1 + width > columns {
        lines.append(line)
        line = String(word)
        position = indent.count + width
      } else {
        position += width + (line.isEmpty ? 0 : 1)
        line += (line.isEmpty ? "" : " ") + word
      }
    }
    lines.append(line)
  }
  return lines.joined(separator: "\n" + indent)
}
