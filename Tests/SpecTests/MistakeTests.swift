import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import Spec

/// Every mistake of a file is reported in one run. What a person reads is kept in Golden/, one text a file of Mistakes/.
@Suite("mistakes in spec files")
struct MistakeTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Mistakes")

  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".yaml") }.sorted()
  }()

  @Test("every mistake has its place, its line and a remedy", arguments: names)
  func reports(name: String) throws {
    let text = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
    let result = SpecLoader().load([SourceFile(path: name, text: text)])
    #expect(result.stack == nil)
    #expect(result.diagnostics.hasErrors)
    // On a terminal; in a pipe each message stays on a line.
    let rendered = DiagnosticFormat.render(result.diagnostics, as: .text(color: false, width: 100))
    try expectGolden(rendered, name.replacing(".yaml", with: ".txt"))
  }

  @Test("there are files to try")
  func thereAreFiles() { #expect(Self.names.count > 12) }

  @Test("a file that cannot be read is one of the messages")
  func unreadable() {
    let result = SpecLoader().load(["/nonexistent/lab.yaml"])
    #expect(result.stack == nil)
    #expect(result.diagnostics.map(\.rule) == ["unreadable-file"])
  }

  @Test("a variable that nothing uses is most likely misspelt")
  func unusedVariable() {
    let loader = SpecLoader(variables: VariableSources(values: ["memroy": "1 GiB"]))
    let text = "stack: lab\nvariables: { memory: 2 GiB }\ndomains: { web: { memory: \"${memory}\" } }\n"
    let result = loader.load([SourceFile(path: "lab.yaml", text: text)])
    #expect(result.diagnostics.map(\.rule) == ["unused-variable"])
    #expect(result.diagnostics.first?.suggestion == "did you mean `memory`?")
  }
}
