import Foundation
import TestSupport
import Testing

@testable import Vocabulary

@Suite("typed names of fields")
struct FieldKeyTests {
  @Test("each names a field of a table whose values are of its type")
  func tables() {
    for key in Vocabulary.keys {
      #expect(!key.types.isEmpty, "no table has a field \(key.name) with values of type \(key.content)")
    }
  }

  @Test("a key of another type than its field's is told from one that fits")
  func otherTypes() throws {
    let state = Vocabulary.domain[.state]
    #expect(WantedState.holds(state.type) && String.holds(state.type))
    #expect(!Completion.holds(state.type) && !UInt64.holds(state.type))
    #expect(WantedState.content(of: .string("paused")) == .paused)
    #expect(WantedState.content(of: .string("asleep")) == nil && WantedState.content(of: .boolean(true)) == nil)
    #expect([String].content(of: .list([.string("a"), .string("b")])) == ["a", "b"])
    #expect(
      Int.content(of: .seconds(90)) == 90 && Int.content(of: .integer(2)) == 2 && Int.content(of: .bytes(2)) == nil)
  }

  @Test("a key gives the field of its table, and of each table that has one of the name its own")
  func entries() {
    for type in Vocabulary.allTypes {
      #expect(type.has(.xml) == type.fields.contains { $0.isFragment }, "\(type.name)")
    }
    #expect(Vocabulary.disk[.size] === Vocabulary.disk.field("size"))
    #expect(Vocabulary.disk[.size] != Vocabulary.volume[.size])
  }
}
