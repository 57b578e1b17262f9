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
    let trial = try Trial(one)
    let journal = Journal()
    try one.operation.run(trial.folder, journal)
    #expect(journal.endsFlushed)
    try trial.setResult()
    #expect(switches(journal).count >= 1)
    for sector in switches(journal) { #expect(sector == 0..<512, "the header is changed by one sector's write") }

    var cuts = 0
    try journal.forEachCut(from: trial.before.contents) { cut in
      cuts += 1
      guard cut.isSettled || cuts % one.image.stride == 0 else { return }
      try trial.expectOldOrNew(cut, askingQEMU: cut.isSettled || cuts % 37 == 0)
    }
    CutCount.add(trial.looked)
  }

  /// Writes that touch the header cluster.
  private func switches(_ journal: Journal) -> [Range<UInt64>] {
    journal.entries.compactMap { entry in
      guard case .write(let bytes, let offset) = entry.change, offset < 512 else { return nil }
      return offset..<offset + UInt64(bytes.count)
    }
  }

  @Test("failing at any write, the caller is told why, and the image is the old one or the new one", arguments: cases)
  func fails(one: Case) throws {
    let trial = try Trial(one)
    try one.operation.run(trial.folder, Journal())
    try trial.setResult()
    for failing in 0..<10_000 {
      try trial.before.save()
      let journal = Journal(failing: failing)
      do {
        try one.operation.run(trial.folder, journal)
        if failing >= journal.entries.count { return }
      } catch {
        guard case .noSpace = error as? ImageError else {
          Issue.record("\(error)")
          return
        }
      }
      let now = try FilesOnDisk(paths: trial.paths, note: "change \(failing)")
      try trial.expectOldOrNew(now, askingQEMU: failing % 7 == 0)
    }
    Issue.record("the operation did not end")
  }
}

/// How many states were looked at, for whoever wants to know.
enum CutCount {
  private static let lock = NSLock()
  nonisolated(unsafe) private static var total = 0

  static func add(_ count: Int) {
    lock.withLock {
      total += count
      if ProcessInfo.processInfo.environment["VIREO_TEST_COUNTS"] != nil { print("cuts looked at:", total) }
    }
  }
}

/// One operation on one image, with what was to be seen before and what is to be seen after.
final class Trial {
  let folder: Folder
  let paths: [String]
  let before: FilesOnDisk
  private let operation: InPlaceOperation
  private let oldVisible: [String: Visible]
  private let oldCounts: [String: Counts]
  private let oldStatus: [String: Int32]
  private var newVisible: [String: Visible] = [:]
  private var newCounts: [String: Counts] = [:]
  private(set) var looked = 0

  init(_ one: CutTests.Case) throws {
    operation = one.operation
    folder = try BuiltImages.copy(of: one.image)
    try operation.prepare(folder)
    paths = operation.files.map { [folder] name in folder(name) }
    before = try FilesOnDisk(paths: paths)
    oldVisible = try Self.visible(before, operation, folder)
    oldCounts = try Self.counts(before, operation, folder)
    oldStatus = try Dictionary(
      uniqueKeysWithValues: operation.files.map { [folder] in ($0, try Self.status(folder($0))) })
  }

  private static func visible(
    _ files: FilesOnDisk, _ operation: InPlaceOperation, _ folder: Folder
  ) throws -> [String: Visible] {
    try Dictionary(uniqueKeysWithValues: operation.files.map { ($0, try files.visible(folder($0))) })
  }

  private static func counts(
    _ files: FilesOnDisk, _ operation: InPlaceOperation, _ folder: Folder
  ) throws -> [String: Counts] {
    try Dictionary(uniqueKeysWithValues: operation.files.map { ($0, try files.check(folder($0))) })
  }

  /// What `qemu-img check` says of an image.
  private static func status(_ path: String) throws -> Int32 {
    try run(["qemu-img", "check", "-q", "-f", "qcow2", path], expecting: nil).status
  }

  /// The operation went through: its result must be right, and no worse than what was there.
  func setResult() throws {
    let after = try FilesOnDisk(paths: paths)
    newVisible = oldVisible
    operation.change(&newVisible)
    newCounts = try Self.counts(after, operation, folder)
    for (name, counts) in newCounts {
      #expect(counts.isSound && counts.leaks <= oldCounts[name]!.leaks, "\(name): \(counts)")
      #expect(try Self.status(folder(name)) == (counts.leaks > 0 ? 3 : 0), "\(name)")
    }
    #expect(try Self.visible(after, operation, folder) == newVisible)
    #expect(
      try qemuContent(of: paths[0], in: folder).isSame(as: newVisible[operation.files[0]]!.disk), "QEMU reads otherwise")
  }

  func expectOldOrNew(_ files: FilesOnDisk, askingQEMU: Bool) throws {
    looked += 1
    let visible = try Self.visible(files, operation, folder)
    let counts = try Self.counts(files, operation, folder)
    let isOld = visible == oldVisible && counts == oldCounts
    let isNew = visible == newVisible && counts == newCounts
    #expect(isOld || isNew, "\(files.note): \(counts)")
    guard askingQEMU else { return }
    for (path, name) in zip(paths, operation.files) {
      try write(files.contents[path] ?? [], to: path)
      let status = try Self.status(path)
      #expect(
        isNew && status == (newCounts[name]!.leaks > 0 ? 3 : 0) || isOld && status == oldStatus[name],
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
private enum BuiltImages {
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
