// What is parsed and written again is the same document.

import TestSupport
import Testing
import XMLTree

@Suite("Round trip")
struct RoundTripTests {
  @Test("a document survives parse and serialise, indented or on one line", arguments: Documents.own)
  func ownDocuments(text: String) throws {
    let tree = try XMLElement.parse(text)
    #expect(try XMLElement.parse(tree.serialised()) == tree)
    #expect(try XMLElement.parse(tree.serialised(indent: nil)) == tree)
    #expect(try XMLElement.parse(tree.serialised(indent: 4, declaration: true)) == tree)
    #expect(try XMLElement.parse(bytes: Array(text.utf8)) == tree)
  }

  @Test("a document survives being saved as a tree", arguments: Documents.own)
  func coding(text: String) throws { try expectRoundTrip(XMLElement.parse(text)) }

  @Test("a tree that no text can tell from others survives being saved")
  func codingInCode() throws {
    var element = XMLElement("qemu:arg", ["value": ""], text: "a")
    element.children += [
      .text(""), .text("b"), .comment("c"), .processingInstruction(target: "t", data: ""), .element(XMLElement("e")),
    ]
    try expectRoundTrip(element)
    element.namespaceURI = ""
    element.namespaceDeclarations = [XMLNamespace(prefix: nil, uri: ""), XMLNamespace(prefix: "p", uri: "u")]
    try expectRoundTrip(element)
  }

  @Test("libvirt's own form comes back byte for byte")
  func bytes() throws {
    #expect(try XMLElement.parse(Documents.domain).serialised() == Documents.domain)
  }

  @Test(
    "every document of the corpus survives parse and serialise",
    .enabled(if: Documents.corpusFolder != nil, "VIREO_CORPUS is not set"), arguments: Documents.corpus)
  func corpus(path: String) throws {
    let tree = try XMLElement.parse(try Documents.read(path))
    #expect(try XMLElement.parse(tree.serialised()) == tree)
    #expect(try XMLElement.parse(tree.serialised(indent: nil)) == tree)
    #expect(difference(tree, tree).isEmpty)
  }

  @Test(
    "xmllint sees the same document in what we write",
    .enabled(if: Judge.hasXMLLint, "xmllint is not installed"), arguments: Documents.own)
  func canonicalOwn(text: String) throws {
    let ours = try XMLElement.parse(text).serialised()
    #expect(try Judge.canonical(ours) == Judge.canonical(text))
  }

  @Test(
    "xmllint sees the same document in what we write of the corpus",
    .enabled(if: Judge.hasXMLLint && Documents.corpusFolder != nil, "xmllint or VIREO_CORPUS is missing"),
    arguments: Documents.corpus)
  func canonicalCorpus(path: String) throws {
    let text = try Documents.read(path)
    let ours = try XMLElement.parse(text).serialised()
    #expect(try Judge.canonical(ours) == Judge.canonical(text))
  }

  @Test(
    "what libvirt itself writes comes back byte for byte", .enabled(if: Judge.hasVirsh, "virsh is not installed"),
    arguments: [
      "dumpxml test", "desc test \"it's <a> & b\"; dumpxml test", "net-dumpxml default", "pool-dumpxml default-pool",
    ])
  func libvirt(commands: String) throws {
    let text = try Judge.run("virsh", ["-q", "-c", "test:///default", commands])
    #expect(try XMLElement.parse(text).serialised() == text)
  }

  @Test("many threads may parse at once")
  func threads() async throws {
    let expected = try XMLElement.parse(Documents.domain)
    await withTaskGroup(of: Bool.self) { group in
      for number in 0..<64 {
        group.addTask {
          if number % 3 == 0 { return (try? XMLElement.parse("<a><b></a>")) == nil }
          return (try? XMLElement.parse(Documents.domain)) == expected
        }
      }
      for await holds in group { #expect(holds) }
    }
  }
}
