// Words that stand where a command should and are none: what was most likely meant.

import ArgumentParser
import Diagnostics

/// Finds a word on the command line that stands for a command and is none.
///
/// The argument parser takes such a word for an argument too many, and `help` followed by one prints the help of what it
/// knows.
enum CommandWords {
  /// What is wrong with the commands that the arguments name; nil when nothing is.
  static func problem(in arguments: [String], of root: any ParsableCommand.Type) -> Diagnostic? {
    read(arguments, of: root).problem
  }

  /// The last command that the arguments name, and what is wrong with the word behind it.
  static func read(
    _ arguments: [String], of root: any ParsableCommand.Type
  ) -> (command: any ParsableCommand.Type, problem: Diagnostic?) {
    var words = arguments[...]
    if words.first == "help" { words = words.dropFirst() }
    var command = root
    var path = [name(of: root)]
    while !command.configuration.subcommands.isEmpty, let word = words.popFirst(), !word.hasPrefix("-") {
      guard let next = command.configuration.subcommands.first(where: { name(of: $0) == word }) else {
        let names = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }.map(name)
        return (command, unknown(word, in: path, among: names))
      }
      command = next
      path.append(word)
    }
    return (command, nil)
  }

  /// A command as it is written.
  static func name(of command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? "\(command)".lowercased()
  }

  private static func unknown(_ word: String, in path: [String], among names: [String]) -> Diagnostic {
    let owner = path.joined(separator: " ")
    let meant =
      synonyms[path.dropFirst().joined(separator: " ")]?[word.lowercased()] ?? closestMatch(to: word, among: names)
    return Diagnostic(
      "unknown-command", "`\(owner)` has no command `\(word)`",
      suggestion: meant.map { "did you mean `\(owner) \($0)`?" } ?? "the commands are \(names.joined(separator: ", "))")
  }

  /// The words of other tools, by the command that they are tried at; the root's under the empty text.
  static let synonyms: [String: [String: String]] = [
    "": [
      "diff": "plan", "preview": "plan", "dry-run": "plan", "up": "apply", "create": "apply", "deploy": "apply",
      "converge": "apply", "sync": "apply", "start": "apply", "run": "apply", "check": "validate", "lint": "validate",
      "verify": "validate", "down": "destroy", "delete": "destroy", "remove": "destroy", "rm": "destroy",
      "undefine": "destroy", "ls": "status", "list": "status", "ps": "status", "show": "status", "state": "status",
      "new": "init", "adopt": "import", "export": "import", "undelete": "restore", "recover": "restore",
      "prune": "gc", "clean": "gc", "cleanup": "gc", "docs": "explain", "describe": "explain", "snap": "snapshot",
      "disk": "image",
    ],
    "snapshot": [
      "create": "take", "new": "take", "add": "take", "save": "take", "restore": "revert", "rollback": "revert",
      "apply": "revert", "rm": "delete", "remove": "delete", "ls": "list", "show": "list",
    ],
    "image": [
      "show": "info", "inspect": "info", "stat": "info", "new": "create", "make": "create", "grow": "resize",
      "shrink": "resize", "extend": "resize", "diff": "compare", "merge": "commit",
      "repair": "check", "copy": "convert",
    ],
    "image snapshot": [
      "new": "take", "add": "take", "save": "take", "restore": "revert", "rollback": "revert", "rm": "delete",
      "remove": "delete", "mv": "rename", "ls": "list", "show": "list",
    ],
  ]
}
