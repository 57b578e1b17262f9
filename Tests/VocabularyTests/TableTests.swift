import Testing

@testable import Vocabulary

/// What every entry of the tables must have.
@Suite("the vocabulary's tables")
struct TableTests {
  static let types: [ObjectType] = {
    var found: [ObjectType] = []
    func visit(_ type: ObjectType) {
      guard !found.contains(where: { $0 === type }) else { return }
      found.append(type)
      for collection in type.collections { visit(collection.type) }
    }
    visit(Vocabulary.stack)
    return found
  }()

  @Test("every field says what it means in sentences", arguments: types)
  func summaries(type: ObjectType) {
    for field in type.fields {
      #expect(field.summary.hasSuffix("."), "\(type.name).\(field.name)")
      #expect(!field.summary.contains("  "), "\(type.name).\(field.name)")
    }
    for group in type.groups { #expect(group.summary.hasSuffix(".")) }
    #expect(type.summary.hasSuffix("."))
  }

  @Test("every field in libvirt's XML names the page that describes it", arguments: types)
  func references(type: ObjectType) {
    for field in type.fields where field.lens != nil { #expect(field.reference != nil, "\(type.name).\(field.name)") }
  }

  @Test("every group has members, and its shorthand is one of them", arguments: types)
  func groups(type: ObjectType) {
    for group in type.groups {
      #expect(!type.keys(in: group.name).isEmpty)
      if let shorthand = group.shorthand { #expect(type.field("\(group.name).\(shorthand)") != nil) }
    }
    for field in type.fields { if let group = field.group { #expect(type.group(group) != nil, "\(field.name)") } }
  }

  @Test("every default is a value of its field", arguments: types)
  func initialValues(type: ObjectType) throws {
    for field in type.fields {
      guard let initial = field.initial else { continue }
      #expect(try field.type.parse(initial.description) == initial)
    }
  }

  @Test("effects are ordered by disruption")
  func effects() {
    #expect(Effect.allCases.sorted() == Effect.allCases)
    #expect(Effect.define < .live && Effect.nextBoot < .restart && Effect.replace < .dataLoss)
  }
}
