// The command line as a process: exit codes, which stream says what, help.

import ArgumentParser
import TestSupport
import Testing

@testable import vireo

@Suite("command line")
struct CommandLineTests {
  static let valid = """
    stack: lab
    pools: { vms: { path: "${folder}/vms" } }
    domains:
      web: { count: 2, memory: 1 GiB, disks: { root: { size: 1 GiB } } }
    variables: { folder: /srv }

    """

  @Test(
    "help is what the golden files show",
    arguments: [
      "", "init", "validate", "plan", "apply", "status", "import", "explain", "schema", "snapshot", "destroy",
      "restore", "gc",
    ])
  func help(command: String) throws {
    let run = try vireo((command.isEmpty ? [] : [command]) + ["--help"])
    #expect(run.status == 0)
    #expect(run.errors.isEmpty)
    try expectGolden(run.output, "help-\(command.isEmpty ? "vireo" : command).txt")
    for line in run.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test(
    "a mistake on the command line ends with 1 and a sentence on standard error",
    arguments: [
      ["plann"], ["plan"], ["help", "nope"], ["help", "image", "nope"], ["image", "ceate"], ["snapshot", "lst"],
      ["image"],
      ["status", "--var", "a=b"], ["plan", "--format", "xml", "a.yaml"], ["validate", "--var", "novalue", "a.yaml"],
      ["validate", "--var", "=x", "a.yaml"], ["apply", "--jobs", "0", "a.yaml"], ["apply", "--jobs", "many", "a.yaml"],
      ["validate", "--nonsense", "a.yaml"], ["validate", "-", "-"], ["explain", "a", "b"],
      ["plan", "--color", "pink", "a.yaml"],
    ])
  func usage(arguments: [String]) throws {
    let run = try vireo(arguments)
    #expect(run.status == 1)
    #expect(run.output.isEmpty)
    #expect(run.errors.hasPrefix("error: "))
  }

  @Test(
    "a word that is no command is told with the command that is meant, also behind `help`",
    arguments: [
      (["aply"], "vireo apply"), (["help", "aply"], "vireo apply"), (["image", "ceate"], "vireo image create"),
      (["snapshot", "lst"], "vireo snapshot list"), (["image", "snapshot", "lst"], "vireo image snapshot list"),
      (["diff", "a.yaml"], "vireo plan"), (["snapshot", "rollback", "web"], "vireo snapshot revert"),
    ])
  func meantCommand(arguments: [String], meant: String) throws {
    let run = try vireo(arguments)
    #expect(run.status == 1)
    #expect(run.output.isEmpty)
    #expect(run.errors.hasSuffix("  did you mean `\(meant)`?\n"), "\(run.errors)")
    #expect(run.errors.split(separator: "\n").count == 2)
  }

  @Test("every synonym of a command means a command of its group, and is none itself")
  func commandSynonyms() throws {
    for (group, words) in CommandWords.synonyms {
      var command: any ParsableCommand.Type = VireoCommand.self
      for word in group.split(separator: " ") {
        command = try #require(command.configuration.subcommands.first { CommandWords.name(of: $0) == word })
      }
      let names = command.configuration.subcommands.map(CommandWords.name)
      for (word, meant) in words {
        #expect(names.contains(meant), "\(group): \(word) means \(meant)")
        #expect(!names.contains(word), "\(group): \(word) is a command")
      }
    }
  }

  @Test("the version is one line")
  func version() throws {
    let run = try vireo(["--version"])
    #expect(run.status == 0)
    #expect(run.output.hasPrefix("vireo "))
    #expect(run.output.split(separator: "\n").count == 1)
  }

  @Test("a valid spec ends with 0, from a file, a folder and standard input")
  func validSpec() throws {
    try TemporaryFolder.with { folder in
      try folder.write(Self.valid, to: "lab.yaml")
      for argument in [folder.path("lab.yaml"), folder.root, "-"] {
        let run = try vireo(["validate", argument], input: Self.valid)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output == "stack lab is valid: 1 pool, 0 images, 2 domains\n")
        #expect(run.errors.isEmpty)
      }
    }
  }

  @Test("an invalid spec ends with 1, its messages on standard error or as a document on standard output")
  func invalidSpec() throws {
    let spec = "stack: lab\ndomains: { web: { memory: 2048 } }\n"
    let text = try vireo(["validate", "-"], input: spec)
    #expect(text.status == 1)
    #expect(text.output.isEmpty)
    #expect(text.errors.contains("a size needs a unit"))
    #expect(text.errors.contains("1 error"))
    let json = try vireo(["validate", "--format", "json", "-"], input: spec)
    #expect(json.status == 1)
    #expect(json.output.hasPrefix(#"{"format": "vireo-diagnostics""#))
    #expect(json.errors.isEmpty)
    let github = try vireo(["validate", "--format", "github", "-"], input: spec)
    #expect(github.status == 1)
    #expect(github.output.hasPrefix("::error file="))
    for command in ["plan", "apply"] {
      let run = try vireo([command, "--format", "json", "-"], input: spec)
      #expect(run.status == 1)
      #expect(run.output.hasPrefix(#"{"format": "vireo-diagnostics""#))
    }
  }

  @Test("a file that is not there is an error")
  func missing() throws {
    for arguments in [["validate", "/nonexistent/lab.yaml"], ["validate", "--var-file", "/nonexistent/v.yaml", "-"]] {
      let run = try vireo(arguments, input: Self.valid)
      #expect(run.status == 1)
      #expect(run.errors.contains("No such file or directory"))
      #expect(run.errors.contains("1 error\n"))
    }
  }

  @Test("variables come from the command line, then the environment, then files")
  func variables() throws {
    try TemporaryFolder.with { folder in
      let spec = "stack: ${name}\n"
      try folder.write("name: file\n", to: "a.yaml")
      try folder.write("name: later\n", to: "b.yaml")
      let files = ["--var-file", folder.path("a.yaml"), "--var-file", folder.path("b.yaml")]
      let environment = ["VIREO_VAR_name": "environment"]
      func name(_ arguments: [String], _ environment: [String: String]) throws -> String {
        let run = try vireo(["validate"] + arguments + ["-"], environment: environment, input: spec)
        return String(run.output.split(separator: " ").dropFirst().first ?? "")
      }
      #expect(try name(files, [:]) == "later")
      #expect(try name(files, environment) == "environment")
      #expect(try name(files + ["--var", "name=option"], environment) == "option")
    }
  }

  @Test("colour is for terminals, and for who asks")
  func color() throws {
    #expect(try vireo(["explain", "memory"]).output.contains("\u{1B}") == false)
    #expect(try vireo(["explain", "--color", "always", "memory"]).output.contains("\u{1B}["))
    #expect(try vireo(["validate", "--color", "always", "-"], input: "stak: lab").errors.contains("\u{1B}["))
  }

  @Test("an unknown key is named, with the nearest")
  func explainUnknown() throws {
    let run = try vireo(["explain", "memmory"])
    #expect(run.status == 1)
    #expect(run.errors.contains("did you mean `memory`?"))
  }

  @Test("a connection that cannot be is one message with a remedy")
  func noConnection() throws {
    let run = try vireo(
      ["plan", "--connect", "qemu+unix:///system?socket=/nonexistent/socket", "-"], input: Self.valid)
    #expect(run.status == 1)
    #expect(run.output.isEmpty)
    #expect(run.errors.hasPrefix("error: cannot connect to qemu+unix:///system?socket=/nonexistent/socket: "))
    #expect(run.errors.contains("libvirtd"))
    let json = try vireo(
      ["plan", "--format", "json", "--connect", "nonsense:///", "-"], input: Self.valid)
    #expect(json.status == 1)
    #expect(json.output.contains("vireo-diagnostics"))
    #expect(json.output.contains("check the URI"))
  }
}
