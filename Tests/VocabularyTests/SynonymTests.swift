// The words that people try: each leads to something that the language has, and none is a word of the language.

import Testing

@testable import Vocabulary

@Suite("synonyms")
struct SynonymTests {
  private static func type(_ name: String) -> ObjectType? { TableTests.types.first { $0.name == name } }

  /// Whether a path leads to a field, a group or a collection, from an object of a kind.
  private static func leads(_ path: String, from type: ObjectType) -> Bool {
    if type.field(path) != nil || type.group(path) != nil || type.collection(path) != nil { return true }
    guard let dot = path.firstIndex(of: "."), let collection = type.collection(String(path[..<dot])) else {
      return false
    }
    return leads(String(path[path.index(after: dot)...]), from: collection.type)
  }

  @Test("every word means something that the object has, and is no key of it", arguments: Synonyms.keys.keys.sorted())
  func keys(kind: String) throws {
    let type = try #require(Self.type(kind))
    for (word, meaning) in try #require(Synonyms.keys[kind]) {
      #expect(Self.leads(meaning.key, from: type), "\(kind): \(word) means \(meaning.key)")
      let parts = word.split(separator: ".").map(String.init)
      let (group, last) = (parts.count > 1 ? parts[0] : nil, parts.last ?? "")
      #expect(Synonyms.simplified(last) == last, "\(kind): \(word) can never be found")
      if let group { #expect(type.group(group) != nil, "\(kind): \(word)") }
      // In its plain form: `virtual-size` would be found as `virtualsize`.
      #expect(!type.keys(in: group).map(Synonyms.simplified).contains(last), "\(kind): \(word) is a key")
      #expect(type.meaning(of: last, in: group) == meaning)
    }
  }

  @Test(
    "every value that a word means is one of the field's, and the word is none",
    arguments: Synonyms.values.keys.sorted())
  func values(place: String) throws {
    let dot = try #require(place.firstIndex(of: "."))
    let type = try #require(Self.type(String(place[..<dot])))
    let field = try #require(type.field(String(place[place.index(after: dot)...])), "\(place)")
    guard case .enumeration(let names) = field.type else {
      Issue.record("\(place) is no enumeration")
      return
    }
    for (word, value) in try #require(Synonyms.values[place]) {
      #expect(names.contains(value), "\(place): \(word) means \(value)")
      #expect(!names.map(Synonyms.simplified).contains(word), "\(place): \(word) is a value")
      #expect(type.value(meantBy: word, for: field.name) == value)
    }
  }

  @Test(
    "what people try in a domain",
    arguments: [
      ("ram", "write `memory`"), ("mem", "write `memory`"), ("cpus", "write `vcpus`"), ("cpu_count", "write `vcpus`"),
      ("nics", "write `interfaces`"), ("running", "write `state: running`"), ("hdd", "write `disks`"),
      ("disk", "write `disks`"), ("network", "write it at an interface: `interfaces: { lan: { network: NAME } }`"),
      ("image", "write it at a disk: `disks: { root: { image: NAME } }`"),
    ])
  func domain(word: String, advice: String) {
    for type in [Vocabulary.domain, Vocabulary.profile] { #expect(type.meaning(of: word)?.advice == advice) }
  }

  @Test(
    "states in other words",
    arguments: [("on", "running"), ("started", "running"), ("up", "running"), ("Shut-Off", "stopped")])
  func states(word: String, state: String) {
    #expect(Vocabulary.domain.value(meantBy: word, for: "state") == state)
  }
}
