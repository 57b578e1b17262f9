// Documents made to hurt are refused with a reason and a place, at no cost worth mentioning.

import Testing
import XMLTree

@Suite("Hostile input")
struct HostileInputTests {
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    let document: String
    let reason: XMLError.Reason
    var line: Int?
    var column: Int?
    var says: String?
  }

  static let bomb = """
    <!DOCTYPE a [
      <!ENTITY x0 "ha">
      <!ENTITY x1 "&x0;&x0;&x0;&x0;&x0;&x0;&x0;&x0;">
      <!ENTITY x2 "&x1;&x1;&x1;&x1;&x1;&x1;&x1;&x1;">
    ]>
    <a>&x2;</a>
    """

  static let cases: [Case] = [
    Case(testDescription: "entity bomb", document: bomb, reason: .forbidden, line: 1, says: "document type"),
    Case(
      testDescription: "external entity", document: "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
      reason: .forbidden),
    Case(
      testDescription: "external subset", document: "\n<!DOCTYPE a SYSTEM 'http://localhost/a.dtd'><a/>",
      reason: .forbidden, line: 2),
    Case(
      testDescription: "parameter entity", document: "<!DOCTYPE a [<!ENTITY % x SYSTEM 'file:///dev/zero'> %x;]><a/>",
      reason: .forbidden),
    Case(testDescription: "bare document type", document: "<!DOCTYPE html><html/>", reason: .forbidden),
    Case(testDescription: "undefined entity", document: "<a>&nbsp;</a>", reason: .malformed, line: 1, says: "nbsp"),
    Case(testDescription: "undefined entity in an attribute", document: "<a b='&x;'/>", reason: .malformed, line: 1),
    Case(
      testDescription: "depth bomb",
      document: String(repeating: "<a>", count: 257) + String(repeating: "</a>", count: 257), reason: .limit, line: 1,
      says: "deeper than 256"),
    Case(testDescription: "endless depth", document: String(repeating: "<a>", count: 1_000_000), reason: .limit),
    Case(
      testDescription: "too many elements",
      document: "<a>" + String(repeating: "<b/>", count: 500_001) + "</a>", reason: .limit, says: "500000"),
    Case(
      testDescription: "too many attributes",
      document: "<a " + (0..<500_001).map { "a\($0)=''" }.joined(separator: " ") + "/>", reason: .limit, line: 1,
      column: 1, says: "1024 attributes"),
    Case(
      testDescription: "too many attributes behind a comment and a CDATA section that look like tags",
      document: "<r><!-- <a b='> --><![CDATA[<a b='>]]><?pi <a b='?>\n<a "
        + (0..<20_000).map { "a\($0)=\">\"" }.joined(separator: " ") + "/></r>", reason: .limit, line: 2, column: 1,
      says: "1024 attributes"),
    Case(
      testDescription: "too many declarations on one element",
      document: "<a " + (0..<100_000).map { "xmlns:a\($0)='u'" }.joined(separator: " ") + "/>", reason: .limit),
    Case(
      testDescription: "too many declarations in force",
      document: (0..<200).map { depth in
        "<a " + (0..<10).map { "xmlns:p\(depth)-\($0)='u'" }.joined(separator: " ") + ">"
      }.joined(), reason: .limit, says: "1024 namespaces"),
    Case(
      testDescription: "too large", document: "<a>" + String(repeating: "x", count: 16 << 20) + "</a>", reason: .limit,
      says: "bytes"),
    Case(testDescription: "truncated in a tag", document: "<a><b", reason: .malformed, line: 1),
    Case(testDescription: "truncated in text", document: "<a>\n<b>text", reason: .malformed, line: 2),
    Case(testDescription: "mismatched tags", document: "<a>\n  <b>\n</a>", reason: .malformed, line: 3, says: "b"),
    Case(testDescription: "empty", document: "", reason: .malformed, line: 1, column: 1),
    Case(testDescription: "only white space", document: " \n ", reason: .malformed),
    Case(testDescription: "not XML", document: "name: web", reason: .malformed, line: 1),
    Case(testDescription: "two roots", document: "<a/>\n<b/>", reason: .malformed, line: 2),
    Case(testDescription: "text after the root", document: "<a/>x", reason: .malformed, line: 1),
    Case(testDescription: "duplicate attribute", document: "<a b='1' b='2'/>", reason: .malformed, line: 1),
    Case(testDescription: "undeclared prefix", document: "<q:a/>", reason: .malformed, line: 1, says: "q"),
    Case(testDescription: "undeclared attribute prefix", document: "<a q:b=''/>", reason: .malformed, line: 1),
    Case(testDescription: "control character", document: "<a>\u{1}</a>", reason: .malformed, line: 1),
    Case(testDescription: "control character as reference", document: "<a>&#1;</a>", reason: .malformed, line: 1),
    Case(
      testDescription: "NUL hides the rest", document: "<a/>\n  \0<b/>", reason: .malformed, line: 2, column: 3,
      says: "NUL"),
    Case(testDescription: "bare ampersand", document: "<a>\n\n  fish & chips</a>", reason: .malformed, line: 3),
  ]

  @Test("is refused with a reason and a place", arguments: cases)
  func refused(example: Case) {
    let error = #expect(throws: XMLError.self) { try XMLElement.parse(example.document) }
    guard let error else { return }
    #expect(error.reason == example.reason, "\(error)")
    if let line = example.line {
      #expect(error.line == line, "\(error)")
      #expect(error.column > 0, "\(error)")
    }
    if let column = example.column { #expect(error.column == column, "\(error)") }
    if let says = example.says { #expect(error.message.contains(says), "\(error)") }
    #expect(!error.message.contains("\n"))
  }

  @Test(
    "bytes that are not UTF-8 are refused, not repaired",
    arguments: [
      [0x3C, 0x61, 0x3E, 0xFF, 0x3C, 0x2F, 0x61, 0x3E],  // <a>, a byte that UTF-8 never has, </a>
      [0x3C, 0x61, 0x3E, 0xC0, 0x80, 0x3C, 0x2F, 0x61, 0x3E],  // NUL in two bytes
      [0x3C, 0x61, 0x3E, 0xED, 0xA0, 0x80, 0x3C, 0x2F, 0x61, 0x3E],  // a lone surrogate
      [0x3C, 0x61, 0x3E, 0xE2, 0x82, 0x3C, 0x2F, 0x61, 0x3E],  // a character cut short
      [0x3C, 0x61, 0x20, 0x62, 0x3D, 0x27, 0xFF, 0x27, 0x2F, 0x3E],  // in an attribute
      [0xFF, 0xFE, 0x3C, 0x00, 0x61, 0x00, 0x2F, 0x00, 0x3E, 0x00],  // UTF-16
    ] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    let error = #expect(throws: XMLError.self) { try XMLElement.parse(bytes: bytes) }
    #expect(error?.reason == .malformed)
  }

  @Test("every beginning of a document is refused or read, never a trap")
  func prefixes() throws {
    let bytes = Array(Documents.domain.utf8)
    let end = try #require(bytes.lastIndex(of: UInt8(ascii: ">")))
    for length in 0..<bytes.count {
      let outcome = Result { try XMLElement.parse(bytes: Array(bytes[..<length])) }
      #expect((try? outcome.get()) == nil || length > end, "\(length) bytes")
    }
  }

  static let bytes: [UInt8] = [0x00, 0x20, 0x22, 0x26, 0x27, 0x2F, 0x3C, 0x3E, 0x41, 0x80, 0xFF]

  @Test("a document with any one byte changed is refused or survives its own round trip")
  func mutations() throws {
    let bytes = Array(Documents.domain.utf8)
    for (position, byte) in zip(bytes.indices, Self.bytes.cycled) {
      var changed = bytes
      changed[position] = byte
      guard let tree = try? XMLElement.parse(bytes: changed) else { continue }
      #expect(try XMLElement.parse(tree.serialised()) == tree, "byte \(position) = \(byte)")
    }
  }

  @Test("large documents with much that looks like attributes are read")
  func crowded() throws {
    let text = String(repeating: "a='1' <b c=\"2\"> ", count: 20_000)
    let element = XMLElement("a", ["b": text], text: text)
    #expect(try XMLElement.parse(element.serialised()) == element)
    let section = try XMLElement.parse("<a><!-- \(text) --><![CDATA[\(text)]]><?pi \(text)?></a>")
    #expect(section.text == text)
    #expect(section.children.count == 3)
  }

  @Test("limits are the caller's to set")
  func limits() throws {
    let nested = "<a><b><c/></b></a>"
    #expect(throws: XMLError.self) { try XMLElement.parse(nested, limits: XMLLimits(depth: 2)) }
    #expect(throws: XMLError.self) { try XMLElement.parse(nested, limits: XMLLimits(nodes: 2)) }
    #expect(throws: XMLError.self) { try XMLElement.parse(nested, limits: XMLLimits(bytes: 17)) }
    _ = try XMLElement.parse(nested, limits: XMLLimits(bytes: 18, depth: 3, nodes: 3))
    #expect(throws: XMLError.self) { try XMLElement.parse("<a b='' xmlns='u'/>", limits: XMLLimits(attributes: 1)) }
    let deep = String(repeating: "<a>", count: 1024) + String(repeating: "</a>", count: 1024)
    let tree = try XMLElement.parse(deep, limits: XMLLimits(depth: 5000))
    #expect(try XMLElement.parse(tree.serialised(), limits: XMLLimits(depth: 5000)) == tree)
    let deeper = "<a>" + deep + "</a>"
    #expect(throws: XMLError.self) { try XMLElement.parse(deeper, limits: XMLLimits(depth: 5000)) }
  }
}

extension Array {
  /// The elements over and over, without end.
  fileprivate var cycled: some Sequence<Element> {
    sequence(state: 0) { (next: inout Int) -> Element? in
      defer { next += 1 }
      return self[next % self.count]
    }
  }
}
