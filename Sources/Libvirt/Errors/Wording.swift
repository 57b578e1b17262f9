// A phrase in a message of libvirt, or of a program that libvirt quotes.

package import Versions

/// A phrase of somebody's, and the versions of libvirt that have it.
package struct Wording: Sendable {
  /// Whose words they are.
  package enum Speaker: Sendable {
    /// libvirt's, and those of the programs and libraries that it quotes.
    case libvirt, qemu, dnsmasq, spice, libxml2
    /// The C library's text of an error number.
    case system
  }

  /// Who says it.
  package let speaker: Speaker
  /// The parts of the phrase that are always the same, in their order; between them is what differs.
  package let parts: [String]
  /// The first version of libvirt that has it; nil where the oldest that was read does.
  package let since: LibvirtVersion?
  /// The last version of libvirt that has it; nil where the newest that was read does.
  package let until: LibvirtVersion?

  /// - Parameter text: the phrase, with `…` for what differs.
  private init(_ speaker: Speaker, _ text: String, since: LibvirtVersion? = nil, until: LibvirtVersion? = nil) {
    self.speaker = speaker
    parts = text.split(separator: "…").map(String.init)
    (self.since, self.until) = (since, until)
  }

  static func libvirt(_ text: String, since: LibvirtVersion? = nil, until: LibvirtVersion? = nil) -> Wording {
    Wording(.libvirt, text, since: since, until: until)
  }

  static func qemu(_ text: String) -> Wording { Wording(.qemu, text) }
  static func dnsmasq(_ text: String) -> Wording { Wording(.dnsmasq, text) }
  static func spice(_ text: String) -> Wording { Wording(.spice, text) }
  static func libxml2(_ text: String) -> Wording { Wording(.libxml2, text) }
  static func system(_ text: String) -> Wording { Wording(.system, text) }

  /// Where all parts stand, one behind the other.
  func range(in line: Substring) -> Range<Substring.Index>? {
    var (start, end): (Substring.Index?, Substring.Index) = (nil, line.startIndex)
    for part in parts {
      guard let found = line[end...].range(ofText: part) else { return nil }
      start = start ?? found.lowerBound
      end = found.upperBound
    }
    return start.map { $0..<end }
  }
}

extension StringProtocol {
  /// The first place of a text, byte for byte.
  package func range(ofText wanted: String) -> Range<Index>? {
    let bytes = wanted.utf8
    var start = utf8.startIndex
    while start != utf8.endIndex {
      if utf8[start...].starts(with: bytes) { return start..<utf8.index(start, offsetBy: bytes.count) }
      start = utf8.index(after: start)
    }
    return nil
  }
}
