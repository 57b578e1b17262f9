// Cuts every change in place at every write: whatever part of what was not flushed has reached the disk, the image is exactly the old one or the new one, and sound.

import Foundation
import Testing

@testable import DiskImage

@Suite("Changes in place, cut short")
struct CutTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let image: CutImage
    let operation: InPlaceOperation
    var testDescription: String { "\(operation.name): \(image.name)" }
  }

  static let cases = inPlaceOperations.flatMap { operation in
    cutImages.filter(operation.suits).map { Case(image: $0, operation: operation) }
  }

  @Test("cut at any write, the image is the old one or the new one", arguments: cases)
  func cuts(one: Case) throws {
    let trial = try Trial(one.operation) { try BuiltImages.copy(of: one.image) }
    try trial.cut(stride: one.image.stride)
  }

  @Test(
    "failing at any write, the caller is told why, and the image is the old one or the new one",
    arguments: cases.filter { starved.contains($0.image.name) })
  func fails(one: Case) throws {
    let trial = try Trial(one.operation) { try BuiltImages.copy(of: one.image) }
    try trial.starve()
  }

  private static let starved: Set<String> = ["plain", "clusters of 512 bytes", "an overlay", "compressed, zlib"]
}

extension Trial {
  /// Cuts the operation at every write.
  func cut(stride: Int = 1) throws {
    let journal = Journal()
    try operation.run(folder, journal)
    #expect(journal.endsFlushed)
    try setResult()
    let switches = switches(journal)
    #expect(switches.count >= 1)
    #expect(switches.allSatisfy { $0 == 0..<512 }, "the header is changed by one sector's write")
    var cuts = 0
    try journal.forEachCut(from: before.contents) { cut in
      cuts += 1
      guard cut.isSettled || cuts % stride == 0 else { return }
      try expectOldOrNew(cut, askingQEMU: cut.isSettled || cuts % 37 == 0)
    }
    CutCount.add(looked, journal)
  }

  /// Writes that touch the first sector of an image.
  private func switches(_ journal: Journal) -> [Range<UInt64>] {
    journal.entries.compactMap { entry in
      guard case .write(let bytes, let offset) = entry.change, offset < 512, images.contains(entry.path) else {
        return nil
      }
      return offset..<offset + UInt64(bytes.count)
    }
  }

  /// Lets the operation run out of space at every write.
  func starve() throws {
    try operation.run(folder, Journal())
    try setResult()
    for failing in 0..<10_000 {
      try before.save()
      let journal = Journal(failing: failing)
      do {
        try operation.run(folder, journal)
        if failing >= journal.entries.count { return }
      } catch {
        guard case .noSpace = error as? ImageError else {
          Issue.record("\(error)")
          return
        }
      }
      let now = try FilesOnDisk(paths: Array(before.contents.keys), note: "change \(failing)")
      try expectOldOrNew(now, askingQEMU: failing % 7 == 0)
    }
    Issue.record("the operation did not end")
  }
}

/// How many states were looked at, for whoever wants to know (`VIREO_TEST_COUNTS`).
enum CutCount {
  private static let isWanted = ProcessInfo.processInfo.environment["VIREO_TEST_COUNTS"] != nil
  private static let lock = NSLock()
  nonisolated(unsafe) private static var total = 0

  static func add(_ count: Int, _ journal: Journal) {
    lock.withLock {
      total += count
      guard isWanted else { return }
      var changes: [String: Int] = [:]
      for entry in journal.entries { changes[entry.change.label, default: 0] += 1 }
      print("cuts looked at:", total, "of", changes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" })
    }
  }
}

/// One operation on one image, with what was to be seen before and what is to be seen after.
final class Trial {
  let folder: Folder
  let operation: InPlaceOperation
  /// Paths of the images that must be old or new.
  let images: [String]
  let before: FilesOnDisk
  private let old: World
  private let oldStatus: [String: Int32]
  private var new = World()
  private(set) var looked = 0

  /// All images of an operation, by name.
  private struct World: Equatable {
    var visible: [String: Visible] = [:]
    var counts: [String: Counts] = [:]
  }

  init(_ operation: InPlaceOperation, build: () throws -> Folder) throws {
    self.operation = operation
    folder = try build()
    try operation.prepare(folder)
    images = operation.files.map { [folder] name in folder(name) }
    before = try FilesOnDisk(paths: images + operation.others.map { [folder] name in folder(name) })
    old = try Self.world(before, operation, folder)
    oldStatus = try Dictionary(
      uniqueKeysWithValues: operation.files.map { [folder] in ($0, try Self.status(folder($0))) })
  }

  private static func world(_ files: FilesOnDisk, _ operation: InPlaceOperation, _ folder: Folder) throws -> World {
    var world = World()
    for name in operation.files {
      world.visible[name] = try files.visible(folder(name))
      world.counts[name] = try files.check(folder(name))
    }
    return world
  }

  /// What `qemu-img check` says of an image.
  private static func status(_ path: String) throws -> Int32 {
    try run(["qemu-img", "check", "-q", "-f", "qcow2", path], expecting: nil).status
  }

  /// The operation went through: its result must be right, and no worse than what was there.
  func setResult() throws {
    let after = try Self.world(FilesOnDisk(paths: Array(before.contents.keys)), operation, folder)
    new.visible = old.visible
    operation.change(&new.visible)
    new.counts = after.counts
    for (name, counts) in new.counts {
      #expect(counts.isSound && counts.leaks <= old.counts[name]!.leaks, "\(name): \(counts)")
      #expect(try Self.status(folder(name)) == (counts.leaks > 0 ? 3 : 0), "\(name)")
    }
    #expect(after.visible == new.visible)
    let judge = try qemuContent(of: images[0], in: folder)
    #expect(judge.isSame(as: new.visible[operation.files[0]]!.disk), "QEMU reads something else")
  }

  func expectOldOrNew(_ files: FilesOnDisk, askingQEMU: Bool) throws {
    looked += 1
    let world = try Self.world(files, operation, folder)
    #expect(world == old || world == new, "\(files.note): \(world.counts)")
    guard askingQEMU else { return }
    try files.save()
    for name in operation.files {
      let status = try Self.status(folder(name))
      #expect(
        world == new && status == (new.counts[name]!.leaks > 0 ? 3 : 0) || world == old && status == oldStatus[name],
        "\(files.note): qemu-img check \(status)")
    }
  }
}

extension FilesOnDisk {
  fileprivate init(paths: [String], note: String) throws {
    let files = try FilesOnDisk(paths: paths)
    self.init(contents: files.contents, isSettled: true, note: note)
  }
}

/// Images that were made once and are copied to where they are needed.
enum BuiltImages {
  private static let lock = NSLock()
  nonisolated(unsafe) private static var built: [String: Folder] = [:]

  static func copy(of image: CutImage) throws -> Folder {
    let original = try lock.withLock {
      if let known = built[image.name] { return known }
      let folder = try Folder()
      try image.build(folder)
      built[image.name] = folder
      return folder
    }
    let folder = try Folder()
    for name in original.names { try write(bytes(of: original(name)), to: folder(name)) }
    return folder
  }
}
