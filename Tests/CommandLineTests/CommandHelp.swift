// What the program says of its own commands and options, for tests that hold documentation against it.

import Foundation
import TestSupport

/// The program's description of itself.
struct CommandHelp: Decodable {
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

  static func read() throws -> CommandHelp {
    let run = try vireo(["--experimental-dump-help"])
    return try JSONDecoder().decode(CommandHelp.self, from: Data(run.output.utf8))
  }

  /// The repository's folder.
  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}

extension CommandHelp.Command {
  /// The commands of this one, without the one for help.
  var ownCommands: [CommandHelp.Command] { (subcommands ?? []).filter { $0.commandName != "help" } }

  func command(_ name: String) -> CommandHelp.Command? { ownCommands.first { $0.commandName == name } }

  /// The options of the command itself.
  var ownOptions: Set<String> {
    Set((arguments ?? []).filter { $0.kind != "positional" }.flatMap { $0.names ?? [] }.map(\.name))
  }

  /// The options of the command and of its own commands.
  var options: Set<String> { ownCommands.reduce(into: ownOptions) { $0.formUnion($1.options) } }
}
