// README.md against the program: its table of options says which commands have each, and so does the program.

import Foundation
import Testing

@Suite("README.md")
struct ReadmeTests {
  @Test("each option of the table is one of exactly the commands that its row names")
  func options() throws {
    // The commands for images alone have a page of their own.
    let commands = try CommandHelp.read().command.ownCommands.filter { $0.commandName != "image" }
    let readme = CommandHelp.repository.appending(path: "README.md")
    let rows = try String(contentsOf: readme, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `--") }
    #expect(rows.count > 8)
    for row in rows {
      let cells = row.replacing("\\|", with: "/").split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      for option in cells[0].matches(of: /`--([a-z-]+)/).map({ String($0.output.1) }) {
        let having = commands.filter { $0.options.contains(option) }.map(\.commandName)
        #expect(cells[1] == having.joined(separator: ", "), "--\(option)")
      }
    }
  }
}
