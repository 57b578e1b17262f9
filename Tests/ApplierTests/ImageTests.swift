// Folders and image files: made, grown, found made already, and left alone when they are something else.

import DiskImage
import Foundation
import Planner
import Testing

@testable import Applier

@Suite("Folders")
struct FolderTests {
  @Test("are made with what is missing above, passable and not listable, whatever the process's mask")
  func made() async throws {
    let folder = try Folder()
    let path = folder("a/b/c")
    #expect(try await apply(.createDirectory(path: path)).isComplete)
    #expect(mode(of: path) == 0o711)
    #expect(mode(of: folder("a")) == 0o755)
  }

  @Test("that exist stay as they are")
  func exists() async throws {
    let folder = try Folder()
    #expect(try await apply(.createDirectory(path: folder.path)).isComplete)
    #expect(mode(of: folder.path) == 0o700)
  }

  @Test("are refused where a file is in the way", arguments: ["file", "file/below"])
  func fileInTheWay(name: String) async throws {
    let folder = try Folder()
    try write(Data("x".utf8), to: folder("file"))
    let failure = try #require(try await apply(.createDirectory(path: folder(name))).failure)
    #expect(failure.message.contains("\(folder("file")) exists and is not a folder"))
  }
}

@Suite("Creating an image")
struct ImageCreationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let creation: ImageCreation
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "raw", creation: ImageCreation(format: .raw, virtualSize: 1 << 20)),
    Case(name: "qcow2", creation: ImageCreation(format: .qcow2, virtualSize: 1 << 30)),
    Case(
      name: "overlay",
      creation: ImageCreation(format: .qcow2, backing: .init(name: "base.qcow2", format: .qcow2))),
    Case(
      name: "larger overlay",
      creation: ImageCreation(
        format: .qcow2, virtualSize: 1 << 40, backing: .init(name: "base.qcow2", format: .qcow2))),
  ]

  private func folderWithBase() throws -> Folder {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("base.qcow2"), "10M")
    return folder
  }

  @Test("makes what QEMU takes for it, and takes it for done the next time", arguments: cases)
  func made(_ one: Case) async throws {
    let folder = try folderWithBase()
    let path = folder("image")
    let operation = Operation.createImage(path: path, one.creation)
    #expect(try await apply(operation).isComplete)
    let before = try contents(of: path)
    let info = try #require(
      try JSONSerialization.jsonObject(
        with: Data(try run("qemu-img", "info", "--output=json", "-f", one.creation.format.rawValue, path).utf8))
        as? [String: Any])
    #expect(info["virtual-size"] as? UInt64 == one.creation.virtualSize ?? 10 << 20)
    #expect(info["backing-filename"] as? String == one.creation.backing?.name)
    #expect(try await apply(operation).isComplete)
    #expect(try contents(of: path) == before)
    #expect(folder.names == ["base.qcow2", "image"])
  }

  @Test(
    "leaves alone what is there and is something else",
    arguments: [
      ["sh", "-c", "echo hello > \"$0\""],
      ["qemu-img", "create", "-q", "-f", "qcow2", "2M"],
      ["qemu-img", "create", "-q", "-f", "raw", "1M"],
      ["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "1M"],
      ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "base.qcow2", "1M"],
      ["sh", "-c", "qemu-img create -q -f qcow2 \"$0\" 1M && qemu-io -f qcow2 -c 'write 0 512' \"$0\""],
      ["sh", "-c", "qemu-img create -q -f qcow2 \"$0\" 1M && qemu-img snapshot -c one \"$0\""],
      ["sh", "-c", "mkdir \"$0\""],
      ["sh", "-c", "qemu-img create -q -f qcow2 \"$0.there\" 1M && ln -s \"$0.there\" \"$0\""],
    ])
  func other(command: [String]) async throws {
    let folder = try folderWithBase()
    let path = folder("image")
    var words = command
    if words[0] == "sh" { words.append(path) } else { words.insert(path, at: words.count - 1) }
    try #require(try finish(words).status == 0)
    let before = try? contents(of: path)
    let failure = try #require(
      try await apply(.createImage(path: path, ImageCreation(format: .qcow2, virtualSize: 1 << 20))).failure)
    #expect(failure.message.contains(path))
    #expect(failure.remedy?.contains("move it away") == true)
    let after = try? contents(of: path)
    #expect(after == before)
  }

  @Test("takes a raw image for made only when it holds nothing")
  func rawWithData() async throws {
    let folder = try Folder()
    try write(Data(repeating: 7, count: 1 << 20), to: folder("image"))
    let operation = Operation.createImage(path: folder("image"), ImageCreation(format: .raw, virtualSize: 1 << 20))
    #expect(try await apply(operation).failure?.message.contains("holds data") == true)
  }

  @Test("says so when the base is missing, and leaves nothing behind")
  func missingBase() async throws {
    let folder = try Folder()
    let creation = ImageCreation(format: .qcow2, backing: .init(name: folder("gone.qcow2"), format: .qcow2))
    let failure = try #require(try await apply(.createImage(path: folder("image"), creation)).failure)
    #expect(failure.message == "\(folder("gone.qcow2")) does not exist")
    #expect(folder.names.isEmpty)
  }

  @Test("says so when the file system is full or read-only, and leaves nothing behind", .enabled(if: geteuid() == 0))
  func badFileSystem() async throws {
    let folder = try Folder()
    let mount = folder("full")
    try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: false)
    // Without the right to mount there is nothing to be tried.
    guard try finish(["mount", "-t", "tmpfs", "-o", "size=4k", "none", mount]).status == 0 else { return }
    defer { _ = try? run("umount", mount, expecting: nil) }
    let operation = Operation.createImage(path: mount + "/image", ImageCreation(format: .qcow2, virtualSize: 1 << 30))
    let full = try #require(try await apply(operation).failure)
    #expect(full.message.contains("no space left") && full.remedy?.contains("make room") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: mount).isEmpty)

    try run("mount", "-o", "remount,ro", mount)
    #expect(try await apply(operation).failure?.message.contains("Read-only file system") == true)
    #expect(
      try await apply(.createDirectory(path: mount + "/new")).failure?.remedy == "the file system is mounted read-only")
  }

  @Test("makes many in one folder side by side, each whole")
  func many() async throws {
    let folder = try folderWithBase()
    let operations = (0..<60).map { number in
      Operation.createImage(
        path: folder("image-\(number)"),
        ImageCreation(
          format: .qcow2, virtualSize: 20 << 20, backing: .init(name: folder("base.qcow2"), format: .qcow2)))
    }
    let applied = try await apply(operations, after: Array(repeating: [], count: operations.count), jobs: 8)
    #expect(applied.isComplete)
    #expect(folder.names.count == 61)
    try run("qemu-img", "check", "-q", folder("image-59"))
  }
}

@Suite("Growing an image")
struct ImageGrowthTests {
  private func image(_ format: ImageFormat) throws -> (Folder, String) {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", format.rawValue, folder("image"), "1M")
    return (folder, folder("image"))
  }

  @Test("grows it, and takes it for done the next time", arguments: ImageFormat.allCases)
  func grown(format: ImageFormat) async throws {
    let (folder, path) = try image(format)
    let operation = Operation.growImage(path: path, format: format, from: 1 << 20, to: 3 << 20)
    for _ in 1...2 {
      #expect(try await apply(operation).isComplete)
      #expect(try ImageInfo.read(path: path, format: format).virtualSize == 3 << 20)
    }
    _ = folder
  }

  @Test("leaves it alone when its size is not the planned one", arguments: ImageFormat.allCases)
  func moved(format: ImageFormat) async throws {
    let (folder, path) = try image(format)
    let failure = try #require(
      try await apply(.growImage(path: path, format: format, from: 2 << 20, to: 3 << 20)).failure)
    #expect(failure.message == "\(path) changed since it was planned: it has 1 MiB, not 2 MiB")
    #expect(failure.remedy == "plan again")
    #expect(try ImageInfo.read(path: path, format: format).virtualSize == 1 << 20)
    _ = folder
  }

  @Test("names the process that has it open", arguments: ImageFormat.allCases)
  func locked(format: ImageFormat) async throws {
    let (folder, path) = try image(format)
    try await withWriter(of: path, format: format.rawValue) { pid in
      let failure = try #require(
        try await apply(.growImage(path: path, format: format, from: 1 << 20, to: 3 << 20)).failure)
      #expect(failure.message == "\(path) is in use by qemu-io (process \(pid))")
      #expect(failure.remedy == "stop what uses it, then apply again")
      #expect(try ImageInfo.read(path: path, format: format).virtualSize == 1 << 20)
    }
    _ = folder
  }
}

@Suite("Taking a snapshot inside an image")
struct ImageSnapshotTests {
  private func image() throws -> (Folder, String) {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("image"), "1M")
    return (folder, folder("image"))
  }

  @Test("takes it once, and takes it for done the next time")
  func taken() async throws {
    let (folder, path) = try image()
    for _ in 1...2 {
      #expect(try await apply(.takeImageSnapshot(path: path, name: "pristine")).isComplete)
      #expect(try ImageSnapshots.list(path: path).map(\.name.description) == ["pristine"])
    }
    _ = folder
  }

  @Test("names the process that has it open, and takes none")
  func locked() async throws {
    let (folder, path) = try image()
    try await withWriter(of: path, format: "qcow2") { pid in
      let failure = try #require(try await apply(.takeImageSnapshot(path: path, name: "pristine")).failure)
      #expect(failure.message == "\(path) is in use by qemu-io (process \(pid))")
    }
    #expect(try ImageSnapshots.list(path: path).isEmpty)
    _ = folder
  }
}
