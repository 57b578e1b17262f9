// Editing elements in place.

import Testing
import XMLTree

@Suite("Editing")
struct EditingTests {
  @Test("an attribute that is set keeps its place, a new one comes last, nil removes it")
  func attributes() {
    var element = XMLElement("a", ["x": "1", "y": "2"])
    element[attribute: "x"] = "3"
    element[attribute: "z"] = "4"
    #expect(element.attributes == [XMLAttribute("x", "3"), XMLAttribute("y", "2"), XMLAttribute("z", "4")])
    element[attribute: "y"] = nil
    element[attribute: "none"] = nil
    #expect(element.attributes.map(\.name) == ["x", "z"])
    #expect(element[attribute: "y"] == nil)
  }

  @Test("setting text leaves child elements and comments alone")
  func text() throws {
    var element = try XMLElement.parse("<a>one<b>inner</b>two<!-- c --></a>")
    #expect(element.text == "onetwo")
    element.text = "three"
    #expect(element.serialised(indent: nil) == "<a>three<b>inner</b><!-- c --></a>")
    element.text = ""
    #expect(element.serialised(indent: nil) == "<a><b>inner</b><!-- c --></a>")
  }

  @Test("update changes the first match, creates it next to its kind, or leaves all as it is")
  func update() throws {
    var element = try XMLElement.parse("<a><b n='1'/><b n='2'/><c/></a>")
    let changed = element.update("b", where: { $0[attribute: "n"] == "2" }) { $0.text = "x" }
    #expect(changed)
    let missing = element.update("b", where: { $0[attribute: "n"] == "3" }, create: false) { $0.text = "x" }
    #expect(!missing)
    element.update("b", where: { $0[attribute: "n"] == "3" }) { $0[attribute: "n"] = "3" }
    element.update(at: "c/d/e") { $0.text = "deep" }
    element.updateAll("b") { $0[attribute: "all"] = "" }
    #expect(
      element.serialised(indent: nil)
        == "<a><b n='1' all=''/><b n='2' all=''>x</b><b n='3' all=''/><c><d><e>deep</e></d></c></a>")
    #expect(element.removeAll("b", where: { $0[attribute: "n"] != "2" }) == 2)
    #expect(element.all("b").count == 1)
  }

  @Test("an edit that throws leaves the tree whole")
  func throwing() throws {
    struct Refusal: Error {}
    var element = try XMLElement.parse("<a><b><c/></b></a>")
    let original = element
    #expect(throws: Refusal.self) { try element.update(at: "b/c") { _ in throw Refusal() } }
    #expect(throws: Refusal.self) { try element.update("x") { _ in throw Refusal() } }
    #expect(element == original)
  }

  @Test("children are inserted, appended and replaced by position")
  func positions() {
    var element = XMLElement("a", children: [XMLElement("b")])
    element.insert(XMLElement("first"), at: 0)
    element.insert(XMLElement("last"), at: 99)
    element.append(XMLElement("end"))
    element.replaceChild(at: 1, with: XMLElement("c"))
    #expect(element.elements.map(\.name) == ["first", "c", "last", "end"])
    #expect(element.indexOfChild("last") == 2)
  }

  @Test("a copy does not see what is done to the original")
  func values() throws {
    var element = try XMLElement.parse(Documents.domain)
    let copy = element
    element.set("other", at: "os/type/@machine")
    #expect(copy.value(at: "os/type/@machine") == "pc-q35-7.2")
    #expect(copy != element)
    element.set("pc-q35-7.2", at: "os/type/@machine")
    #expect(copy == element)
    #expect(copy.hashValue == element.hashValue)
  }

  @Test("prefix, namespace and declarations can be set and taken back")
  func namespaces() {
    var element = XMLElement("v:stack")
    #expect(element.name == "stack" && element.prefix == "v" && element.qualifiedName == "v:stack")
    element.namespaceURI = "urn:v"
    element.namespaceDeclarations = [XMLNamespace(prefix: "v", uri: "urn:v")]
    #expect(element.serialised(indent: nil) == "<v:stack xmlns:v='urn:v'/>")
    element.prefix = nil
    element.namespaceURI = nil
    element.namespaceDeclarations = []
    #expect(element == XMLElement("stack"))
  }
}
