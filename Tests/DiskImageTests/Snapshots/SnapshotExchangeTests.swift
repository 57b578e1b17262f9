// Snapshots that one takes and the other uses: QEMU's tools and the engine in turns, on images of every kind.

import Foundation
import Testing

@testable import DiskImage

@Suite("Snapshots in turns with QEMU")
struct SnapshotExchangeTests {
  static let images = cutImages.filter {
    $0.hasSnapshots && !["dirty bitmaps", "leaks that are there already"].contains($0.name)
  }

  /// The whole disk, as QEMU reads it.
  private static func disk(_ folder: Folder) throws -> [UInt8] { try qemuContent(of: folder("image"), in: folder) }

  /// A snapshot's disk, as QEMU reads it (with the size that the disk has now).
  private static func snapshot(_ name: String, _ folder: Folder) throws -> [UInt8] {
    try run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", "-l", name, folder("image"), folder("judge.raw"))
    return try bytes(of: folder("judge.raw"))
  }

  @Test("QEMU reverts to our snapshot, and we to QEMU's", arguments: images)
  func reverts(image: CutImage) throws {
    let folder = try BuiltImages.copy(of: image)
    let path = folder("image")
    let one = try Self.snapshot("one", folder)
    let now = try Self.disk(folder)
    // Counts of 2 bits have room for two snapshots.
    if image.options.contains("refcount_bits=2") { try ImageSnapshots.delete(.name("two"), path: path) }
    try ImageSnapshots.create(named: "now", path: path)
    try scribble(path, ["write -P 0x99 0 \(image.size / 2)", "write -z \(image.size / 4) 4k"])
    try ImageSnapshots.apply(.name("one"), path: path)
    try expectClean(path)
    #expect(try Self.disk(folder).isSame(as: one))
    try scribble(path, ["write -P 0x9A \(image.size / 4) \(image.size / 2)"])
    try expectClean(path)
    // QEMU counts a snapshot's references twice before it takes away the disk's.
    if image.options.contains("refcount_bits=2") { try ImageSnapshots.delete(.name("one"), path: path) }
    try run("qemu-img", "snapshot", "-a", "now", path)
    try expectClean(path)
    #expect(try Self.disk(folder).isSame(as: now))
    #expect(try FilesOnDisk(paths: [path]).visible(path).disk.isSame(as: now))
  }

  @Test("what QEMU writes after our operations changes the disk and no snapshot", arguments: images)
  func writesStayOut(image: CutImage) throws {
    let folder = try BuiltImages.copy(of: image)
    let path = folder("image")
    let size = image.size
    let strokes = [
      "write -P 0xA1 0 \(size / 2)", "write -z \(size / 4) \(size / 4)", "discard \(size / 2) \(size / 8)",
      "write -P 0xA2 \(size / 8 * 7) \(size / 16)",
    ]
    let operations: [(String, () throws -> Void)] = [
      ("rename", { try ImageSnapshots.rename(.name("two"), to: "zwei", path: path) }),
      ("apply", { try ImageSnapshots.apply(.name("zwei"), path: path) }),
      ("delete", { try ImageSnapshots.delete(.name("one"), path: path) }),
      ("create", { try ImageSnapshots.create(named: "new", path: path) }),
    ]
    for (name, operation) in operations {
      try operation()
      let names = try ImageSnapshots.list(path: path).map(\.name.description)
      let before = try names.map { try Self.snapshot($0, folder) }
      try scribble(path, strokes)
      try expectClean(path, name)
      for (name, content) in zip(names, before) { #expect(try Self.snapshot(name, folder).isSame(as: content)) }
    }
  }

  @Test("each deletes the other's snapshots, down to a clean image without any", arguments: images)
  func deletes(image: CutImage) throws {
    let folder = try BuiltImages.copy(of: image)
    let path = folder("image")
    if !image.options.contains("refcount_bits=2") {
      try ImageSnapshots.create(named: "ours", path: path)
      try run("qemu-img", "snapshot", "-d", "ours", path)
      try expectClean(path)
    }
    let now = try Self.disk(folder)
    for snapshot in try ImageSnapshots.list(path: path) {
      try ImageSnapshots.delete(.id(snapshot.id.description), path: path)
      try expectClean(path)
    }
    #expect(try Self.disk(folder).isSame(as: now))
    // Nothing is shared any more: QEMU may write in place, and does.
    try scribble(path, ["write -P 0xA1 0 \(image.size)"])
    try expectClean(path)
  }

  @Test("an encrypted image's snapshots need no key")
  func encrypted() throws {
    let folder = try Folder()
    let image = folder("image")
    try makeEncrypted(image, ["-f", "qcow2", "-o"], "encrypt.format=luks,encrypt.key-secret=s", "encrypt.")
    let secret = ["--object", "secret,id=s,data=secret", "--image-opts"]
    let options = "driver=qcow2,file.filename=\(image),encrypt.key-secret=s"
    func guest(_ commands: String...) throws {
      let said = try run(["qemu-io"] + secret + [options] + commands.flatMap { ["-c", $0] }).output
      #expect(!said.contains("failed"), "\(said)")
      try run(["qemu-img", "check", "-q"] + secret + [options])
    }
    try guest("write -P 1 0 1M")
    try ImageSnapshots.create(named: "one", path: image)
    try guest("write -P 2 0 512k")
    try ImageSnapshots.create(named: "two", path: image)
    try guest("write -P 3 256k 512k")
    try ImageSnapshots.apply(.name("one"), path: image)
    try guest("read -P 1 0 1M", "write -P 4 0 1M")
    try ImageSnapshots.apply(.name("two"), path: image)
    try guest("read -P 2 0 512k", "read -P 1 512k 512k")
    try ImageSnapshots.delete(.name("one"), path: image)
    try ImageResize.resize(path: image, format: .qcow2, to: 2 << 20)
    try guest("read -P 2 0 512k", "read -P 1 512k 512k", "read -P 0 1M 1M")
    let result = try ImageCheck.check(path: image)
    #expect(result.corruptions == 0 && result.leaks == 0)
  }

  @Test("a machine's saved state is loaded after our operations")
  func savedState() throws {
    let folder = try BuiltImages.copy(of: try #require(cutImages.first { $0.name == "VM state" }))
    let path = folder("image")
    try ImageSnapshots.create(named: "more", path: path)
    try ImageSnapshots.apply(.name("vm"), path: path)
    try ImageSnapshots.delete(.name("two"), path: path)
    try ImageSnapshots.rename(.name("vm"), to: "saved", path: path)
    try expectClean(path)
    try write(Array("loadvm saved\nquit\n".utf8), to: folder("monitor"))
    let input = open(folder("monitor"), O_RDONLY | O_CLOEXEC)
    defer { close(input) }
    let (pid, output) = try spawn(
      [
        "qemu-system-x86_64", "-M", "none", "-m", "1", "-S", "-nodefaults", "-nographic", "-monitor", "stdio", "-drive",
        "file=\(path),if=none,id=d,format=qcow2",
      ], input: input)
    var said: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(output, &buffer, buffer.count)
      if count <= 0 { break }
      said += buffer[..<count]
    }
    close(output)
    #expect(reap(pid) == 0)
    #expect(!String(decoding: said, as: UTF8.self).contains("rror"), "\(String(decoding: said, as: UTF8.self))")
    try expectClean(path)
  }
}
