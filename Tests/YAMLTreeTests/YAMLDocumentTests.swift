import Diagnostics
import Testing
import YAMLTree

/// Documents made in code: what is written reads back as what was meant.
@Suite("writing YAML")
struct YAMLDocumentTests {
  @Test(
    "a text stays a text",
    arguments: [
      "plain", "12", "0x1f", "true", "null", "~", "", " blank at the front", "blank at the end ", "a: b", "- a",
      "# no comment",
      "it's", "\"quoted\"", "two\nlines", "ends in a line break\n", "ümlaut 𝄞", "tab\there", "%TAG", "&a", "*a", "!t",
      "[x]",
      "{x}", "|", ">", "@x", "`x`", "1.5e3", "2026-11-27", "yes", "a,b", "=", "<<",
    ])
  func texts(text: String) throws {
    let written = YAMLDocument.mapping([("key", .text(text)), (text, .text("value"))]).serialised()
    let root = try #require(parseYAML(SourceFile(path: "x", text: written)).documents.first)
    #expect(root["key"]?.scalar?.text == text, "\(written)")
    if case .string(let read)? = root["key"]?.value {
      #expect(read == text)
    } else {
      Issue.record("not a text: \(written)")
    }
    if text != "<<" { #expect(root[text]?.scalar?.text == "value") }
  }

  @Test("numbers and booleans stay what they are")
  func plain() throws {
    let written = YAMLDocument.mapping([("a", .plain("12")), ("b", .plain("true")), ("c", .null)]).serialised()
    let root = try #require(parseYAML(SourceFile(path: "x", text: written)).documents.first)
    #expect(root["a"]?.value == .integer(12) && root["b"]?.value == .boolean(true) && root["c"]?.isNull == true)
  }

  @Test("lines are kept as a block, mappings go down, short lists stay on a line")
  func looks() {
    let document = YAMLDocument.mapping([
      ("name", .text("x")), ("boot", .list([.text("hd"), .text("network")])),
      ("inner", .mapping([("xml", .block("<a>\n  <b/>\n</a>\n"))])), ("empty", .mapping([])),
    ])
    #expect(
      document.serialised() == """
        name: x
        boot: [hd, network]
        inner:
          xml: |
            <a>
              <b/>
            </a>
        empty: {}

        """)
  }
}
