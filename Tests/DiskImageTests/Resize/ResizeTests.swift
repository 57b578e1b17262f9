// Growing images: content, refcounts, refusals.

import Foundation
import Testing

@testable import DiskImage

@Suite("Growing images")
struct GrowthTests {
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
    .init(name: "longer backing file, disk ends in a cluster", expected: "unsupported") {
      try run("qemu-img", "create", "-q", "-f", "raw", $0("base"), "2M")
      try create($0, "512", ["-b", $0("base"), "-F", "raw"])
    },
    .init(name: "compressed last cluster", expected: "unsupported") {
      try run("qemu-img", "create", "-q", "-f", "raw", $0("base"), "4608")
      try qemuIO($0("base"), format: "raw", "write -P 1 0 4608")
      try run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", $0("base"), $0("image"))
    },
    .init(name: "refcount of the L1 table is 0", expected: "needsRepair") {
      try create($0, "1M")
      try patch($0("image")) { $0.put(UInt16(0), at: 2 * 65536 + 6) }
    },
    .init(name: "L1 table in the refcount block", expected: "needsRepair") {
      try create($0, "1M")
      try patch($0("image")) { $0.put(UInt64(2 * 65536), at: 40) }
    },
    .init(name: "L2 table in the header", expected: "malformed") {
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
