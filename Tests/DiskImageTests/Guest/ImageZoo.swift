// Images of every kind that a guest's bytes can be stored in, made by QEMU's tools: what reading, mapping and comparing are held against.

import Foundation
import Testing

@testable import DiskImage

/// An image that QEMU's tools make in a folder under the name "image".
struct ZooImage: CustomTestStringConvertible, Sendable {
  let name: String
  var format = ImageFormat.qcow2
  let build: @Sendable (Folder) throws -> Void

  var testDescription: String { name }
}

/// `qemu-img create` of a qcow2 image.
func makeQcow2(
  _ path: String, _ size: String, _ options: [String] = [], base: (String, String)? = nil
) throws {
  var arguments = ["qemu-img", "create", "-q", "-f", "qcow2"]
  if !options.isEmpty { arguments += ["-o", options.joined(separator: ",")] }
  if let base { arguments += ["-b", base.0, "-F", base.1] }
  try run(arguments + [path, size])
}

/// Writes that leave data, data again, zeros with and without a place, discarded and untouched clusters behind.
private let strokes = [
  "write -P 0x11 0 70k", "write -P 0x22 100k 9k", "write -P 0x33 513k 200k", "write -z 520k 66k",
  "write -z -u 640k 64k", "discard 600k 4k", "write -P 0x44 1500k 548k", "write -z 900k 200k", "write -P 0x55 1000k 3k",
]

func scribble(_ path: String, format: String = "qcow2", _ commands: [String] = strokes) throws {
  try run(["qemu-io", "-f", format, "-d", "unmap"] + commands.flatMap { ["-c", $0] } + [path])
}

/// A file of 2 MiB that compresses here and there: text, noise, zeros.
private func mixed(_ folder: Folder) throws -> String {
  var content = [UInt8](repeating: 0, count: 2 << 20)
  var state: UInt32 = 1
  for index in content.indices where index % 300_000 < 200_000 {
    state = state &* 1_664_525 &+ 1_013_904_223
    content[index] = index % 600_000 < 300_000 ? UInt8(truncatingIfNeeded: index / 100) : UInt8(state >> 24)
  }
  try write(content, to: folder("mixed"))
  return folder("mixed")
}

let imageZoo: [ZooImage] = plainImages + compressedImages + preparedImages + chainedImages + rawImages

private let plainImages: [ZooImage] =
  [9, 10, 12, 14, 16, 17, 21].flatMap { bits in
    ["0.10", "1.1"].map { compat in
      ZooImage(name: "clusters of \(1 << bits) bytes, compat \(compat)") { folder in
        try makeQcow2(folder("image"), "2M", ["cluster_size=\(1 << bits)", "compat=\(compat)"])
        try scribble(folder("image"))
      }
    }
  }
  + [14, 16, 21].map { bits in
    ZooImage(name: "subclusters of \(1 << (bits - 5)) bytes") { folder in
      try makeQcow2(folder("base"), "2M")
      try scribble(folder("base"), ["write -P 0x77 0 2M", "write -z 256k 64k"])
      try makeQcow2(
        folder("image"), "2M", ["cluster_size=\(1 << bits)", "extended_l2=on"], base: (folder("base"), "qcow2"))
      try scribble(folder("image"))
    }
  } + [
    ZooImage(name: "an empty image of 1 TiB") { try makeQcow2($0("image"), "1T") },
    ZooImage(name: "a disk of no size") { try makeQcow2($0("image"), "0") },
    ZooImage(name: "a disk that ends inside a cluster") { folder in
      try makeQcow2(folder("image"), "\(1_000_000 / 512 * 512)")
      try scribble(folder("image"), ["write -P 0x12 0 976k", "write -z 70k 70k"])
    },
    ZooImage(name: "data behind a snapshot") { folder in
      try makeQcow2(folder("image"), "2M", ["cluster_size=4k"])
      try scribble(folder("image"))
      try run("qemu-img", "snapshot", "-c", "one", folder("image"))
      try scribble(folder("image"), ["write -P 0x66 64k 100k", "write -z 1600k 64k"])
    },
  ]

private let compressedImages: [ZooImage] = [
  ("zlib", 512), ("zlib", 65536), ("zlib", 2 << 20), ("zstd", 4096), ("zstd", 65536), ("zstd", 2 << 20),
].map { type, size in
  ZooImage(name: "\(type) in clusters of \(size) bytes") { folder in
    let source = try mixed(folder)
    try run(
      "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o",
      "cluster_size=\(size),compression_type=\(type)", source, folder("image"))
    try scribble(folder("image"), ["write -P 0x66 64k 5k", "write -z 300k 64k"])
  }
}

private let preparedImages: [ZooImage] =
  ["metadata", "falloc", "full"].map { mode in
    ZooImage(name: "preallocation \(mode)") { folder in
      try makeQcow2(folder("image"), "2M", ["preallocation=\(mode)"])
      try scribble(folder("image"), ["write -P 0x11 64k 64k", "write -z 640k 64k"])
    }
  } + [
    ZooImage(name: "preallocation metadata, larger") { folder in
      try makeQcow2(folder("image"), "70M", ["preallocation=metadata"])
      try scribble(folder("image"), ["write -P 0x11 64k 64k", "write -z 640k 64k"])
    },
    ZooImage(name: "preallocated subclusters over a backing file") { folder in
      try makeQcow2(folder("base"), "1M")
      try scribble(folder("base"), ["write -P 0x77 100k 800k"])
      try makeQcow2(
        folder("image"), "2M", ["extended_l2=on", "preallocation=metadata"], base: (folder("base"), "qcow2"))
      try scribble(folder("image"), ["write -P 0x11 66k 3k", "write -z 640k 64k"])
    },
    ZooImage(name: "a file that ends inside its last cluster") { folder in
      try makeQcow2(folder("image"), "2M")
      try scribble(folder("image"), ["write -P 0x11 0 64k", "write -P 0x12 64k 3k"])
      try run("truncate", "-s", "-\(65536 - 4096)", folder("image"))
    },
  ]

private let chainedImages: [ZooImage] = [
  ZooImage(name: "qcow2 over raw over nothing, shorter") { folder in
    try run("qemu-img", "create", "-q", "-f", "raw", folder("base"), "1M")
    try scribble(folder("base"), format: "raw", ["write -P 0x77 8k 100k", "write -P 0x78 512k 200k"])
    try makeQcow2(folder("image"), "2M", base: ("base", "raw"))
    try scribble(folder("image"), ["write -P 0x11 64k 64k", "write -P 0x11 1900k 4k", "write -z 512k 64k"])
  },
  ZooImage(name: "three images, the middle one the shortest") { folder in
    try makeQcow2(folder("base"), "2M", ["cluster_size=512"])
    try scribble(folder("base"))
    try makeQcow2(folder("middle"), "1M", ["cluster_size=2M"], base: ("base", "qcow2"))
    try makeQcow2(folder("image"), "3M", ["cluster_size=4k"], base: ("middle", "qcow2"))
    try scribble(folder("image"), ["write -P 0x66 64k 100k", "write -z 32k 16k"])
  },
  ZooImage(name: "a longer backing file") { folder in
    try makeQcow2(folder("base"), "4M")
    try scribble(folder("base"), ["write -P 0x77 0 4M"])
    try makeQcow2(folder("middle"), "3M", base: (folder("base"), "qcow2"))
    try makeQcow2(folder("image"), "\(1_000_448)", base: (folder("middle"), "qcow2"))
    try scribble(folder("image"), ["write -P 0x66 64k 100k"])
  },
  ZooImage(name: "a raw backing file that ends inside a sector") { folder in
    try write([UInt8](repeating: 7, count: 100_100), to: folder("base"))
    try makeQcow2(folder("image"), "1M", base: (folder("base"), "raw"))
  },
  ZooImage(name: "a compressed base under overlays") { folder in
    let source = try mixed(folder)
    try run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", source, folder("base"))
    try makeQcow2(folder("middle"), "2M", base: (folder("base"), "qcow2"))
    try scribble(folder("middle"), ["write -P 0x66 100k 3k"])
    try makeQcow2(folder("image"), "2M", ["compat=0.10"], base: (folder("middle"), "qcow2"))
    try scribble(folder("image"), ["write -P 0x67 200k 100k"])
  },
]

private let rawImages: [ZooImage] = [
  ZooImage(name: "raw with holes", format: .raw) { folder in
    try run("qemu-img", "create", "-q", "-f", "raw", folder("image"), "2M")
    try scribble(folder("image"), format: "raw", ["write -P 0x77 8k 100k", "write -P 0x78 512k 200k"])
  },
  ZooImage(name: "raw that ends in data, inside a sector", format: .raw) { folder in
    try write([UInt8](repeating: 7, count: 100_100), to: folder("image"))
  },
  ZooImage(name: "raw that ends in a hole, inside a sector", format: .raw) { folder in
    try write([UInt8](repeating: 7, count: 100_100), to: folder("image"))
    try run("truncate", "-s", "1000100", folder("image"))
  },
  ZooImage(name: "an empty raw file", format: .raw) { folder in try write([], to: folder("image")) },
]

/// What a guest reads of a disk, in reads of `step` bytes.
func content(of disk: GuestDisk, step: Int = 1 << 20) throws -> [UInt8] {
  var result = [UInt8](repeating: 0xEE, count: Int(disk.virtualSize))
  try result.withUnsafeMutableBytes { buffer in
    for start in stride(from: 0, to: buffer.count, by: step) {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<min(start + step, buffer.count)])
      try disk.read(at: UInt64(start), into: part)
    }
  }
  return result
}

/// What QEMU reads of a disk.
func qemuContent(of path: String, format: ImageFormat = .qcow2, in folder: Folder) throws -> [UInt8] {
  try run("qemu-img", "convert", "-f", format.rawValue, "-O", "raw", path, folder("judge.raw"))
  return try bytes(of: folder("judge.raw"))
}

/// `qemu-img create` of a disk of 1 MiB with the passphrase "secret".
///
/// - Parameter keyPrefix: what LUKS options are called; nil without LUKS. Deriving the key is kept short. QEMU counts the
///   time of that by a clock of a few milliseconds and gives up when none went by, so it is asked again.
func makeEncrypted(_ path: String, _ kind: [String], _ options: String, _ keyPrefix: String?) throws {
  let all = keyPrefix.map { options + ",\($0)iter-time=10" } ?? options
  let arguments = ["qemu-img", "create", "-q", "--object", "secret,id=s,data=secret"] + kind + [all, path, "1M"]
  for _ in 0..<200 where try run(arguments, expecting: nil).status == 0 { return }
  try run(arguments)
}
