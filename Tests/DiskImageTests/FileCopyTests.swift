// Copies into a pool: content, holes, names, and nothing left after a failure.

import Foundation
import Testing

@testable import DiskImage

@Suite("Copying files")
struct FileCopyTests {
  /// 5 MiB and a bit with data at the start, in the middle and at the end, holes between.
  private func makeSource(_ folder: Folder) throws {
    try run("truncate", "-s", "\(40 << 20 | 777)", folder("source"))
    let file = try LocalFile(path: folder("source"), access: .readWrite)
    try file.write([UInt8](repeating: 1, count: 5000), at: 0, "")
    try file.write([UInt8](repeating: 2, count: 3 << 20), at: 17 << 20, "")
    try file.write([UInt8](repeating: 3, count: 777), at: 40 << 20, "")
  }

  @Test("a hashed copy shows every byte in order, stays sparse, and gets the name decided at the end")
  func hashed() throws {
    let folder = try Folder()
    try makeSource(folder)
    try FileManager.default.createDirectory(atPath: folder("pool"), withIntermediateDirectories: false)
    var copy = FileCopy(source: folder("source"), directory: folder("pool"))
    copy.preservesTime = true
    var seen: [UInt8] = []
    var last: FileCopy.Progress?
    let path = try copy.copy(
      update: { (block) throws(ImageError) in seen.append(contentsOf: block) },
      progress: { (step) throws(ImageError) in last = step },
      name: { () throws(ImageError) in "base-\(seen.count)" })
    let original = try bytes(of: folder("source"))
    #expect(path == folder("pool") + "/base-\(original.count)")
    #expect(seen == original)
    #expect(try bytes(of: path) == original)
    #expect(last == FileCopy.Progress(done: UInt64(original.count), total: UInt64(original.count)))
    let from = try ImageInfo.read(path: folder("source"))
    let to = try ImageInfo.read(path: path)
    #expect(try #require(to.bytesOnDisk) <= #require(from.bytesOnDisk) + 65536 && to.modified == from.modified)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o444)
  }

  @Test("a plain copy has the same content and stays sparse")
  func plain() throws {
    let folder = try Folder()
    try makeSource(folder)
    let path = try FileCopy(source: folder("source"), directory: folder.path).copy(as: "copy")
    #expect(try bytes(of: path) == bytes(of: folder("source")))
    let (from, to) = (try ImageInfo.read(path: folder("source")), try ImageInfo.read(path: path))
    #expect(try #require(to.bytesOnDisk) <= #require(from.bytesOnDisk) + 65536)
  }

  @Test("an empty file and a file that is one hole are copied", arguments: [0, 1, 3 << 20])
  func empty(size: Int) throws {
    let folder = try Folder()
    try run("truncate", "-s", "\(size)", folder("source"))
    var count = 0
    let path = try FileCopy(source: folder("source"), directory: folder.path)
      .copy(update: { (block) throws(ImageError) in count += block.count }, name: { () throws(ImageError) in "copy" })
    #expect(count == size)
    #expect(try bytes(of: path) == [UInt8](repeating: 0, count: size))
  }

  @Test("whatever fails on the way, nothing is left in the folder")
  func failures() throws {
    let folder = try Folder()
    try makeSource(folder)
    try write([1], to: folder("taken"))
    let copy = FileCopy(source: folder("source"), directory: folder.path)
    let no = ImageError.refused(path: "x", reason: "the SHA-256 differs")
    #expect(throws: no) {
      try copy.copy(update: { (_) throws(ImageError) in }, name: { () throws(ImageError) in throw no })
    }
    #expect(throws: no) {
      try copy.copy(update: { (_) throws(ImageError) in throw no }, name: { () throws(ImageError) in "a" })
    }
    #expect(throws: ImageError.cancelled(path: "x")) {
      try copy.copy(as: "a", progress: { (_) throws(ImageError) in throw ImageError.cancelled(path: "x") })
    }
    #expect(throws: ImageError.alreadyExists(path: folder("taken"))) { try copy.copy(as: "taken") }
    for name in ["", ".", "..", "a/b", "../a"] {
      #expect(throws: ImageError.self) { try copy.copy(as: name) }
    }
    #expect(folder.names == ["source", "taken"])
    #expect(try bytes(of: folder("taken")) == [1])
  }

  @Test("an image that a guest writes to is not copied")
  func inUse() throws {
    let folder = try Folder()
    try create(folder, "1M")
    let holder = try Holder(folder("image"))
    defer { holder.end() }
    let error = #expect(throws: ImageError.self) {
      try FileCopy(source: folder("image"), directory: folder.path).copy(as: "copy")
    }
    guard case .locked? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(folder.names == ["image"])
  }
}
