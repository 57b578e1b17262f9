// The map of an image, against the one that qemu-img draws.

import Foundation
import Testing

@testable import DiskImage

@Suite("Maps of images")
struct ImageMapTests {
  /// What `qemu-img map` says; `compressed`, of which versions before 8.2 know nothing, as `ours` has it there.
  static func judge(_ arguments: [String], comparedWith ours: [ImageMap.Extent] = []) throws -> [ImageMap.Extent] {
    let output = try run(["qemu-img", "map", "--output=json"] + arguments).output
    let list = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [[String: Any]])
    return try list.enumerated().map { index, item in
      func number(_ key: String) -> UInt64? { (item[key] as? NSNumber)?.uint64Value }
      func flag(_ key: String) -> Bool? { (item[key] as? NSNumber)?.boolValue }
      let present: Bool? = flag("present")
      let zero: Bool? = flag("zero")
      let data: Bool? = flag("data")
      return try ImageMap.Extent(
        start: #require(number("start")), length: #require(number("length")), depth: Int(#require(number("depth"))),
        present: present == true, zero: zero == true, data: data == true,
        compressed: flag("compressed") ?? (ours.indices.contains(index) && ours[index].compressed),
        offset: number("offset"))
    }.filter { $0.length > 0 }  // a disk of no size has one extent of nothing there
  }

  /// Our map.
  static func read(
    _ path: String, _ format: ImageFormat, references: ReferencePolicy = .anywhere
  ) throws -> [ImageMap.Extent] {
    var map: [ImageMap.Extent] = []
    try ImageMap.read(path: path, format: format, references: references) { (extent) throws(ImageError) in
      map.append(extent)
    }
    return map
  }

  @Test("is the one that qemu-img draws", arguments: imageZoo)
  func equalsQEMU(image: ZooImage) throws {
    let folder = try Folder()
    try image.build(folder)
    // Whether a file system calls space that was reserved and not written a hole depends on what it has in memory:
    // make it the same for both.
    for name in folder.names { _ = try bytes(of: folder(name)) }
    let map = try Self.read(folder("image"), image.format)
    for extent in map { #expect(!extent.compressed || (extent.data && extent.offset == nil)) }
    let expected = try Self.judge(["-f", image.format.rawValue, folder("image")], comparedWith: map)
    let differing = zip(map, expected).first { $0 != $1 }
    #expect(map.count == expected.count && differing == nil, "\(String(describing: differing))")
  }

  @Test("of an encrypted image gives no places, as QEMU's does")
  func encrypted() throws {
    let folder = try Folder()
    let secret = ["--object", "secret,id=s,data=secret"]
    let options = "driver=qcow2,file.filename=\(folder("image")),encrypt.key-secret=s"
    try makeEncrypted(folder("image"), ["-f", "qcow2", "-o"], "encrypt.format=luks,encrypt.key-secret=s", "encrypt.")
    try run(["qemu-io"] + secret + ["--image-opts", options, "-c", "write -P 5 64k 64k"])
    #expect(try Self.read(folder("image"), .qcow2) == Self.judge(secret + ["--image-opts", options]))
  }

  @Test("compressed runs are told apart")
  func compressed() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    try qemuIO(folder("image"), "write -c -P 5 0 64k", "write -c -P 5 64k 64k", "write -P 6 128k 64k")
    let map = try Self.read(folder("image"), .qcow2)
    #expect(map.map(\.compressed) == [true, false, false] && map.map(\.length) == [131072, 65536, 1 << 20 - 196608])
  }

  @Test("ends where the caller wants it to end")
  func stops() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    try qemuIO(folder("image"), "write -P 5 64k 64k")
    var told = 0
    #expect(throws: ImageError.cancelled(path: "x")) {
      try ImageMap.read(path: folder("image"), format: .qcow2) { (_) throws(ImageError) in
        told += 1
        throw .cancelled(path: "x")
      }
    }
    #expect(told == 1)
  }
}
