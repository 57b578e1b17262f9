// What can be seen of an image: its disk and its snapshots, read from memory or from a file by the engine's own reader (which other tests hold against QEMU's).

import Foundation
import Testing

@testable import DiskImage

/// An image as its guest and the owner of its snapshots see it.
struct Visible: Equatable {
  var disk: [UInt8]
  /// Disks by name, each with its VM state behind it.
  var snapshots: [String: [UInt8]] = [:]

  static func == (one: Self, other: Self) -> Bool {
    one.disk.isSame(as: other.disk) && one.snapshots.keys == other.snapshots.keys
      && one.snapshots.allSatisfy { other.snapshots[$0.key]?.isSame(as: $0.value) == true }
  }
}

/// What a check of ours counts.
struct Counts: Equatable, CustomStringConvertible {
  var corruptions: UInt64
  var leaks: UInt64
  var errors: UInt64

  init(_ findings: CheckFindings) {
    corruptions = findings.corruptions
    leaks = findings.leaks
    errors = findings.checkErrors
  }

  var isSound: Bool { corruptions == 0 && errors == 0 }
  var description: String { "\(corruptions) corruptions, \(leaks) leaks, \(errors) errors" }
}

extension FilesOnDisk {
  private func source(_ path: String) throws -> any ByteSource {
    if let content = contents[path] { return MemorySource(name: path, bytes: content) }
    return try LocalFile(path: path)
  }

  /// The layers of an image and all that it stands on.
  func layers(_ path: String, _ format: ImageFormat = .qcow2) throws -> [any ImageLayer] {
    let source = try source(path)
    guard format == .qcow2 else { return [RawLayer(source)] }
    let header = try Qcow2Header(from: source)
    return try [Qcow2Layer(header, of: source)] + below(header, of: path)
  }

  private func below(_ header: Qcow2Header, of path: String) throws -> [any ImageLayer] {
    guard let name = header.backingFile?.string, let format = header.backingFormat?.string else { return [] }
    let below = name.hasPrefix("/") ? name : folder(of: path) + "/" + name
    return try layers(below, #require(ImageFormat(rawValue: format)))
  }

  func visible(_ path: String) throws -> Visible {
    let source = try source(path)
    let header = try Qcow2Header(from: source)
    let below = try below(header, of: path)
    var visible = try Visible(disk: read(GuestDisk(layers: [Qcow2Layer(header, of: source)] + below)))
    let perL1: UInt64 = 1 << UInt64(header.geometry.l1Shift)
    for snapshot in try Qcow2SnapshotTable(header, of: source).snapshots {
      let disk = try Qcow2Layer(header, of: source, showing: snapshot)
      var content = try read(GuestDisk(layers: [disk] + below))
      if snapshot.vmStateSize > 0 {
        let all = Qcow2Layer(
          header, of: source, l1Offset: snapshot.l1TableOffset, l1Entries: UInt64(snapshot.l1Size),
          virtualSize: UInt64(snapshot.l1Size) * perL1)
        let start = header.geometry.l1Needed(for: snapshot.size(in: header)) * perL1
        content += try read(GuestDisk(layers: [all]), start..<start + snapshot.vmStateSize)
      }
      visible.snapshots[snapshot.name.description] = content
    }
    return visible
  }

  /// Counts what is wrong with an image.
  func check(_ path: String) throws -> Counts {
    let source = try source(path)
    return try Counts(Qcow2References(Qcow2Header(from: source), of: source).findings)
  }

  /// Files as they are now.
  init(paths: [String]) throws {
    try self.init(
      contents: Dictionary(uniqueKeysWithValues: paths.map { ($0, try bytes(of: $0)) }), isSettled: true, note: "")
  }

  func save() throws { for (path, content) in contents { try write(content, to: path) } }
}

/// A range of a disk, or all of it, in one read.
func read(_ disk: GuestDisk, _ range: Range<UInt64>? = nil) throws -> [UInt8] {
  let range = range ?? 0..<disk.virtualSize
  return try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
    try disk.read(at: range.lowerBound, into: UnsafeMutableRawBufferPointer(buffer))
    filled = range.count
  }
}
