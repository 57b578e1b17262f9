// Subjects that write: operations in place, which refuse or leave an image that is sound, and repairs, which lose nothing that was sound.

@testable import DiskImage
import FuzzDriver

/// Operations in place: each refuses and leaves the image as it was, or leaves one that is sound.
@Sendable func changeImage(_ bytes: [UInt8], _ choice: UInt8) {
  let image = MemoryImage(bytes)
  do throws(ImageError) {
    try change(image, choice)
  } catch {
    // What was written to free clusters before something was refused means nothing.
    let before = MemoryImage(bytes)
    expect(state(image) == state(before), "a refused change left its traces: \(error)")
    return
  }
  guard let header = try? Qcow2Header(from: image), let found = try? Qcow2References(header, of: image) else {
    return expect(false, "a change left an image that cannot be read")
  }
  expect(found.findings.corruptions == 0, "a change left damage: \(found.findings.firstCorruption ?? "")")
}

/// An image's header, and what a check says of it.
private func state(_ image: MemoryImage) -> String {
  guard let header = try? Qcow2Header(from: image), let found = try? Qcow2References(header, of: image) else {
    return ""
  }
  return "\(header) \(found.findings.corruptions) \(found.findings.leaks)"
}

private func change(_ image: MemoryImage, _ choice: UInt8) throws(ImageError) {
  switch choice % 7 {
  case 0:
    try Qcow2Change.run(image) { (change) throws(ImageError) in
      _ = try change.takeSnapshot(
        Qcow2Snapshot(
          l1TableOffset: 0, l1Size: 0, id: StoredName("900"), name: StoredName("new"), seconds: 0, nanoseconds: 0,
          vmClock: 0, vmStateSize: 0))
    }
  case 1:
    try Qcow2Change.run(image) { (change) throws(ImageError) in
      guard let first = change.references.snapshots.snapshots.first else { return }
      try change.revert(to: first)
    }
  case 2:
    try Qcow2Change.run(image) { (change) throws(ImageError) in
      if !change.references.snapshots.snapshots.isEmpty { try change.deleteSnapshot(at: 0) }
    }
  case 3, 4:
    let size = try Qcow2Header(from: image).size / 512 * 512
    let (larger, overflow) = size.addingReportingOverflow(100 * 512)
    let wanted = choice % 7 == 4 ? size / 2 / 512 * 512 : overflow ? size : larger
    _ = try ImageResize.resize(image, to: wanted, shrinking: .discarding, below: nil)
  case 5: try ImageRebase.rebase(image, onto: nil, from: nil, to: nil)
  default:
    try Qcow2Change.run(image) { (change) throws(ImageError) in
      change.header.setBacking((StoredName("/a/backing/file"), .raw))
    }
  }
}

/// A repair: what it says is left is what is left, and the guest reads what it read wherever the image was sound.
@Sendable func repairImage(_ bytes: [UInt8], _ repair: ImageCheck.Repair) {
  let image = MemoryImage(bytes)
  guard let header = try? Qcow2Header(from: image, checking: true),
    let before = try? Qcow2References(header, of: image)
  else { return }
  let sound = SoundClusters(header, before, image)
  let result: ImageCheck.Result?
  do throws(ImageError) {
    result = try ImageCheck.check(image, repair: repair)
  } catch .noSpace {
    // The bound on what an image may grow to here.
    result = nil
  } catch {
    return expect(false, "an image that can be checked cannot be repaired: \(error)")
  }
  sound.compare(image)
  guard let result else { return }
  let left = result.corruptions + result.leaks + result.checkErrors
  expect(left == 0 || result.findings.contains { !$0.isFixed }, "nothing is said of what is left")
  guard let again = try? ImageCheck.check(image, repair: .none) else {
    return expect(false, "a repair left an image that cannot be checked")
  }
  expect(
    again.corruptions == result.corruptions && again.leaks == result.leaks && again.checkErrors == result.checkErrors,
    "what is said to be left is not what is left: \(result) \(again)")
  if repair == .all, before.findings.corruptions == 0, before.findings.checkErrors == 0 {
    expect(left == 0, "leaks stay in an image without damage: \(result)")
  }
}

/// Guest clusters whose tables and data lie in the file, each in a place that nothing else has.
private struct SoundClusters {
  private let content: [UInt64: [UInt8]]
  private let size: Int

  init(_ header: Qcow2Header, _ found: Qcow2References, _ image: MemoryImage) {
    let geometry = header.geometry
    size = Int(min(geometry.clusterSize, 4096))
    var content: [UInt64: [UInt8]] = [:]
    let disk = GuestDisk(layers: [Qcow2Layer(header, of: image)])
    let length = image.length ?? 0
    func isAlone(_ cluster: UInt64, as kind: ClusterKind) -> Bool {
      found.tally.count(of: cluster) == 1 && found.tally.kind(of: cluster) == kind
        && (cluster + 1) << UInt64(geometry.clusterBits) <= length
    }
    let shift = UInt64(geometry.clusterBits)
    let isReadable = header.backingFile == nil && !header.incompatible.contains(.externalDataFile)
    for index in 0..<UInt64(isReadable ? min(header.l1Size, 64) : 0) {
      let place = header.l1TableOffset + index * 8
      guard isAlone(place >> shift, as: .l1Table), let word = try? image.read(at: place, count: 8) else { continue }
      let table = word.bigEndian64(at: 0) & Qcow2Limit.hostOffsetMask
      guard table != 0, geometry.isAligned(table), isAlone(table >> shift, as: .l2Table),
        let words = try? image.read(at: table, count: Int(geometry.clusterSize))
      else { continue }
      for number in 0..<min(geometry.l2Entries, 512) {
        let offset = number * geometry.l2EntrySize
        let entry = Qcow2ClusterEntry(
          word: words.bigEndian64(at: offset), bitmap: geometry.extendedL2 ? words.bigEndian64(at: offset + 8) : 0,
          geometry: geometry)
        guard entry.fault(version: header.version) == nil else { continue }
        let hosts = entry.hostClusters
        let isSound =
          switch entry.kind {
          case .data, .zero, .unallocated: hosts.allSatisfy { isAlone($0, as: .data) }
          case .compressed: hosts.allSatisfy { isAlone($0, as: .compressed) }
          }
        let guest = index << UInt64(geometry.l1Shift) + UInt64(number) << shift
        if isSound, let bytes = Self.read(disk, guest, size) { content[guest] = bytes }
      }
    }
    self.content = content
  }

  private static func read(_ disk: GuestDisk, _ offset: UInt64, _ size: Int) -> [UInt8]? {
    guard offset < disk.virtualSize else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(min(UInt64(size), disk.virtualSize - offset)))
    return bytes.withUnsafeMutableBytes { (try? disk.read(at: offset, into: $0)) != nil } ? bytes : nil
  }

  func compare(_ image: MemoryImage) {
    guard !content.isEmpty else { return }
    guard let header = try? Qcow2Header(from: image, checking: true) else {
      return expect(false, "a repair left a header that cannot be read")
    }
    let disk = GuestDisk(layers: [Qcow2Layer(header, of: image)])
    for (offset, bytes) in content {
      expect(Self.read(disk, offset, size) == bytes, "a repair changed what the guest reads at \(offset)")
    }
  }
}
