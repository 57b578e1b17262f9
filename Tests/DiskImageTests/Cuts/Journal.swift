// Storage under test: every change of the files of one operation in order, so that power can be cut, or space run out, at each of them.

import Foundation

@testable import DiskImage

/// All changes that an operation makes to its files, in order.
final class Journal: @unchecked Sendable {
  enum Change {
    case write([UInt8], UInt64)
    case length(UInt64)
    case discard(Range<UInt64>)
    case flush
  }

  /// Changes of files, each with the file's path.
  private(set) var entries: [(path: String, change: Change)] = []
  /// The change, counted from 0, that fails for want of space; later ones succeed again.
  let failing: Int?

  init(failing: Int? = nil) { self.failing = failing }

  /// Whether this change is the one to fail.
  fileprivate func add(_ change: Change, of path: String) -> Bool {
    entries.append((path, change))
    return entries.count - 1 == failing
  }

  /// Whether everything that has to be durable is. Space may be given back late.
  var endsFlushed: Bool {
    var pending: Set<String> = []
    for (path, change) in entries {
      switch change {
      case .flush: pending.remove(path)
      case .discard, .length: break
      case .write: pending.insert(path)
      }
    }
    return pending.isEmpty
  }
}

/// A file whose changes a journal remembers; the file gets them too.
final class JournalStorage: ImageStorage, @unchecked Sendable {
  private let file: LocalFile
  let journal: Journal

  init(path: String, journal: Journal) throws {
    file = try LocalFile(path: path, access: .readWrite)
    self.journal = journal
  }

  var name: String { file.name }
  var length: UInt64? { file.length }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    try file.read(at: offset, into: buffer)
  }

  /// A write without enough space leaves its first sectors behind, except that a single sector is all or nothing.
  func write(_ bytes: [UInt8], at offset: UInt64, _ what: String) throws(ImageError) {
    if journal.add(.write(bytes, offset), of: name) {
      try file.write(Array(bytes[..<(bytes.count / 1024 * 512)]), at: offset, what)
      throw .noSpace(path: name, operation: "write")
    }
    try file.write(bytes, at: offset, what)
  }

  func flush() throws(ImageError) {
    if journal.add(.flush, of: name) { throw .noSpace(path: name, operation: "write") }
  }

  func setLength(_ length: UInt64) throws(ImageError) {
    if journal.add(.length(length), of: name) { throw .noSpace(path: name, operation: "write") }
    try file.setLength(length)
  }

  func discard(_ range: Range<UInt64>) throws(ImageError) {
    _ = journal.add(.discard(range), of: name)
    try file.discard(range)
  }
}

extension [UInt8] {
  /// What a file holds after a change. (With memory functions: elements one by one are slow in a debug build.)
  mutating func apply(_ change: Journal.Change) {
    switch change {
    case .flush: break
    case .length(let length): resize(to: Int(length))
    case .discard(let range):
      let end = Swift.min(Int(range.upperBound), count)
      guard range.lowerBound < end else { return }
      withUnsafeMutableBytes { _ = memset($0.baseAddress! + Int(range.lowerBound), 0, end - Int(range.lowerBound)) }
    case .write(let bytes, let offset):
      if count < Int(offset) + bytes.count { resize(to: Int(offset) + bytes.count) }
      withUnsafeMutableBytes { target in
        bytes.withUnsafeBytes { _ = memcpy(target.baseAddress! + Int(offset), $0.baseAddress!, $0.count) }
      }
    }
  }

  /// Cuts the end off, or adds zeros.
  private mutating func resize(to length: Int) {
    if length <= count {
      removeLast(count - length)
      return
    }
    self = withUnsafeBytes { old in
      [UInt8](unsafeUninitializedCapacity: length) { new, filled in
        if let base = old.baseAddress { memcpy(new.baseAddress!, base, old.count) }
        memset(new.baseAddress! + old.count, 0, length - old.count)
        filled = length
      }
    }
  }

  /// Whether two files are the same, fast in a debug build too.
  func isSame(as other: [UInt8]) -> Bool {
    guard count == other.count else { return false }
    return count == 0
      || withUnsafeBytes { one in
        other.withUnsafeBytes { two in memcmp(one.baseAddress!, two.baseAddress!, count) == 0 }
      }
  }
}

extension Journal.Change {
  /// Its kind in a word.
  var label: String {
    switch self {
    case .write: "writes"
    case .length: "lengths"
    case .discard: "discards"
    case .flush: "flushes"
    }
  }

  /// A write that only partly reached the disk: its first, or its last, whole sectors.
  var torn: [Self] {
    guard case .write(let bytes, let offset) = self else { return [] }
    let cut = (Int(offset) + bytes.count / 2) / 512 * 512 - Int(offset)
    guard cut > 0, cut < bytes.count else { return [] }
    return [.write(Array(bytes[..<cut]), offset), .write(Array(bytes[cut...]), offset + UInt64(cut))]
  }
}

/// A generator of numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0x1234_5678_9ABC_DEF1 }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// The files of an operation, as the disk may hold them at one moment.
struct FilesOnDisk {
  /// Contents by path.
  var contents: [String: [UInt8]]
  /// Whether a flush had just made everything durable.
  let isSettled: Bool
  let note: String
}

extension Journal {
  private typealias Entry = (path: String, change: Change)

  /// Calls `body` with all that can be on disk when the power goes: what was durable, and any part of what was not.
  ///
  /// - Parameter before: what the files held before the operation.
  func forEachCut(from before: [String: [UInt8]], _ body: (FilesOnDisk) throws -> Void) rethrows {
    var durable = before
    var pending: [Entry] = []
    // What was thrown away may come back or not, for good.
    var discards: [(path: String, range: Range<UInt64>)] = []
    var generator = SeededGenerator(seed: UInt64(entries.count))
    var isFirst = true
    func show(_ moment: Int) throws {
      defer { isFirst = false }
      for (number, part) in Self.partsOnDisk(pending, &generator).enumerated() {
        var contents = durable
        for (path, change) in part { contents[path]?.apply(change) }
        try body(
          FilesOnDisk(
            contents: contents, isSettled: part.count == pending.count || (part.isEmpty && isFirst),
            note: "before change \(moment), part \(number)"))
      }
      guard !discards.isEmpty else { return }
      var contents = durable
      for (path, range) in discards { contents[path]?.apply(.discard(range)) }
      try body(FilesOnDisk(contents: contents, isSettled: true, note: "before change \(moment), discarded"))
    }
    for (moment, (path, change)) in entries.enumerated() {
      switch change {
      case .flush:
        try show(moment)
        for (other, change) in pending where other == path {
          if case .discard(let range) = change { discards.append((path, range)) } else { durable[path]?.apply(change) }
        }
        pending.removeAll { $0.path == path }
      case .write(let bytes, let offset):
        discards.removeAll {
          $0.path == path && $0.range.overlaps(offset..<offset + UInt64(bytes.count))
        }
        pending.append((path, change))
      default: pending.append((path, change))
      }
    }
    try show(entries.count)
  }

  /// What can be on disk of changes that were not flushed: any part of them, in any order.
  private static func partsOnDisk(_ pending: [Entry], _ generator: inout SeededGenerator) -> [[Entry]] {
    var masks: [[Bool]] = []
    let all = pending.indices
    if pending.count <= 4 {
      for mask in 0..<(1 << pending.count) { masks.append(all.map { mask >> $0 & 1 == 1 }) }
    } else {
      for count in 0...pending.count { masks.append(all.map { $0 < count }) }
      for index in all {
        masks.append(all.map { $0 == index })
        masks.append(all.map { $0 != index })
      }
      for _ in 0..<4 { masks.append(all.map { _ in Bool.random(using: &generator) }) }
    }
    var seen: Set<[Bool]> = []
    var parts: [[Entry]] = []
    for mask in masks where seen.insert(mask).inserted { parts.append(all.filter { mask[$0] }.map { pending[$0] }) }
    for index in all {
      for half in pending[index].change.torn { parts.append(pending[..<index] + [(pending[index].path, half)]) }
    }
    return parts
  }
}
