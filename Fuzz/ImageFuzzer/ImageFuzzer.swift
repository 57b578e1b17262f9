// Hostile images for every way into the engine: libFuzzer makes bytes up, guided by what they reach. Nothing may trap, hang or grow.

@testable import DiskImage
import Glibc

/// libFuzzer's driver, from clang's runtime (compiler-rt, `FuzzerInterface.h`).
@_extern(c, "LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// What the package manager links as the program's start.
@_cdecl("ImageFuzzer_main")
public func start(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var count = count
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
  return runDriver(&count, &arguments) { start, count in
    let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let entry = bytes.last else { return 0 }
    // The last byte chooses, so that the corpus holds images as they are.
    entryPoints[Int(entry) % entryPoints.count](Array(bytes.dropLast()))
    return 0
  }
}

private let entryPoints: [@Sendable ([UInt8]) -> Void] = [readImage, readTables, changeImage, decompress]

/// Header, description, names, snapshots, and the guest's disk as far as a few thousand extents go.
@Sendable private func readImage(_ bytes: [UInt8]) {
  let source = MemorySource(name: "/images/fuzz.qcow2", bytes: bytes)
  _ = try? ImageInfo.read(from: source)
  guard let header = try? Qcow2Header(from: source) else { return }
  let info = ImageInfo(header, of: source)
  if let name = info.backingFile { _ = try? BackingName.resolve(name, referrer: source.name) }
  _ = info.backingFile?.description
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
  for _ in 0..<2000 where offset < disk.virtualSize {
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
@Sendable private func readTables(_ bytes: [UInt8]) {
  let image = MemoryImage(bytes)
  guard let header = try? Qcow2Header(from: image) else { return }
  _ = try? Qcow2References(header, of: image)
}

/// Operations in place: each refuses and leaves the bytes as they were, or leaves an image that is sound.
@Sendable private func changeImage(_ bytes: [UInt8]) {
  guard let choice = bytes.last else { return }
  let image = MemoryImage(Array(bytes.dropLast()))
  let before = MemoryImage(image.content)
  do throws(ImageError) {
    try change(image, choice)
  } catch {
    // What was written to free clusters before something was refused means nothing; a repair may have got half way.
    if choice % 8 != 7 { expect(sound(image) == sound(before), "a refused change left its traces: \(error)") }
    return
  }
  guard let header = try? Qcow2Header(from: image), let found = try? Qcow2References(header, of: image) else {
    return expect(false, "a change left an image that cannot be read")
  }
  expect(found.findings.corruptions == 0, "a change left damage: \(found.findings.firstCorruption ?? "")")
}

/// What a check says of an image, and its first sector.
private func sound(_ image: MemoryImage) -> String {
  guard let header = try? Qcow2Header(from: image), let found = try? Qcow2References(header, of: image) else {
    return ""
  }
  return "\(header) \(found.findings.corruptions) \(found.findings.leaks)"
}

/// As a precondition, but one that says in a release build what was expected.
private func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
  if condition { return }
  perror(what())
  abort()
}

private func change(_ image: MemoryImage, _ choice: UInt8) throws(ImageError) {
  switch choice % 8 {
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
    let wanted = choice % 8 == 4 ? size / 2 / 512 * 512 : overflow ? size : larger
    _ = try ImageResize.resize(image, to: wanted, shrinking: .discarding, below: nil)
  case 5: try ImageRebase.rebase(image, onto: nil, from: nil, to: nil)
  case 6:
    try Qcow2Change.run(image) { (change) throws(ImageError) in
      change.header.setBacking((StoredName("/a/backing/file"), .raw))
    }
  default:
    // What cannot be mended is left; it must not become worse.
    let result = try ImageCheck.check(image, repair: choice & 8 == 0 ? .all : .leaks)
    if result.corruptions > 0 || result.checkErrors > 0 { throw .cancelled(path: image.name) }
  }
}

/// A compressed cluster's stream.
@Sendable private func decompress(_ bytes: [UInt8]) {
  guard let type = bytes.last else { return }
  let streams = ClusterDecompressor(type: type & 1, clusterSize: 4096)
  var cluster = [UInt8](repeating: 0, count: 4096)
  cluster.withUnsafeMutableBytes { _ = streams.decompress(Array(bytes.dropLast()), from: 0, into: $0) }
}
