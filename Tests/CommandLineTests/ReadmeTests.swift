// README.md against the program: its table of options says which commands have each, and so does the program.

import Foundation
import TestSupport
import Testing

@Suite("README.md")
struct ReadmeTests {
  private struct Help: Decodable {
    struct Command: Decodable {
      var commandName: String
      var arguments: [Argument]?
      var subcommands: [Command]?
    }

    struct Argument: Decodable {
      struct Name: Decodable { var name: String }

      var kind: String
      var names: [Name]?
    }

    var command: Command
  }

  /// The options of each command, those of its own commands included.
  private static func options(of command: Help.Command) -> Set<String> {
    (command.subcommands ?? []).filter { $0.commandName != "help" }.reduce(
      into: Set((command.arguments ?? []).filter { $0.kind != "positional" }.flatMap { $0.names ?? [] }.map(\.name))
    ) { $0.formUnion(options(of: $1)) }
  }

  @Test("each option of the table is one of exactly the commands that its row names")
  func options() throws {
    let run = try vireo(["--experimental-dump-help"])
    let help = try JSONDecoder().decode(Help.self, from: Data(run.output.utf8))
    // The commands for images alone have a page of their own.
    let commands = (help.command.subcommands ?? []).filter { !["image", "help"].contains($0.commandName) }
    let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "README.md")
    let rows = try String(contentsOf: readme, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `--") }
    #expect(rows.count > 8)
    for row in rows {
      let cells = row.replacing("\\|", with: "/").split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      for option in cells[0].matches(of: /`--([a-z-]+)/).map({ String($0.output.1) }) {
        let having = commands.filter { Self.options(of: $0).contains(option) }.map(\.commandName)
        #expect(cells[1] == having.joined(separator: ", "), "--\(option)")
      }
    }
  }
}
