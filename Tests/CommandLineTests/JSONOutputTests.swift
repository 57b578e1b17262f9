// JSON output: every command that has it prints one document, whether it succeeds or not, with the members that docs/json.md
// lists.

import Foundation
import TestSupport
import Testing

@Suite("JSON output")
struct JSONOutputTests {
  private static let spec = "stack: lab\npools: { vms: { path: /vms } }\n"

  /// For each command that has the option, command lines that fail, with their exit code. `SPEC` is a valid spec, `IMAGE` a
  /// sound image, `NONE` a file that does not exist.
  private static let failures: [String: [(arguments: [String], status: Int32)]] = {
    let host = ["--connect", "nosuch:///system"]
    return [
      "validate": [(["NONE"], 1), (["BAD"], 1)],
      "plan": [(["NONE"], 1), (["BAD"], 1), (["SPEC"] + host, 1), (["SPEC", "--var", "x=1"] + host, 1)],
      "apply": [(["NONE"], 1), (["BAD", "--yes"], 1), (["SPEC", "--yes"] + host, 1)],
      "destroy": [(["BAD", "--yes"], 1), (["SPEC", "--yes"] + host, 1)],
      "status": [(["BAD"], 1), (["SPEC"] + host, 1), (host, 1)],
      "gc": [(["BAD", "--plan"], 1), (["--plan"] + host, 1), (["--yes"] + host, 1)],
      "restore": [(["web"] + host, 1), (["--list"] + host, 1)],
      "snapshot list": [(["web"] + host, 1)],
      "snapshot take": [(["web", "one"] + host, 1)],
      "snapshot revert": [(["web", "one", "--yes"] + host, 1)],
      "snapshot delete": [(["web", "one", "--yes"] + host, 1)],
      "image info": [(["NONE"], 1), (["NONE", "NONE"], 1), (["--backing-chain", "NONE"], 1), (["/"], 1)],
      "image check": [(["NONE"], 1), (["RAW"], 63), (["TEXT", "-f", "qcow2"], 1), (["-r", "all", "NONE"], 1)],
      "image map": [(["NONE"], 1), (["TEXT", "-f", "qcow2"], 1), (["IMAGE.unknown"], 1)],
      "image compare": [(["NONE", "IMAGE"], 2), (["IMAGE", "TEXT", "-F", "qcow2"], 2)],
      "image snapshot list": [(["NONE"], 1), (["RAW"], 1)],
    ]
  }()

  /// The commands that have the option with JSON, by the words that name them.
  private static func commands() throws -> [String] {
    func walk(_ command: CommandHelp.Command, _ path: [String]) -> [String] {
      let own =
        command.ownOptions.contains("format") && command.ownCommands.isEmpty ? [path.joined(separator: " ")] : []
      return own + command.ownCommands.flatMap { walk($0, path + [$0.commandName]) }
    }
    return walk(try CommandHelp.read().command, []).filter {
      !$0.hasSuffix("create") && !$0.hasSuffix("apply") || $0 == "apply"
    }
  }

  private static func files<R>(_ body: (TemporaryFolder, ([String]) -> [String]) throws -> R) throws -> R {
    try TemporaryFolder.with { folder in
      try folder.write(spec, to: "spec.yaml")
      try folder.write("stack: lab\npoools: {}\n", to: "bad.yaml")
      try folder.write(String(repeating: "text\n", count: 300), to: "text")
      try output(of: "qemu-img", "create", "-q", "-f", "raw", folder.path("a.raw"), "1M")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", folder.path("a.qcow2"), "1M")
      let names = [
        "SPEC": "spec.yaml", "BAD": "bad.yaml", "TEXT": "text", "RAW": "a.raw", "IMAGE": "a.qcow2",
        "NONE": "none.qcow2",
        "IMAGE.unknown": "a.unknown",
      ]
      return try body(folder) { arguments in arguments.map { word in names[word].map(folder.path) ?? word } }
    }
  }

  /// A failure: one document of messages, and nothing beside it.
  private func expectMessages(_ run: Run, status: Int32, _ what: String, _ members: DocumentedMembers) throws {
    #expect(run.status == status, "\(what): \(run.output)\(run.errors)")
    #expect(run.errors == "", "\(what)")
    let document = try #require(try jsonDocument(run.output) as? [String: Any], "\(what)")
    #expect(document["format"] as? String == "vireo-diagnostics" && document["version"] as? Int == 1, "\(what)")
    let messages = try #require(document["diagnostics"] as? [[String: Any]], "\(what)")
    #expect(messages.contains { $0["severity"] as? String == "error" }, "\(what): \(messages)")
    members.expect([document])
  }

  @Test("of every command that fails is a document of messages on standard output")
  func everyFailure() throws {
    let commands = try Self.commands()
    #expect(Set(commands) == Set(Self.failures.keys), "there are command lines for every command that has the option")
    let members = try DocumentedMembers("Messages")
    try Self.files { _, paths in
      for command in commands.sorted() {
        let words = command.split(separator: " ").map(String.init)
        for (arguments, status) in Self.failures[command] ?? [] {
          let whole = words + ["--format", "json"] + paths(arguments)
          try expectMessages(vireo(whole), status: status, "\(whole)", members)
        }
        // A command line that cannot be read, with the option in either spelling.
        for option in [["--format", "json"], ["--format=json"]] {
          let status: Int32 = command == "image compare" ? 2 : 1
          try expectMessages(
            vireo(words + option + ["--no-such-option"]), status: status, "\(command) \(option)", members)
        }
      }
      try expectMessages(vireo(["plaan", "--format", "json"]), status: 1, "plaan", members)
    }
  }

  @Test("of validate is the same whether the spec is valid or not")
  func validation() throws {
    try Self.files { folder, paths in
      let members = try DocumentedMembers("Messages")
      let valid = try vireo(["validate", "--format", "json"] + paths(["SPEC"]))
      #expect(valid.status == 0 && valid.errors == "")
      members.expect([try jsonDocument(valid.output)])
      // Of two with one name the other's place is a note.
      try folder.write(
        "stack: lab\ndomains: { web-1: { memory: 1 GiB }, web: { count: 1, memory: 1 GiB } }\n", to: "twice.yaml")
      let twice = try vireo(["validate", "--format", "json", folder.path("twice.yaml")])
      #expect(twice.status == 1)
      members.expect([try jsonDocument(twice.output)], isWhole: true)
    }
  }

  @Test("of image commands has the members that are listed, and only those")
  func images() throws {
    try TemporaryFolder.with { folder in
      func document(_ arguments: String..., status: Int32 = 0) throws -> Any {
        let run = try vireo(["image"] + arguments + ["--format", "json"])
        #expect(run.status == status, "\(arguments): \(run.errors)")
        return try jsonDocument(run.output)
      }
      let (base, image, raw) = (folder.path("base.qcow2"), folder.path("a.qcow2"), folder.path("a.raw"))
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", base, "1M")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", image, "2M")
      try output(of: "qemu-img", "create", "-q", "-f", "raw", raw, "2M")
      try output(of: "qemu-img", "snapshot", "-c", "one", image)
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 1 0 64k", image)
      try DocumentedMembers("Image info").expect(
        [document("info", image), document("info", raw), document("info", "--backing-chain", image)].flatMap {
          $0 as? [Any] ?? [$0]
        }, isWhole: true)
      let damaged = folder.path("damaged.qcow2")
      try FileManager.default.copyItem(atPath: image, toPath: damaged)
      let handle = try FileHandle(forUpdating: URL(fileURLWithPath: damaged))
      // The refcount of a cluster that is used: one that is not counted.
      try handle.seek(toOffset: 0x20000)
      try handle.write(contentsOf: Data([0, 9]))
      try handle.close()
      try DocumentedMembers("Image check").expect(
        [document("check", image), document("check", damaged, status: 3)], isWhole: true)
      try DocumentedMembers("Image map").expect([document("map", image), document("map", raw)], isWhole: true)
      try DocumentedMembers("Image comparison").expect(
        [
          document("compare", image, image), document("compare", image, raw, status: 1),
          document("compare", "--strict", base, image, status: 1),
        ], isWhole: true)
      try DocumentedMembers("Image snapshots").expect([document("snapshot", "list", image)], isWhole: true)
      // One of two images cannot be read: the other is there.
      let mixed = try vireo(["image", "info", "--format", "json", image, folder.path("none")])
      #expect(mixed.status == 1 && mixed.errors.contains("none"))
      #expect((try jsonDocument(mixed.output) as? [Any])?.count == 1)
    }
  }
}
