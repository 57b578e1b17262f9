// Disks in other places than files: whatever reads a range, and block devices.

import Foundation
import Testing

@testable import DiskImage

/// A file behind the narrow interface of a source: no descriptor, no holes; counts what is asked of it.
final class RangeSource: ByteSource, @unchecked Sendable {
  private let file: LocalFile
  private let lock = NSLock()
  private(set) var bytesRead = 0

  init(_ path: String) throws { file = try LocalFile(path: path) }

  var name: String { "volume:" + namePart(of: file.name) }
  var length: UInt64? { file.length }

  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    let count = try file.read(at: offset, into: buffer)
    lock.withLock { bytesRead += count }
    return count
  }
}

@Suite("disks in sources of bytes")
struct DiskSourcesTests {
  private static func chain(_ folder: Folder) throws -> [GuestDisk.Image] {
    try makeQcow2(folder("base"), "3M", ["cluster_size=4k"])
    try qemuIO(folder("base"), "write -P 0x31 0 1M", "write -P 0x32 2M 64k")
    try makeQcow2(folder("image"), "4M", base: ("base", "qcow2"))
    try qemuIO(folder("image"), "write -P 0x33 512k 64k", "write -z 0 64k", "write -c -P 0x34 3M 64k")
    return [
      .init(try RangeSource(folder("image")), format: .qcow2), .init(try RangeSource(folder("base")), format: .qcow2),
    ]
  }

  @Test("a chain in sources is read, mapped, checked and converted as its files are")
  func chain() throws {
    let folder = try Folder()
    let disk = try GuestDisk(Self.chain(folder))
    #expect(try content(of: disk) == qemuContent(of: folder("image"), in: folder))

    var ours: [ImageMap.Extent] = []
    try ImageMap.read(disk) { (extent) throws(ImageError) in ours.append(extent) }
    var files: [ImageMap.Extent] = []
    try ImageMap.read(path: folder("image"), format: .qcow2) { (extent) throws(ImageError) in files.append(extent) }
    #expect(ours == files)

    let found = try ImageCheck.check(RangeSource(folder("image")), decodingData: true)
    #expect(found == (try ImageCheck.check(path: folder("image"), decodingData: true)))

    let conversion = ImageConversion(.init(path: "not looked at"), to: ImageCreation(format: .qcow2))
    try conversion.convert(disk, to: folder("copy"))
    try expectClean(folder("copy"))
    #expect(try qemuContent(of: folder("copy"), in: folder) == content(of: disk))
  }

  @Test("a description takes one small read")
  func small() throws {
    let folder = try Folder()
    let source = try #require(Self.chain(folder).first?.source as? RangeSource)
    #expect(try ImageInfo.read(from: source, format: .qcow2).virtualSize == 4 << 20)
    #expect(source.bytesRead <= 4096)
  }

  @Test("a chain has to be whole, and no longer than that")
  func incomplete() throws {
    let folder = try Folder()
    let chain = try Self.chain(folder)
    for wrong in [[chain[0]], [chain[1], chain[1]]] {
      let error = #expect(throws: ImageError.self) { try GuestDisk(wrong) }
      guard case .invalidRequest? = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test("an image on a block device is read and changed in place", .enabled(if: BlockDevice.isOffered))
  func device() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "8M")
    try qemuIO(folder("image"), "write -P 0x41 0 1M")
    try run("truncate", "-s", "16M", folder("image"))
    let device = try BlockDevice(folder("image"))
    #expect(try ImageInfo.read(path: device.path, format: .qcow2).virtualSize == 8 << 20)
    try ImageSnapshots.create(named: "one", path: device.path)
    try ImageResize.resize(path: device.path, format: .qcow2, to: 12 << 20)
    try qemuIO(device.path, "write -P 0x42 0 1M")
    try expectClean(device.path)
    try ImageSnapshots.apply(.name("one"), path: device.path)
    try ImageSnapshots.delete(.name("one"), path: device.path)
    try expectClean(device.path)
    try expectPattern(device.path, [(0x41, 0, 1 << 20), (0, 1 << 20, 7 << 20)])
    #expect(try content(of: GuestDisk.open(path: device.path, format: .qcow2)).count == 8 << 20)
    // It does not grow: what does not fit is refused, and the image stays.
    try run("qemu-io", "-f", "qcow2", "-c", "write -P 0x43 0 8M", device.path)
    #expect(throws: ImageError.self) {
      for number in 0..<200 { try ImageSnapshots.create(named: "s\(number)", path: device.path) }
    }
    try expectClean(device.path)
    try expectPattern(device.path, [(0x43, 0, 8 << 20)])
  }
}

/// A loop device over a file, for one test.
final class BlockDevice {
  let path: String

  /// Whether this machine lets the tests make one.
  static var isOffered: Bool { getuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0 }

  init(_ file: String) throws {
    path = try run("losetup", "--find", "--show", file).output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  deinit { _ = try? run("losetup", "--detach", path) }
}
