// Internal snapshots: their rules, and that QEMU and the engine work on each other's.

import Foundation
import Synchronization
import Testing

@testable import DiskImage

@Suite("Internal snapshots")
struct SnapshotTests {
  /// An image of 4 MiB with something in it.
  private static func make(_ folder: Folder, _ options: [String] = ["cluster_size=4k"]) throws -> String {
    try makeQcow2(folder("image"), "4M", options)
    try qemuIO(folder("image"), "write -P 1 0 1M", "write -P 2 3M 64k")
    return folder("image")
  }

  /// The reason why something was refused.
  private static func refusal(_ body: () throws -> Void) -> ImageError? {
    do {
      try body()
      return nil
    } catch {
      return error as? ImageError
    }
  }

  // MARK: Names

  @Test(
    "a name has 1 to 255 bytes that can be shown",
    arguments: [
      "", String(repeating: "n", count: 256), String(repeating: "ä", count: 128), "a\nb", "a\u{7}b", "a\u{202E}b",
      "a\u{0}b",
    ])
  func badNames(name: String) throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    try ImageSnapshots.create(named: "one", path: image)
    let before = try bytes(of: image)
    guard case .invalidRequest = Self.refusal({ try ImageSnapshots.create(named: name, path: image) }),
      case .invalidRequest = Self.refusal({ try ImageSnapshots.rename(.name("one"), to: name, path: image) })
    else {
      Issue.record("not refused")
      return
    }
    #expect(try bytes(of: image).isSame(as: before))
  }

  @Test(
    "a name may be anything else", arguments: ["1a", " ", "--", "ä", "日本", "a/b", String(repeating: "n", count: 255)])
  func goodNames(name: String) throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    #expect(try ImageSnapshots.create(named: name, path: image).name == StoredName(name))
    #expect(try Self.judge(image).map(\.name) == [name])
    try expectClean(image)
    try ImageSnapshots.delete(.name(name), path: image)
    try expectClean(image)
  }

  @Test("snapshots of a name go that hold the disk as it is; those that hold something else stay")
  func repeated() throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    func names() throws -> [String] { try Self.judge(image).map(\.name) }
    func deleteRepeated(_ name: String) throws -> Int {
      try ImageSnapshots.deleteRepeated(named: name, file: LocalFile(path: image, access: .readWrite))
    }
    // One by QEMU and one by the engine, and neither of the other name.
    try run("qemu-img", "snapshot", "-c", "one", image)
    try run("qemu-img", "snapshot", "-c", "other", image)
    try run("qemu-img", "snapshot", "-c", "one", image)
    #expect(try deleteRepeated("one") == 2)
    #expect(try names() == ["other"])
    try expectClean(image)
    // Written to since, by a byte; grown since.
    try ImageSnapshots.create(named: "one", path: image)
    try qemuIO(image, "write -P 3 0 512")
    #expect(try deleteRepeated("one") == 0)
    try ImageSnapshots.create(named: "two", path: image)
    try run("qemu-img", "resize", "-q", image, "5M")
    #expect(try deleteRepeated("two") == 0)
    #expect(try names() == ["other", "one", "two"])
    try expectClean(image)
  }

  @Test("a name that is a name or an id already is refused")
  func taken() throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    try ImageSnapshots.create(named: "one", path: image)
    try ImageSnapshots.create(named: "two", path: image)
    for name in ["one", "2"] {
      #expect(Self.refusal { try ImageSnapshots.create(named: name, path: image) } != nil)
      #expect(Self.refusal { try ImageSnapshots.rename(.name("two"), to: "one", path: image) } != nil)
    }
    // Its own name is no change.
    try ImageSnapshots.rename(.name("two"), to: "two", path: image)
  }

  @Test("ids go on from the largest number, whatever QEMU or others called theirs")
  func ids() throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    try run("qemu-img", "snapshot", "-c", "one", image)
    #expect(try ImageSnapshots.create(named: "two", path: image).id == StoredName("2"))
    try run("qemu-img", "snapshot", "-c", "three", image)
    try ImageSnapshots.delete(.id("2"), path: image)
    #expect(try ImageSnapshots.create(named: "four", path: image).id == StoredName("4"))
    #expect(try Self.judge(image).map(\.id) == ["1", "3", "4"])
  }

  @Test("on a file system that is full, a snapshot is deleted by giving its data back first")
  func deletedWhereThereIsNoRoom() throws {
    let folder = try Folder()
    let image = folder("image")
    try makeQcow2(image, "16M")
    try qemuIO(image, "write -P 1 0 4M")
    try run("qemu-img", "snapshot", "-c", "one", image)
    try qemuIO(image, "write -P 2 0 2M")
    try run("qemu-img", "snapshot", "-c", "two", image)
    let full = FullFile(try LocalFile(path: image, access: .readWrite))
    // Without data of its own there is nothing to give back.
    #expect(throws: ImageError.noSpace(path: image, operation: "write")) {
      try ImageSnapshots.delete(.name("two"), of: full)
    }
    try expectClean(image)
    try ImageSnapshots.delete(.name("one"), of: full)
    try expectClean(image)
    try expectPattern(image, [(2, 0, 2 << 20), (1, 2 << 20, 2 << 20), (0, 4 << 20, 12 << 20)])
    #expect(try ImageSnapshots.list(path: image).map(\.name.description) == ["two"])
  }

  @Test("a word that fits an id and a name is refused; asked for by id or by name, each is found")
  func ambiguous() throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    try run("qemu-img", "snapshot", "-c", "2", image)
    try run("qemu-img", "snapshot", "-c", "other", image)
    for operation in [ImageSnapshots.delete, ImageSnapshots.apply] as [(SnapshotSelector, String) throws -> Void] {
      guard case .ambiguousSnapshot = Self.refusal({ try operation(.either("2"), image) }) else {
        Issue.record("not refused")
        return
      }
    }
    guard case .invalidRequest = Self.refusal({ try ImageSnapshots.delete(.name("none"), path: image) }) else {
      Issue.record("not refused")
      return
    }
    try ImageSnapshots.delete(.name("2"), path: image)
    #expect(try ImageSnapshots.list(path: image).map(\.name.description) == ["other"])
    try ImageSnapshots.delete(.id("2"), path: image)
    #expect(try ImageSnapshots.list(path: image).isEmpty)
    try expectClean(image)
  }

  @Test("two snapshots of one name are told apart by their ids alone")
  func sameName() throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    try run("qemu-img", "snapshot", "-c", "same", image)
    try run("qemu-img", "snapshot", "-c", "other", image)
    // QEMU has no way to make two; other programs do.
    try ImageBytes.edit(image) { bytes in
      let table = try Qcow2SnapshotTable(bytes.header, of: MemorySource(name: "", bytes: bytes.bytes))
      var copy = table
      copy.snapshots[1].name = StoredName("same")
      bytes.extend(to: bytes.header.snapshotsOffset + UInt64(copy.bytes.count))
      bytes.bytes.replaceSubrange(
        Int(bytes.header.snapshotsOffset)..<Int(bytes.header.snapshotsOffset) + copy.bytes.count, with: copy.bytes)
    }
    #expect(Self.refusal { try ImageSnapshots.delete(.name("same"), path: image) } != nil)
    try ImageSnapshots.rename(.id("2"), to: "different", path: image)
    #expect(try Self.judge(image).map(\.name) == ["same", "different"])
    try expectClean(image)
  }

  // MARK: Lists

  struct Listed: Equatable {
    var id: String
    var name: String
    var vmState: UInt64
    var taken: Int64
    var clock: UInt64
  }

  /// What `qemu-img info` lists.
  private static func judge(_ image: String) throws -> [Listed] {
    let list = try qemuInfo(image)["snapshots"] as? [[String: Any]] ?? []
    return list.map { item in
      func number(_ key: String) -> Int64 { (item[key] as? NSNumber)?.int64Value ?? 0 }
      return Listed(
        id: item["id"] as? String ?? "", name: item["name"] as? String ?? "",
        vmState: UInt64(number("vm-state-size")),
        taken: number("date-sec") * 1_000_000_000 + number("date-nsec"),
        clock: UInt64(number("vm-clock-sec") * 1_000_000_000 + number("vm-clock-nsec")))
    }
  }

  private static func ours(_ image: String) throws -> [Listed] {
    try ImageSnapshots.list(path: image).map {
      Listed(
        id: $0.id.description, name: $0.name.description, vmState: $0.vmStateSize, taken: $0.taken, clock: $0.guestClock
      )
    }
  }

  @Test("the list is QEMU's, in images of every kind", arguments: cutImages.filter(\.hasSnapshots))
  func lists(image: CutImage) throws {
    let folder = try BuiltImages.copy(of: image)
    #expect(try Self.ours(folder("image")) == Self.judge(folder("image")))
    #expect(try Self.ours(folder("image")).count >= 2)
    if !image.options.contains("refcount_bits=2") { try ImageSnapshots.create(named: "ours", path: folder("image")) }
    try ImageSnapshots.rename(.name("two"), to: "zwei", path: folder("image"))
    #expect(try Self.ours(folder("image")) == Self.judge(folder("image")))
  }

  @Test("a snapshot records when it was taken, and its disk's size")
  func recorded() throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    let before = Int64(Date().timeIntervalSince1970) * 1_000_000_000
    let snapshot = try ImageSnapshots.create(named: "one", path: image)
    #expect((before - 1_000_000_000...before + 60_000_000_000).contains(snapshot.taken))
    #expect(snapshot.diskSize == 4 << 20 && snapshot.vmStateSize == 0 && snapshot.instructionCount == nil)
    try run("qemu-img", "resize", "-q", "-f", "qcow2", image, "9M")
    try ImageSnapshots.create(named: "two", path: image)
    #expect(try ImageSnapshots.list(path: image).map(\.diskSize) == [4 << 20, 9 << 20])
    try ImageSnapshots.apply(.name("one"), path: image)
    #expect(try qemuInfo(image)["virtual-size"] as? UInt64 == 4 << 20)
    try ImageSnapshots.apply(.name("two"), path: image)
    #expect(try qemuInfo(image)["virtual-size"] as? UInt64 == 9 << 20)
    try expectPattern(image, [(1, 0, 1 << 20), (2, 3 << 20, 64 << 10), (0, 4 << 20, 5 << 20)])
    try expectClean(image)
  }

  // MARK: Limits

  @Test("a snapshot that the refcounts are too narrow for is refused, and not a byte is touched")
  func tooNarrow() throws {
    let folder = try Folder()
    for (bits, limit) in [(1, 0), (2, 2)] {
      try? FileManager.default.removeItem(atPath: folder("image"))
      let image = try Self.make(folder, ["cluster_size=4k", "refcount_bits=\(bits)"])
      for number in 0..<limit { try ImageSnapshots.create(named: "s\(number)", path: image) }
      let before = try bytes(of: image)
      guard case .invalidRequest = Self.refusal({ try ImageSnapshots.create(named: "more", path: image) }) else {
        Issue.record("not refused")
        return
      }
      #expect(try bytes(of: image).isSame(as: before))
      try expectClean(image)
    }
  }

  @Test("an image in use is refused; its list can be had without locks")
  func inUse() throws {
    let folder = try Folder()
    let image = try Self.make(folder)
    try ImageSnapshots.create(named: "one", path: image)
    var pipes: [Int32] = [0, 0]
    try #require(pipe(&pipes) == 0)
    _ = fcntl(pipes[1], F_SETFD, FD_CLOEXEC)
    let (pid, output) = try spawn(["qemu-io", "-f", "qcow2", image], input: pipes[0])
    close(pipes[0])
    var buffer = [UInt8](repeating: 0, count: 100)
    #expect(read(output, &buffer, buffer.count) > 0)  // its prompt: the image is open
    let operations: [() throws -> Void] = [
      { try ImageSnapshots.create(named: "two", path: image) }, { try ImageSnapshots.apply(.name("one"), path: image) },
      { try ImageSnapshots.rename(.name("one"), to: "two", path: image) },
      { try ImageSnapshots.delete(.name("one"), path: image) }, { _ = try ImageSnapshots.list(path: image) },
      { _ = try ImageCheck.check(path: image, repair: .all) }, { _ = try ImageCheck.check(path: image) },
    ]
    for operation in operations {
      guard case .locked = Self.refusal(operation) else {
        Issue.record("not refused")
        continue
      }
    }
    #expect(try ImageSnapshots.list(path: image, sharing: true).count == 1)
    close(pipes[1])
    close(output)
    _ = reap(pid)
    try ImageSnapshots.delete(.name("one"), path: image)
  }

  @Test("what nobody knows stays in the header, except features that say so", arguments: changesByPath)
  func unknownKept(change: ChangeByPath) throws {
    let name = "unknown extensions, fields and features"
    let folder = try BuiltImages.copy(of: try #require(cutImages.first { $0.name == name }))
    let image = folder("image")
    let before = try Qcow2Header(from: LocalFile(path: image))
    #expect(before.autoclear.rawValue != 0 && before.compatible.rawValue != 0)
    try change.run(image)
    let after = try Qcow2Header(from: LocalFile(path: image))
    #expect(after.autoclear.rawValue == 0)
    #expect(after.compatible == before.compatible && after.unknownFields == before.unknownFields)
    #expect(after.extensions == before.extensions)
  }

  @Test("reverting an image with dirty bitmaps is refused; they live through everything else")
  func bitmaps() throws {
    let folder = try BuiltImages.copy(of: try #require(cutImages.first { $0.name == "dirty bitmaps" }))
    let image = folder("image")
    let before = try qemuBitmaps(image)
    #expect(before.count == 2)
    guard case .unsupported = Self.refusal({ try ImageSnapshots.apply(.name("one"), path: image) }) else {
      Issue.record("not refused")
      return
    }
    try ImageSnapshots.create(named: "three", path: image)
    try ImageSnapshots.delete(.name("one"), path: image)
    try ImageSnapshots.rename(.name("two"), to: "zwei", path: image)
    #expect(try qemuBitmaps(image) == before)
    try expectClean(image)
  }

  private func qemuBitmaps(_ image: String) throws -> [String] {
    let specific = try qemuInfo(image)["format-specific"] as? [String: Any]
    let list = (specific?["data"] as? [String: Any])?["bitmaps"] as? [[String: Any]] ?? []
    return list.map { "\($0["name"] ?? "") \($0["granularity"] ?? "") \($0["flags"] ?? "")" }.sorted()
  }
}

/// A file on a file system without room: what is written where there is nothing yet fails, until something was given back.
private final class FullFile: ImageStorage {
  private let file: LocalFile
  private let room = Mutex<UInt64>(0)
  private let present: UInt64

  init(_ file: LocalFile) {
    self.file = file
    present = file.length ?? 0
  }

  var name: String { file.name }
  var length: UInt64? { file.length }
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    try file.read(at: offset, into: buffer)
  }
  func write(_ bytes: [UInt8], at offset: UInt64, _ what: String) throws(ImageError) {
    let needed = offset + UInt64(bytes.count) > 512 ? UInt64(bytes.count) : 0
    guard room.withLock({ $0 >= needed }) else { throw .noSpace(path: name, operation: "write") }
    room.withLock { $0 -= needed }
    try file.write(bytes, at: offset, what)
  }
  func flush() throws(ImageError) { try file.flush() }
  func setLength(_ length: UInt64) throws(ImageError) { try file.setLength(length) }
  func discard(_ range: Range<UInt64>) throws(ImageError) {
    room.withLock { $0 += range.upperBound - range.lowerBound }
    try file.discard(range)
  }
}
