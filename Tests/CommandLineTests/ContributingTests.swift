// CONTRIBUTING.md against the sources: the files that a change takes exist, have what the page says, and are all there are.

import Foundation
import Testing

@Suite("CONTRIBUTING.md")
struct ContributingTests {
  private static func text(_ path: String) throws -> String {
    try String(contentsOf: CommandHelp.repository.appending(path: path), encoding: .utf8)
  }

  /// The page's sections by their headings.
  private static func sections() throws -> [String: String] {
    let page = try text("CONTRIBUTING.md")
    return Dictionary(
      uniqueKeysWithValues: page.components(separatedBy: "\n### ").dropFirst().map { section in
        (String(section.prefix { $0 != "\n" }), section)
      })
  }

  /// The code spans of a text.
  private static func spans(_ text: some StringProtocol) -> [String] {
    String(text).matches(of: /`([^`]+)`/).map { String($0.output.1) }
  }

  /// The paths of files and folders among them.
  private static func paths(_ text: some StringProtocol) -> [String] {
    spans(text).filter { $0.contains(/^(Sources|Tests|docs|schemas|scripts)\/[\w\/.-]+$/) }
  }

  /// The source files with a text that matches.
  private static func sources(_ folder: String = "Sources", where matches: (String) -> Bool) throws -> Set<String> {
    let root = CommandHelp.repository
    let found = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
    var result: Set<String> = []
    while let name = found?.nextObject() as? String {
      let path = "\(folder)/\(name)"
      if name.hasSuffix(".swift"), matches(try text(path)) { result.insert(path) }
    }
    return result
  }

  /// The names of an enumeration's cases.
  private static func cases(of path: String) throws -> [String] {
    try text(path).matches(of: /(?m)^  case (\w+)/).map { String($0.output.1) }
  }

  /// The source files that name all cases of an enumeration: those with a switch over them.
  private static func switches(over path: String) throws -> Set<String> {
    let names = try cases(of: path)
    #expect(names.count > 10, "\(path)")
    return try sources { text in names.allSatisfy { text.contains(try! Regex("\\.\($0)\\b")) } }.subtracting([path])
  }

  @Test("every file and folder on the page exists")
  func files() throws {
    let paths = Self.paths(try Self.text("CONTRIBUTING.md"))
    #expect(paths.count > 40)
    for path in paths {
      #expect(FileManager.default.fileExists(atPath: CommandHelp.repository.appending(path: path).path), "\(path)")
    }
  }

  @Test("every file of a table contains the names beside it")
  func names() throws {
    var count = 0
    for (title, section) in try Self.sections() {
      for row in section.split(separator: "\n") where row.hasPrefix("| ") {
        let cells = row.split(separator: "|")
        guard cells.count >= 2 else { continue }
        let files = Self.paths(cells[0]).filter { !$0.hasPrefix("schemas/") && $0.hasSuffix(".swift") }
        for file in files {
          let text = try Self.text(file)
          for name in Self.spans(cells[1]) where !name.hasPrefix("docs/") && name.contains(/[ (:<@]/) {
            count += 1
            let isThere = text.contains(name)
            #expect(isThere, "\(title): \(file) has no `\(name)`")
          }
        }
      }
    }
    #expect(count > 18, "\(count)")
  }

  @Test("a new action is known in these files, and no other switches over all actions")
  func actions() throws {
    let section = try #require(Self.sections()["An action"])
    let switches = try Self.switches(over: "Sources/Planner/Plan/Operation.swift")
    #expect(switches.count > 2)
    #expect(switches.subtracting(Self.paths(section)) == [])
  }

  @Test("an action is carried out in a room of its own: the run has every room, and nothing extends the run or a room")
  func rooms() throws {
    let applier = try Self.sources("Sources/Applier") { _ in true }
    let rooms = applier.compactMap { $0.firstMatch(of: /(\w+Actions)\.swift$/).map { String($0.output.1) } }
    #expect(rooms.count > 10)
    let run = try Self.text("Sources/Applier/Run/ApplyRun.swift")
    for room in rooms {
      #expect(run.contains(": \(room)\n"), "ApplyRun has no \(room)")
    }
    let extended = try Self.sources("Sources/Applier") { $0.contains(/(?m)^extension (ApplyRun|\w+Actions) \{/) }
    #expect(extended == [])
  }

  @Test("a new way of changing running guests is a row beside it and a call, and no other switches over all ways")
  func liveWays() throws {
    let section = try #require(Self.sections()["A live field"])
    let switches = try Self.switches(over: "Sources/Vocabulary/Language/LiveWay.swift")
    #expect(switches == ["Sources/Applier/Devices/LiveActions.swift"])
    #expect(switches.subtracting(Self.paths(section)) == [])
  }

  @Test("nothing but its table asks of what kind a device is")
  func deviceKinds() throws {
    let vocabulary = try Self.sources("Sources/Vocabulary") { $0.contains("DeviceRule(") }
    let kinds = try Set(
      vocabulary.flatMap { try Self.text($0).matches(of: /DeviceRule\(\s*"(\w+)"/).map { String($0.output.1) } })
    #expect(kinds.count > 20)
    let switches = try Self.sources { text in
      text.matches(of: /(?m)^ *case ("[^:\n]*)/).filter { match in
        match.output.1.matches(of: /"(\w+)"/).contains { kinds.contains(String($0.output.1)) }
      }.count > 1
    }
    #expect(switches == [])
    // What reads hosts does not know the vocabulary.
    let above = try Self.sources { text in
      text.matches(of: /(?:name|element|kind) *[!=]= "(\w+)"/).contains { kinds.contains(String($0.output.1)) }
    }.filter { !$0.hasPrefix("Sources/Vocabulary/") && !$0.hasPrefix("Sources/Inventory/") }
    #expect(above == [])
  }

  @Test("the commands that choose an output format are those of the page")
  func formats() throws {
    let section = try #require(Self.sections()["An output format"])
    let listed = Self.paths(section).filter { $0.hasPrefix("Sources/vireo/") && !$0.hasSuffix("/Options.swift") }
    #expect(listed.count > 10)
    #expect(try Self.sources("Sources/vireo") { $0.contains(/\W\.json\b/) } == Set(listed))
  }

  @Test("fields are entries of the vocabulary's tables and are defined nowhere else")
  func fields() throws {
    let tables = try Self.sources { $0.contains(/(?m)^ +Field\($/) }
    #expect(tables.count > 20)
    #expect(tables.filter { !$0.hasPrefix("Sources/Vocabulary/") } == [])
  }
}
