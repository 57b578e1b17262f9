// The written form: libvirt's, with everything escaped that needs it.

import Testing
import XMLTree

@Suite("Serialising")
struct SerialisingTests {
  @Test(
    "special characters are escaped where they stand",
    arguments: [
      ("<>&'\"", "<a b='&lt;&gt;&amp;&apos;&quot;'>&lt;&gt;&amp;&apos;&quot;</a>"),
      ("x\ty\nz\r", "<a b='x&#9;y&#10;z&#13;'>x\ty\nz&#13;</a>"),
      ("]]>", "<a b=']]&gt;'>]]&gt;</a>"),
      ("é😀", "<a b='é😀'>é😀</a>"),
      ("a\u{1}b\u{FFFE}c\u{FFFF}d\u{FEFF}e\u{0}", "<a b='abcd\u{FEFF}e'>abcd\u{FEFF}e</a>"),
      ("&amp;", "<a b='&amp;amp;'>&amp;amp;</a>"),
    ])
  func escapes(value: String, expected: String) {
    #expect(XMLElement("a", ["b": value], text: value).serialised(indent: nil) == expected)
  }

  @Test("elements stand one a line, text and mixed content as they are")
  func form() {
    let element = XMLElement(
      "domain", ["type": "kvm"],
      children: [
        XMLElement("memory", ["unit": "KiB"], text: "1024"),
        XMLElement("features", children: [XMLElement("acpi")]),
        XMLElement("note", attributes: [], children: [.text("a "), .element(XMLElement("b", text: "c"))]),
      ])
    #expect(
      element.serialised(declaration: true) == """
        <?xml version='1.0' encoding='UTF-8'?>
        <domain type='kvm'>
          <memory unit='KiB'>1024</memory>
          <features>
            <acpi/>
          </features>
          <note>a <b>c</b></note>
        </domain>

        """)
  }

  @Test(
    "comments and instructions cannot end early",
    arguments: [XMLNode.comment("a--b---"), .comment("-"), .processingInstruction(target: "p", data: "a?>b")])
  func separators(node: XMLNode) throws {
    let element = XMLElement("a", attributes: [], children: [node])
    #expect(try XMLElement.parse(element.serialised()).children.count == 1)
  }

  @Test("a subtree written on its own declares the namespaces that it is in")
  func subtree() throws {
    let domain = try XMLElement.parse(Documents.domain)
    for path: XMLPath in ["qemu:commandline", "metadata/inventory/rack", "metadata/lab:note"] {
      let part = try #require(domain.element(at: path))
      let again = try XMLElement.parse(part.serialised())
      #expect(again.namespaceURI == part.namespaceURI)
      #expect(again.elements.map(\.namespaceURI) == part.elements.map(\.namespaceURI))
    }
    let argument = XMLElement("qemu:arg", ["value": "-x"])
    var commandline = try #require(domain.first("qemu:commandline"))
    commandline.append(argument)
    #expect(commandline.serialised(indent: nil).hasSuffix("<qemu:arg value='-x'/></qemu:commandline>"))
  }
}
