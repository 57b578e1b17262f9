// What strangers' images try, threat by threat, where they would be written to: each is refused before the first write, or done without harm, in bounded time.

import Foundation
import Testing

@testable import DiskImage

/// Changes of an image by its path, as a caller makes them.
struct ChangeByPath: CustomTestStringConvertible, Sendable {
  let name: String
  let run: @Sendable (String) throws -> Void
  var testDescription: String { name }
}

let changesByPath: [ChangeByPath] = [
  ChangeByPath(name: "snapshot create") { try ImageSnapshots.create(named: "new", path: $0) },
  ChangeByPath(name: "snapshot apply") { try ImageSnapshots.apply(.name("one"), path: $0) },
  ChangeByPath(name: "snapshot delete") { try ImageSnapshots.delete(.name("one"), path: $0) },
  ChangeByPath(name: "snapshot rename") { try ImageSnapshots.rename(.name("one"), to: "other", path: $0) },
  ChangeByPath(name: "grow") { try ImageResize.resize(path: $0, format: .qcow2, to: 32 << 20) },
  ChangeByPath(name: "shrink") {
    try ImageResize.resize(path: $0, format: .qcow2, to: 1 << 20, shrinking: .discarding)
  },
  ChangeByPath(name: "rebase of the name alone") { try ImageRebase.rebase(path: $0, onto: nil, metadataOnly: true) },
]

@Suite("Threats to writing")
struct WritingThreatTests {
  /// An image of 4 MiB with a snapshot: guest clusters 0 to 31 and 512 to 515 hold data.
  private static func make(_ folder: Folder) throws -> String {
    try makeQcow2(folder("image"), "4M", ["cluster_size=4k"])
    try qemuIO(folder("image"), "write -P 1 0 128k")
    try run("qemu-img", "snapshot", "-c", "one", folder("image"))
    try qemuIO(folder("image"), "write -P 2 0 64k", "write -P 3 2M 16k")
    return folder("image")
  }

  /// Every change must say why not, and leave every byte as it was.
  private static func expectRefused(_ image: String, _ note: String) throws {
    let before = try bytes(of: image)
    for change in changesByPath {
      do {
        try change.run(image)
        Issue.record("\(note): \(change.name) was done")
      } catch let error as ImageError {
        switch error {
        case .needsRepair, .malformed: break
        default: Issue.record("\(note): \(change.name): \(error)")
        }
      }
      #expect(try bytes(of: image).isSame(as: before), "\(note): \(change.name)")
    }
  }

  // MARK: 10

  struct Overlap: CustomTestStringConvertible, Sendable {
    let name: String
    /// The cluster that data or a table is said to lie in.
    let target: @Sendable (ImageBytes) -> UInt64
    var testDescription: String { name }
  }

  static let overlaps: [Overlap] = [
    Overlap(name: "the header") { _ in 0 },
    Overlap(name: "the refcount table") { $0.header.refcountTableOffset },
    Overlap(name: "a refcount block") { $0.refcountBlock(of: 0) },
    Overlap(name: "the L1 table") { $0.header.l1TableOffset },
    Overlap(name: "an L2 table") { $0.l2Table(0) },
    Overlap(name: "the snapshot table") { $0.header.snapshotsOffset },
    Overlap(name: "a snapshot's L1 table") { $0[word: $0.header.snapshotsOffset] },
  ]

  @Test("10: guest data that lies in metadata, counted so that QEMU finds nothing wrong", arguments: overlaps)
  func dataInMetadata(overlap: Overlap) throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    try ImageBytes.edit(image) { image in
      let target = overlap.target(image)
      // An offset of 0 is no place: the header is reached by a compressed cluster.
      let entry = target == 0 ? Qcow2Entry.compressed | 512 : target
      image[word: image.l2Place(600)] = entry
      try image.setRefcount(target >> 12, image.refcount(target >> 12) + 1)
      // What has two references is not marked as having one.
      if overlap.name == "an L2 table" { image[word: image.l1Place(0)] &= ~Qcow2Entry.copied }
    }
    try Self.expectRefused(image, overlap.name)
  }

  @Test("10: an L2 table that lies in other metadata, or in guest data")
  func tablesInOtherThings() throws {
    let folder = try Folder()
    for overlap in Self.overlaps.dropFirst() + [Overlap(name: "data") { $0.hostCluster(3) << 12 }] {
      try? FileManager.default.removeItem(atPath: folder("image"))
      let image = try Self.make(folder)
      try ImageBytes.edit(image) { image in
        let target = overlap.target(image)
        if overlap.name == "an L2 table" { return }
        try image.setRefcount(image.l2Table(600) >> 12, 0)
        image[word: image.l1Place(1)] = target
        try image.setRefcount(target >> 12, image.refcount(target >> 12) + 1)
      }
      if overlap.name == "an L2 table" { continue }
      try Self.expectRefused(image, overlap.name)
    }
  }

  // MARK: 11, 12

  @Test("11: counts that are too low, so that an allocator would hand out what is in use")
  func lowCounts() throws {
    let folder = try Folder()
    for name in Self.overlaps.map(\.name) + ["data", "shared data"] {
      try? FileManager.default.removeItem(atPath: folder("image"))
      let image = try Self.make(folder)
      try ImageBytes.edit(image) { image in
        switch name {
        case "data": try image.setRefcount(image.hostCluster(3), 0)
        case "shared data": try image.setRefcount(image.hostCluster(20), 1)
        default:
          let target = try #require(Self.overlaps.first { $0.name == name }).target(image)
          try image.setRefcount(target >> 12, 0)
        }
      }
      try Self.expectRefused(image, name)
    }
  }

  @Test("11: leaks are no reason to refuse, and what is leaked is not handed out")
  func leaks() throws {
    for change in changesByPath {
      let folder = try Folder()
      let image = try Self.make(folder)
      try ImageBytes.edit(image) { image in
        let end = image.clusterCount
        for cluster in end..<end + 4 { try image.setRefcount(cluster, 1) }
        image.bytes.replaceSubrange(Int(end) << 12..<Int(end + 4) << 12, with: [UInt8](repeating: 0xEE, count: 4 << 12))
      }
      let leaked = try ImageBytes(path: image).clusterCount - 4
      try change.run(image)
      try expectClean(image, leaks: true)
      let after = try bytes(of: image)
      #expect(after[Int(leaked) << 12..<Int(leaked + 4) << 12].allSatisfy { $0 == 0xEE }, "\(change.name)")
    }
  }

  @Test("12: flags that say of shared clusters that they are not shared, and the other way round")
  func wrongFlags() throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    let sound = try bytes(of: image)
    let places = try [ImageBytes(path: image)].flatMap {
      [$0.l1Place(0), $0.l1Place(1), $0.l2Place(3), $0.l2Place(20)]
    }
    for place in places {
      try ImageBytes.edit(image) { $0[word: place] ^= Qcow2Entry.copied }
      try Self.expectRefused(image, "\(place)")
      try write(sound, to: image)
    }
  }

  // MARK: 14, 15

  /// Seconds of processor time that something takes, and by how much the process grew at most (other tests make it grow
  /// too).
  private static func cost(_ work: () throws -> Void) throws -> (seconds: Double, mebibytes: Int) {
    let memory = try memoryPeak()
    let seconds = try processorSeconds(work)
    return (seconds, try memoryPeak() - memory)
  }

  private static func memoryPeak() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") } ?? ""
    return Int(line.filter(\.isNumber)).map { $0 >> 10 } ?? 0
  }

  /// Far above what it takes when a table is looked at once, far below what it takes when each use of it is.
  private static let limit = 60.0

  @Test(
    "14: one L2 table that a quarter of a million L1 entries name, in counts of 32 and 64 bits", arguments: [32, 64])
  func fanOut(bits: Int) throws {
    let folder = try Folder()
    let image = folder("image")
    let entries: UInt64 = 1 << 18
    try makeQcow2(image, "\(entries * 2)M", ["cluster_size=4k", "refcount_bits=\(bits)"])
    try qemuIO(image, "write -P 6 0 2M")
    try ImageBytes.edit(image) { image in
      let table = image.l2Table(0)
      try image.setRefcount(table >> 12, entries)
      for cluster in 0..<512 {
        try image.setRefcount(image.hostCluster(cluster), entries)
        image[word: image.l2Place(cluster)] &= ~Qcow2Entry.copied
      }
      let words = [UInt8](bigEndianTable: repeatElement(table, count: Int(entries)))
      image.bytes.replaceSubrange(
        Int(image.header.l1TableOffset)..<Int(image.header.l1TableOffset) + words.count, with: words)
    }
    let cost = try Self.cost {
      let result = try ImageCheck.check(path: image)
      #expect(result.corruptions == 0 && result.leaks == 0 && result.allocatedClusters == entries * 512)
      try ImageSnapshots.create(named: "new", path: image)
      try ImageSnapshots.delete(.name("new"), path: image)
      try ImageResize.resize(path: image, format: .qcow2, to: entries * 2 << 20 | 512)
    }
    #expect(cost.seconds < Self.limit && cost.mebibytes < 512, "\(cost)")
    #expect(try ImageCheck.check(path: image).corruptions == 0)
  }

  @Test("14: as many snapshots as there can be, all on one L1 table")
  func sharedL1() throws {
    let folder = try Folder()
    let image = folder("image")
    try makeQcow2(image, "4M", ["refcount_bits=64"])
    try qemuIO(image, "write -P 6 0 1M")
    try run("qemu-img", "snapshot", "-c", "one", image)
    let count = 65_535
    try ImageBytes.edit(image) { image in
      let table = try Qcow2SnapshotTable(image.header, of: MemorySource(name: "", bytes: image.bytes))
      var all = Qcow2SnapshotTable()
      for number in 1...count {
        var one = table.snapshots[0]
        one.id = StoredName("\(number)")
        one.name = StoredName("s\(number)")
        all.snapshots.append(one)
      }
      let bytes = all.bytes
      let place = image.clusterCount
      for cluster in place..<place + image.geometry.clusters(for: UInt64(bytes.count)) {
        try image.setRefcount(cluster, 1)
      }
      image.bytes.replaceSubrange(Int(place) << 16..<Int(place) << 16 + bytes.count, with: bytes)
      try image.setRefcount(image.header.snapshotsOffset >> 16, 0)
      try image.setRefcount(table.snapshots[0].l1TableOffset >> 16, UInt64(count))
      try image.setRefcount(image.l2Table(0) >> 16, UInt64(count) + 1)
      for cluster in 0..<16 { try image.setRefcount(image.hostCluster(cluster), UInt64(count) + 1) }
      image.bytes.put(UInt32(count), at: 60)
      image.bytes.put(place << 16, at: 64)
    }
    try expectClean(image)
    let cost = try Self.cost {
      let result = try ImageCheck.check(path: image)
      #expect(result.corruptions == 0 && result.leaks == 0)
      try ImageSnapshots.create(named: "last", path: image)
      guard
        case .invalidRequest? = #expect(
          throws: ImageError.self,
          performing: {
            try ImageSnapshots.create(named: "too many", path: image)
          })
      else { throw ToolFailure(text: "not refused") }
      try ImageSnapshots.delete(.name("s7"), path: image)
      try ImageSnapshots.apply(.name("s8"), path: image)
    }
    #expect(cost.seconds < Self.limit && cost.mebibytes < 512, "\(cost)")
    #expect(try ImageCheck.check(path: image).corruptions == 0)
  }

  @Test("14: snapshots whose L1 tables overlap are found out, and read once")
  func overlappingL1() throws {
    let folder = try Folder()
    let image = folder("image")
    try makeQcow2(image, "4M", ["refcount_bits=64"])
    try qemuIO(image, "write -P 6 0 1M")
    try run("qemu-img", "snapshot", "-c", "one", image)
    try ImageBytes.edit(folder("image")) { image in
      let table = try Qcow2SnapshotTable(image.header, of: MemorySource(name: "", bytes: image.bytes))
      var all = Qcow2SnapshotTable()
      for number in 1...500 {
        var one = table.snapshots[0]
        one.l1TableOffset = (UInt64(number) + 100) << 16
        one.l1Size = 4_194_304
        one.id = StoredName("\(number)")
        all.snapshots.append(one)
      }
      let bytes = all.bytes
      image.extend(to: image.header.snapshotsOffset + UInt64(bytes.count))
      image.bytes.replaceSubrange(
        Int(image.header.snapshotsOffset)..<Int(image.header.snapshotsOffset) + bytes.count, with: bytes)
      image.bytes.put(UInt32(500), at: 60)
    }
    // Only now: the tables' room is a hole, not two gigabytes of zeros.
    try run("truncate", "-s", "2G", image)
    let cost = try Self.cost {
      let result = try ImageCheck.check(path: image)
      #expect(result.corruptions >= 499)
    }
    #expect(cost.seconds < Self.limit && cost.mebibytes < 512, "\(cost)")
    #expect(throws: ImageError.self) { try ImageSnapshots.create(named: "new", path: image) }
  }

  @Test("15: an image as long as the file system allows, mostly hole, is checked and changed by what it holds")
  func sparse() throws {
    let folder = try Folder()
    let size = try #require(
      ["4000P", "15T", "1T"].first { size in
        try run(["truncate", "-s", size, folder("try")], expecting: nil).status == 0
      })
    for change in changesByPath {
      try? FileManager.default.removeItem(atPath: folder("image"))
      let image = try Self.make(folder)
      try run("truncate", "-s", size, image)
      let cost = try Self.cost {
        try change.run(image)
        let result = try ImageCheck.check(path: image, repair: .all)
        #expect(result.corruptions == 0 && result.findings.isEmpty)
      }
      #expect(cost.seconds < Self.limit && cost.mebibytes < 512, "\(change.name): \(cost)")
    }
  }

  @Test("15: L2 tables and refcount blocks in a hole, a quarter of a million each, cost what the file holds")
  func hollowTables() throws {
    let folder = try Folder()
    let image = folder("image")
    let count: UInt64 = 1 << 18
    try makeQcow2(image, "\(count * 2)M", ["cluster_size=4k"])
    // Counts for the tables are real; the tables are not written.
    let header = try Qcow2Header(from: LocalFile(path: image))
    let first = count
    let file = try #require(FileHandle(forUpdatingAtPath: image))
    func put(_ bytes: [UInt8], at offset: UInt64) throws {
      try file.seek(toOffset: offset)
      try file.write(contentsOf: bytes)
    }
    let tables = (0..<count).map { (first + $0) << 12 }
    try put([UInt8](bigEndianTable: tables.map { $0 | Qcow2Entry.copied }), at: header.l1TableOffset)
    // Blocks for clusters from `first` on: 2048 counts each, the blocks themselves behind the tables.
    let blocks = count / 2048 + 1
    let place = first + count
    try put(
      [UInt8](bigEndianTable: (0..<blocks).map { (place + $0) << 12 }),
      at: header.refcountTableOffset + first / 2048 * 8)
    let ones = [UInt8]([0, 1].joinedRepeated(2048))
    for block in 0..<blocks - 1 { try put(ones, at: (place + block) << 12) }
    try put(Array(ones.prefix(Int(blocks) * 2)) + [0, 1], at: (place + blocks - 1) << 12)
    try file.close()
    try run("truncate", "-s", "\((place + blocks + 1) << 12)", image)
    let before = try ImageCheck.check(path: image)
    #expect(before.corruptions == 0 && before.leaks == 1, "\(before)")
    let cost = try Self.cost {
      try ImageSnapshots.create(named: "new", path: image)
      try ImageSnapshots.apply(.name("new"), path: image)
      try ImageSnapshots.delete(.name("new"), path: image)
      #expect(try ImageCheck.check(path: image, repair: .leaks).leaks == 0)
      #expect(try ImageCheck.check(path: image, repair: .all).corruptions == 0)
    }
    #expect(cost.seconds < Self.limit && cost.mebibytes < 512, "\(cost)")
  }

  // MARK: 23

  @Test("23: an image that a writer has open is not touched", arguments: changesByPath)
  func inUse(change: ChangeByPath) throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    let before = try bytes(of: image)
    // Nobody may write while somebody reads, either.
    for use in [ImageLock.Use.write, .read] {
      let lock = try ImageLock(path: image, for: use)
      try withExtendedLifetime(lock) {
        guard case .locked? = #expect(throws: ImageError.self, performing: { try change.run(image) }) else {
          throw ToolFailure(text: "not refused as locked")
        }
        #expect(try bytes(of: image).isSame(as: before))
      }
    }
    try change.run(image)
  }

  // MARK: 25, 26

  @Test("25: a machine's saved state never becomes a part of the disk")
  func vmState() throws {
    let folder = try BuiltImages.copy(of: try #require(cutImages.first { $0.name == "VM state" }))
    let image = folder("image")
    try ImageSnapshots.apply(.name("vm"), path: image)
    let content = try qemuContent(of: image, in: folder)
    // The next ranges of the disk are where its saved state is mapped.
    try ImageResize.resize(path: image, format: .qcow2, to: 8 << 20)
    let grown = try qemuContent(of: image, in: folder)
    #expect(grown.isSame(as: content + [UInt8](repeating: 0, count: 8 << 20 - content.count)))
    try expectClean(image)
    try ImageSnapshots.apply(.name("vm"), path: image)
    #expect(try qemuContent(of: image, in: folder).isSame(as: content))
  }

  static let grimy = CutTests.cases.filter { one in
    ["clusters of 512 bytes", "subclusters over a backing file", "an overlay"].contains(one.image.name)
  }

  @Test("26: what free clusters held before is nowhere to be seen after any change", arguments: grimy)
  func oldContent(one: CutTests.Case) throws {
    let trial = try Trial(one.operation) { try BuiltImages.copy(of: one.image) }
    for name in one.operation.files {
      try ImageBytes.edit(trial.folder(name)) { image in
        let size = Int(image.geometry.clusterSize)
        let end = image.clusterCount
        image.extend(to: (end + 40) * UInt64(size))
        for cluster in 0..<end + 40 {
          let isCovered = image.refcountBlock(of: cluster) != 0
          if isCovered, try image.refcount(cluster) != 0 { continue }
          // Damaged counts do not make a cluster free.
          if one.operation.name.hasPrefix("repair"), cluster < end { continue }
          image.bytes.replaceSubrange(
            Int(cluster) * size..<Int(cluster + 1) * size, with: [UInt8](repeating: 0xEE, count: size))
        }
      }
    }
    try one.operation.run(trial.folder, Journal())
    try trial.setResult()
  }

  // MARK: 27, 28

  @Test("27: without space, the file is as long as before and every byte that meant something is as it was")
  func noSpace() throws {
    for operation in inPlaceOperations where ["snapshot create", "grow", "flatten"].contains(operation.name) {
      let image = try #require(cutImages.first { $0.name == "an overlay" && (operation.suits($0) || true) })
      let trial = try Trial(operation) { try BuiltImages.copy(of: image) }
      let path = trial.folder("image")
      let before = try #require(trial.before.contents[path])
      for failing in 0..<1000 {
        try trial.before.save()
        let journal = Journal(failing: failing)
        let isDone = (try? operation.run(trial.folder, journal)) != nil
        // From the header's write on, nobody knows which of the two it is.
        let hasSwitched = journal.entries.contains {
          if case .write(_, 0) = $0.change { return true } else { return false }
        }
        if isDone || hasSwitched { break }
        #expect(try bytes(of: path).count == before.count, "\(operation.name), change \(failing)")
      }
    }
  }

  @Test("28: an image that is marked dirty or corrupt is not written to", arguments: [1, 2, 3] as [UInt8])
  func marked(mark: UInt8) throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    try patch(image) { $0[79] = mark }
    try Self.expectRefused(image, "marked")
  }
}

extension [UInt8] {
  fileprivate func joinedRepeated(_ count: Int) -> [UInt8] { Array(repeatElement(self, count: count).joined()) }
}
