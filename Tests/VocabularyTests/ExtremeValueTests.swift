// Documents whose numbers are at the ends of what a number can be: whatever libvirt, a tool or a person left there, reading it is no trap.

import Testing
import XMLTree

@testable import Vocabulary

@Suite("extreme values")
struct ExtremeValueTests {
  private static let values = [
    "18446744073709551615", "18446744073709551616", "9223372036854775807", "-9223372036854775808", "4294967296", "-1",
    "",
    "0x", "0xffffffffffffffff", "0-18446744073709551615", "^", ":::", "/999999999999", "\u{661}\u{662}", "1.5", "a,b,,",
  ]

  /// Every copy of an element in which one attribute or text is another.
  private static func variants(of element: XMLElement, _ value: String, _ body: (XMLElement) -> Void) {
    for index in element.attributes.indices {
      var copy = element
      copy.attributes[index].value = value
      body(copy)
    }
    if !element.elements.contains(where: { _ in true }), !element.text.isEmpty {
      var copy = element
      copy.text = value
      body(copy)
    }
    for index in element.children.indices {
      guard case .element(let child) = element.children[index] else { continue }
      variants(of: child, value) { changed in
        var copy = element
        copy.children[index] = .element(changed)
        body(copy)
      }
    }
  }

  private func read(_ type: ObjectType, _ element: XMLElement) {
    for field in type.fields { _ = field.lens?.get(element) }
  }

  @Test("every field reads every document with any such value in any one place, and it compares", arguments: values)
  func read(value: String) {
    var count = 0
    Self.variants(of: LensTests.domain, value) { domain in
      count += 1
      read(Vocabulary.domain, domain)
      for collection in Vocabulary.domain.collections {
        for device in domain.first("devices").map({ Array($0.elements) }) ?? [] { read(collection.type, device) }
      }
      _ = Vocabulary.wholeMemory(of: domain)
      _ = Vocabulary.deviceMemory(of: domain)
    }
    #expect(count > 80)
  }
}
