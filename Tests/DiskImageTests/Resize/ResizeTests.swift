// Images made larger and smaller: content, refcounts, refusals.

import Foundation
import Testing

@testable import DiskImage

@Suite("Resizing images")
struct ResizeTests {
  @Test("a grown image keeps its content, reads as zeros beyond the old end, and is clean", arguments: growthScenarios)
  func grows(scenario: GrowthScenario) throws {
    let folder = try Folder()
    try scenario.build(folder)
    let image = folder("image")
    #expect(try ImageResize.resize(path: image, format: .qcow2, to: scenario.newSize) == scenario.oldSize)
    try expectClean(image)
    #expect(try qemuInfo(image)["virtual-size"] as? UInt64 == scenario.newSize)
    let end = min(scenario.newSize, scenario.oldSize + (64 << 20))
    try expectPattern(image, scenario.content + [(0, scenario.oldSize, end - scenario.oldSize)])
    try expectPattern(image, [(0, scenario.newSize - 512, 512)])
    #expect(try ImageResize.resize(path: image, format: .qcow2, to: scenario.newSize) == scenario.newSize)
    // Still an image that QEMU can write all over.
    try qemuIO(image, "write -P 200 \(scenario.oldSize / 512 * 512) 512", "write -P 201 \(scenario.newSize - 512) 512")
    try expectClean(image)
  }

  @Test(
    "a snapshot keeps what growing hides in the disk", arguments: growthScenarios.filter { $0.name.contains("snap") })
  func snapshotsKept(scenario: GrowthScenario) throws {
    let folder = try Folder()
    try scenario.build(folder)
    try ImageResize.resize(path: folder("image"), format: .qcow2, to: scenario.newSize)
    try run("qemu-img", "snapshot", "-a", "before", folder("image"))
    try expectPattern(folder("image"), [(9, 0, 1 << 20)])
    try expectClean(folder("image"))
  }

  @Test("a raw image grows to the exact size and stays sparse")
  func raw() throws {
    let folder = try Folder()
    try write([UInt8](repeating: 7, count: 1024), to: folder("a"))
    #expect(try ImageResize.resize(path: folder("a"), format: .raw, to: 1 << 30) == 1024)
    try expectPattern(folder("a"), format: "raw", [(7, 0, 1024), (0, 1024, (1 << 20) - 1024)])
    let info = try ImageInfo.read(path: folder("a"), format: .raw)
    #expect(info.fileLength == 1 << 30 && (info.bytesOnDisk ?? 0) < 1 << 20)
    #expect(throws: ImageError.wouldShrink(path: folder("a"), from: 1 << 30, to: 512)) {
      try ImageResize.resize(path: folder("a"), format: .raw, to: 512)
    }
  }

  struct Refusal: CustomTestStringConvertible, Sendable {
    let name: String
    let expected: String
    let build: @Sendable (Folder) throws -> Void
    var testDescription: String { name }
  }

  static let refusals: [Refusal] = [
    .init(name: "smaller size", expected: "wouldShrink") { try create($0, "8G") },
    .init(name: "dirty", expected: "needsRepair") {
      try create($0, "1M")
      try patch($0("image")) { $0.put(UInt64(1), at: 72) }
    },
    .init(name: "corrupt", expected: "needsRepair") {
      try create($0, "1M")
      try patch($0("image")) { $0.put(UInt64(2), at: 72) }
    },
    .init(name: "bitmaps", expected: "unsupported") {
      try create($0, "1M")
      try run("qemu-img", "bitmap", "--add", $0("image"), "b")
    },
    .init(name: "external data file", expected: "unsupported") {
      try run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=\($0("data"))", $0("image"), "1M")
    },
    .init(name: "version 2 with snapshots", expected: "unsupported") {
      try create($0, "1M", ["-o", "compat=0.10"])
      try run("qemu-img", "snapshot", "-c", "s", $0("image"))
    },
    .init(name: "refcount of the L1 table is 0", expected: "needsRepair") {
      try create($0, "1M")
      try patch($0("image")) { $0.put(UInt16(0), at: 2 * 65536 + 6) }
    },
    .init(name: "L1 table in the refcount block", expected: "needsRepair") {
      try create($0, "1M")
      try patch($0("image")) { $0.put(UInt64(2 * 65536), at: 40) }
    },
    .init(name: "L2 table in the header", expected: "needsRepair") {
      try create($0, "1M")
      try patch($0("image")) { $0.put((1 as UInt64) << 63 | 512, at: 3 * 65536) }
    },
    .init(name: "L2 table beyond the end", expected: "needsRepair") {
      try create($0, "1M")
      try patch($0("image")) { $0.put((1 as UInt64) << 63 | 1 << 40, at: 3 * 65536) }
    },
    .init(name: "a data cluster behind the end of the file", expected: "needsRepair") {
      try create($0, "1M", ["-o", "cluster_size=512"])
      try qemuIO($0("image"), "write 0 512")
      let header = try Qcow2Header(from: LocalFile(path: $0("image")))
      try patch($0("image")) {
        let table = $0.bigEndian64(at: Int(header.l1TableOffset)) & Qcow2Limit.hostOffsetMask
        $0.put((1 as UInt64) << 63 | UInt64($0.count.advanced(by: 4096) / 512 * 512), at: Int(table) + 8)
      }
    },
    .init(name: "not the format", expected: "notA") { try write([1, 2, 3], to: $0("image")) },
    .init(name: "missing", expected: "notFound") { _ in },
    .init(name: "a folder", expected: "notAnImageFile") {
      try FileManager.default.createDirectory(atPath: $0("image"), withIntermediateDirectories: false)
    },
  ]

  @Test("what cannot be grown safely is refused before the first write", arguments: refusals)
  func refuses(refusal: Refusal) throws {
    let folder = try Folder()
    try refusal.build(folder)
    let before = try? bytes(of: folder("image"))
    let error = #expect(throws: ImageError.self) {
      try ImageResize.resize(path: folder("image"), format: .qcow2, to: 4 << 30)
    }
    let label = error.flatMap { Mirror(reflecting: $0).children.first?.label }
    #expect(label == refusal.expected, "\(String(describing: error))")
    let after = try? bytes(of: folder("image"))
    #expect(after == before)
  }
}

extension ResizeTests {
  // MARK: Smaller

  @Test("what is in the way of a smaller disk is counted, and nothing is touched")
  func inTheWay() throws {
    let folder = try Folder()
    try create(folder, "8M")
    try qemuIO(folder("image"), "write -P 7 0 1M", "write -P 8 5M 256k", "write -z 6M 1M")
    let before = try bytes(of: folder("image"))
    #expect(throws: ImageError.wouldShrink(path: folder("image"), from: 8 << 20, to: 4 << 20)) {
      try ImageResize.resize(path: folder("image"), format: .qcow2, to: 4 << 20)
    }
    #expect(throws: ImageError.shrinkLosesData(path: folder("image"), to: 4 << 20, bytes: 256 << 10)) {
      try ImageResize.resize(path: folder("image"), format: .qcow2, to: 4 << 20, shrinking: .unusedOnly)
    }
    // A part of a cluster counts as it is: nobody knows what is in it.
    #expect(throws: ImageError.shrinkLosesData(path: folder("image"), to: 512 << 10, bytes: 768 << 10)) {
      try ImageResize.resize(path: folder("image"), format: .qcow2, to: 512 << 10, shrinking: .unusedOnly)
    }
    #expect(try bytes(of: folder("image")).isSame(as: before))
    try ImageResize.resize(path: folder("image"), format: .qcow2, to: 5632 << 10, shrinking: .unusedOnly)
    try expectClean(folder("image"))
    try expectPattern(folder("image"), [(7, 0, 1 << 20), (0, 1 << 20, 4 << 20), (8, 5 << 20, 256 << 10)])
  }

  @Test("what a backing file shows behind the new end is in the way too")
  func backingInTheWay() throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("base"), "4M")
    try qemuIO(folder("base"), "write -P 7 3M 64k")
    try create(folder, "8M", ["-b", folder("base"), "-F", "qcow2"])
    #expect(throws: ImageError.shrinkLosesData(path: folder("image"), to: 2 << 20, bytes: 64 << 10)) {
      try ImageResize.resize(path: folder("image"), format: .qcow2, to: 2 << 20, shrinking: .unusedOnly)
    }
    try ImageResize.resize(path: folder("image"), format: .qcow2, to: 4 << 20, shrinking: .unusedOnly)
    try expectPattern(folder("image"), [(0, 0, 3 << 20), (7, 3 << 20, 64 << 10)])
  }

  @Test(
    "what a smaller disk lost does not come back when it grows again", arguments: [512, 4608, 65536, 1 << 20 | 512],
    [512, 65536])
  func nothingComesBack(size: UInt64, cluster: Int) throws {
    let folder = try Folder()
    try create(folder, "4M", ["-o", "cluster_size=\(cluster)"])
    try qemuIO(folder("image"), "write -P 9 0 4M")
    let full = try #require(try ImageInfo.read(path: folder("image")).bytesOnDisk)
    try ImageResize.resize(path: folder("image"), format: .qcow2, to: size, shrinking: .discarding)
    try expectClean(folder("image"))
    #expect(try #require(try ImageInfo.read(path: folder("image")).bytesOnDisk) < full - (2 << 20))
    // QEMU's grow is as good as ours then.
    try run("cp", folder("image"), folder("copy"))
    try run("qemu-img", "resize", "-q", "-f", "qcow2", folder("copy"), "4M")
    try ImageResize.resize(path: folder("image"), format: .qcow2, to: 4 << 20)
    for path in [folder("image"), folder("copy")] {
      try expectClean(path)
      try expectPattern(path, [(9, 0, size), (0, size, 4 << 20 - size)])
    }
  }

  @Test("a sparse disk of terabytes gets small as fast as a small one")
  func sparse() throws {
    let folder = try Folder()
    try create(folder, "64T")
    try qemuIO(folder("image"), "write -P 9 0 64k")
    let time = try processorSeconds {
      try ImageResize.resize(path: folder("image"), format: .qcow2, to: 1 << 30, shrinking: .unusedOnly)
    }
    #expect(time < 5)
    try expectClean(folder("image"))
  }

  @Test("a raw file gets smaller only where it is a hole")
  func rawSmaller() throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "raw", folder("a"), "4M")
    try qemuIO(folder("a"), format: "raw", "write -P 7 1M 64k")
    #expect(throws: ImageError.shrinkLosesData(path: folder("a"), to: 512 << 10, bytes: 64 << 10)) {
      try ImageResize.resize(path: folder("a"), format: .raw, to: 512 << 10, shrinking: .unusedOnly)
    }
    try ImageResize.resize(path: folder("a"), format: .raw, to: 2 << 20, shrinking: .unusedOnly)
    #expect(try bytes(of: folder("a")).count == 2 << 20)
    try ImageResize.resize(path: folder("a"), format: .raw, to: 1 << 20, shrinking: .discarding)
    #expect(try bytes(of: folder("a")).count == 1 << 20)
  }
}

/// `qemu-img create` of "image".
func create(_ folder: Folder, _ size: String, _ options: [String]...) throws {
  try run(["qemu-img", "create", "-q", "-f", "qcow2"] + options.joined() + [folder("image"), size])
}

/// Changes bytes of a file.
func patch(_ path: String, _ change: (inout [UInt8]) -> Void) throws {
  var content = try bytes(of: path)
  change(&content)
  try write(content, to: path)
}
