// A disk's map as lines and as JSON, extent by extent: a map can be longer than memory.

public import DiskImage

/// Writes a map while it is made.
public struct ImageMapWriter {
  /// Whom the map is for.
  public enum Format: Sendable { case text, json }

  private let format: Format
  private let files: [String]
  private var count = 0

  /// A writer of one map.
  ///
  /// - Parameter files: where data is, from the top of the chain down: what the extents' depths are about.
  public init(_ format: Format, files: [String]) {
    self.format = format
    self.files = files
  }

  /// What comes next for one more extent.
  public mutating func text(for extent: ImageMap.Extent) -> String {
    defer { count += 1 }
    switch format {
    case .json:
      // qemu-img's members (since 8.2 with `compressed`), in its order, one extent a line.
      var line = count == 0 ? "[" : ",\n"
      line += "{ \"start\": \(extent.start), \"length\": \(extent.length), \"depth\": \(extent.depth), "
      line += "\"present\": \(extent.present), \"zero\": \(extent.zero), \"data\": \(extent.data)"
      line += ", \"compressed\": \(extent.compressed)"
      if let offset = extent.offset { line += ", \"offset\": \(offset)" }
      return line + "}"
    case .text:
      let title = count == 0 ? row("START", "LENGTH", "WHAT", "AT", "FILE") : ""
      let what = extent.compressed ? "compressed" : extent.zero ? (extent.present ? "zero" : "absent") : "data"
      let file = extent.present && extent.depth < files.count ? SafeText.clean(files[extent.depth]) : "–"
      return title
        + row("\(extent.start)", "\(extent.length)", what, extent.offset.map { "\($0)" } ?? "–", file)
    }
  }

  /// What closes the map.
  public func end() -> String {
    switch format {
    case .json: count == 0 ? "[]\n" : "]\n"
    case .text: count == 0 ? "the image is empty: it has no byte\n" : ""
    }
  }

  private func row(_ start: String, _ length: String, _ what: String, _ place: String, _ file: String) -> String {
    // A column is never so full that it touches the next.
    [(start, 15), (length, 15), (what, 10), (place, 15)].map { SafeText.pad($0.0, to: $0.1) + " " }.joined() + file
      + "\n"
  }
}
