// What the parser makes of references, CDATA, comments, namespaces and white space.

import Testing
import XMLTree

@Suite("Parsing")
struct ParsingTests {
  @Test(
    "text is what XML says it is",
    arguments: [
      ("<a>&lt;&gt;&amp;&apos;&quot;</a>", "<>&'\""),
      ("<a>&#65;&#x42;&#x1F600;</a>", "AB😀"),
      ("<a>one<![CDATA[ <two> & ]]>three</a>", "one <two> & three"),
      ("<a>one<!-- not this -->two</a>", "onetwo"),
      ("<a>  </a>", "  "),
      ("<a>\r\nx\r</a>", "\nx\n"),
      ("<a>&#13;</a>", "\r"),
      ("<a></a>", ""),
      ("<a>é<b>inner</b>ü</a>", "éü"),
      ("\u{FEFF}<a>after a byte order mark</a>", "after a byte order mark"),
      ("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>", "é"),
    ])
  func text(document: String, expected: String) throws {
    #expect(try XMLElement.parse(document).text == expected)
  }

  @Test(
    "attribute values are normalised as XML says",
    arguments: [
      ("<a b='&lt;&amp;&gt;&apos;&quot;'/>", "<&>'\""),
      ("<a b='x\ty\nz'/>", "x y z"),
      ("<a b='x&#9;y&#10;z&#13;'/>", "x\ty\nz\r"),
      ("<a b=''/>", ""),
      ("<a b='&#38;lt;'/>", "&lt;"),
      ("<a b=\"it's\"/>", "it's"),
    ])
  func attribute(document: String, expected: String) throws {
    #expect(try XMLElement.parse(document)[attribute: "b"] == expected)
  }

  @Test(
    "white space goes where it only separates elements, and stays where it may mean something",
    arguments: [
      ("<a>\n  <b/>\n</a>", 1),
      ("<a>\n  <!-- c -->\n</a>", 1),
      ("<a> x <b/> </a>", 3),
      ("<a>   </a>", 1),
      ("<a xml:space='preserve'> <b/> </a>", 3),
      ("<a xml:space='preserve'><b> <c/> </b></a>", 1),
    ])
  func whiteSpace(document: String, children: Int) throws {
    #expect(try XMLElement.parse(document).children.count == children)
  }

  @Test("prefixes, namespaces and declarations are kept")
  func namespaces() throws {
    let domain = try XMLElement.parse(Documents.domain)
    let uri = "http://libvirt.org/schemas/domain/qemu/1.0"
    #expect(domain.namespaceDeclarations == [XMLNamespace(prefix: "qemu", uri: uri)])
    #expect(domain.namespaceURI == nil)
    let commandline = try #require(domain.first("qemu:commandline"))
    #expect(commandline.prefix == "qemu")
    #expect(commandline.name == "commandline")
    #expect(commandline.namespaceURI == uri)
    #expect(domain.first("commandline") == nil)
    let inventory = try #require(domain.element(at: "metadata/inventory"))
    #expect(inventory.prefix == nil)
    #expect(inventory.namespaceURI == "https://example.org/inventory")
    #expect(inventory.first("rack")?.namespaceURI == "https://example.org/inventory")
    #expect(domain.value(at: "metadata/lab:note/@lab:kind") == "mixed")
  }

  @Test("comments and processing instructions are nodes")
  func comments() throws {
    let element = try XMLElement.parse("<!--out--><a><!-- in --><?go now?></a><!--out-->")
    #expect(element.children == [.comment(" in "), .processingInstruction(target: "go", data: "now")])
  }

  @Test("attributes keep their order")
  func order() throws {
    let element = try XMLElement.parse("<a z='1' b='2' m='3'/>")
    #expect(element.attributes.map(\.name) == ["z", "b", "m"])
  }

  @Test("long text in many pieces arrives whole")
  func longText() throws {
    let text = String(repeating: "é & ü < ", count: 20_000)
    let element = XMLElement("a", ["b": text], text: text)
    let parsed = try XMLElement.parse(element.serialised())
    #expect(parsed.text == text)
    #expect(parsed[attribute: "b"] == text)
  }
}
