// Images to grow, made by QEMU's tools: one for each thing that could show through in the new range or needs new clusters.

import Foundation
import Testing

@testable import DiskImage

/// An image in a folder, what its guest sees, and the size to grow it to.
struct GrowthScenario: CustomTestStringConvertible, Sendable {
  let name: String
  let newSize: UInt64
  /// Ranges of the guest's disk before growing, up to the old end: (byte, offset, length).
  let content: [(UInt8, UInt64, UInt64)]
  /// Makes "image" in the folder.
  let build: @Sendable (Folder) throws -> Void

  var testDescription: String { name }
  var oldSize: UInt64 { content.map { $0.1 + $0.2 }.max() ?? 0 }
}

private let kib: UInt64 = 1 << 10
private let mib: UInt64 = 1 << 20
private let gib: UInt64 = 1 << 30

/// `qemu-img create` of "image" in the folder.
private func make(_ folder: Folder, _ size: UInt64, _ options: String..., base: String? = nil) throws {
  var arguments = ["qemu-img", "create", "-q", "-f", "qcow2"]
  if !options.isEmpty { arguments += ["-o", options.joined(separator: ",")] }
  if let base { arguments += ["-b", folder("base"), "-F", base] }
  try run(arguments + [folder("image"), "\(size)"])
}

/// A backing file full of one byte.
private func makeBase(_ folder: Folder, _ size: UInt64, _ byte: UInt8, format: String = "qcow2") throws {
  try run("qemu-img", "create", "-q", "-f", format, folder("base"), "\(size)")
  try qemuIO(folder("base"), format: format, "write -P \(byte) 0 \(size)")
}

/// Cuts the disk by changing nothing but the size field, as a careless program would.
private func setSizeOnly(_ folder: Folder, _ size: UInt64) throws {
  var image = try bytes(of: folder("image"))
  image.put(size, at: 24)
  try write(image, to: folder("image"))
}

let growthScenarios: [GrowthScenario] = plainScenarios + leftoverScenarios + overlayScenarios

private let plainScenarios: [GrowthScenario] = [
  GrowthScenario(name: "an empty image, room in the L1 table's cluster", newSize: 20 * gib, content: [(0, 0, gib)]) {
    folder in
    try make(folder, gib)
  },
  GrowthScenario(name: "a disk of size 0", newSize: 10 * mib, content: []) { folder in try make(folder, 0) },
  GrowthScenario(name: "within the last L2 table", newSize: 300 * mib, content: [(7, 0, mib), (0, mib, mib)]) {
    folder in
    try make(folder, 2 * mib)
    try qemuIO(folder("image"), "write -P 7 0 1M")
  },
  GrowthScenario(name: "the L1 table moves", newSize: 64 * mib, content: [(7, 0, 64 * kib), (0, 64 * kib, 960 * kib)]) {
    folder in
    try make(folder, mib, "cluster_size=512")
    try qemuIO(folder("image"), "write -P 7 0 64k")
  },
  GrowthScenario(name: "the L1 table moves, 1-bit refcounts", newSize: 64 * mib, content: [(7, 0, mib)]) { folder in
    try make(folder, mib, "cluster_size=512", "refcount_bits=1")
    try qemuIO(folder("image"), "write -P 7 0 1M")
  },
  GrowthScenario(name: "the L1 table moves, 64-bit refcounts: new blocks", newSize: 64 * mib, content: [(7, 0, mib)]) {
    folder in
    try make(folder, mib, "cluster_size=512", "refcount_bits=64")
    try qemuIO(folder("image"), "write -P 7 0 1M")
  },
  GrowthScenario(name: "new refcount blocks", newSize: gib, content: [(7, 0, 130 * kib), (0, 130 * kib, 894 * kib)]) {
    folder in
    try make(folder, mib, "cluster_size=512")
    try qemuIO(folder("image"), "write -P 7 0 130k")
  },
  GrowthScenario(
    name: "a new refcount table", newSize: 40 * gib, content: [(7, 0, 64 * kib), (0, 64 * kib, 960 * kib)]
  ) { folder in
    try make(folder, mib, "cluster_size=512")
    try qemuIO(folder("image"), "write -P 7 0 64k")
  },
  GrowthScenario(name: "version 2", newSize: 64 * mib, content: [(7, 0, 64 * kib), (0, 64 * kib, 960 * kib)]) {
    folder in
    try make(folder, mib, "cluster_size=512", "compat=0.10")
    try qemuIO(folder("image"), "write -P 7 0 64k")
  },
]

private let leftoverScenarios: [GrowthScenario] = [
  GrowthScenario(name: "a tail that shrinking left", newSize: 4 * mib, content: [(9, 0, mib - 4608)]) { folder in
    try make(folder, mib)
    try qemuIO(folder("image"), "write -P 9 0 1M")
    try run("qemu-img", "resize", "-q", "-f", "qcow2", "--shrink", folder("image"), "\(mib - 4608)")
  },
  GrowthScenario(name: "a tail that a snapshot shares", newSize: 4 * mib, content: [(9, 0, mib - 4608)]) { folder in
    try make(folder, mib, "cluster_size=4096")
    try qemuIO(folder("image"), "write -P 9 0 1M")
    try run("qemu-img", "snapshot", "-c", "before", folder("image"))
    try run("qemu-img", "resize", "-q", "-f", "qcow2", "--shrink", folder("image"), "\(mib - 4608)")
  },
  GrowthScenario(
    name: "a tail in a table that is ours, data shared", newSize: 2 * mib,
    content: [(3, 0, 4096), (9, 4096, mib - 8704)]
  ) { folder in
    try make(folder, mib, "cluster_size=4096")
    try qemuIO(folder("image"), "write -P 9 0 1M")
    try run("qemu-img", "snapshot", "-c", "before", folder("image"))
    try qemuIO(folder("image"), "write -P 3 0 4096")
    try run("qemu-img", "resize", "-q", "-f", "qcow2", "--shrink", folder("image"), "\(mib - 4608)")
  },
  GrowthScenario(name: "mapped clusters behind the end", newSize: 2 * mib, content: [(9, 0, 500 * kib)]) { folder in
    try make(folder, mib)
    try qemuIO(folder("image"), "write -P 9 0 1M")
    try setSizeOnly(folder, 500 * kib)
  },
  GrowthScenario(
    name: "mapped clusters behind the end, in a table that a snapshot shares", newSize: 2 * mib,
    content: [(9, 0, 500 * kib)]
  ) { folder in
    try make(folder, mib, "cluster_size=4096")
    try qemuIO(folder("image"), "write -P 9 0 1M")
    try run("qemu-img", "snapshot", "-c", "before", folder("image"))
    try setSizeOnly(folder, 500 * kib)
  },
  GrowthScenario(name: "whole L2 tables behind the end", newSize: 80 * mib, content: [(9, 0, 512 * kib)]) { folder in
    try make(folder, 5 * mib, "cluster_size=4096")
    try qemuIO(folder("image"), "write -P 9 0 5M")
    try setSizeOnly(folder, 512 * kib)
  },
  GrowthScenario(name: "compressed clusters behind the end", newSize: 2 * mib, content: [(9, 0, 512 * kib)]) { folder in
    try makeBase(folder, mib, 9)
    try run("qemu-img", "convert", "-c", "-O", "qcow2", folder("base"), folder("image"))
    try setSizeOnly(folder, 512 * kib)
  },
  GrowthScenario(name: "VM state behind the end", newSize: 2 * gib, content: [(9, 0, mib), (0, mib, gib - mib)]) {
    folder in
    try make(folder, gib)
    try qemuIO(folder("image"), "write -P 9 0 1M", "write -b -P 77 0 300k")
  },
  GrowthScenario(name: "VM state behind the end, L1 table moves", newSize: 64 * mib, content: [(9, 0, mib)]) { folder in
    try make(folder, mib, "cluster_size=512")
    try qemuIO(folder("image"), "write -P 9 0 1M", "write -b -P 77 0 300k")
  },
]

private let overlayScenarios: [GrowthScenario] = [
  GrowthScenario(
    name: "a longer raw backing file", newSize: 8 * mib,
    content: [(5, 0, 64 * kib), (6, 64 * kib, 64 * kib), (5, 128 * kib, 896 * kib)]
  ) { folder in
    try makeBase(folder, 4 * mib, 5, format: "raw")
    try make(folder, mib, base: "raw")
    try qemuIO(folder("image"), "write -P 6 64k 64k")
  },
  GrowthScenario(name: "a longer backing file, many tables", newSize: 40 * mib, content: [(5, 0, 3 * mib)]) { folder in
    try makeBase(folder, 20 * mib, 5)
    try make(folder, 3 * mib, "cluster_size=4096", base: "qcow2")
  },
  GrowthScenario(name: "a longer backing file, grown inside of it", newSize: 5 * mib, content: [(5, 0, 3 * mib)]) {
    folder in
    try makeBase(folder, 20 * mib, 5)
    try make(folder, 3 * mib, "cluster_size=512", base: "qcow2")
  },
  GrowthScenario(name: "a longer backing file, extended L2 entries", newSize: 9 * mib, content: [(5, 0, 3 * mib)]) {
    folder in
    try makeBase(folder, 8 * mib, 5)
    try make(folder, 3 * mib, "cluster_size=16k", "extended_l2=on", base: "qcow2")
  },
  GrowthScenario(
    name: "extended L2 entries, the disk ends in a cluster", newSize: 9 * mib, content: [(4, 0, mib - 512)]
  ) { folder in
    try make(folder, mib - 512, "cluster_size=16k", "extended_l2=on")
    try qemuIO(folder("image"), "write -P 4 0 \(mib - 512)")
  },
  GrowthScenario(
    name: "a longer backing file, the disk ends in a cluster", newSize: 4 * mib, content: [(5, 0, mib + 512)]
  ) { folder in
    try makeBase(folder, 2 * mib, 5, format: "raw")
    try make(folder, mib + 512, base: "raw")
  },
  GrowthScenario(name: "a compressed last cluster", newSize: 4 * mib, content: [(5, 0, mib + 4608)]) { folder in
    try makeBase(folder, mib + 4608, 5)
    try run("qemu-img", "convert", "-c", "-O", "qcow2", folder("base"), folder("image"))
  },
  GrowthScenario(
    name: "a backing file shorter than the disk", newSize: 9 * mib, content: [(5, 0, mib), (0, mib, mib + 512)]
  ) { folder in
    try makeBase(folder, mib, 5)
    try make(folder, 2 * mib + 512, base: "qcow2")
  },
]
