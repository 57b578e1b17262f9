// Comparing disks, against what qemu-img compare says.

import Foundation
import Testing

@testable import DiskImage

@Suite("Comparing disks")
struct ImageComparisonTests {
  private static func compare(
    _ first: (String, ImageFormat), _ second: (String, ImageFormat), strict: Bool = false
  ) throws -> ImageComparison.Outcome {
    var comparison = ImageComparison()
    comparison.isStrict = strict
    return try comparison.run(
      GuestDisk.open(path: first.0, format: first.1), GuestDisk.open(path: second.0, format: second.1))
  }

  /// What qemu-img says: nothing when the disks are identical, else the offset of the sector that differs.
  private static func judge(_ first: (String, ImageFormat), _ second: (String, ImageFormat)) throws -> UInt64? {
    let result = try run(
      ["qemu-img", "compare", "-f", first.1.rawValue, "-F", second.1.rawValue, first.0, second.0], expecting: [0, 1])
    if result.status == 0 { return nil }
    let numbers = result.output.split { !$0.isNumber }.compactMap { UInt64($0) }
    return try #require(numbers.last as UInt64?)
  }

  @Test("a disk and its raw copy are identical, and one changed byte is found", arguments: imageZoo)
  func copies(image: ZooImage) throws {
    let folder = try Folder()
    try image.build(folder)
    guard try ImageInfo.read(path: folder("image"), format: image.format).virtualSize < 1 << 30 else { return }
    var copy = try qemuContent(of: folder("image"), format: image.format, in: folder)
    try write(copy, to: folder("copy"))
    #expect(try Self.compare((folder("image"), image.format), (folder("copy"), .raw)) == .identical)
    guard !copy.isEmpty else { return }
    for place in [copy.count / 3, copy.count - 1] {
      copy[place] ^= 0x40
      try write(copy, to: folder("copy"))
      #expect(
        try Self.compare((folder("image"), image.format), (folder("copy"), .raw))
          == .contentDiffers(at: UInt64(place)))
      let judged = try Self.judge((folder("image"), image.format), (folder("copy"), .raw))
      // QEMU gives the sector, or where its own read began.
      #expect(judged.map { UInt64(place) - $0 < 512 } == true)
      copy[place] ^= 0x40
    }
  }

  @Test(
    "disks of two sizes are identical when the rest is zeros, and not in a strict comparison",
    arguments: [(false, false), (false, true), (true, false), (true, true)])
  func sizes(hasData: Bool, isSwapped: Bool) throws {
    let folder = try Folder()
    try makeQcow2(folder("short"), "1M")
    try scribble(folder("short"), ["write -P 3 0 1M"])
    try makeQcow2(folder("long"), "3M")
    try scribble(folder("long"), ["write -P 3 0 1M", "write -z 1M 1M"] + (hasData ? ["write -P 1 2500k 4k"] : []))
    var pair = ((folder("short"), ImageFormat.qcow2), (folder("long"), ImageFormat.qcow2))
    if isSwapped { swap(&pair.0, &pair.1) }
    let outcome = try Self.compare(pair.0, pair.1)
    #expect(outcome == (hasData ? .contentDiffers(at: 2500 << 10) : .identical))
    #expect(try Self.judge(pair.0, pair.1) == (hasData ? 2500 << 10 : nil))
    let sizes = isSwapped ? (UInt64(3 << 20), UInt64(1 << 20)) : (1 << 20, 3 << 20)
    #expect(try Self.compare(pair.0, pair.1, strict: true) == .sizesDiffer(sizes.0, sizes.1))
  }

  @Test(
    "a strict comparison tells data, zeros and nothing apart, as qemu-img does",
    arguments: [
      (["write -P 3 0 64k"], ["write -P 3 0 64k"]), (["write -P 0 0 64k"], ["write -z 0 64k"]),
      (["write -z 0 64k"], []), (["write -P 0 64k 64k"], []), (["write -z 128k 64k"], ["write -z 128k 64k"]), ([], []),
    ])
  func strict(first: [String], second: [String]) throws {
    let folder = try Folder()
    for (name, commands) in [("one", first), ("two", second)] {
      try makeQcow2(folder(name), "1M")
      if !commands.isEmpty { try scribble(folder(name), commands) }
    }
    let judge = try run(["qemu-img", "compare", "-s", folder("one"), folder("two")], expecting: [0, 1])
    let outcome = try Self.compare((folder("one"), .qcow2), (folder("two"), .qcow2), strict: true)
    #expect((outcome == .identical) == (judge.status == 0), "\(outcome) \(judge.output)")
    #expect(try Self.compare((folder("one"), .qcow2), (folder("two"), .qcow2)) == .identical)
  }

  @Test("what two overlays share is not read: a base that cannot be read does not matter")
  func sharedBase() throws {
    let folder = try Folder()
    try makeQcow2(folder("base"), "1M")
    try qemuIO(folder("base"), "write -c -P 5 0 64k", "write -P 6 64k 64k")
    for name in ["one", "two"] {
      try makeQcow2(folder(name), "1M", base: (folder("base"), "qcow2"))
      try scribble(folder(name), ["write -P 7 200k 10k"])
    }
    var base = try bytes(of: folder("base"))
    let table = Int(base.bigEndian64(at: Int(base.bigEndian64(at: 40))) & Qcow2Limit.hostOffsetMask)
    let stream = Int(base.bigEndian64(at: table) & (1 << 54 - 1))
    for index in stream..<stream + 30 { base[index] = 0xFF }
    try write(base, to: folder("base"))
    #expect(throws: ImageError.self) { try content(of: GuestDisk.open(path: folder("one"), format: .qcow2)) }
    #expect(try Self.compare((folder("one"), .qcow2), (folder("two"), .qcow2)) == .identical)
  }

  @Test("a snapshot is compared as the disk that it was")
  func snapshot() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    try scribble(folder("image"), ["write -P 3 0 1M"])
    try run("qemu-img", "snapshot", "-c", "s", folder("image"))
    try scribble(folder("image"), ["write -P 4 700k 1k"])
    let now = try GuestDisk.open(path: folder("image"), format: .qcow2)
    let then = try GuestDisk.open(path: folder("image"), format: .qcow2, snapshot: .name("s"))
    #expect(try ImageComparison().run(now, then) == .contentDiffers(at: 700 << 10))
  }

  @Test("it stops when the caller wants it to")
  func stops() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2)
    #expect(throws: ImageError.cancelled(path: "x")) {
      try ImageComparison().run(disk, disk) { (_) throws(ImageError) in throw .cancelled(path: "x") }
    }
  }
}
