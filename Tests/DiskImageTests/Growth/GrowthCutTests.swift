// Cuts growing at every write: whatever part of the writes between two flushes reached the disk, the image must be clean or leak, and show the old disk or the new one.

import Foundation
import Testing

@testable import DiskImage

/// Remembers every change in order; the wrapped file gets them too.
final class JournalStorage: ImageStorage, @unchecked Sendable {
  enum Change {
    case write([UInt8], UInt64)
    case length(UInt64)
    case flush
  }

  private let file: LocalFile
  private(set) var changes: [Change] = []
  /// The change, counted from 0, that fails for want of space; taking a file's end back never does.
  private let failing: Int?

  init(path: String, failing: Int? = nil) throws {
    file = try LocalFile(path: path, access: .readWrite)
    self.failing = failing
  }

  private func fail() throws(ImageError) {
    if changes.count == failing {
      changes.append(.flush)
      throw .noSpace(path: name, operation: "write")
    }
  }

  var name: String { file.name }
  var length: UInt64? { file.length }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    try file.read(at: offset, into: buffer)
  }
  func write(_ bytes: [UInt8], at offset: UInt64, _ what: String) throws(ImageError) {
    try fail()
    changes.append(.write(bytes, offset))
    try file.write(bytes, at: offset, what)
  }
  func flush() throws(ImageError) {
    try fail()
    changes.append(.flush)
  }
  func setLength(_ length: UInt64) throws(ImageError) {
    try fail()
    changes.append(.length(length))
    try file.setLength(length)
  }

  func discard(_ range: Range<UInt64>) throws(ImageError) {
    try write([UInt8](repeating: 0, count: range.count), at: range.lowerBound, "a hole")
  }

  /// The changes between flushes.
  var epochs: [[Change]] {
    changes.reduce(into: [[]]) { epochs, change in
      if case .flush = change { epochs.append([]) } else { epochs[epochs.count - 1].append(change) }
    }
  }
}

extension [UInt8] {
  /// What a file holds after a change.
  mutating func apply(_ change: JournalStorage.Change) {
    switch change {
    case .flush: break
    case .length(let length):
      if count > length { removeLast(count - Int(length)) }
      append(contentsOf: repeatElement(0, count: Int(length) - count))
    case .write(let bytes, let offset):
      let end = Int(offset) + bytes.count
      if count < end { append(contentsOf: repeatElement(0, count: end - count)) }
      replaceSubrange(Int(offset)..<end, with: bytes)
    }
  }
}

extension JournalStorage.Change {
  /// A write that only partly reached the disk: its first, or its last, whole sectors.
  var torn: [Self] {
    guard case .write(let bytes, let offset) = self else { return [] }
    let cut = (Int(offset) + bytes.count / 2) / 512 * 512 - Int(offset)
    guard cut > 0, cut < bytes.count else { return [] }
    return [.write(Array(bytes[..<cut]), offset), .write(Array(bytes[cut...]), offset + UInt64(cut))]
  }
}

/// Grows through a layer under test.
private func grow(_ storage: JournalStorage, to size: UInt64) throws {
  let info = try ImageInfo.read(path: storage.name, format: .qcow2)
  let below = try GuestDisk.open(below: info, references: .anywhere)
  _ = try ImageResize.resize(storage, to: size, shrinking: .refused, below: below)
}

/// The image must be clean or leak, and show the scenario's old disk or its new one.
private func expectOldOrNew(_ path: String, _ scenario: GrowthScenario, _ note: String) throws {
  try expectClean(path, note)
  let size = try ImageInfo.read(path: path, format: .qcow2).virtualSize
  #expect(size == scenario.oldSize || size == scenario.newSize, "\(note)")
  var content = scenario.content
  if size == scenario.newSize { content.append((0, scenario.oldSize, size - scenario.oldSize)) }
  try expectPattern(path, content.map { ($0.0, $0.1, min($0.2, 32 << 20)) }, note)
}

@Suite("Growing, cut short")
struct GrowthCutTests {
  /// What can be on disk of one epoch's changes when the power goes: any part of them, in any order.
  static func partsOnDisk(_ epoch: [JournalStorage.Change]) -> [[JournalStorage.Change]] {
    var parts: [[JournalStorage.Change]] = []
    if epoch.count <= 4 {
      for mask in 0..<(1 << epoch.count) {
        parts.append(epoch.indices.filter { mask >> $0 & 1 == 1 }.map { epoch[$0] })
      }
    } else {
      for count in 0...epoch.count { parts.append(Array(epoch[..<count])) }
      for index in epoch.indices {
        parts.append([epoch[index]])
        parts.append(epoch.indices.filter { $0 != index }.map { epoch[$0] })
      }
    }
    for index in epoch.indices { for half in epoch[index].torn { parts.append([half]) } }
    return parts
  }

  @Test(
    "cut at any write, the disk is the old one or the new one, and nothing worse than leaks is left",
    arguments: growthScenarios.filter { $0.newSize <= 20 << 30 })
  func cuts(scenario: GrowthScenario) throws {
    let folder = try Folder()
    try scenario.build(folder)
    let image = folder("image")
    var durable = try bytes(of: image)
    let storage = try JournalStorage(path: image)
    try grow(storage, to: scenario.newSize)

    #expect(storage.epochs.last?.isEmpty == true, "the last change must be flushed")
    try expectClean(image)
    for (number, epoch) in storage.epochs.enumerated() {
      for (part, changes) in Self.partsOnDisk(epoch).enumerated() {
        var state = durable
        for change in changes { state.apply(change) }
        try write(state, to: folder("cut"))
        try expectOldOrNew(folder("cut"), scenario, "epoch \(number) part \(part)")
      }
      for change in epoch { durable.apply(change) }
    }
  }

  @Test(
    "failing at any write, the caller is told, and the image is left as a cut would leave it",
    arguments: growthScenarios.filter { $0.newSize <= 20 << 30 })
  func fails(scenario: GrowthScenario) throws {
    let folder = try Folder()
    try scenario.build(folder)
    let original = try bytes(of: folder("image"))
    for failing in 0..<1000 {
      try write(original, to: folder("image"))
      let storage = try JournalStorage(path: folder("image"), failing: failing)
      do {
        try grow(storage, to: scenario.newSize)
        #expect(failing == storage.changes.count)
        return
      } catch {
        #expect(error as? ImageError == .noSpace(path: folder("image"), operation: "write"))
        try expectOldOrNew(folder("image"), scenario, "change \(failing)")
      }
    }
    Issue.record("growing did not end")
  }
}
