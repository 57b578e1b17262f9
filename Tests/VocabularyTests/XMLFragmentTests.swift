import Testing
import XMLTree

@testable import Vocabulary

/// What a spec says in libvirt's own XML: read, merged by what tells elements apart, taken out again.
@Suite("fragments of libvirt's XML")
struct XMLFragmentTests {
  struct Merge: CustomTestStringConvertible, Sendable {
    var name: String
    var element: String
    var fragment: String
    var result: String
    var testDescription: String { name }
  }

  static let merges = [
    Merge(
      name: "an attribute is set, the rest stays", element: "<disk type='file'><driver name='qemu' type='raw'/></disk>",
      fragment: "<driver cache='none'/>",
      result: "<disk type='file'><driver name='qemu' type='raw' cache='none'/></disk>"),
    Merge(
      name: "the object's own element may stand around it", element: "<disk type='file'/>",
      fragment: "<disk sgio='filtered'><shareable/></disk>",
      result: "<disk type='file' sgio='filtered'><shareable/></disk>"),
    Merge(
      name: "a feature is found by its name",
      element: "<cpu><feature policy='require' name='a'/><feature policy='require' name='b'/></cpu>",
      fragment: "<feature policy='disable' name='b'/><feature policy='require' name='c'/>",
      result:
        "<cpu><feature policy='require' name='a'/><feature policy='disable' name='b'/><feature policy='require' name='c'/></cpu>"
    ),
    Merge(
      name: "a controller by type and index",
      element:
        "<devices><controller type='usb' index='0'/><controller type='pci' index='0'/><controller type='pci' index='1'/></devices>",
      fragment: "<controller type='pci' index='1' model='pcie-root-port'/>",
      result:
        "<devices><controller type='usb' index='0'/><controller type='pci' index='0'/><controller type='pci' index='1' model='pcie-root-port'/></devices>"
    ),
    Merge(
      name: "an ordered list is replaced as a whole", element: "<os><boot dev='hd'/><boot dev='network'/></os>",
      fragment: "<boot dev='network'/><boot dev='hd'/>", result: "<os><boot dev='network'/><boot dev='hd'/></os>"),
    Merge(
      name: "the same in another notation is not written again",
      element:
        "<x><memory unit='KiB'>2097152</memory><address bus='0x04'/><vcpu cpuset='0-2'/><mac address='52:54:00:6b:3c:58'/></x>",
      fragment:
        "<memory unit='GiB'>2</memory><address bus='4'/><vcpu cpuset='0,1,2'/><mac address='52:54:00:6B:3C:58'/>",
      result:
        "<x><memory unit='KiB'>2097152</memory><address bus='0x04'/><vcpu cpuset='0-2'/><mac address='52:54:00:6b:3c:58'/></x>"
    ),
    Merge(
      name: "a size with another unit takes its unit along", element: "<x><memory unit='KiB'>1024</memory></x>",
      fragment: "<memory unit='GiB'>2</memory>", result: "<x><memory unit='GiB'>2</memory></x>"),
    Merge(
      name: "zeros in front of a serial number count", element: "<disk><serial>12</serial></disk>",
      fragment: "<serial>0012</serial>", result: "<disk><serial>0012</serial></disk>"),
    Merge(
      name: "alike devices stand each for themselves", element: "<devices><input type='tablet' bus='usb'/></devices>",
      fragment: "<input type='tablet' bus='usb'/><input type='tablet' bus='usb'/>",
      result: "<devices><input type='tablet' bus='usb'/><input type='tablet' bus='usb'/></devices>"),
    Merge(
      name: "comments are not merged", element: "<x/>", fragment: "<!-- why --><y><!-- what --></y>",
      result: "<x><y/></x>"),
  ]

  @Test("merging", arguments: merges)
  func merging(merge: Merge) throws {
    var element = try XMLElement.parse(merge.element)
    let fragment = try XMLFragment.parse(merge.fragment, element: element.name)
    let expected = try XMLElement.parse(merge.result)
    let wasMet = element == expected
    #expect(fragment.isMet(by: element) == wasMet)
    fragment.merge(into: &element)
    #expect(element == expected, "\(element.serialised(indent: nil))")
    #expect(fragment.isMet(by: element) && fragment.firstDifference(in: element) == nil)
    let once = element
    fragment.merge(into: &element)
    #expect(element == once)
    // What is written down reads back as the same.
    #expect(try XMLFragment.parse(fragment.text(indent: 2), element: element.name) == fragment)
  }

  @Test("the namespaces that libvirt's documentation uses need no declaration, and are declared at the root")
  func namespaces() throws {
    var domain = XMLElement("domain")
    let fragment = try XMLFragment.parse(
      "<qemu:commandline><qemu:arg value='-S'/></qemu:commandline>", element: "domain")
    fragment.merge(into: &domain)
    #expect(
      domain.namespaceDeclarations == [XMLNamespace(prefix: "qemu", uri: "http://libvirt.org/schemas/domain/qemu/1.0")])
    #expect(fragment.isMet(by: try XMLElement.parse(domain.serialised())))
  }

  @Test("taking out leaves what others have put")
  func removing() throws {
    var element = try XMLElement.parse(
      "<domain><features><acpi/></features><cpu><feature policy='require' name='a'/></cpu></domain>")
    let before = element
    let fragment = try XMLFragment.parse(
      "<features><hyperv mode='custom'><relaxed state='on'/></hyperv></features><cpu><feature policy='disable' name='b'/></cpu>",
      element: "domain")
    fragment.merge(into: &element)
    fragment.remove(from: &element)
    #expect(element == before)
    // What was changed since is no longer the fragment's.
    fragment.merge(into: &element)
    element.set("require", at: "cpu/feature[@name='b']/@policy")
    fragment.remove(from: &element)
    #expect(element.value(at: "cpu/feature[@name='b']/@policy") == "require")
  }

  @Test("what one fragment says beyond another")
  func beyond() throws {
    let old = try XMLFragment.parse("<a x='1' y='2'/><b/>", element: "disk")
    let new = try XMLFragment.parse("<a x='1'/>", element: "disk")
    #expect(old.beyond(new)?.description == "<a y='2'/><b/>")
    #expect(new.beyond(old) == nil)
    #expect(old.beyond(nil) == old)
  }

  @Test("no text of a fragment shows a password")
  func passwords() throws {
    let fragment = try XMLFragment.parse(
      "<graphics passwd='secret'><listen type='none'/></graphics>", element: "graphics")
    #expect(fragment.hasSecrets)
    #expect(Value.xml(fragment).description == "<listen type='none'/>")
    #expect(fragment.text(indent: nil).contains("secret"))
  }

  @Test(
    "what is no XML is refused with its place",
    arguments: [
      ("<a>", 1, "tag"), ("\n  <a></b>", 2, "tag"), ("words", 1, "outside"), ("", 1, "no element"),
      ("<!DOCTYPE x><x/>", 1, ""),
    ])
  func mistakes(text: String, line: Int, word: String) {
    do {
      _ = try XMLFragment.parse(text, element: "disk")
      Issue.record("accepted")
    } catch {
      #expect(error.line == line && (word.isEmpty || error.message.contains(word)), "\(error)")
    }
  }

  /// The law that importing stands on, over every way to leave parts of a document out.
  @Test("merging the rest into a part gives the whole", arguments: 0..<200)
  func restLaw(seed: Int) {
    var generator = Generator(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1)
    let whole = LensTests.domain
    let part = Self.part(of: whole, &generator)
    var again = part
    XMLFragment.rest(of: whole, beyond: part)?.merge(into: &again)
    #expect(difference(again, whole, options: .siblings).isEmpty, "\(part.serialised())")
  }

  /// An element with some of its attributes, texts and children left out.
  ///
  /// What tells elements apart stays, and what stands for itself is there as a whole or not at all: without that they
  /// would be other elements. Interfaces stay, because their order counts.
  private static func part(of element: XMLElement, _ generator: inout Generator) -> XMLElement {
    let keyed: Set = [
      "controller", "graphics", "feature", "timer", "target", "mac", "boot", "listen", "memory", "currentMemory",
      "iothread", "group_name",
    ]
    var result = element
    result.attributes.removeAll { _ in !keyed.contains(element.name) && Int.random(in: 0..<4, using: &generator) == 0 }
    result.children = element.children.compactMap { node in
      guard let child = node.element, !["target", "mac", "interface", "group_name"].contains(child.name) else {
        return node
      }
      guard Int.random(in: 0..<4, using: &generator) > 0 else { return nil }
      return .element(
        ["boot", "video", "serial", "console"].contains(child.name) ? child : part(of: child, &generator))
    }
    return result
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }
}
