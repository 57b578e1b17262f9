// The spec language described: schema, reference page, explanations.

import Diagnostics
import FoundationEssentials
import TestSupport
import Testing
import Vocabulary

@testable import Report

@Suite("spec language")
struct LanguageTests {
  @Test("every field has its place in the reference and an explanation")
  func complete() throws {
    let page = SpecLanguage.reference()
    for place in SpecLanguage.places where place.type !== Vocabulary.profile {
      for field in place.type.fields {
        #expect(page.contains("| `\(field.name)` |"))
        let path = place.path(of: field.name)
        let text = try SpecLanguage.explanation(of: path)
        #expect(text.hasPrefix((place.path.isEmpty ? "" : place.spelled + ".") + field.name + "\n"), "\(path)")
      }
    }
  }

  @Test(
    "explanations are what the golden files show",
    arguments: [
      nil, "disks", "disks.size", "domains.web.disks.root.size", "cpu", "memory", "disk", "format", "domains", "vcpus",
      "profiles.small.memory", "variables",
    ])
  func explain(path: String?) throws {
    try expectGolden(try SpecLanguage.explanation(of: path), "explain-\(path ?? "overview").txt")
  }

  @Test(
    "a misspelt key is named",
    arguments: [
      ("memmory", "memory"), ("disk.siez", "disk.size"), ("disks.siez", "disks.size"), ("dommains", "domains"),
      ("domains.web.disks.root.siez", "domains.web.disks.root.size"), ("cpu.mod", "cpu.mode"),
    ])
  func misspelt(path: String, meant: String) {
    #expect {
      try SpecLanguage.explanation(of: path)
    } throws: { error in
      (error as? Diagnostic)?.suggestion == "did you mean `\(meant)`?"
    }
  }

  @Test(
    "a word that people try is explained as what it is called",
    arguments: ["ram", "nics", "image.checksum", "domains.web.cpus"])
  func tried(word: String) throws {
    try expectGolden(try SpecLanguage.explanation(of: word), "explain-\(word).txt")
  }

  @Test(
    "what resembles nothing is an error with a way on",
    arguments: ["zzzzzz", ".", "..", "disks.", ".size", "a.b.c.d.e"])
  func unknown(path: String) {
    #expect(throws: Diagnostic.self) { try SpecLanguage.explanation(of: path) }
  }

  @Test("explanations fit the width", arguments: [40, 80])
  func width(width: Int) throws {
    for path in [nil, "disks", "disks.size", "cpu", "format"] {
      for line in try SpecLanguage.explanation(of: path, TextStyle(width: width)).split(separator: "\n") {
        #expect(line.count <= width || line.contains("https://"), "\(line)")
      }
    }
  }

  @Test(
    "the schema's sizes and times are Vireo's",
    arguments: ["2 GiB", "512MiB", "1.5 TB", "2048", "2 gib", "1 KB", "5 EiB", "7 B", "1. GiB", "2 G", "-1 GiB"])
  func sizes(text: String) throws {
    let pattern = try Regex(SpecLanguage.sizePattern)
    #expect((text.wholeMatch(of: pattern) != nil) == ((try? ValueType.size(granularity: 1).parse(text)) != nil))
  }

  @Test("the schema's times are Vireo's", arguments: ["90 s", "5min", "1 h", "90", "5 m", "2 days", "s"])
  func times(text: String) throws {
    let pattern = try Regex(SpecLanguage.durationPattern)
    #expect((text.wholeMatch(of: pattern) != nil) == ((try? ValueType.duration.parse(text)) != nil))
  }
}
