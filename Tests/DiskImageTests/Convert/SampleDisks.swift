// Disks to convert: real programs, random bytes, zeros and holes, in every shape that an image can have.

import Foundation

@testable import DiskImage

/// A disk of 4 MiB and 3 sectors, so that its last cluster is cut short whatever its size.
enum SampleDisk: String, CaseIterable, Sendable {
  case raw, smallClusters, plain, largeClusters, version2, zlib, zstd, largeZlib, subclusters, compressedSubclusters
  case longerBacking, shorterBacking, threeLayers, snapshot, empty, tiny

  static let size = 4 << 20 + 3 * 512

  /// The bytes of the disk that most samples show.
  static let content: [UInt8] = {
    var bytes = [UInt8](repeating: 0, count: size)
    var random = SystemRandomNumberGenerator()
    for offset in stride(from: 512 << 10, to: 1 << 20, by: 8) { bytes.put(random.next(), at: offset) }
    if let program = try? Data(contentsOf: URL(fileURLWithPath: "/usr/bin/qemu-img")) {
      let part = program.prefix(1 << 20)
      bytes.replaceSubrange(1280 << 10..<1280 << 10 + part.count, with: part)
    }
    // Islands in zeros: one sector, 4 KiB, the last sector of the disk.
    for range in [2560 << 10..<2560 << 10 + 512, 3 << 20 + 4096..<3 << 20 + 8192, size - 512..<size] {
      for offset in range { bytes[offset] = UInt8(truncatingIfNeeded: offset / 7 | 1) }
    }
    return bytes
  }()

  static func writeRaw(to path: String) throws {
    let bytes = content
    try DiskImageTests.write([], to: path)
    let file = try LocalFile(path: path, access: .readWrite)
    try file.setLength(UInt64(size))
    // Zeros are written at 1 MiB, a hole elsewhere.
    for range in [512 << 10..<2400 << 10, 2560 << 10..<3200 << 10, size - 65536..<size] {
      try file.write(Array(bytes[range]), at: UInt64(range.lowerBound), "the sample")
    }
  }

  /// Samples that meet every kind of target; the others meet the different ones.
  var targets: [TargetOptions] {
    switch self {
    case .raw, .zlib, .threeLayers: TargetOptions.all
    default: TargetOptions.different
    }
  }

  var format: ImageFormat { self == .raw ? .raw : .qcow2 }
  var selector: SnapshotSelector? { self == .snapshot ? .name("before") : nil }

  /// Makes the disk as `disk` in a folder, by QEMU's hand.
  ///
  /// - Returns: the image, and what `qemu-img compare` takes to see the same disk.
  func make(in folder: Folder) throws -> (path: String, judge: [String]) {
    let path = folder("disk")
    let raw = folder("sample.raw")
    try Self.writeRaw(to: raw)
    func convert(_ options: String, _ more: String...) throws {
      try run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", options] + more + [raw, path])
    }
    switch self {
    case .raw: try FileManager.default.moveItem(atPath: raw, toPath: path)
    case .smallClusters: try convert("cluster_size=512")
    case .plain: try convert("cluster_size=64k", "-S", "0")
    case .largeClusters: try convert("cluster_size=2M")
    case .version2: try convert("compat=0.10")
    case .zlib: try convert("cluster_size=64k", "-c")
    case .zstd: try convert("cluster_size=4k,compression_type=zstd", "-c")
    case .largeZlib: try convert("cluster_size=2M", "-c")
    case .subclusters:
      try convert("cluster_size=128k,extended_l2=on")
      try qemuIO(path, "write -P 7 3500k 4k", "write -z 1536k 4k", "write -P 8 2406k 12k", "discard 512k 8k")
    case .compressedSubclusters:
      try convert("cluster_size=16k,extended_l2=on", "-c")
      try qemuIO(path, "write -P 7 1540k 2k", "write -z 514k 1k")
    case .longerBacking, .shorterBacking:
      let top = self == .longerBacking ? "3M" : "5M"
      try run("qemu-img", "create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw", path, top)
      try qemuIO(path, "write -P 3 512k 100k", "write -z 1800k 256k", "write -P 4 2900k 100k")
    case .threeLayers:
      let middle = folder("middle")
      try run("qemu-img", "create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw", middle, "3500k")
      try qemuIO(middle, "write -P 3 512k 100k", "write -z 1800k 256k", "write -P 9 3M 64k")
      try run(
        "qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "-b", middle, "-F", "qcow2", path, "5M")
      try qemuIO(path, "write -P 5 530k 10k", "write -z 3M 4k", "write -P 6 4500k 3k")
    case .snapshot:
      try convert("cluster_size=64k")
      try run("qemu-img", "snapshot", "-c", "before", path)
      try run("qemu-img", "resize", "-q", path, "6M")
      try qemuIO(path, "write -P 3 0 900k", "write -P 9 5M 64k", "write -z 1500k 512k")
      return (path, ["-f", "raw", raw])
    case .empty: try run("qemu-img", "create", "-q", "-f", "qcow2", path, "0")
    case .tiny:
      try run("qemu-img", "create", "-q", "-f", "qcow2", path, "512")
      try qemuIO(path, "write -P 1 0 512")
    }
    return (path, ["-f", format.rawValue, path])
  }
}

/// Options of a new image, with a name for the test's report.
struct TargetOptions: Sendable, CustomStringConvertible {
  var description: String
  var creation: ImageCreation
  var compressed = false

  private static func qcow2(
    _ name: String, compressed: Bool = false, _ change: (inout ImageCreation) -> Void
  ) -> TargetOptions {
    var creation = ImageCreation(format: .qcow2)
    change(&creation)
    return TargetOptions(description: name, creation: creation, compressed: compressed)
  }

  static let different = [0, 2, 6, 10, 12].map { all[$0] }

  static let all: [TargetOptions] = [
    TargetOptions(description: "raw", creation: ImageCreation(format: .raw)),
    qcow2("512 bytes") { $0.clusterSize = 512 },
    qcow2("64 KiB") { _ in },
    qcow2("2 MiB, 1-bit counts") {
      $0.clusterSize = 2 << 20; $0.refcountBits = 1
    },
    qcow2("512 bytes, 64-bit counts") {
      $0.clusterSize = 512; $0.refcountBits = 64
    },
    qcow2("version 2") {
      $0.compatibility = .version2; $0.clusterSize = 4096
    },
    qcow2("subclusters, lazy") {
      $0.extendedL2 = true; $0.lazyRefcounts = true; $0.clusterSize = 16384
    },
    qcow2("zlib", compressed: true) { _ in },
    qcow2("zlib, 512 bytes", compressed: true) { $0.clusterSize = 512 },
    qcow2("zlib, 2 MiB, subclusters", compressed: true) {
      $0.extendedL2 = true; $0.clusterSize = 2 << 20
    },
    qcow2("zlib, 4 KiB, 1-bit counts", compressed: true) {
      $0.clusterSize = 4096; $0.refcountBits = 1
    },
    qcow2("zlib, 2-bit counts, version 3", compressed: true) { $0.refcountBits = 2 },
    qcow2("zstd", compressed: true) { $0.compression = .zstd },
    qcow2("zstd, 2 MiB, 64-bit counts", compressed: true) {
      $0.compression = .zstd; $0.clusterSize = 2 << 20; $0.refcountBits = 64
    },
    qcow2("zstd, 1 KiB, 8-bit counts", compressed: true) {
      $0.compression = .zstd; $0.clusterSize = 1024; $0.refcountBits = 8
    },
  ]
}
