// New images, as qemu-img sees them.

import Foundation
import Testing

@testable import DiskImage

let allClusterSizes: [UInt64] = (9...21).map { 1 << $0 }

@Suite("Creating images")
struct ImageCreationTests {
  @Test("every cluster size and disk size gives an image that qemu-img finds clean", arguments: allClusterSizes)
  func allSizes(clusterSize: UInt64) throws {
    let folder = try Folder()
    for size: UInt64 in [0, 512, 3 * 512, 1 << 20, (1 << 30) + 512, 1 << 36, 1 << 40] {
      var creation = ImageCreation(format: .qcow2, virtualSize: size)
      creation.clusterSize = clusterSize
      let path = folder("\(size).qcow2")
      let largest = (clusterSize * clusterSize / 8) << 22  // a full L1 table
      if size > largest {
        #expect(throws: ImageError.self) { try NewImage(creation).create(at: path) }
        continue
      }
      try NewImage(creation).create(at: path)
      let told = try qemuInfo(path)
      #expect(told["virtual-size"] as? UInt64 == size)
      #expect(told["cluster-size"] as? UInt64 == clusterSize)
      if size <= 1 << 36 || clusterSize >= 65536 { try expectClean(path, "\(size)") }
      let info = try ImageInfo.read(path: path)
      #expect(info.virtualSize == size && info.format == .qcow2 && info.qcow2?.clusterSize == clusterSize)
    }
  }

  @Test(
    "a created image works in QEMU: written, checked, read back", arguments: [512, 4096, 65536, 2 << 20] as [UInt64])
  func usable(clusterSize: UInt64) throws {
    let folder = try Folder()
    var creation = ImageCreation(format: .qcow2, virtualSize: 100 << 20)
    creation.clusterSize = clusterSize
    try NewImage(creation).create(at: folder("a.qcow2"))
    try qemuIO(folder("a.qcow2"), "write -P 17 0 1M", "write -P 34 99M 1M")
    try expectClean(folder("a.qcow2"))
    try expectPattern(folder("a.qcow2"), [(17, 0, 1 << 20), (0, 1 << 20, 98 << 20), (34, 99 << 20, 1 << 20)])
  }

  @Test("every refcount width is understood by qemu-img", arguments: [1, 2, 4, 8, 16, 32, 64])
  func refcountWidths(bits: Int) throws {
    let folder = try Folder()
    for clusterSize: UInt64 in [512, 65536] {
      var creation = ImageCreation(format: .qcow2, virtualSize: 8 << 30)
      creation.clusterSize = clusterSize
      creation.refcountBits = bits
      let path = folder("\(clusterSize)")
      try NewImage(creation).create(at: path)
      try qemuIO(path, "write -P 9 1M 64k")
      try expectClean(path)
      let details = try #require(try qemuInfo(path)["format-specific"] as? [String: Any])["data"] as? [String: Any]
      #expect(details?["refcount-bits"] as? Int == bits)
      #expect(try ImageInfo.read(path: path).qcow2?.refcountBits == bits)
    }
  }

  @Test("lazy refcounts and extended L2 entries are recorded")
  func features() throws {
    let folder = try Folder()
    var creation = ImageCreation(format: .qcow2, virtualSize: 1 << 30)
    creation.lazyRefcounts = true
    creation.extendedL2 = true
    try NewImage(creation).create(at: folder("a"))
    try qemuIO(folder("a"), "write -P 9 2k 2k")
    try expectClean(folder("a"))
    let info = try ImageInfo.read(path: folder("a"))
    #expect(info.qcow2?.lazyRefcounts == true && info.qcow2?.extendedL2 == true)
    let details = try #require(try qemuInfo(folder("a"))["format-specific"] as? [String: Any])["data"] as? [String: Any]
    #expect(details?["extended-l2"] as? Bool == true && details?["lazy-refcounts"] as? Bool == true)
  }

  @Test("the header cluster is byte for byte the one that qemu-img writes", arguments: allClusterSizes)
  func headerBytes(clusterSize: UInt64) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "raw", folder("base"), "1M")
    try run(
      "qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=\(clusterSize)", "-b", "base", "-F", "raw",
      folder("theirs"))
    var creation = ImageCreation(format: .qcow2, backing: .init(name: "base", format: .raw))
    creation.clusterSize = clusterSize
    #expect(try NewImage(creation).create(at: folder("ours")) == 1 << 20)
    let ours = try Array(bytes(of: folder("ours")).prefix(Int(clusterSize)))
    let theirs = try Array(bytes(of: folder("theirs")).prefix(Int(clusterSize)))
    #expect(ours == theirs)
  }

  @Test("an overlay takes its backing file's size and records name and format", arguments: ImageFormat.allCases)
  func overlay(format: ImageFormat) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", format.rawValue, folder("base"), "10M")
    try qemuIO(folder("base"), format: format.rawValue, "write -P 5 0 10M")
    let creation = ImageCreation(format: .qcow2, backing: .init(name: "base", format: format))
    try NewImage(creation).create(at: folder("top"))
    let told = try qemuInfo(folder("top"))
    #expect(told["backing-filename"] as? String == "base")
    #expect(told["backing-filename-format"] as? String == format.rawValue)
    #expect(told["virtual-size"] as? Int == 10 << 20)
    try expectPattern(folder("top"), [(5, 0, 10 << 20)])
    var larger = creation
    larger.virtualSize = 20 << 20
    try NewImage(larger).create(at: folder("larger"))
    try expectPattern(folder("larger"), [(5, 0, 10 << 20), (0, 10 << 20, 10 << 20)])
    try expectClean(folder("larger"))
  }

  @Test("a backing file of another format than declared is refused")
  func wrongBackingFormat() throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "raw", folder("base"), "10M")
    #expect(throws: ImageError.notA(.qcow2, path: folder.path + "/base", looksLike: nil)) {
      try NewImage(ImageCreation(format: .qcow2, backing: .init(name: "base", format: .qcow2))).create(
        at: folder("top"))
    }
    #expect(folder.names == ["base"])
  }

  @Test("an existing file is never replaced, and nothing is left behind", arguments: ImageFormat.allCases)
  func existing(format: ImageFormat) throws {
    let folder = try Folder()
    try write([1, 2, 3], to: folder("a"))
    #expect(throws: ImageError.alreadyExists(path: folder("a"))) {
      try NewImage(ImageCreation(format: format, virtualSize: 1 << 20)).create(at: folder("a"))
    }
    #expect(try bytes(of: folder("a")) == [1, 2, 3])
    #expect(folder.names == ["a"])
  }

  @Test("a raw image is sparse, of the exact size, with the mode asked for")
  func raw() throws {
    let folder = try Folder()
    var creation = ImageCreation(format: .raw, virtualSize: 5 << 30)
    creation.access = FileAccess(mode: 0o640)
    try NewImage(creation).create(at: folder("a"))
    let info = try ImageInfo.read(path: folder("a"), format: .raw)
    #expect(info.virtualSize == 5 << 30 && info.fileLength == 5 << 30 && info.bytesOnDisk == 0)
    #expect(try FileManager.default.attributesOfItem(atPath: folder("a"))[.posixPermissions] as? Int == 0o640)
  }

  @Test("what no image can have is refused before a file is made")
  func impossible() throws {
    let folder = try Folder()
    let wishes: [(inout ImageCreation) -> Void] = [
      { $0.virtualSize = 513 }, { $0.virtualSize = nil }, { $0.virtualSize = .max }, { $0.clusterSize = 3000 },
      { $0.clusterSize = 256 }, { $0.clusterSize = 4 << 20 }, { $0.refcountBits = 3 }, { $0.refcountBits = 128 },
      {
        $0.clusterSize = 8192; $0.extendedL2 = true
      },
    ]
    for (index, wish) in wishes.enumerated() {
      var creation = ImageCreation(format: .qcow2, virtualSize: 1 << 20)
      wish(&creation)
      let error = #expect(throws: ImageError.self) { try NewImage(creation).create(at: folder("a")) }
      guard case .invalidRequest? = error else {
        Issue.record("case \(index): \(String(describing: error))")
        continue
      }
    }
    let missing = ImageError.notFound(path: folder("none"))
    #expect(throws: missing) {
      try NewImage(ImageCreation(format: .raw, virtualSize: 512)).create(at: folder("none") + "/a")
    }
    #expect(folder.names == [])
  }

  @Test("the hidden-name way of making files publishes, refuses and cleans up like the other")
  func hiddenName() throws {
    let folder = try Folder()
    do {
      let file = try NewFile(in: OpenFolder(folder.path), allowUnnamed: false)
      try file.write([1, 2], at: 0)
      #expect(folder.names.count == 1)
      try file.publish(as: "a", flushingDirectory: true)
    }
    #expect(folder.names == ["a"])
    do throws(ImageError) {
      let file = try NewFile(in: OpenFolder(folder.path), allowUnnamed: false)
      try file.publish(as: "a", flushingDirectory: true)
      Issue.record("an existing file was replaced")
    } catch {
      #expect(error == .alreadyExists(path: folder("a")))
    }
    #expect(folder.names == ["a"])
    #expect(try bytes(of: folder("a")) == [1, 2])
  }

  @Test("two who make the same image at once: one wins, the other is told")
  func race() async throws {
    let folder = try Folder()
    let path = folder("a")
    let wins = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          (try? NewImage(ImageCreation(format: .qcow2, virtualSize: 1 << 30)).create(at: path, syncDirectory: false))
            != nil
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(wins == 1)
    #expect(folder.names == ["a"])
    try expectClean(path)
  }
}
