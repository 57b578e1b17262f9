// Texts become trees: structure, places, anchors, merge keys.

import Diagnostics
import Testing
import YAMLTree

@Suite("tree")
struct TreeTests {
  @Test(
    "a text becomes its tree",
    arguments: [
      ("a: 1\nb: [x, 'y']\n", ["{a: 1, b: [x, \"y\"]}"]),
      ("", []), ("# only a comment\n", []), ("---\n...\n", []), ("---\n---\na: 1\n", ["{a: 1}"]),
      ("a: 1\n---\nb: 2\n...\n---\n- c\n", ["{a: 1}", "{b: 2}", "[c]"]), ("''", ["\"\""]), ("a:\n", ["{a: ~}"]),
      ("a: |\n  x\n\n  y\n\nb: >-\n  p\n  q\n", ["{a: \"x\\n\\ny\\n\", b: \"p q\"}"]), ("\u{FEFF}a: 1", ["{a: 1}"]),
      ("a: 1\r\nb:\r\n  - c\r\n", ["{a: 1, b: [c]}"]), ("%YAML 1.2\n---\na: 1\n", ["{a: 1}"]),
      ("%YAML 1.1\n---\na: 1\n", ["{a: 1}"]), ("{a: 1, b: {c: }, d}", ["{a: 1, b: {c: ~}, d: ~}"]),
      ("[a: 1, b]", ["[{a: 1}, b]"]), ("? a\n: 1\n", ["{a: 1}"]), ("1: x\ntrue: y\n", ["{1: x, true: y}"]),
      ("a: \"\\u00e9\\n\"", ["{a: \"é\\n\"}"]), ("a: b\n  c\n", ["{a: b c}"]), ("\"<<\": 1", ["{<<: 1}"]),
    ])
  func structure(text: String, outlines: [String]) {
    let file = parse(text)
    #expect(file.diagnostics == [])
    #expect(file.documents.map(outline) == outlines)
  }

  @Test(
    "anchors and merge keys are resolved",
    arguments: [
      ("a: &x [1]\nb: *x\n", "{a: [1], b: [1]}"), ("&k a: 1\nb: *k\n", "{a: 1, b: a}"), ("&k a: 1\n*k : 2\n", nil),
      ("- &x a\n- *x : 1\n", "[a, {a: 1}]"), ("a: &x 1\nb: &x 2\nc: *x\n", "{a: 1, b: 2, c: 2}"),
      ("b: &b {x: 1, y: 2}\nd:\n  y: 3\n  <<: *b\n", "{b: {x: 1, y: 2}, d: {y: 3, x: 1}}"),
      ("- &p {x: 1}\n- &q {x: 2, y: 2}\n- {<<: [*p, *q], z: 3}\n", "[{x: 1}, {x: 2, y: 2}, {x: 1, y: 2, z: 3}]"),
      ("- &p {x: 1}\n- &q {<<: *p, y: 2}\n- {<<: *q}\n", "[{x: 1}, {x: 1, y: 2}, {x: 1, y: 2}]"),
      ("{<<: {x: 1}, y: 2}", "{x: 1, y: 2}"), ("{<<: [], y: 2}", "{y: 2}"),
    ])
  func references(text: String, expected: String?) {
    let file = parse(text)
    if let expected {
      #expect(file.diagnostics == [])
      #expect(file.documents.map(outline) == [expected])
    } else {
      #expect(file.diagnostics.map(\.rule) == ["duplicate-key"])
    }
  }

  @Test("an alias has its own place, and what is within keeps the anchor's")
  func aliasPlaces() throws {
    let root = try #require(parse("a: &x\n  k: v\nb: *x\nc: {<<: *x}\n").documents.first)
    let alias = try #require(root["b"])
    #expect(alias.range.start == SourcePosition(line: 3, column: 4) && covered(alias.range) == "*x")
    #expect(alias["k"]?.range.start == SourcePosition(line: 2, column: 6))
    #expect(root["c"]?.entry("k")?.key.range.start == SourcePosition(line: 2, column: 3))
  }

  @Test(
    "the range of a node is its text",
    arguments: [
      ("a: some text  # comment\n", "some text"), ("a: 'it''s'\n", "'it''s'"), ("a: &x  !!str 12 \n", "12"),
      ("a: {b: 1, c: [2]} # x\n", "{b: 1, c: [2]}"), ("a:\n  b: 1\n  c: 2\n\n# x\nd: 3\n", "b: 1\n  c: 2"),
      ("a:\n- 1\n- - 2\n\n\nd: 3\n", "- 1\n- - 2"), ("a: |\n  x\n  y  \n\n\nd: 3\n", "|\n  x\n  y  "),
      ("a: >-\n  x\n", ">-\n  x"), ("a: |\n  x", "|\n  x"), ("a:\nb: 1\n", ""), ("a: &x\nb: 1\n", ""),
      ("a: &m # why\n  b: 1\n", "b: 1"), ("a: !!seq\n  - 1\n", "- 1"), ("a: &x [1]\n", "[1]"), ("[a: 1, 2]", nil),
      ("é日: é日 x # 日\n", "é日 x"), ("\u{FEFF}a: bc\n", "bc"), ("x: \u{2028}\r\na: bc\r\n", "bc"),
      ("x: 'a\u{85}b'\na: bc\n", "bc"), ("a: one\n  two\nb: 3\n", "one\n  two"), ("a: *x\n", "*x"),
    ])
  func ranges(text: String, expected: String?) throws {
    let root = try #require(parse(text).documents.first)
    if let expected {
      let node = try #require(root.entries?.first { ["a", "é日"].contains($0.name) }?.value)
      #expect(covered(node.range) == expected)
    } else {
      #expect(root.elements.map { $0.map { covered($0.range) } } == ["a: 1", "2"])
    }
  }

  @Test("keys, values and conveniences are found")
  func conveniences() throws {
    var root = try #require(parse("a: 1\nb: [x]\nc: {d: }\ne: yes\nf: 'x'\ng: true").documents.first)
    #expect(root["a"]?.value == .integer(1))
    #expect(root["b"]?.elements?.count == 1)
    #expect(root["c"]?["d"]?.isNull == true)
    #expect(root["z"] == nil && root["a"]?["b"] == nil)
    #expect(
      root.entries?.map(\.value.kindName)
        == ["a number", "a list", "a mapping", "a text", "a text", "a boolean"])
    #expect(root.kindName == "a mapping" && root["c"]?["d"]?.kindName == "nothing")
    let place = try #require(root["b"]).range
    root["a"] = YAMLNode("new", style: .doubleQuoted, at: place)
    root["b"] = nil
    root["n"] = YAMLNode(.sequence([]), at: place)
    #expect(outline(root) == "{a: \"new\", c: {d: ~}, e: yes, f: \"x\", g: true, n: []}")
  }

  @Test("scalars are replaced in place, and keep their ranges")
  func replacing() throws {
    let root = try #require(parse("a: ${x}\nb: [1, '${x}']\n${x}: 2\n").documents.first)
    let new = root.replacingScalars { node in
      node.scalar?.text == "${x}" ? node.replacingText("42") : nil
    }
    #expect(outline(new) == "{a: 42, b: [1, \"42\"], ${x}: 2}")
    #expect(new["a"]?.range == root["a"]?.range)
    #expect(new["a"]?.value == .integer(42) && new["b"]?.elements?.last?.value == .string("42"))
  }

  @Test(
    "content is compared without places and order of keys",
    arguments: [
      ("{a: 1, b: [x]}", "b: ['x']\na: 0x1\n", true), ("{a: 1}", "{a: '1'}", false), ("[1, 2]", "[2, 1]", false),
      ("{a: 1}", "{a: 1, b: 2}", false), ("{a: ~}", "{b: ~}", false), ("[]", "{}", false),
    ])
  func comparing(left: String, right: String, same: Bool) throws {
    let first = try #require(parse(left).documents.first)
    let second = try #require(parse(right).documents.first)
    #expect(first.hasSameContent(as: second) == same)
    #expect(second.hasSameContent(as: first) == same)
  }
}
