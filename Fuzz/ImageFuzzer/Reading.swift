// Subjects that only read: headers and names, the guest's disk, the check, and streams of compressed clusters.

@testable import DiskImage
import FuzzDriver

/// The first bytes of an image, with whatever length: header, description and names.
@Sendable func readHeader(_ bytes: [UInt8]) {
  // As the first part of something longer too, which is what a header is read from at first.
  for isWhole in [true, false] {
    let source = MemorySource(name: "/images/fuzz.qcow2", bytes: bytes, isWhole: isWhole)
    for isChecking in [false, true] {
      guard let header = try? Qcow2Header(from: source, checking: isChecking) else { continue }
      let info = ImageInfo(header, of: source)
      if let name = info.backingFile { _ = try? BackingName.resolve(name, referrer: source.name) }
      _ = info.backingFile?.description
      _ = try? Qcow2SnapshotTable(header, of: source)
      // A header that was read is written as it was understood.
      _ = header.extensionData(.crypto)
    }
  }
  _ = try? ImageInfo.read(from: MemorySource(name: "/images/fuzz", bytes: bytes))
}

/// What an unknown file is: formats by their first bytes, LUKS headers, and backing names as images store them.
@Sendable func recognise(_ bytes: [UInt8]) {
  let format = RecognisedFormat(start: bytes)
  _ = format?.displayName
  let source = MemorySource(name: "/images/fuzz", bytes: bytes)
  for limit in [UInt64.max, 0, 600, 4096] { _ = try? LUKSInfo(from: source, at: 0, limit: limit) }
  _ = try? LUKSInfo(from: source, at: .max - 100, limit: .max)
  let name = StoredName(bytes: bytes)
  _ = name.description
  if let path = try? BackingName.resolve(name, referrer: "/images/top.qcow2") {
    expect(!path.isEmpty, "a backing name is resolved to nothing")
  }
  _ = try? JSONBackingName(Array("json:".utf8) + bytes)
}

/// Header, names, snapshots, and the guest's disk as far as a few thousand extents go.
@Sendable func readImage(_ bytes: [UInt8]) {
  let source = MemorySource(name: "/images/fuzz.qcow2", bytes: bytes)
  guard let header = try? Qcow2Header(from: source) else { return }
  readDisk(Qcow2Layer(header, of: source))
  guard let table = try? Qcow2SnapshotTable(header, of: source) else { return }
  for snapshot in table.snapshots.prefix(4) {
    if let layer = try? Qcow2Layer(header, of: source, showing: snapshot) { readDisk(layer) }
  }
}

private func readDisk(_ layer: Qcow2Layer) {
  let disk = GuestDisk(layers: [layer])
  var buffer = [UInt8](repeating: 0, count: 4096)
  var offset: UInt64 = 0
  for _ in 0..<500 where offset < disk.virtualSize {
    guard let extent = try? disk.extent(at: offset) else { return }
    expect(extent.length > 0 && extent.length <= disk.virtualSize - offset, "an extent leads nowhere")
    let count = Int(min(extent.length, 4096))
    buffer.withUnsafeMutableBytes { all in
      let part = UnsafeMutableRawBufferPointer(rebasing: all[..<count])
      _ = try? disk.read(at: offset, into: part)
    }
    offset += extent.length
  }
}

/// The check: every table is walked and every reference counted.
@Sendable func checkImage(_ bytes: [UInt8]) {
  let image = MemorySource(name: "/images/fuzz.qcow2", bytes: bytes)
  guard let header = try? Qcow2Header(from: image, checking: true),
    let references = try? Qcow2References(header, of: image, decodingData: true)
  else { return }
  let result = ImageCheck.Result(references)
  let isSound = result.corruptions + result.leaks + result.checkErrors == 0
  expect(isSound == result.findings.isEmpty, "findings and their numbers disagree")
}

/// A compressed cluster's stream.
@Sendable func decompress(_ bytes: [UInt8]) {
  guard let type = bytes.first else { return }
  let streams = ClusterDecompressor(type: type & 1, clusterSize: 4096)
  var cluster = [UInt8](repeating: 0, count: 4096)
  cluster.withUnsafeMutableBytes { _ = streams.decompress(Array(bytes.dropFirst()), from: 0, into: $0) }
}
