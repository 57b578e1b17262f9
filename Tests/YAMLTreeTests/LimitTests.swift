// Hostile input: bounded memory, bounded time, one clear error, and never a crash.

import Diagnostics
import Testing
import YAMLTree

@Suite("limits")
struct LimitTests {
  @Test("an alias bomb stops with one error", arguments: [9, 40])
  func bomb(levels: Int) throws {
    var text = "l0: &l0 [x, x, x, x, x, x, x, x, x]\n"
    for level in 1...levels {
      text += "l\(level): &l\(level) [" + Array(repeating: "*l\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
    }
    let file = parse(text)
    #expect(file.diagnostics.map(\.rule) == ["yaml-too-large"])
    #expect(file.documents.isEmpty)
  }

  @Test("merge keys cannot multiply without bound")
  func mergeBomb() {
    let base = "b: &b {" + (0..<1000).map { "k\($0): 1" }.joined(separator: ", ") + "}\nl:\n"
    let file = parse(base + String(repeating: "  - <<: *b\n", count: 10_000))
    #expect(file.diagnostics.map(\.rule) == ["yaml-too-large"])
  }

  @Test("nesting is limited, aliases counted", arguments: [true, false])
  func depth(aliases: Bool) {
    let text =
      aliases
      ? "a0: &a0 [1]\n" + (1...100).map { "a\($0): &a\($0) [*a\($0 - 1)]\n" }.joined()
      : String(repeating: "[", count: 100_000)
    #expect(parse(text).diagnostics.map(\.rule) == ["yaml-too-deep"])
    let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(parse(deep).diagnostics == [])
    #expect(parse("[" + deep + "]").diagnostics.map(\.rule) == ["yaml-too-deep"])
  }

  @Test("a file that is too big is not read")
  func size() {
    let file = parse(String(repeating: "- a\n", count: 100), limits: YAMLLimits(maximumBytes: 399))
    #expect(file.diagnostics.map(\.rule) == ["yaml-too-large"] && file.documents.isEmpty)
    #expect(parse("[1, 2]", limits: YAMLLimits(maximumNodes: 3)).diagnostics == [])
    #expect(parse("[1, 2]", limits: YAMLLimits(maximumNodes: 2)).hasErrors)
  }

  @Test("messages are limited, and the rest is counted")
  func messages() throws {
    let file = parse(String(repeating: "a: 1\n", count: 1001), limits: YAMLLimits(maximumDiagnostics: 10))
    #expect(file.diagnostics.count == 11)
    #expect(try #require(file.diagnostics.last).message.contains("990 more"))
    let documents = parse(String(repeating: "--- ]\n", count: 2000))
    #expect(documents.diagnostics.count == 101)
  }

  @Test("damaged texts never crash, and every place lies in the file", arguments: 0..<8)
  func damaged(seed: UInt64) {
    var random = SplitMix(state: seed)
    let pieces =
      MistakeTests.syntax + MistakeTests.meaning + [
        "é日: |\r\n  x\r\n", "\u{2028}", "\u{FEFF}", "&a ", "*a", "<<: ", "\u{85}", "- ", "{", "}", "[", "]", "\t",
        "\u{0}",
        "---\n", "...\n", "? ", ": ", "!!str ", "'", "\"", "#", "\\", "😀",
      ]
    for _ in 0..<300 {
      var scalars = Array(
        (0..<Int.random(in: 1...6, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
          .unicodeScalars)
      for _ in 0..<Int.random(in: 0...4, using: &random) where !scalars.isEmpty {
        let index = scalars.indices.randomElement(using: &random)!
        if Bool.random(using: &random) { scalars.remove(at: index) } else { scalars.swapAt(index, scalars.count / 2) }
      }
      let text = String(String.UnicodeScalarView(scalars))
      let file = parse(text)
      let ranges =
        file.documents.flatMap(allNodes).map(\.range)
        + file.diagnostics.flatMap { [$0.range] + $0.notes.map(\.range) }.compactMap(\.self)
      for range in ranges {
        #expect(
          range.start <= range.end && range.start.line >= 1 && range.start.column >= 1, "\(text.debugDescription)")
        #expect(range.end.line <= range.file.lineCount, "\(text.debugDescription)")
        let lineLength = range.file.line(range.start.line).unicodeScalars.count
        #expect(range.start.column <= lineLength + 1, "\(text.debugDescription) \(range)")
      }
      for node in file.documents.flatMap(allNodes) {
        guard let scalar = node.scalar, scalar.style == .plain, node.range.start.line == node.range.end.line,
          !covered(node.range).hasPrefix("*")
        else { continue }
        // Stand-ins for forbidden characters, and breaks that only libyaml folds, are not what the file has.
        if !text.unicodeScalars.contains(where: {
          "\u{0}\u{1B}\u{9B}\u{FEFF}\u{85}\u{2028}".unicodeScalars.contains($0)
        }) {
          #expect(covered(node.range) == scalar.text, "\(text.debugDescription)")
        }
      }
      _ = DiagnosticFormat.render(file.diagnostics, as: .text(color: true, width: 40))
    }
  }
}

/// A small generator with a seed, so that a failure can be repeated (Steele, Lea and Flood, 2014).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
