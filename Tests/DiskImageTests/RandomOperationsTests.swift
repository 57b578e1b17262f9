// Random histories of images: QEMU's writes and snapshots between our snapshots, resizes, rebases, commits and repairs, each step held against a plain model in memory and against QEMU's tools.

import Foundation
import Testing

@testable import DiskImage

@Suite("Random histories")
struct RandomOperationsTests {
  /// `VIREO_RANDOM_SEQUENCES` runs more than one of each kind, `VIREO_RANDOM_FIRST` other ones, `VIREO_RANDOM_STEPS`
  /// longer ones.
  private static let environment = ProcessInfo.processInfo.environment
  static let seeds: [UInt64] = {
    let first = environment["VIREO_RANDOM_FIRST"].flatMap(UInt64.init) ?? 1
    let count = environment["VIREO_RANDOM_SEQUENCES"].flatMap(UInt64.init) ?? 14
    return Array(first..<first + count)
  }()

  private static let steps = environment["VIREO_RANDOM_STEPS"].flatMap(Int.init) ?? 14

  @Test(
    "after every step QEMU finds a sound image, and the disk and its snapshots are what they must be", arguments: seeds)
  func histories(seed: UInt64) throws {
    var history = try History(seed: seed)
    do {
      for _ in 0..<Self.steps {
        try history.step()
        try history.verify()
      }
    } catch {
      Issue.record("seed \(seed), \(history.steps.joined(separator: "; ")): \(error)")
    }
  }
}

/// An image, and what must be in it.
private struct History {
  private struct Kind {
    var options: [String]
    var cluster: Int
    var size: Int
    var base: ImageFormat?
    /// Most snapshots that counts have room for, one for QEMU's way of reverting taken off.
    var snapshots = 6
    var isVersion2 = false
    var takesCompressed = true
  }

  private static let kinds: [Kind] = [
    Kind(options: [], cluster: 65536, size: 2 << 20),
    Kind(options: [], cluster: 4096, size: 1 << 20),
    Kind(options: [], cluster: 512, size: 128 << 10),
    Kind(options: ["compat=0.10"], cluster: 4096, size: 512 << 10, isVersion2: true),
    Kind(options: ["refcount_bits=1"], cluster: 4096, size: 512 << 10, snapshots: 0, takesCompressed: false),
    Kind(options: ["refcount_bits=4"], cluster: 4096, size: 512 << 10, takesCompressed: false),
    Kind(options: ["refcount_bits=64"], cluster: 512, size: 128 << 10),
    Kind(options: ["extended_l2=on"], cluster: 16384, size: 1 << 20),
    Kind(options: ["extended_l2=on"], cluster: 32768, size: 1 << 20, base: .qcow2),
    Kind(options: ["compression_type=zstd"], cluster: 65536, size: 1 << 20),
    Kind(options: [], cluster: 4096, size: 1 << 20, base: .qcow2),
    Kind(options: [], cluster: 65536, size: 1 << 20, base: .raw),
    Kind(options: ["compat=0.10"], cluster: 4096, size: 512 << 10, base: .qcow2, isVersion2: true),
    Kind(options: ["lazy_refcounts=on"], cluster: 4096, size: 512 << 10),
  ]

  private let folder: Folder
  private let kind: Kind
  private var generator: SeededGenerator
  /// What the guest must read.
  private var disk: [UInt8]
  private var snapshots: [(name: String, disk: [UInt8])] = []
  /// What lies below, and the name under which the image knows it.
  private var base: (name: String, format: ImageFormat, disk: [UInt8])?
  private var number = 0
  private(set) var steps: [String] = []

  private var image: String { folder("image") }

  init(seed: UInt64) throws {
    generator = SeededGenerator(seed: seed)
    kind = Self.kinds[Int(seed % UInt64(Self.kinds.count))]
    folder = try Folder()
    disk = [UInt8](repeating: 0, count: kind.size)
    steps = ["\(kind)"]
    if let format = kind.base {
      base = try makeBase("base", format)
      disk = Self.fitted(base!.disk, kind.size)
    }
    try makeQcow2(
      image, "\(kind.size)", ["cluster_size=\(kind.cluster)"] + kind.options,
      base: base.map { ($0.name, $0.format.rawValue) })
  }

  /// A backing file of some size with something in it.
  private mutating func makeBase(
    _ name: String, _ format: ImageFormat
  ) throws -> (name: String, format: ImageFormat, disk: [UInt8]) {
    let size = Int.random(in: 1...40, using: &generator) * 32768 - (Bool.random(using: &generator) ? 512 : 0)
    try run("qemu-img", "create", "-q", "-f", format.rawValue, folder(name), "\(size)")
    var content = [UInt8](repeating: 0, count: size)
    for _ in 0..<4 {
      let range = random(in: size)
      let byte = UInt8.random(in: 1...255, using: &generator)
      try qemuIO(folder(name), format: format.rawValue, "write -P \(byte) \(range.lowerBound) \(range.count)")
      content.fill(range, byte)
    }
    return (name, format, content)
  }

  private static func fitted(_ disk: [UInt8], _ size: Int) -> [UInt8] {
    Array(disk.prefix(size)) + [UInt8](repeating: 0, count: max(0, size - disk.count))
  }

  /// Some sectors.
  private mutating func random(in size: Int) -> Range<Int> {
    let sectors = size / 512
    let start = Int.random(in: 0..<sectors, using: &generator)
    let length = Int.random(
      in: 1...max(1, sectors / [1, 3, 10, 40].randomElement(using: &generator)!), using: &generator)
    return start * 512..<min(sectors, start + length) * 512
  }

  // MARK: Steps

  mutating func step() throws {
    switch Int.random(in: 0..<100, using: &generator) {
    case ..<34: try writeSome()
    case ..<46: try takeSnapshot()
    case ..<58: try revert()
    case ..<68: try deleteSnapshot()
    case ..<72: try rename()
    case ..<85: try resize()
    case ..<90: try rebase()
    case ..<94: try commit()
    default: try repair()
    }
  }

  private mutating func say(_ step: String) { steps.append(step) }

  private mutating func writeSome() throws {
    guard disk.count >= 512 else { return }
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let range = random(in: disk.count)
      let place = "\(range.lowerBound) \(range.count)"
      switch Int.random(in: 0..<10, using: &generator) {
      case ..<5:
        let byte = UInt8.random(in: 1...255, using: &generator)
        say("write -P \(byte) \(place)")
        try qemuIO(image, "write -P \(byte) \(place)")
        disk.fill(range, byte)
      case 5, 6:
        let flags = Bool.random(using: &generator) ? "-z" : "-z -u"
        say("write \(flags) \(place)")
        try scribble(image, ["write \(flags) \(place)"])
        disk.fill(range, 0)
      case 7 where kind.takesCompressed: try writeCompressed()
      default:
        say("discard \(place)")
        try scribble(image, ["discard \(place)"])
        // QEMU discards what it likes of it: whole clusters that it does not keep.
        let now = try qemuContent(of: image, in: folder)
        let discarded = Array(zip(now, disk).enumerated().filter { $0.element.0 != $0.element.1 })
        guard discarded.allSatisfy({ range.contains($0.offset) && $0.element.0 == 0 }) else {
          throw ToolFailure(text: "a discard changed what it was not asked to")
        }
        disk = now
      }
    }
  }

  /// Writes one compressed cluster where QEMU lets it be written: a whole one, not there yet.
  private mutating func writeCompressed() throws {
    guard disk.count >= kind.cluster else { return }
    let start = Int.random(in: 0..<disk.count / kind.cluster, using: &generator) * kind.cluster
    let byte = UInt8.random(in: 1...255, using: &generator)
    let command = "write -c -P \(byte) \(start) \(kind.cluster)"
    say(command)
    let done = try run(["qemu-io", "-f", "qcow2", "-c", command, image], expecting: nil)
    if done.status == 0, !done.output.contains("failed") { disk.fill(start..<start + kind.cluster, byte) }
  }

  private mutating func takeSnapshot() throws {
    guard snapshots.count < kind.snapshots else { return }
    number += 1
    let name = "s\(number)"
    if Bool.random(using: &generator) {
      say("our snapshot \(name)")
      try ImageSnapshots.create(named: name, path: image)
    } else {
      say("QEMU's snapshot \(name)")
      try run("qemu-img", "snapshot", "-c", name, image)
    }
    snapshots.append((name, disk))
  }

  private mutating func revert() throws {
    guard let one = snapshots.randomElement(using: &generator) else { return }
    // QEMU does not resize version 2 images with snapshots.
    if Bool.random(using: &generator) || (kind.isVersion2 && one.disk.count != disk.count) {
      say("our revert to \(one.name)")
      try ImageSnapshots.apply(.name(one.name), path: image)
    } else {
      say("QEMU's revert to \(one.name)")
      try run("qemu-img", "snapshot", "-a", one.name, image)
    }
    disk = one.disk
  }

  private mutating func deleteSnapshot() throws {
    guard let index = snapshots.indices.randomElement(using: &generator) else { return }
    let name = snapshots.remove(at: index).name
    if Bool.random(using: &generator) {
      say("our deletion of \(name)")
      try ImageSnapshots.delete(.name(name), path: image)
    } else {
      say("QEMU's deletion of \(name)")
      try run("qemu-img", "snapshot", "-d", name, image)
    }
  }

  private mutating func rename() throws {
    guard let index = snapshots.indices.randomElement(using: &generator) else { return }
    number += 1
    say("\(snapshots[index].name) is s\(number) now")
    try ImageSnapshots.rename(.name(snapshots[index].name), to: "s\(number)", path: image)
    snapshots[index].name = "s\(number)"
  }

  private mutating func resize() throws {
    if kind.isVersion2, !snapshots.isEmpty { return }
    let sectors = kind.size / 512
    let size = Int.random(in: sectors / 4...sectors * 2, using: &generator) * 512
    if Int.random(in: 0..<4, using: &generator) == 0, size > disk.count, base == nil {
      // QEMU shows what lies in the rest of the last cluster; this is for sizes that have none.
      let whole = (size + kind.cluster - 1) / kind.cluster * kind.cluster
      guard disk.count % kind.cluster == 0, snapshots.isEmpty else { return }
      say("QEMU's resize to \(whole)")
      try run("qemu-img", "resize", "-q", "-f", "qcow2", image, "\(whole)")
      disk = Self.fitted(disk, whole)
      return
    }
    say("our resize to \(size)")
    try ImageResize.resize(path: image, format: .qcow2, to: UInt64(size), shrinking: .discarding)
    disk = Self.fitted(disk, size)
  }

  private mutating func rebase() throws {
    guard snapshots.isEmpty else { return }
    guard Int.random(in: 0..<3, using: &generator) > 0 else {
      say("rebase onto nothing")
      try ImageRebase.rebase(path: image, onto: nil)
      base = nil
      return
    }
    number += 1
    let new = try makeBase("base\(number)", Bool.random(using: &generator) ? .qcow2 : .raw)
    say("rebase onto \(new.name), \(new.format), \(new.disk.count)")
    try ImageRebase.rebase(
      path: image, onto: ImageCreation.Backing(name: new.name, format: new.format))
    base = new
  }

  private mutating func commit() throws {
    guard let below = base, snapshots.isEmpty else { return }
    let emptying = Bool.random(using: &generator)
    say("commit, \(emptying ? "" : "not ")emptying")
    try ImageCommit.commit(path: image, emptying: emptying)
    base?.disk = disk + below.disk.dropFirst(disk.count)
    let judge = try qemuContent(of: folder(below.name), format: below.format, in: folder)
    guard judge.isSame(as: base!.disk) else { throw ToolFailure(text: "the backing file holds something else") }
    if below.format == .qcow2 { try expectSound(folder(below.name)) }
  }

  private mutating func repair() throws {
    say("repair")
    let before = try bytes(of: image)
    let result = try ImageCheck.check(path: image, repair: .all)
    guard result.corruptionsFixed + result.leaksFixed == 0, try bytes(of: image).isSame(as: before) else {
      throw ToolFailure(text: "a sound image was repaired")
    }
  }

  // MARK: What must hold

  private func expectSound(_ path: String) throws {
    let judge = try CheckNumbers(judging: path)
    let ours = try CheckNumbers(ImageCheck.check(path: path, decodingData: true))
    guard judge == ours, judge.corruptions + judge.leaks + judge.checkErrors == 0 else {
      throw ToolFailure(text: "qemu-img check: \(judge); ours: \(ours)")
    }
  }

  func verify() throws {
    try expectSound(image)
    guard try qemuContent(of: image, in: folder).isSame(as: disk) else {
      throw ToolFailure(text: "QEMU reads another disk")
    }
    let now = try FilesOnDisk(paths: [image]).visible(image)
    guard now.disk.isSame(as: disk) else { throw ToolFailure(text: "we read another disk") }
    guard now.snapshots.count == snapshots.count else { throw ToolFailure(text: "\(now.snapshots.keys)") }
    for (name, content) in snapshots {
      guard now.snapshots[name]?.isSame(as: content) == true else {
        throw ToolFailure(text: "snapshot \(name) differs")
      }
    }
    let info = try qemuInfo(image)
    guard info["virtual-size"] as? Int == disk.count,
      (info["snapshots"] as? [[String: Any]] ?? []).map({ $0["name"] as? String }) == snapshots.map(\.name),
      try ImageSnapshots.list(path: image).map(\.name.description) == snapshots.map(\.name),
      info["backing-filename"] as? String == base?.name
    else { throw ToolFailure(text: "\(info)") }
    let ours = try ImageMapTests.read(image, .qcow2)
    let map = try ImageMapTests.judge(["-f", "qcow2", image], comparedWith: ours)
    guard map == ours else { throw ToolFailure(text: "maps differ: \(map) \(ours)") }
  }
}

extension [UInt8] {
  fileprivate mutating func fill(_ range: Range<Int>, _ byte: UInt8) {
    withUnsafeMutableBytes { _ = memset($0.baseAddress! + range.lowerBound, Int32(byte), range.count) }
  }
}
