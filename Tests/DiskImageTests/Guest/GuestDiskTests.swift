// Reading what a guest sees, against what QEMU reads.

import Foundation
import Testing

@testable import DiskImage

@Suite("What a guest sees")
struct GuestDiskTests {
  @Test("every byte is the one that QEMU reads", arguments: imageZoo)
  func equalsQEMU(image: ZooImage) throws {
    let folder = try Folder()
    try image.build(folder)
    let disk = try GuestDisk.open(path: folder("image"), format: image.format)
    guard disk.virtualSize < 1 << 30 else {
      let whole = try disk.extent(at: 0)
      #expect(whole.content == .absent && whole.length == disk.virtualSize)
      return
    }
    let expected = try qemuContent(of: folder("image"), format: image.format, in: folder)
    for step in [1 << 20, 100_000, 7777] {
      #expect(try content(of: disk, step: step) == expected, "reads of \(step) bytes")
    }
  }

  @Test("extents follow each other to the end of the disk, wherever one asks", arguments: imageZoo)
  func extents(image: ZooImage) throws {
    let folder = try Folder()
    try image.build(folder)
    let disk = try GuestDisk.open(path: folder("image"), format: image.format)
    var offset: UInt64 = 0
    while offset < disk.virtualSize {
      let extent = try disk.extent(at: offset)
      try #require(extent.offset == offset && extent.length > 0)
      // What begins inside of a run is the rest of the run.
      let inside = offset + extent.length / 2
      let rest = try disk.extent(at: inside, limit: 512)
      #expect(rest.depth == extent.depth && rest.readsAsZeros == extent.readsAsZeros)
      if case .data(let host) = extent.content { #expect(rest.content == .data(host: host + extent.length / 2)) }
      offset += extent.length
    }
    #expect(offset == disk.virtualSize)
  }

  @Test("a snapshot is read with its own size, whatever the disk's size is now")
  func snapshots() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "2M", ["cluster_size=4k"])
    var expected: [[UInt8]] = []
    for (name, size) in [("first", "2M"), ("second", "5M"), ("third", "1M")] {
      try run("qemu-img", "resize", "-q", "--shrink", "-f", "qcow2", folder("image"), size)
      try scribble(folder("image"), ["write -P \(size.utf8.first! &+ 1) 512k 400k"])
      try run("qemu-img", "snapshot", "-c", name, folder("image"))
      expected.append(try qemuContent(of: folder("image"), in: folder))
    }
    try scribble(folder("image"), ["write -P 0xff 0 1M"])
    for (index, name) in ["first", "second", "third"].enumerated() {
      for selector in [SnapshotSelector.name(name), .id("\(index + 1)"), .either(name)] {
        let disk = try GuestDisk.open(path: folder("image"), format: .qcow2, snapshot: selector)
        #expect(try content(of: disk) == expected[index], "\(name)")
      }
    }
    #expect(throws: ImageError.self) {
      try GuestDisk.open(path: folder("image"), format: .qcow2, snapshot: .name("fourth"))
    }
  }

  @Test("a snapshot shows its backing file like the disk does")
  func snapshotOverBacking() throws {
    let folder = try Folder()
    try makeQcow2(folder("base"), "2M")
    try scribble(folder("base"))
    try makeQcow2(folder("image"), "2M", base: (folder("base"), "qcow2"))
    try run("qemu-img", "snapshot", "-c", "s", folder("image"))
    try scribble(folder("image"), ["write -P 0xff 0 2M"])
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2, snapshot: .name("s"))
    #expect(try content(of: disk) == qemuContent(of: folder("base"), in: folder))
  }

  @Test("an encrypted image gives its extents and keeps its bytes", arguments: ["aes", "luks"])
  func encrypted(method: String) throws {
    let folder = try Folder()
    let secret = ["--object", "secret,id=s,data=secret"]
    try makeEncrypted(
      folder("image"), ["-f", "qcow2", "-o"], "encrypt.format=\(method),encrypt.key-secret=s",
      method == "luks" ? "encrypt." : nil)
    try run(
      ["qemu-io"] + secret + [
        "--image-opts", "driver=qcow2,file.filename=\(folder("image")),encrypt.key-secret=s", "-c", "write -P 5 0 64k",
      ])
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2)
    let extent = try disk.extent(at: 0)
    #expect(extent.length == 65536)
    let error = #expect(throws: ImageError.self) { try content(of: disk) }
    guard case .unsupported? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("an image with an external data file is not opened")
  func dataFile() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M", ["data_file=\(folder("data"))"])
    #expect(throws: ImageError.self) { try GuestDisk.open(path: folder("image"), format: .qcow2) }
  }

  @Test("what lies outside of the disk is refused")
  func outside() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2)
    var buffer = [UInt8](repeating: 0, count: 512)
    for offset in [UInt64(1 << 20) - 511, 1 << 20, .max] {
      #expect(throws: ImageError.self) { try buffer.withUnsafeMutableBytes { try disk.read(at: offset, into: $0) } }
    }
    #expect(throws: ImageError.self) { try disk.extent(at: 1 << 20) }
  }

  @Test("while another program writes to one of the images, reading takes the caller's word that it may")
  func locked() throws {
    let folder = try Folder()
    try makeQcow2(folder("base"), "1M")
    try makeQcow2(folder("image"), "1M", base: (folder("base"), "qcow2"))
    let lock = try ImageLock(path: folder("base"), for: .write)
    #expect(throws: ImageError.self) { try GuestDisk.open(path: folder("image"), format: .qcow2) }
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2, sharing: true)
    #expect(disk.virtualSize == 1 << 20)
    withExtendedLifetime(lock) {}
  }
}
