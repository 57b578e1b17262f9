// The laws of adopting, over one document: no byte outside of the metadata changes, and QEMU's command line is the same.

/// Compares a definition, and QEMU's command line, before and after an adoption.
enum AdoptionLaws {
  /// The lines that an adoption changed outside of the metadata; none where every byte stayed.
  static func alterations(from before: String, to after: String) -> [String] {
    let (old, new) = (withoutMetadata(before), withoutMetadata(after))
    guard old != new else { return [] }
    let (left, right) = (lines(old), lines(new))
    let changes = right.difference(from: left).map(text)
    return changes.isEmpty ? ["the bytes differ"] : changes
  }

  /// The arguments that differ between two command lines of QEMU.
  static func changes(from before: String, to after: String) -> [String] {
    let (before, after) = (withoutChance(before), withoutChance(after))
    guard before != after else { return [] }
    return arguments(after).difference(from: arguments(before)).map(text)
  }

  private static func text(_ change: CollectionDifference<Substring>.Change) -> String {
    switch change {
    case .insert(_, let element, _): "+ \(element)"
    case .remove(_, let element, _): "- \(element)"
    }
  }

  private static func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }

  private static func arguments(_ text: String) -> [Substring] {
    text.split { $0 == "\n" || $0 == " " || $0 == "\\" }
  }

  /// A command line without what libvirt makes up each time it is asked: numbers of open files, and passwords under a new key.
  private static func withoutChance(_ text: String) -> String {
    var text = text
    for expression in [#/"(fd|fds|vhostfd|vhostfds)":"[0-9:]*"/#, #/"(data|iv)":"[A-Za-z0-9+\/=]*"/#] {
      text.replace(expression) { "\"\($0.output.1)\":\"\"" }
    }
    text.replace(#/\b(fd|vhostfd)=[0-9]+/#) { "\($0.output.1)=" }
    return text
  }

  /// The text of a definition without its element `metadata`, and without the line that this stood on.
  private static func withoutMetadata(_ text: String) -> String {
    // libvirt keeps an empty one.
    let text = text.replacing("\n  <metadata/>\n", with: "\n")
    guard let start = text.range(of: "\n  <metadata"), let end = text.range(of: "</metadata>\n"),
      start.lowerBound < end.lowerBound
    else { return text }
    return String(text[..<start.lowerBound] + "\n" + text[end.upperBound...])
  }
}

extension String {
  /// The first place of a text, without Foundation's locales.
  fileprivate func range(of other: String) -> Range<String.Index>? { firstRange(of: other) }
}
