// Mistakes: each gets a sentence, a place and, where possible, a remedy.

import Diagnostics
import TestSupport
import Testing
import YAMLTree

@Suite("mistakes")
struct MistakeTests {
  static let syntax = [
    "a: b: c\n", "image: https://x y: z\n", "a: b\n  c: d\n", "a: 1\nb\nc: 2\n", "a: 1\nb", "a: \"foo\nb: \"bar\"\n",
    "a: \"foo\nb: bar\n", "a: 'x' y\n", "a: 'x\n---\nb: 1\n", "a:\n\tb: 1\n", "a:\n  b:\n  \t- c\n", "a: |\n\tb\n",
    "a:\n  b: 1\n c: 2\n", "- a\n b: 1\n", "a: 1\n- b\n", "a:\n  - b\n  c: 1\n", "a: [b, c\nd: 1\n", "a: {b: 1\n",
    "a: [b c: {]\n", "a: [1, , 2]\n", "a: {{ x }}\n", "a: ]\n", "a: @x\n", "a: `x`\n", "a: %x\n%y: 1\n",
    "a: \"\\d\"\n", "a: \"\\xzz\"\n", "a: \"\\ud800\"\n", "a: - b\n", "a: |x\n  y\n", "a: |0\n  y\n", "a: & b\n",
    "a: *\n", "a: !x!y z\n", "a: !<x z\n", "%FOO\n", "%YAML 3.0\n---\na: 1\n", "%YAML 1.2\n%YAML 1.2\n---\na\n",
    "'a' b\n", "a: 1\n}\n", "? - a\n", ": 1\n", "[a, b]: 1\n", "a: ? b\n", "{a: 1} b\n", "a: \"x\n", "a: &x *y\n",
    "a: { b: ${c} }\n", "a: { b: c, d: x-${e} GiB, f: 1 }\n", "a: [${b}, c]\n", "a: [\n  b ${c}\n]\n",
    "a: { b: ${c}${d} }\n", "a: { ${b}: c }\n",
  ]

  static let meaning = [
    "a: 1\nb: 2\na: 3\n", "{a: 1, \"a\": 2}", "a: &web 1\nb: *wbe\n", "b: *x\n", "a: &a [1, *a]\n",
    "a: &a {b: {c: *a}}\n",
    "a: {<<: 1}\n", "a: {<<: [1, {b: 2}]}\n", "a: {<<: *x}\n", "a: {<<: {b: 1}, <<: {c: 1}}\n", "a: !!int x\n",
    "a: !foo x\n", "a: !!strr x\n", "a: !!timestamp 2001-01-01\n", "a: !!set {b}\n", "a: !!str [x]\n",
    "a: &x !foo {b: 1}\n", "a: x\u{0}y\n", "a: x\u{1B}[1m\n", "a: x\u{FEFF}\n", "a: \u{9B}\n",
  ]

  @Test(
    "what a person reads is what the golden file shows", arguments: [("syntax.txt", syntax), ("meaning.txt", meaning)])
  func golden(name: String, texts: [String]) throws {
    var output = ""
    for text in texts {
      let file = parse(text)
      #expect(file.hasErrors, "\(text)")
      #expect(
        file.diagnostics.allSatisfy { !$0.message.hasPrefix("YAML syntax:") && !$0.message.contains("expected key") })
      output += DiagnosticFormat.render(file.diagnostics, as: .text(color: false, width: 80)) + "\n"
    }
    try expectGolden(output, name)
  }

  @Test("every mistake of a file is reported, not only the first")
  func several() {
    let file = parse("a: 1\na: 2\nb: *x\nc: !foo 3\nd: {<<: 4}\n[e]: 5\n")
    #expect(
      file.diagnostics.map(\.rule) == ["duplicate-key", "undefined-alias", "yaml-tag", "yaml-merge", "yaml-key"])
    #expect(file.documents.map(outline) == ["{a: 1, b: ~, c: 3, d: {}}"])
  }

  @Test("reading goes on with the document after a syntax error")
  func resuming() {
    let file = parse("a: 1\n---\nb: 'x' y\n---\nc: 3\nd: *u\n---\n[\n---\ne: 5\n")
    #expect(file.documents.map(outline) == ["{a: 1}", "{c: 3, d: ~}", "{e: 5}"])
    #expect(file.diagnostics.map { $0.range?.start.line } == [3, 6, 8])
  }

  @Test("a duplicate key is found among many, and points back to the first")
  func manyKeys() throws {
    let file = parse((0..<200).map { "k\($0): 1\n" }.joined() + "k150: 2\n")
    let diagnostic = try #require(file.diagnostics.first)
    #expect(diagnostic.rule == "duplicate-key" && diagnostic.range?.start.line == 201)
    #expect(diagnostic.notes.first?.range?.start.line == 151)
    #expect(file.documents.first?.entries?.count == 200)
  }
}
