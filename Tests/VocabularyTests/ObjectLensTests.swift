import Foundation
import Testing
import XMLTree

@testable import Vocabulary

/// The laws of lenses for objects that are one definition without devices: networks and pools.
///
/// The documents are as libvirt writes them. A folder of more, with a folder `network` and a folder `pool` in it, may be
/// named by `VIREO_CORPUS`.
@Suite("lens laws of networks and pools")
struct ObjectLensTests {
  struct Document: Sendable, CustomTestStringConvertible {
    var name: String
    var type: ObjectType
    var element: XMLElement
    /// Whether the vocabulary is known to say all that the document says.
    var isWhole: Bool

    var testDescription: String { name }
  }

  static let documents: [Document] = {
    var documents: [Document] = []
    for (type, texts) in [(Vocabulary.network, ObjectDocuments.networks), (Vocabulary.pool, ObjectDocuments.pools)] {
      for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
        documents.append(Document(name: name, type: type, element: try! XMLElement.parse(text), isWhole: true))
      }
      guard let corpus = ProcessInfo.processInfo.environment["VIREO_CORPUS"] else { continue }
      let folder = "\(corpus)/\(type.name)"
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? [] {
        guard let text = try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8),
          let element = try? XMLElement.parse(text)
        else { continue }
        documents.append(Document(name: name, type: type, element: element, isWhole: false))
      }
    }
    return documents
  }()

  @Test("putting back what was got changes nothing", arguments: documents)
  func getPut(document: Document) {
    for field in document.type.fields {
      guard let lens = field.lens, let value = lens.get(document.element) else { continue }
      var copy = document.element
      lens.put(value, into: &copy)
      #expect(copy.serialised() == document.element.serialised(), "\(field.name)")
      #expect((try? field.type.parse(value.description)) == value, "\(field.name) = \(value)")
    }
  }

  @Test("what was put is what is got, and nothing else changes its value", arguments: documents)
  func putGet(document: Document) {
    for field in document.type.fields {
      guard let lens = field.lens, field.name != "local-ptr" else { continue }
      for value in Samples.values(of: field) {
        var copy = document.element
        lens.put(value, into: &copy)
        #expect(field.matches(desired: value, stored: lens.get(copy)), "\(field.name) = \(value)")
        var twice = copy
        lens.put(value, into: &twice)
        #expect(twice == copy, "\(field.name) = \(value)")
      }
    }
  }

  @Test("a field that is taken out is not there, and put back it is what it was", arguments: documents)
  func takesOut(document: Document) {
    for field in document.type.fields {
      guard let lens = field.lens, let value = lens.get(document.element) else { continue }
      var copy = document.element
      lens.put(nil, into: &copy)
      let rest = lens.get(copy)
      #expect(rest == nil || rest == .string("isolated"), "\(field.name)")
      // What stands in an address's element, in the way out or in a device goes with it.
      if ["addresses", "mode", "source.devices"].contains(field.name) { continue }
      lens.put(value, into: &copy)
      #expect(difference(copy, document.element, options: Self.unordered).isEmpty, "\(field.name)")
    }
  }

  @Test("taking all fields out leaves nothing that they own", arguments: documents)
  func takesAllOut(document: Document) {
    var copy = document.element
    for field in document.type.fields { field.lens?.put(nil, into: &copy) }
    guard document.isWhole else { return }
    copy.removeAll("source", where: Self.isEmpty)
    let left = copy.elements.map(\.qualifiedName).filter { !Self.unowned.contains($0) }
    #expect(left.isEmpty && copy.attributes.isEmpty && copy.namespaceDeclarations.isEmpty, "\(copy.serialised())")
  }

  @Test("all fields put into an empty element make the document again", arguments: documents)
  func recreates(document: Document) {
    var made = XMLElement(document.type.name)
    for field in document.type.fields {
      guard let lens = field.lens, let value = lens.get(document.element) else { continue }
      lens.put(value, into: &made)
    }
    var original = document.element
    for name in Self.unowned { original.removeAll(name) }
    original.removeAll("source", where: Self.isEmpty)
    let differences = difference(original, made, options: Self.unordered)
    if document.isWhole {
      #expect(differences.isEmpty, "\(differences.map { "\($0.kind) \($0.path)" })\n\(made.serialised())")
    } else if ProcessInfo.processInfo.environment["VIREO_CORPUS_VERBOSE"] != nil, !differences.isEmpty {
      print(document.name, differences.map { "\($0.kind) \($0.path) \($0.old ?? "") \($0.new ?? "")" })
    }
    #expect(!differences.contains { $0.kind == .added }, "\(differences)")
  }

  /// What no field of the vocabulary is about: the name is the object's key, the sizes change by themselves.
  private static let unowned = ["name", "capacity", "allocation", "available", "metadata"]

  /// Whether it is the `source` that libvirt writes for pools that have none.
  private static func isEmpty(_ source: XMLElement) -> Bool {
    source.attributes.isEmpty && !source.elements.contains { _ in true }
  }

  /// Tables have no order.
  private static let unordered = XMLDifferenceOptions(isUnordered: { element, _ in
    ["host", "txt", "portgroup", "option"].contains(element.name)
  })
}
