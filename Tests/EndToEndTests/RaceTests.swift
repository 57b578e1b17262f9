// Two operators at once: pairs of commands that start at random moments on one daemon, and what must be so afterwards,
// whoever came first. VIREO_RACE_SECONDS sets how long it goes on; VIREO_RACE_SEED repeats a run's choices.

import Foundation
import TestSupport
import Testing

@Suite(
  "two operators at once",
  .enabled(if: SystemDaemon.obstacle == nil, "needs root, namespaces, libvirtd and dnsmasq"), .serialized)
struct RaceTests {
  /// Two commands, and the state of the host that they start from.
  struct Race: Sendable, CustomTestStringConvertible {
    var first: [String]
    var second: [String]
    /// Commands that prepare the host. `ONE` and `TWO` are spec files of two stacks that share pool and base image;
    /// `ONE+` is the first with more in it.
    var before: [[String]] = [apply("ONE"), apply("TWO")]

    var testDescription: String { "\(first.joined(separator: " ")) / \(second.joined(separator: " "))" }
  }

  private static func apply(_ file: String) -> [String] { ["apply", "--yes", file] }
  private static func destroy(_ file: String) -> [String] { ["destroy", "--yes", "--delete-disks", file] }
  private static let collect = ["gc", "--yes"]
  private static let gone = [apply("ONE"), apply("TWO"), ["destroy", "--yes", "ONE"]]
  private static let empty = [apply("ONE"), apply("TWO"), destroy("ONE"), destroy("TWO"), collect]

  private static let races = [
    // On one stack.
    Race(first: apply("ONE"), second: apply("ONE"), before: empty),
    Race(first: apply("ONE+"), second: apply("ONE")),
    Race(first: apply("ONE+"), second: destroy("ONE")),
    Race(first: apply("ONE"), second: collect, before: gone),
    Race(first: ["restore", "one-web"], second: collect, before: gone),
    Race(first: ["restore", "one-web"], second: apply("ONE"), before: gone),
    Race(first: ["snapshot", "take", "one-web", "s"], second: apply("ONE+")),
    Race(first: ["snapshot", "take", "one-web", "s", "--external"], second: apply("ONE+")),
    Race(first: ["snapshot", "take", "one-web", "s", "--external"], second: collect),
    Race(first: destroy("ONE"), second: destroy("ONE")),
    // On two stacks that share their pool and their base image.
    Race(first: apply("ONE"), second: apply("TWO"), before: empty),
    Race(first: apply("ONE+"), second: destroy("TWO")),
    Race(first: apply("ONE"), second: destroy("TWO"), before: [apply("TWO"), apply("ONE"), destroy("ONE")]),
    Race(first: apply("ONE"), second: collect, before: empty + [apply("TWO"), destroy("TWO")]),
    Race(first: destroy("ONE"), second: collect, before: gone + [apply("ONE")]),
    Race(first: collect, second: collect, before: gone),
  ]

  private struct Host {
    let folder: TemporaryFolder
    let daemon: SystemDaemon
    var pool: String { folder.path("pool") }

    init(_ folder: TemporaryFolder) throws {
      self.folder = folder
      daemon = try SystemDaemon()
      let base = folder.path("base.qcow2")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", base, "1M")
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 0x76 0 256k", base)
      for (name, stack, more) in [("ONE", "one", false), ("ONE+", "one", true), ("TWO", "two", false)] {
        try folder.write(
          """
          stack: \(stack)
          pools: { vms: { path: "\(pool)" } }
          images: { base: { source: "\(base)", pool: vms } }
          domains:
            \(stack)-web:
              type: qemu
              memory: \(more ? 24 : 16) MiB
              disks: { root: { image: base, size: \(more ? 3 : 2) MiB }, data: { size: 1 MiB } }
          \(more ? "  \(stack)-db: { type: qemu, memory: 16 MiB, disks: { root: { image: base } } }" : "")

          """, to: name + ".yaml")
      }
    }

    func arguments(_ command: [String]) -> [String] {
      command.map { ["ONE", "ONE+", "TWO"].contains($0) ? folder.path($0 + ".yaml") : $0 }
    }

    func vireo(_ command: [String]) throws -> Run { try daemon.vireo(arguments(command)) }

    func start(_ command: [String]) throws -> ChildProcess { try daemon.start(arguments(command)) }

    func file(_ name: String) -> Bool { FileManager.default.fileExists(atPath: pool + "/" + name) }

    var domains: [String] {
      get throws {
        try daemon.virsh("list", "--all", "--name").output.split(whereSeparator: \.isWhitespace).map(String.init)
      }
    }

    /// What is wrong with the files of the host: an image that qemu-img has something against, or that lacks what it stands
    /// on, a domain without a disk, a file that somebody left half done.
    func faults() throws -> [String] {
      var faults: [String] = []
      for name in (try? FileManager.default.contentsOfDirectory(atPath: pool)) ?? [] {
        guard name.hasSuffix(".qcow2") else {
          faults.append("\(name) was left behind")
          continue
        }
        // Opens the whole chain.
        let info = try run(["qemu-img", "info", "--backing-chain", "-U", pool + "/" + name])
        if info.status != 0 { faults.append("\(name): \(info.errors)") }
        let check = try run(["qemu-img", "check", "-q", "-U", "-f", "qcow2", pool + "/" + name])
        if check.status != 0 { faults.append("\(name): \(check.output)\(check.errors)") }
      }
      for domain in try domains {
        for line in try daemon.virsh("domblklist", domain).output.split(separator: "\n") {
          let path = line.split(separator: " ").last.map(String.init) ?? ""
          if path.hasPrefix("/"), !FileManager.default.fileExists(atPath: path) {
            faults.append("\(domain) has lost \(path)")
          }
        }
      }
      return faults
    }
  }

  @Test("whoever is first, images are sound, domains have their disks, and one more apply converges")
  func races() throws {
    let environment = ProcessInfo.processInfo.environment
    let seconds = environment["VIREO_RACE_SECONDS"].flatMap(Double.init) ?? 20
    let seed = environment["VIREO_RACE_SEED"].flatMap(UInt64.init) ?? 1
    var choices = SeededChoices(seed: seed)
    var races = Self.races.shuffled(using: &choices)
    try TemporaryFolder.with { folder in
      let host = try Host(folder)
      let end = Date(timeIntervalSinceNow: seconds)
      var round = 0
      while Date() < end {
        if round % races.count == 0, round > 0 { races.shuffle(using: &choices) }
        let race = races[round % races.count]
        round += 1
        let isSwapped = Bool.random(using: &choices)
        let pause = UInt32.random(in: 0..<800_000, using: &choices)
        let story = "seed \(seed), round \(round), \(race.testDescription), \(isSwapped ? "swapped, " : "")\(pause) µs"
        try play(race, on: host, isSwapped, pause, story)
      }
      if environment["VIREO_RACE_SECONDS"] != nil { print("\(round) rounds, seed \(seed)") }
    }
  }

  private func play(_ race: Race, on host: Host, _ isSwapped: Bool, _ pause: UInt32, _ story: String) throws {
    for command in race.before {
      let run = try host.vireo(command)
      try #require(run.status == 0, "\(story): before, \(command): \(run.output)\(run.errors)")
    }
    let commands = isSwapped ? [race.second, race.first] : [race.first, race.second]
    let first = try host.start(commands[0])
    usleep(pause)
    let second = try host.start(commands[1])
    for (command, run) in zip(commands, [try first.wait(), try second.wait()]) {
      let said = "\(story): \(command): \(run.status): \(run.output)\(run.errors)"
      #expect([0, 1, 3].contains(run.status), "\(said)")
      let text = (run.output + run.errors).split(whereSeparator: \.isWhitespace).joined(separator: " ")
      if run.status != 0, ProcessInfo.processInfo.environment["VIREO_RACE_SECONDS"] != nil {
        print("lost: \(story): \(command): \(run.errors)")
      }
      // Who lost because of a lock says who has it.
      if text.contains("by another process") || text.contains("is locked by") {
        #expect(text.contains("(process "), "\(said)")
      }
    }
    #expect(try host.faults() == [], "\(story)")
    // A disk that has grown does not shrink.
    let one = (race.before + commands).contains { $0.contains("ONE+") } ? "ONE+" : "ONE"
    for file in [one, "TWO"] {
      let run = try host.vireo(["apply", "--yes", "--prune", file])
      #expect(run.status == 0, "\(story): after, \(file): \(run.output)\(run.errors)")
      let plan = try host.vireo(["plan", "--detailed-exitcode", file])
      #expect(plan.status == 0, "\(story): after, \(file): \(plan.output)\(plan.errors)")
    }
    #expect(try host.faults() == [], "\(story), after it was applied again")
    for name in try host.domains { try host.daemon.virsh("undefine", name, "--snapshots-metadata") }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: host.pool)) ?? [] {
      try FileManager.default.removeItem(atPath: host.pool + "/" + name)
    }
    _ = try host.daemon.runInside(["rm", "-rf", "/var/lib/vireo/removed"])
  }
}
