// Options that pages and messages mention, against the program: each exists, on the command that it is mentioned with.

import Foundation
import TestSupport
import Testing

@Suite("options in the documentation and in messages")
struct DocumentedOptionTests {
  /// Options of other programs that pages and messages compare or advise with.
  private static let others: Set<String> = [
    // virsh's
    "tpm",
    // qemu-img's
    "image-opts", "object", "bitmaps", "salvage", "max-length", "remove",
    // swift test's
    "filter",
    // document-check's
    "daemon",
  ]

  /// The texts of the repository's pages.
  private static let pages: [(name: String, text: String)] = {
    let root = CommandHelp.repository
    let docs = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: "docs").path)) ?? []
    return (["README.md", "CONTRIBUTING.md"] + docs.sorted().filter { $0.hasSuffix(".md") }.map { "docs/\($0)" })
      .compactMap { name in
        (try? String(contentsOf: root.appending(path: name), encoding: .utf8)).map { (name, $0) }
      }
  }()

  /// The program's texts: the lines of its sources that have to do with options or connections, and are no comments.
  private static let messages: [(name: String, text: String)] = {
    let sources = CommandHelp.repository.appending(path: "Sources")
    let found = try? output(
      of: "grep", "-rE", "--include=*.swift",
      "--exclude-dir=document-check", "--", "[^a-z-]--[a-z]|qemu[+]ssh", sources.path)
    let lines = (found ?? "").split(separator: "\n").compactMap { line -> (String, String)? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let text = line[line.index(after: colon)...]
      return text.drop { $0 == " " }.hasPrefix("//")
        ? nil : (String(line[..<colon].split(separator: "/").last ?? ""), String(text))
    }
    return lines.map { (name: $0.0, text: $0.1) }
  }()

  /// Pieces of a text that are one command line: `vireo …` to the end of the code span, or of the line of a block.
  private static func commandLines(in text: String) -> [[Substring]] {
    text.matches(of: /vireo ([a-z][^`"#\n]*)/).map { $0.output.1.split(separator: " ") }
  }

  /// What is wrong with the options of a command line; nil for a line that is a command of the program.
  private static func unknown(in words: [Substring], _ root: CommandHelp.Command) -> [String] {
    guard var command = words.first.flatMap({ root.command(String($0)) }) else { return [] }
    var rest = words.dropFirst()
    while let name = rest.first, let inner = command.command(String(name)) {
      command = inner
      rest = rest.dropFirst()
    }
    // `vireo snapshot` in a sentence stands for all of its commands; what follows the line's own end is another command's.
    return rest.prefix { !["|", "&&", ";"].contains($0) }.compactMap { word in
      guard let option = word.prefixMatch(of: /\[?--([a-z][a-z-]*)/)?.output.1 else { return nil }
      return command.options.contains(String(option)) ? nil : "--\(option) of `vireo \(words.joined(separator: " "))`"
    }
  }

  @Test("each option that follows a command, on a page or in a message, is one of that command")
  func commands() throws {
    let root = try CommandHelp.read().command
    var found = 0
    for (name, text) in Self.pages + Self.messages {
      for words in Self.commandLines(in: text) {
        found += words.count { $0.hasPrefix("--") }
        for problem in Self.unknown(in: words, root) { Issue.record("\(name): \(problem)") }
      }
    }
    #expect(found > 30, "\(found)")
  }

  @Test("each option on a page is one of some command; those said to be on commands are on those")
  func spans() throws {
    let root = try CommandHelp.read().command
    let known = root.options
    var found = 0
    for (name, text) in Self.pages {
      // The page about images compares with qemu-img, whose options stand in the second column.
      let lines = text.split(separator: "\n").map { line in
        name == "docs/images.md" && line.hasPrefix("|")
          ? String(line.replacing("\\|", with: "/").split(separator: "|").first ?? "") : String(line)
      }
      for line in lines where !line.contains("virsh") && !line.contains("qemu-img") {
        for option in line.matches(of: /`--([a-z][a-z-]*)/).map({ String($0.output.1) }) {
          found += 1
          #expect(known.contains(option) || Self.others.contains(option), "\(name): --\(option)")
        }
      }
      for match in text.matches(of: /`--([a-z][a-z-]*)[^`]*` on `([a-z]+)`(?: and `([a-z]+)`)?/) {
        for command in [match.output.2, match.output.3].compactMap(\.self) {
          #expect(
            root.command(String(command))?.options.contains(String(match.output.1)) ?? false,
            "\(name): --\(match.output.1) on \(command)")
        }
      }
    }
    #expect(found > 40, "\(found)")
  }

  @Test("each option in a remedy is one of some command")
  func remedies() throws {
    let known = try CommandHelp.read().command.options
    var found = 0
    for (name, text) in Self.messages {
      for line in text.split(separator: "\n") where line.contains("\"") && !line.contains("virsh") {
        for option in line.matches(of: /(?:^|[ `'"(])--([a-z][a-z0-9-]+)/).map({ String($0.output.1) }) {
          found += 1
          #expect(known.contains(option) || Self.others.contains(option), "\(name): --\(option) in \(line)")
        }
      }
    }
    #expect(found > 20, "\(found)")
  }

  @Test("no remedy offers a connection to another host, which is refused where a stack has files")
  func connections() {
    for (name, text) in Self.messages { #expect(!text.contains("qemu+ssh://HOST"), "\(name)") }
  }
}
