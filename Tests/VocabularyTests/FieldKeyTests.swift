import Testing

@testable import Vocabulary

@Suite("typed names of fields")
struct FieldKeyTests {
  @Test("each names a field of the tables that it is said to be in, whose values are of its type")
  func tables() throws {
    for key in Vocabulary.keys {
      #expect(!key.types.isEmpty, "\(key.name)")
      for type in key.types {
        let field = try #require(type.field(key.name), "\(type.name) has no \(key.name)")
        #expect(key.holds(field.type), "\(type.name).\(key.name)")
      }
    }
    #expect(Set(Vocabulary.keys.map(\.name)).count == Vocabulary.keys.count)
  }

  @Test("a key of another type than its field's is told from one that fits")
  func otherTypes() throws {
    let state = try #require(Vocabulary.domain.field("state"))
    #expect(WantedState.holds(state.type) && String.holds(state.type))
    #expect(!Completion.holds(state.type) && !UInt64.holds(state.type))
    #expect(WantedState.content(of: .string("paused")) == .paused)
    #expect(WantedState.content(of: .string("asleep")) == nil && WantedState.content(of: .boolean(true)) == nil)
  }
}
