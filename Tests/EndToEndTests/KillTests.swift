// The law of the killed command: whatever the point at which a command is killed, the same command, run once more, does
// the rest; a plan is empty then, and nothing is left that an undisturbed run would not have left.
//
// The points are those of `Failpoint`: between all calls and file steps that change something. Each run of this suite kills
// some commands at a few of them; VIREO_KILL_SEED chooses others, and scripts/kill-everywhere takes all.

import Foundation
import TestSupport
import Testing

@Suite("killed commands", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct KillTests {
  /// How many of the points of a command are taken.
  private static let most = asked ?? 2
  private static let asked = ProcessInfo.processInfo.environment["VIREO_KILLS"].flatMap { Int($0) }
  private static var isThorough: Bool { asked != nil }

  /// The commands whose names have one of the parts that the environment asks for, or all where it asks for thoroughness. Else
  /// each ninth, so that a run costs seconds: the same ones each time, unless another seed is asked for.
  private static let chosen: [KilledCommand] = {
    if let asked = ProcessInfo.processInfo.environment["VIREO_KILLED"] {
      let parts = asked.split(separator: ";")
      return KilledCommand.all.filter { command in parts.contains { command.name.contains($0) } }
    }
    if isThorough { return KilledCommand.all }
    return KilledCommand.all.enumerated().filter { ($0.offset + Int(seed % 9)) % 9 == 0 }.map(\.element)
  }()
  private static let seed = ProcessInfo.processInfo.environment["VIREO_KILL_SEED"].flatMap { UInt64($0) } ?? 3

  private static let embedded = chosen.filter { !$0.needsDaemon }
  /// Where one is taken, it is one that needs the daemon as often as not.
  private static let besideDaemon: [KilledCommand] = {
    guard !isThorough, ProcessInfo.processInfo.environment["VIREO_KILLED"] == nil else {
      return chosen.filter { !$0.name.hasPrefix("image ") }
    }
    var choices = SeededChoices(seed: seed)
    let needsDaemon = Bool.random(using: &choices)
    let fitting = KilledCommand.all.filter { $0.needsDaemon == needsDaemon && !$0.name.hasPrefix("image ") }
    return fitting.randomElement(using: &choices).map { [$0] } ?? []
  }()

  @Test("after a kill at any point, one more run of the same command does the rest", arguments: embedded)
  func killed(command: KilledCommand) throws {
    try ScratchHost.with { host in
      // What is made of a private image is private.
      chmod(try host.makeBase(), 0o600)
      try kill(command, on: host, most: Self.most)
    }
  }

  @Test(
    "with a daemon, which finishes what a killed program has asked it for, too",
    .enabled(if: SystemDaemon.obstacle == nil, "needs root, namespaces, libvirtd and dnsmasq"))
  func killedBesideDaemon() throws {
    let commands = Self.besideDaemon
    try ScratchHost.withDaemon { host in
      try host.makeBase()
      for command in commands {
        do { try kill(command, on: host, most: Self.most) } catch { Issue.record("\(command): \(error)") }
      }
    }
  }

  private func kill(_ command: KilledCommand, on host: ScratchHost, most: Int) throws {
    do {
      let start = try Start(of: command, on: host)
      // Undisturbed: what there is to reach, and the points on the way.
      let log = host.folder.path("points")
      let whole = try host.run(command, log: log)
      #expect(whole.status == 0, "\(whole.output)\(whole.errors)")
      let points = (fileText(log) ?? "").split(separator: "\n").compactMap(Point.init)
      #expect(points.count > 1, "\(command) passes no points")
      let plan = try expectReached(command, on: host, "undisturbed")
      let goal = try host.remains()
      let moments = Self.moments(among: points, most: most)
      var kills = 0
      for moment in moments {
        try start.restore()
        let story = "\(command) killed at \(moment) (\(points[moment.point - 1].name))"
        let killed = try host.run(command, at: moment)
        // The order of points that pass side by side is not always the same, and neither is their number.
        let isEnded = killed.status == 128 + moment.signal || moment.signal != SIGKILL && killed.status == 1
        guard isEnded || moment.delay > 0 || moment.signal != SIGKILL || moment.point > points.count / 2 else {
          Issue.record("\(story): \(killed.status) \(killed.output)\(killed.errors)")
          continue
        }
        if isEnded { kills += 1 }
        let again = try host.run(command)
        let isDone = again.status == 0 || command.isDoneAlready(again)
        #expect(isDone, "\(story): \(again.output)\(again.errors)")
        let present = try expectReached(command, on: host, story)
        // What waits for a restart, or what else a plan notes, is the same.
        #expect(present == plan, "\(story), and then: \(again.output)\(again.errors)")
        let remains = try host.remains()
        #expect(
          remains == goal,
          "\(story): more \(remains.subtracting(goal).sorted()), less \(goal.subtracting(remains).sorted())")
      }
      print("\(command): \(kills) kills at \(moments.count) of \(points.count) points")
    }
  }

  /// - Returns: what a plan says then.
  private func expectReached(_ command: KilledCommand, on host: ScratchHost, _ story: String) throws -> String {
    var said = ""
    if command.isPlanned {
      let plan = try host.vireo("plan", "--detailed-exitcode", host.folder.path("spec.yaml"))
      #expect(plan.status == 0, "\(story): \(plan.output)\(plan.errors)")
      said = plan.output
    }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: host.pool)) ?? [] where name.hasSuffix(".qcow2") {
      let check = try run(["qemu-img", "check", "--force-share", "-q", "-f", "qcow2", host.pool + "/" + name])
      // 3 is a leaked cluster, which is all that a cut may leave.
      #expect([0, 3].contains(check.status), "\(story): \(name): \(check.output)\(check.errors)")
    }
    if host.daemon == nil { try expectPrivate(host, story) }
    // QEMU that libvirt does not know is nobody's, and a guest that libvirt knows has its QEMU.
    let known = try host.virsh("list", "--name").split(separator: "\n").count
    if host.guestProcesses.count != known {
      Issue.record("\(story): libvirt knows \(known) running guests, and there are \(host.guestProcesses.count)")
    }
    try command.check(host, story)
    return said
  }

  /// No file in the pool may be read by more people than what it derives from; one that derives from nothing is its owner's.
  private func expectPrivate(_ host: ScratchHost, _ story: String) throws {
    func mode(_ path: String) -> UInt32 {
      var status = stat()
      return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: host.pool)) ?? [] {
      let path = host.pool + "/" + name
      var most: UInt32 = 0
      if name.hasPrefix("base-") {
        most = mode(host.folder.path("base.qcow2")) | (geteuid() == 0 ? 0 : 0o040)
      } else if name.hasSuffix(".qcow2"), let backing = try host.imageInfo(path)["full-backing-filename"] as? String {
        most = mode(backing)
      }
      #expect(mode(path) & 0o077 & ~most == 0, "\(story): \(name) has the mode \(String(mode(path), radix: 8))")
    }
  }

  private static func moments(among points: [Point], most: Int) -> [Moment] {
    var choices = SeededChoices(seed: seed)
    var all: [Moment] = []
    for (index, point) in points.enumerated() {
      all.append(Moment(point: index + 1, delay: 0))
      // In the middle of what takes long, which a call to libvirt may be, too.
      let duration = index + 1 < points.count ? points[index + 1].time - point.time : 30_000
      let parts = min(12, duration / 8_000)
      all += (0..<parts).map { part in
        let (from, to) = (duration * part / parts, duration * (part + 1) / parts)
        return Moment(point: index + 1, delay: Int.random(in: max(1, from)..<max(2, to), using: &choices))
      }
    }
    // One of each part, so that the beginning and the end have their turns.
    let taken =
      all.count > most
      ? (0..<most).map { part in
        let (from, to) = (all.count * part / most, all.count * (part + 1) / most)
        return all[Int.random(in: from..<max(to, from + 1), using: &choices)]
      } : all
    return taken.map { moment in
      var moment = moment
      let number = signal ?? (Int.random(in: 0..<4, using: &choices) == 0 ? SIGTERM : SIGKILL)
      moment.signal = number
      return moment
    }
  }

  /// What ends the commands: SIGKILL most of the time and SIGTERM now and then, or what the environment asks for.
  private static let signal = ProcessInfo.processInfo.environment["VIREO_KILL_SIGNAL"].flatMap { Int32($0) }
}

/// A point that a process has passed.
private struct Point {
  /// In microseconds.
  var time: Int
  var name: String

  init?(_ line: Substring) {
    let parts = line.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, let time = Int(parts[0]) else { return nil }
    (self.time, name) = (time, String(parts[1]))
  }
}

/// When a process is killed.
struct Moment: CustomStringConvertible {
  /// From 1 on.
  var point: Int
  /// How much later, in microseconds.
  var delay: Int
  var signal = SIGKILL

  var description: String {
    (delay > 0 ? "\(point)+\(delay)" : "\(point)") + (signal == SIGKILL ? "" : ":\(signal)")
  }
}

/// A command, and the host that it meets.
struct KilledCommand: Sendable, CustomTestStringConvertible, CustomStringConvertible {
  typealias Work = @Sendable (ScratchHost) throws -> Void
  let name: String
  let prepare: Work
  let arguments: @Sendable (ScratchHost) -> [String]
  /// Whether a plan of the host's spec has nothing to do afterwards.
  var isPlanned = true
  /// Whether it is about what only a daemon has.
  var needsDaemon = false
  /// What a second run of a command says that cannot be done twice: it was done.
  var doneAlready: String?
  var check: @Sendable (ScratchHost, String) throws -> Void = { _, _ in }

  var description: String { name }
  var testDescription: String { name }

  func isDoneAlready(_ run: Run) -> Bool { doneAlready.map(run.errors.contains) ?? false }
}

/// The host before the command, made anew for every kill.
private final class Start {
  private let command: KilledCommand
  private let host: ScratchHost
  /// A copy of everything, where nothing runs.
  private var copy: TemporaryFolder?

  init(of command: KilledCommand, on host: ScratchHost) throws {
    (self.command, self.host) = (command, host)
    if host.daemon != nil {
      try restore()
      return
    }
    try command.prepare(host)
    // A copied file is not the one that was marked as Vireo's, and a guest cannot be copied.
    guard host.daemon == nil, host.guestProcesses.isEmpty, !command.name.hasPrefix("gc") else { return }
    copy = try TemporaryFolder()
    try output(of: "cp", "-a", host.folder.root + "/.", copy?.root ?? "")
  }

  deinit { copy?.remove() }

  func restore() throws {
    if let daemon = host.daemon {
      try daemon.empty()
      for name in try FileManager.default.contentsOfDirectory(atPath: host.folder.root) where name != "base.qcow2" {
        try FileManager.default.removeItem(atPath: host.folder.path(name))
      }
      return try command.prepare(host)
    }
    host.stopGuests()
    let kept = copy == nil ? ["cache"] : []
    for name in try FileManager.default.contentsOfDirectory(atPath: host.folder.root) where name != "host" {
      if copy != nil || name != "base.qcow2" { try FileManager.default.removeItem(atPath: host.folder.path(name)) }
    }
    for name in try FileManager.default.contentsOfDirectory(atPath: host.root) where !kept.contains(name) {
      try FileManager.default.removeItem(atPath: host.root + "/" + name)
    }
    if let copy {
      try output(of: "cp", "-a", copy.root + "/.", host.folder.root)
    } else {
      try command.prepare(host)
    }
  }
}

extension ScratchHost {
  fileprivate func run(_ command: KilledCommand, at moment: Moment? = nil, log: String? = nil) throws -> Run {
    var environment: [String: String] = [:]
    environment["VIREO_FAILPOINT"] = moment?.description
    environment["VIREO_FAILPOINT_LOG"] = log
    var arguments = command.arguments(self)
    if arguments.first != "image" { arguments += ["--connect", uri] }
    guard let daemon else { return try TestSupport.vireo(arguments, environment: environment) }
    let variables = environment.map { "\($0.key)=\($0.value)" }
    return try daemon.runInside(["env"] + variables + [programPath()] + arguments)
  }

  /// The names of the snapshots inside an image, each as often as it is there.
  private func snapshots(inside name: String) throws -> [String] {
    let found = try imageInfo(folder.path(name))["snapshots"] as? [[String: Any]] ?? []
    return found.enumerated().map { "\($0.element["name"] ?? "") in \(name), \($0.offset)" }
  }

  /// All that a command leaves: files by their names, and guests.
  fileprivate func remains() throws -> Set<String> {
    var result = Set<String>()
    var folders = ["pool", "out"].map { ($0, folder.path($0)) }
    if let daemon {
      let libvirts = ["/etc/libvirt/qemu", "/etc/libvirt/storage", "/var/lib/libvirt/qemu/nvram", "/var/lib/vireo"]
      folders += (libvirts + ["/var/lib/libvirt/qemu/snapshot"]).map { ($0, daemon.path($0)) }
    } else {
      folders += ["etc", "lib", "run"].map { ("host/\($0)", folder.path("host/\($0)")) }
    }
    for (folder, path) in folders {
      for case let name as String in FileManager.default.enumerator(atPath: path) ?? .init() {
        // A removal that happened, whether anybody has written so or not.
        let isPending = name.hasSuffix(".pending")
        // The number of a guest's start is part of its folder's name.
        let name = name.replacing(#/\bdomain-[0-9]+-/#, with: "domain-N-")
        result.insert("\(folder)/\(isPending ? String(name.dropLast(8)) + ".xml" : name)")
        if folder == "pool", name.hasSuffix(".qcow2") {
          result.formUnion(try snapshots(inside: "\(folder)/\(name)"))
        }
      }
    }
    result.formUnion(
      try FileManager.default.contentsOfDirectory(atPath: folder.root).filter { $0 != "points" && $0 != "spec.yaml" })
    // A process may take a moment to end.
    var orphans: [Int32] = []
    for _ in 0..<200 {
      let processes = guestProcesses
      orphans = processes.filter { (fileText("/proc/\($0)/cmdline") ?? "").contains("-machine\0none") }
      if orphans.isEmpty { return result.union(["\(processes.count) guests"]) }
      usleep(10_000)
    }
    return result.union(orphans.map { "process \($0)" })
  }
}
