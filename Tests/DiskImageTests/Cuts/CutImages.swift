// Images whose changes are cut: small disks of every kind, each with snapshots taken by QEMU's tools where its kind can have some.

import Foundation
import Testing

@testable import DiskImage

/// An image with a history, made in a folder under the name "image".
struct CutImage: CustomTestStringConvertible, Sendable {
  let name: String
  /// Bytes of the disk.
  let size: Int
  /// Cluster size in bytes.
  var cluster = 65536
  var options: [String] = []
  /// Every how manieth cut is looked at; large clusters take their time.
  var stride = 1
  /// Whether counts are wide enough for snapshots.
  var hasSnapshots = true
  /// Makes what the image stands on.
  var base: (@Sendable (Folder) throws -> Void)?
  /// What comes first of all.
  var first: @Sendable (Folder) throws -> Void = { _ in }
  /// What comes between the first and the second snapshot.
  var middle: @Sendable (Folder) throws -> Void = { _ in }
  /// What is done to the finished file.
  var finish: @Sendable (Folder) throws -> Void = { _ in }

  var testDescription: String { name }

  /// Three states of the disk; the first two are kept as the snapshots "one" and "two".
  func build(_ folder: Folder) throws {
    try base?(folder)
    try makeQcow2(
      folder("image"), "\(size)", ["cluster_size=\(cluster)"] + options,
      base: base == nil ? nil : ("base", "qcow2"))
    try first(folder)
    let part = size / 8 / 512 * 512
    // Not all of it: what is not there is a kind of its own.
    try strokes(
      folder, "write -P 0x11 0 \(3 * part)", "write -P 0x12 \(5 * part) \(part)", "write -z \(4 * part) \(part)")
    if hasSnapshots { try run("qemu-img", "snapshot", "-c", "one", folder("image")) }
    try middle(folder)
    try strokes(folder, "write -P 0x21 \(part) \(part)", "discard \(5 * part) \(part)")
    if hasSnapshots { try run("qemu-img", "snapshot", "-c", "two", folder("image")) }
    try strokes(
      folder, "write -P 0x31 \(2 * part) 512", "write -P 0x32 \(6 * part + 512) \(part)", "write -z 0 \(part)")
    try finish(folder)
  }

  private func strokes(_ folder: Folder, _ commands: String...) throws { try scribble(folder("image"), commands) }
}

let cutImages: [CutImage] = [
  CutImage(name: "plain", size: 8 << 20, stride: 2, first: fillGap, finish: leaveGap),
  CutImage(name: "version 2", size: 128 << 10, cluster: 4096, options: ["compat=0.10"]),
  CutImage(name: "clusters of 512 bytes", size: 96 << 10, cluster: 512),
  CutImage(name: "clusters of 512 bytes, version 2", size: 64 << 10, cluster: 512, options: ["compat=0.10"]),
  CutImage(name: "clusters of 2 MiB", size: 8 << 20, cluster: 2 << 20, stride: 9),
  CutImage(
    name: "refcounts of 1 bit", size: 256 << 10, cluster: 4096, options: ["refcount_bits=1"], hasSnapshots: false),
  CutImage(name: "refcounts of 2 bits", size: 256 << 10, cluster: 4096, options: ["refcount_bits=2"]),
  CutImage(name: "refcounts of 8 bits", size: 256 << 10, cluster: 4096, options: ["refcount_bits=8"]),
  CutImage(name: "refcounts of 64 bits, many blocks", size: 96 << 10, cluster: 512, options: ["refcount_bits=64"]),
  CutImage(name: "subclusters", size: 512 << 10, cluster: 16384, options: ["extended_l2=on"]),
  CutImage(
    name: "subclusters over a backing file", size: 512 << 10, cluster: 16384, options: ["extended_l2=on"],
    base: fullBase),
  CutImage(name: "an overlay", size: 256 << 10, cluster: 4096, base: fullBase),
  CutImage(name: "compressed, zlib", size: 256 << 10, cluster: 4096, middle: compress),
  CutImage(
    name: "compressed, zstd", size: 256 << 10, cluster: 8192, options: ["compression_type=zstd"], middle: compress),
  CutImage(name: "VM state", size: 256 << 10, cluster: 4096, middle: saveVM),
  CutImage(name: "many snapshots", size: 64 << 10, cluster: 512, middle: takeMany),
  CutImage(name: "dirty bitmaps", size: 256 << 10, cluster: 4096, middle: addBitmaps),
  CutImage(name: "unknown extensions, fields and features", size: 256 << 10, cluster: 4096, finish: addUnknown),
  CutImage(name: "clusters assigned ahead", size: 512 << 10, cluster: 16384, options: ["preallocation=metadata"]),
  CutImage(name: "lazy refcounts", size: 256 << 10, cluster: 4096, options: ["lazy_refcounts=on"]),
  CutImage(name: "leaks that are there already", size: 256 << 10, cluster: 4096, finish: leakSome),
]

/// Clusters near the file's start that are free in the end: the next tables lie there, and the file can become shorter.
@Sendable private func fillGap(_ folder: Folder) throws {
  try scribble(folder("image"), ["write -P 0x51 7680k 512k"])
  try run("qemu-img", "snapshot", "-c", "gap", folder("image"))
  try scribble(folder("image"), ["discard 7680k 512k"])
}

@Sendable private func leaveGap(_ folder: Folder) throws {
  try run("qemu-img", "snapshot", "-d", "gap", folder("image"))
}

@Sendable private func takeMany(_ folder: Folder) throws {
  for number in 1...12 {
    try qemuIO(folder("image"), "write -P \(number) \(number * 2)k 3k")
    try run("qemu-img", "snapshot", "-c", "s\(number)", folder("image"))
  }
}

@Sendable private func addBitmaps(_ folder: Folder) throws {
  try run("qemu-img", "bitmap", "--add", "--enable", folder("image"), "first")
  try run("qemu-img", "bitmap", "--add", folder("image"), "second")
}

@Sendable private func leakSome(_ folder: Folder) throws {
  try ImageBytes.edit(folder("image")) { image in
    for cluster in image.clusterCount..<image.clusterCount + 3 { try image.setRefcount(cluster, 1) }
  }
}

/// A backing file that shows through everywhere.
@Sendable private func fullBase(_ folder: Folder) throws {
  try makeQcow2(folder("base"), "512k", ["cluster_size=4k"])
  try qemuIO(folder("base"), "write -P 0x77 0 512k", "write -P 0x78 100k 30k")
}

@Sendable private func compress(_ folder: Folder) throws {
  try qemuIO(
    folder("image"), "write -c -P 0x41 96k 8k", "write -c -P 0x42 104k 8k", "write -c -P 0x43 112k 8k",
    "write -c -P 0x44 216k 8k")
}

/// Saves an idle machine's state with the disk, as the snapshot "vm".
@Sendable func saveVM(_ folder: Folder) throws {
  try write(Array("savevm vm\nquit\n".utf8), to: folder("monitor"))
  let input = open(folder("monitor"), O_RDONLY | O_CLOEXEC)
  defer { close(input) }
  let (pid, output) = try spawn(
    [
      "qemu-system-x86_64", "-M", "none", "-m", "1", "-S", "-nodefaults", "-nographic", "-monitor", "stdio", "-drive",
      "file=\(folder("image")),if=none,id=d,format=qcow2",
    ], input: input)
  var buffer = [UInt8](repeating: 0, count: 4096)
  while read(output, &buffer, buffer.count) > 0 {}
  close(output)
  guard reap(pid) == 0 else { throw ToolFailure(text: "savevm") }
}

/// Puts an extension, a header field, a compatible and an autoclear bit into the header that nobody knows.
@Sendable private func addUnknown(_ folder: Folder) throws {
  var image = try bytes(of: folder("image"))
  var header = try Qcow2Header(from: LocalFile(path: folder("image")))
  header.headerLength = 120
  header.unknownFields += [1, 2, 3, 4, 5, 6, 7, 8]
  header.extensions.append(Qcow2Extension(type: 0x1234_5678, data: Array("kept".utf8), padding: [9, 9, 9, 9]))
  header.compatible = .init(rawValue: 1 << 40)
  header.autoclear = .init(rawValue: 1 << 50)
  let start = try header.layOut(path: folder("image"))
  image.replaceSubrange(0..<start.count, with: start)
  try write(image, to: folder("image"))
}
