// What the other modules may spell, held against the sources: fields are named by keys, and places in libvirt's XML that a field
// has by its lens.

import Foundation
import Testing

@testable import Vocabulary

@Suite("names in the sources")
struct NamesInSourcesTests {
  private static let repository = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The lines of the source files of some modules, without comments.
  private static func lines(
    where isMeant: (String) -> Bool
  ) throws -> [(place: String, text: String)] {
    let root = repository.appending(path: "Sources")
    var found: [(place: String, text: String)] = []
    let files = FileManager.default.enumerator(atPath: root.path)
    while let name = files?.nextObject() as? String {
      guard name.hasSuffix(".swift"), isMeant(name) else { continue }
      let text = try String(contentsOf: root.appending(path: name), encoding: .utf8)
      for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        let code = line.drop { $0 == " " }
        if !code.hasPrefix("//") { found.append(("\(name):\(number + 1)", String(code))) }
      }
    }
    return found
  }

  /// Modules that know no fields, and the one whose tables spell them.
  private static let others = [
    "Vocabulary/", "XMLTree/", "YAMLTree/", "DiskImage/", "Libvirt/", "Diagnostics/", "Checksum/", "C",
  ]

  private static func isAboutFields(_ file: String) -> Bool { !others.contains(where: file.hasPrefix) }

  @Test("every key that is declared is held against the tables")
  func everyKeyIsListed() throws {
    var declared: [String: Int] = [:]
    for (_, line) in try Self.lines(where: { $0.hasPrefix("Vocabulary/") }) {
      guard let match = line.firstMatch(of: /^public static var \w+: Self \{ Self\("([^"]+)"\) \}/) else { continue }
      declared[String(match.output.1), default: 0] += 1
    }
    let listed = Dictionary(Vocabulary.keys.map { ($0.name, 1) }, uniquingKeysWith: +)
    #expect(declared.count > 100)
    #expect(declared == listed)
  }

  /// The texts in quotes of a line, each with the code before it.
  private static func literals(_ line: String) -> [(before: Substring, text: Substring)] {
    let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
    return stride(from: 1, to: parts.count, by: 2).map { (parts[$0 - 1], parts[$0]) }
  }

  private static func isName(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E }
  }

  @Test("no field is named by a string where a key can name it")
  func fieldsByStrings() throws {
    let lines = try Self.lines(where: Self.isAboutFields)
    #expect(lines.count > 10_000)
    // What a spec, an import, a table or a record is asked for, and what its answer is compared with.
    let asked = [
      "settings[", "values[", "says(", ".field(", "hasMalformed(", "setDefault(", " entry: ", "== .string(",
      "!= .string(",
      "OwnershipRecord.itself, ",
    ]
    // Objects of the spec are asked for nothing but keys, whatever they are called.
    let objects = [
      "spec", "disk", "device", "domain", "network", "pool", "volume", "image", "object", "interface", "graphics",
      "profile", "declared",
    ].flatMap { ["\($0)[", "\($0)?["] }
    for (place, line) in lines where line.contains("\"") {
      for (before, text) in Self.literals(line) where Self.isName(text) {
        #expect(!(asked + objects).contains { before.hasSuffix($0) }, "\(place): \(line)")
      }
    }
  }

  @Test("no place in XML is spelled that a lens has")
  func places() throws {
    var known: Set<String> = []
    for type in Vocabulary.allTypes {
      for place in type.fields.compactMap(\.lens).flatMap(\.places) { known.insert(place) }
    }
    #expect(known.count > 400 && known.contains("target/@dev"))
    for (place, line) in try Self.lines(where: Self.isAboutFields) where line.contains("\"") {
      for (before, text) in Self.literals(line) {
        // As a path of several steps anywhere, and of one where it is read or written. A snapshot's document is not a domain's.
        guard text.contains("/") || before.hasSuffix("at: "), !place.hasPrefix("Inventory/ObservedSnapshot") else {
          continue
        }
        #expect(!known.contains(String(text)), "\(place): \(line)")
      }
    }
  }

  @Test("the places that other modules read are those of the fields")
  func knownPlaces() {
    #expect(Vocabulary.disk.place(of: .target) == "target/@dev")
    #expect(Vocabulary.domain.place(of: .machine) == "os/type/@machine")
    #expect(Vocabulary.network.place(of: .bridgeName) == "bridge/@name")
  }
}
