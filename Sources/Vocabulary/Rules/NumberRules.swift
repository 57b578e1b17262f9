// Rules for texts that stand for numbers: sets of processors and nodes, keys that are numbers, hexadecimal notation.

extension TextRule {
  /// A set of vcpus, of the host's processors or of its NUMA nodes.
  ///
  /// Several ranges stand with commas between them, and `^` takes a number out again. Sets are compared in the form
  /// in which libvirt writes them: sorted, with ranges as long as they can be.
  static func numberSet(_ explanation: String) -> TextRule {
    TextRule(
      explanation, pattern: #"^\s*\^?[0-9]+(-[0-9]+)?\s*(,\s*\^?[0-9]+(-[0-9]+)?\s*)*$"#,
      remedy: "write numbers and ranges with commas between them, such as 0-3,8 or 0-7,^4",
      normalise: NumberSet.normalised)
  }

  static let cpuset = numberSet("a set of the host's processors such as 0-3,8")
  static let vcpuSet = numberSet("a set of vcpus such as 0-3,8")
  static let nodeset = numberSet("a set of the host's NUMA nodes such as 0-1")

  /// A whole number that serves as a key, such as that of a vcpu; compared without leading zeros.
  static func number(_ explanation: String, _ range: ClosedRange<Int> = 0...Int(Int32.max)) -> TextRule {
    TextRule(
      explanation, pattern: "^[0-9]{1,10}$",
      normalise: { text in
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number)
        else {
          return nil
        }
        return String(number)
      })
  }

  /// One of a few words that serve as keys.
  static func oneOf(_ words: [String], _ explanation: String) -> TextRule {
    TextRule(
      explanation, pattern: "^(" + words.joined(separator: "|") + ")$", remedy: "the names are \(words.listed)",
      words: words, normalise: { words.contains($0) ? $0 : nil })
  }

  /// A number of a device or a register, in hexadecimal notation; compared in lower case.
  ///
  /// - Parameters:
  ///   - digits: how many digits are written at least.
  ///   - most: how many there may be; the same when nil.
  static func hexadecimal(_ explanation: String, digits: Int, most: Int? = nil) -> TextRule {
    TextRule(
      explanation, pattern: "^0x[0-9A-Fa-f]{1,\(most ?? digits)}$", remedy: "write 0x and hexadecimal digits",
      normalise: { text in
        guard text.hasPrefix("0x"), text.utf8.count <= (most ?? digits) + 2,
          let number = UInt64(text.dropFirst(2), radix: 16)
        else { return nil }
        let plain = String(number, radix: 16)
        return "0x" + String(repeating: "0", count: max(0, digits - plain.utf8.count)) + plain
      })
  }
}

/// Sets of small numbers in libvirt's notation (`virBitmapParse`).
public enum NumberSet {
  /// libvirt's sets of processors end below this; a larger number would only take memory.
  private static let limit = 1 << 16
  /// How many numbers the parts of a set may come to: many times what a set can have, so that only one that says the same
  /// over and over is refused.
  static let maximumWork = 1 << 20

  /// The set as libvirt writes it; nil for a text that is not one.
  static func normalised(_ text: String) -> String? { members(of: text).map(ranges) }

  /// The numbers of a set; nil for a text that is not one, and for the empty one.
  public static func members(of text: String) -> Set<Int>? {
    var members: Set<Int> = []
    var work = 0
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      var rest = part.filter { $0 != " " }[...]
      let isExcluded = rest.first == "^"
      if isExcluded { rest = rest.dropFirst() }
      let ends = rest.split(separator: "-", omittingEmptySubsequences: false).map { number(String($0)) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last else {
        return nil
      }
      work += last - first + 1
      guard work <= maximumWork else { return nil }
      if isExcluded { members.subtract(first...last) } else { members.formUnion(first...last) }
    }
    return members.isEmpty ? nil : members
  }

  private static func number(_ text: String) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text) else {
      return nil
    }
    return number < limit ? number : nil
  }

  private static func ranges(_ members: Set<Int>) -> String {
    var ranges: [ClosedRange<Int>] = []
    for member in members.sorted() {
      if let last = ranges.last, last.upperBound == member - 1 {
        ranges[ranges.count - 1] = last.lowerBound...member
      } else {
        ranges.append(member...member)
      }
    }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
  }
}
