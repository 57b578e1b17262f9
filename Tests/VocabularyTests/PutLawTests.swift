import Testing
import XMLTree

@testable import Vocabulary

/// That putting does something: what a field says gets into an element that did not have it.
@Suite("putting")
struct PutLawTests {
  static let types =
    [Vocabulary.domain, Vocabulary.network, Vocabulary.pool]
    + Vocabulary.domain.collections.map(\.type).filter { $0.device != nil }

  @Test("every value of every field takes hold in an element that did not have it", arguments: types.map(\.name))
  func takesHold(name: String) throws {
    let type = try #require(Self.types.first { $0.name == name })
    let elements = Samples.elements(of: type)
    lazy var variants = Samples.variants(of: elements, type)
    for field in type.fields {
      guard let lens = field.lens else { continue }
      let values = Samples.few(of: field)
      #expect(!values.isEmpty, "\(name).\(field.name) has no sample")
      for value in values {
        /// Whether there is an element, or one with another value of the field, that gets the value by putting it.
        func isTaken(by element: XMLElement) -> Bool {
          [nil, values.first, values.last].contains { other in
            var copy = element
            lens.put(other, into: &copy)
            guard !field.matches(desired: value, stored: lens.get(copy)) else { return false }
            lens.put(value, into: &copy)
            return field.matches(desired: value, stored: lens.get(copy))
          }
        }
        let takesHold = elements.contains(where: isTaken) || variants.contains(where: isTaken)
        #expect(takesHold, "\(name).\(field.name) = \(value)")
      }
    }
  }
}
