// Pools in which another user may write, and swaps folders and files for links while Vireo works: whatever the moment,
// nothing outside the pool is changed.

import Foundation
import TestSupport
import Testing

@Suite("swapped folders", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct SwapTests {
  enum Work: String, CaseIterable {
    case create, grow, destroy, gc
  }

  private func spec(_ host: ScratchHost, size: String = "20 MiB", volume: String = "2 MiB", more: String = "") -> String
  {
    """
    stack: swapped
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    volumes: { scratch: { pool: vms, size: \(volume)\(more) } }
    domains: { web: { type: qemu, memory: 32 MiB, disks: { root: { image: base, size: \(size) } } } }

    """
  }

  /// Makes what the work begins with.
  private func prepare(_ work: Work, on host: ScratchHost) throws {
    try host.makeBase()
    try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
    if work != .create { try host.apply(spec(host)) }
    if work == .gc { #expect(try host.vireo(["destroy", "--yes"], spec(host)).status == 0) }
    let grown = spec(host, size: "40 MiB", volume: "4 MiB", more: ", snapshots: { one: {} }")
    try host.folder.write(work == .grow ? grown : spec(host), to: "spec.yaml")
  }

  private func run(_ work: Work, on host: ScratchHost, _ environment: [String: String]) throws -> Run {
    let arguments: [String] =
      switch work {
      case .create, .grow: ["apply", "--yes", "--jobs", "1", host.folder.path("spec.yaml")]
      case .destroy: ["destroy", "--yes", "--delete-disks", host.folder.path("spec.yaml")]
      case .gc: ["gc", "--yes", "--folder", host.pool]
      }
    return try TestSupport.vireo(arguments + ["--connect", host.uri], environment: environment)
  }

  /// A folder beside the pool with files of the same names, and a link to it that can change places with the pool.
  private func plant(on host: ScratchHost, owner: UInt32) throws -> (outside: String, link: String) {
    let (outside, link) = (host.folder.path("outside"), host.folder.path("link"))
    try output(of: "cp", "-a", host.pool, outside)
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: outside)
    if geteuid() == 0 { lchown(link, owner, owner) }
    return (outside, link)
  }

  @Test("a pool that becomes a link at any moment of a command leads it nowhere", arguments: Work.allCases)
  func pool(work: Work) throws {
    var points: [String] = []
    try ScratchHost.with { host in
      try prepare(work, on: host)
      let log = host.folder.path("points")
      let whole = try run(work, on: host, ["VIREO_FAILPOINT_LOG": log])
      #expect(whole.status == 0, "\(whole.output)\(whole.errors)")
      points = (fileText(log) ?? "").split(separator: "\n").map { String($0.replacing(host.folder.root, with: "")) }
    }
    let inPool = points.indices.filter { points[$0].contains("/pool") }
    #expect(!inPool.isEmpty, "\(points)")
    var choices = SeededChoices(seed: 7)
    // The first and the last, and two between them.
    var chosen = Set([inPool.first, inPool.last].compactMap(\.self))
    while chosen.count < min(4, inPool.count) { chosen.insert(inPool.randomElement(using: &choices)!) }
    for (index, owner) in zip(chosen.sorted(), [0, 65534, 0, 65534] as [UInt32]) {
      try ScratchHost.with { host in
        try prepare(work, on: host)
        let (outside, link) = try plant(on: host, owner: owner)
        let before = Footprint([outside])
        let swapped = try run(work, on: host, ["VIREO_FAILPOINT_EXCHANGE": "\(index + 1):\(host.pool):\(link)"])
        var status = stat()
        #expect(lstat(host.pool, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK, "\(work) at \(points[index])")
        let changed = Footprint([outside]).differences(from: before)
        #expect(changed.isEmpty, "\(work) at \(points[index]): \(changed) \(swapped.output)\(swapped.errors)")
      }
    }
  }

  @Test("a disk that becomes a link, or another file, between plan and apply is not touched", arguments: [false, true])
  func file(isLink: Bool) throws {
    try ScratchHost.with { host in
      try prepare(.grow, on: host)
      let (disk, planted) = (host.pool + "/web.root.qcow2", host.folder.path("planted"))
      let secret = host.folder.path("secret")
      try output(of: "cp", "-a", disk, secret)
      if isLink {
        try FileManager.default.createSymbolicLink(atPath: planted, withDestinationPath: secret)
      } else {
        // Another name of a file that lies elsewhere.
        try FileManager.default.linkItem(atPath: secret, toPath: planted)
      }
      let content = try Data(contentsOf: URL(fileURLWithPath: secret))
      // The volume grows first: at its first point, behind the two of the connection, the plan has seen the disk.
      let swapped = try run(.grow, on: host, ["VIREO_FAILPOINT_EXCHANGE": "3:\(disk):\(planted)"])
      #expect(swapped.status == 1, "\(swapped.output)\(swapped.errors)")
      #expect(swapped.output.contains(isLink ? "symbolic link" : "hard links"), "\(swapped.output)\(swapped.errors)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: secret)) == content)
    }
  }

  @Test(
    "a pool that changes places with another user's link all the time", .enabled(if: geteuid() == 0, "needs root"))
  func hammered() throws {
    try ScratchHost.with { host in
      try prepare(.grow, on: host)
      let (outside, link) = try plant(on: host, owner: 65534)
      let before = Footprint([outside])
      let (pool, away) = (host.pool, host.folder.path("away"))
      for round in 0..<6 {
        let size = 40 + round
        let text = spec(host, size: "\(size) MiB", volume: "\(size) MiB", more: ", snapshots: { s\(round): {} }")
        let apply = try host.start(round == 5 ? ["destroy", "--yes", "--delete-disks"] : ["apply", "--yes"], text)
        while apply.isRunning {
          rename(pool, away)
          rename(link, pool)
          usleep(300)
          rename(pool, link)
          rename(away, pool)
          usleep(2_000)
        }
        _ = try apply.wait()
        let changed = Footprint([outside]).differences(from: before)
        #expect(changed.isEmpty, "\(round): \(changed)")
      }
    }
  }
}
