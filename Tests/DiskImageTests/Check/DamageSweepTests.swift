// Repairs of every kind of damage beside qemu-img's own: what it mends we mend, and nothing is lost that it keeps.

import Foundation
import Testing

@testable import DiskImage

@Suite("Repairs of any damage, beside QEMU")
struct DamageSweepTests {
  static let isWhole = environment["VIREO_DAMAGE_SWEEP"] != nil
  private static let environment = ProcessInfo.processInfo.environment
  /// A run takes every so manieth damage of each kind, and this is the first; `VIREO_DAMAGE_SWEEP=1` takes them all.
  private static let step = environment["VIREO_DAMAGE_SWEEP"].flatMap(Int.init) ?? 67
  /// Random damage to each image; `VIREO_DAMAGE_SEEDS` for more, such as 200.
  private static let seeds = environment["VIREO_DAMAGE_SEEDS"].flatMap(UInt64.init) ?? 3

  @Test("what qemu-img mends is mended, what can be read stays, and what is left is said", arguments: sweptImages)
  func sweep(base: SweptImage) throws {
    if let only = Self.environment["VIREO_DAMAGE_IMAGE"], !base.name.contains(only) { return }
    let folder = try Folder()
    try base.build(folder)
    let sound = try ImageBytes(path: folder("image"))
    let places = try SweptPlaces(sound)
    // Each image has other damage of those that are taken.
    let first = Self.step > 1 ? base.name.utf8.reduce(0) { $0 + Int($1) } % Self.step : 0
    var damages = stride(from: first, to: places.all.count, by: Self.step).map { places.all[$0] }
    damages += (0..<Self.seeds).map { places.random($0 + UInt64(first) << 32) }
    var trial = SweepTrial(folder: folder, probes: base.probes(Int(sound.geometry.clusterSize)))
    for damage in damages {
      var image = sound
      do { try damage.change(&image) } catch is ToolFailure { continue }
      for failure in try trial.run(image.bytes) { Issue.record("\(base.name), \(damage.name): \(failure)") }
    }
  }
}

/// One damaged image, repaired by us and by QEMU.
private struct SweepTrial {
  let folder: Folder
  let probes: [UInt64]

  /// What is wrong with our repair, in words.
  mutating func run(_ damaged: [UInt8]) throws -> [String] {
    let ours = folder("image")
    let theirs = folder("theirs")
    try write(damaged, to: ours)
    let before = content(of: ours)
    var result: ImageCheck.Result?
    var refusal = ""
    do { result = try ImageCheck.check(path: ours, repair: .all) } catch { refusal = "\(error)" }
    let isSound = result.map { $0.corruptions + $0.leaks + $0.checkErrors == 0 } ?? false
    let verdict = try qemuCheck(ours)
    let after = content(of: ours)
    let lost = differences(before, after)
    var failures: [String] = []
    if isSound, verdict.status != 0 { failures.append("is said to be sound: \(verdict.output.prefix(300))") }
    if let result {
      let again = try? ImageCheck.check(path: ours)
      if again?.corruptions != result.corruptions || again?.leaks != result.leaks
        || again?.checkErrors != result.checkErrors
      {
        failures.append("what is said to be left is not what is left")
      }
      if !isSound, result.findings.allSatisfy(\.isFixed) { failures.append("nothing is said of what is left") }
    }
    if isSound, lost.isEmpty { return failures }
    // Only now it matters what QEMU makes of it.
    try write(damaged, to: theirs)
    _ = try run(
      ["timeout", "-s", "KILL", "10", "qemu-img", "check", "-q", "-f", "qcow2", "-r", "all", theirs], expecting: nil)
    let isMended = try qemuCheck(theirs).status == 0
    if !isSound, isMended {
      failures.append(
        "QEMU mends it: \(refusal)\(result.map { "\($0.findings.filter { !$0.isFixed }.prefix(3).map(\.text))" } ?? "")"
      )
    }
    let kept = differences(before, content(of: theirs))
    let alone = lost.filter { !kept.contains($0) }
    if !alone.isEmpty { failures.append("QEMU keeps what we lose: \(alone.prefix(5))") }
    return failures
  }

  private func run(_ arguments: [String], expecting statuses: Set<Int32>?) throws -> ToolResult {
    try DiskImageTests.run(arguments, expecting: statuses)
  }

  private func qemuCheck(_ path: String) throws -> ToolResult {
    try run(["timeout", "-s", "KILL", "10", "qemu-img", "check", "-q", "-f", "qcow2", path], expecting: nil)
  }

  /// What can be read at the probes, of the disk and of each snapshot; nothing where nothing can.
  private func content(of path: String) -> [String: [UInt8]] {
    var content: [String: [UInt8]] = [:]
    guard let source = try? LocalFile(path: path), let header = try? Qcow2Header(from: source, checking: true) else {
      return content
    }
    var below: [any ImageLayer] = []
    if header.backingFile != nil, let base = try? LocalFile(path: folder("base")),
      let header = try? Qcow2Header(from: base)
    {
      below = [Qcow2Layer(header, of: base)]
    }
    read(Qcow2Layer(header, of: source), below, "disk", into: &content)
    let table = header.snapshotCount > 0 ? try? Qcow2SnapshotTable.checked(header, of: source) : nil
    for snapshot in table?.table.snapshots.prefix(4) ?? [] {
      guard let layer = try? Qcow2Layer(header, of: source, showing: snapshot) else { continue }
      read(layer, below, "snapshot \(snapshot.id)", into: &content)
    }
    return content
  }

  private func read(
    _ layer: Qcow2Layer, _ below: [any ImageLayer], _ name: String, into content: inout [String: [UInt8]]
  ) {
    let disk = GuestDisk(layers: [layer] + below)
    for probe in probes where probe + 512 <= disk.virtualSize {
      content["\(name) at \(probe)"] = try? DiskImageTests.read(disk, probe..<probe + 512)
    }
  }

  private func differences(_ before: [String: [UInt8]], _ after: [String: [UInt8]]) -> [String] {
    before.filter { one in after[one.key]?.isSame(as: one.value) != true }.map(\.key).sorted()
  }
}
