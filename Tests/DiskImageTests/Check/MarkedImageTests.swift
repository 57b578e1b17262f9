// Images that carry a mark: dirty after a crash with lazy refcounts, corrupt after QEMU found damage.

import Foundation
import Testing

@testable import DiskImage

@Suite("Checking marked images")
struct MarkedImageTests {
  /// An image whose writer was killed before it brought its refcounts up to date.
  private static func dirty(_ folder: Folder) throws {
    try makeQcow2(folder("image"), "4M", ["lazy_refcounts=on"])
    try qemuIO(folder("image"), "write -P 1 0 1M")
    let crash = ["qemu-io", "-f", "qcow2", "-c", "write -P 2 512k 1M", "-c", "flush", "-c", "abort", folder("image")]
    #expect(try run(crash, expecting: nil).status != 0)
    #expect(try ImageInfo.read(path: folder("image")).qcow2?.dirty == true)
  }

  @Test("an image that was not closed is refused, found wanting, and mended")
  func notClosed() throws {
    let folder = try Folder()
    try Self.dirty(folder)
    let image = folder("image")
    let damaged = try bytes(of: image)
    #expect(throws: (any Error).self) { try ImageSnapshots.create(named: "one", path: image) }
    #expect(try bytes(of: image).isSame(as: damaged))
    let before = try ImageCheck.check(path: image)
    #expect(try CheckNumbers(before) == CheckNumbers(judging: image))
    #expect(before.corruptions > 0)

    let result = try ImageCheck.check(path: image, repair: .all)
    #expect(result.corruptions == 0 && result.leaks == 0 && result.corruptionsFixed == before.corruptions)
    #expect(try ImageInfo.read(path: image).qcow2?.dirty == false)
    try expectClean(image)
    try expectPattern(image, [(1, 0, 512 << 10), (2, 512 << 10, 1 << 20), (0, 1536 << 10, 1 << 20)])
    try ImageSnapshots.create(named: "one", path: image)
  }

  @Test(
    "what is mapped behind the end of the file is not given to tables, and goes on to read as zeros",
    arguments: [1, 4, 7] as [UInt64])
  func cutShort(clusters: UInt64) throws {
    let folder = try Folder()
    let image = folder("image")
    try makeQcow2(image, "8M", ["lazy_refcounts=on"])
    let crash = ["qemu-io", "-f", "qcow2", "-c", "write -P 2 0 1M", "-c", "flush", "-c", "abort", image]
    #expect(try run(crash, expecting: nil).status != 0)
    let length = UInt64(try bytes(of: image).count) - clusters << 16
    #expect(truncate(image, Int(length)) == 0)
    let result = try ImageCheck.check(path: image, repair: .all)
    #expect(result.corruptions + result.leaks + result.checkErrors == 0 && result.corruptionsFixed > 0)
    try expectClean(image)
    let kept = (16 - clusters) << 16
    try expectPattern(image, [(2, 0, kept), (0, kept, 8 << 20 - kept)])
    // What the guest writes there afterwards is its own.
    try qemuIO(image, "write -P 3 960k 64k")
    try expectPattern(image, [(2, 0, kept), (3, 960 << 10, 64 << 10)])
    try expectClean(image)
  }

  @Test("a mark on a sound image goes", arguments: [1, 2, 3] as [UInt8])
  func soundButMarked(mark: UInt8) throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "4M")
    try qemuIO(folder("image"), "write -P 1 0 1M")
    let sound = try bytes(of: folder("image"))
    try patch(folder("image")) { $0[79] = mark }
    #expect(throws: ImageError.self) { try ImageSnapshots.create(named: "one", path: folder("image")) }
    let result = try ImageCheck.check(path: folder("image"), repair: .all)
    #expect(result.corruptions + result.leaks == 0)
    #expect(try bytes(of: folder("image")).isSame(as: sound))
  }

  @Test("the corrupt mark stays as long as something is wrong, and no refcount goes down")
  func stillCorrupt() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "4M")
    try qemuIO(folder("image"), "write -P 1 0 1M")
    try ImageBytes.edit(folder("image")) { image in
      image[word: image.l1Place(0)] += 512
      image.bytes[79] = 2
    }
    let before = try FilesOnDisk(paths: [folder("image")])
    let result = try ImageCheck.check(path: folder("image"), repair: .all)
    #expect(result.corruptions == 1)
    #expect(try ImageInfo.read(path: folder("image")).qcow2?.corrupt == true)
    // Whoever knows what the pointer was has everything back.
    try ImageBytes.edit(folder("image")) { image in
      image[word: image.l1Place(0)] -= 512
      image.bytes[79] = 0
    }
    try expectClean(folder("image"))
    try expectPattern(folder("image"), [(1, 0, 1 << 20)])
    #expect(before.contents.count == 1)
  }

  @Test("what only a check lets through is reported after a repair, too", arguments: [0, 2] as [UInt8])
  func leftAlone(mark: UInt8) throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "4M")
    try qemuIO(folder("image"), "write -P 1 0 1M")
    try run("qemu-img", "snapshot", "-c", "one", folder("image"))
    try ImageBytes.edit(folder("image")) { image in
      image[word: image.l1Place(0)] += 512
      image.bytes.put(image.clusterCount << 16, at: 64)
      image.bytes[79] = mark
    }
    let result = try ImageCheck.check(path: folder("image"), repair: .all)
    #expect(result.corruptions > 0)
    #expect(try ImageCheck.check(path: folder("image")).corruptions == result.corruptions)
  }

  @Test("what a table that the file ends before said is lost, which is told; nothing goes but by a repair of all")
  func lostL1() throws {
    let folder = try Folder()
    let image = folder("image")
    try makeQcow2(image, "4M")
    try qemuIO(image, "write -P 1 0 2M")
    try run("qemu-img", "snapshot", "-c", "one", image)
    try ImageBytes.edit(image) { image in image.bytes.put(image.clusterCount << 16, at: 40) }
    let damaged = try bytes(of: image)
    let leaks = try ImageCheck.check(path: image, repair: .leaks)
    #expect(leaks.corruptions > 0 && leaks.findings.contains { $0.text.contains("all of it read as zeros") })
    #expect(try bytes(of: image).isSame(as: damaged))
    let result = try ImageCheck.check(path: image, repair: .all)
    #expect(result.corruptions + result.leaks + result.checkErrors == 0)
    #expect(result.findings.contains { $0.isFixed && $0.text.contains("where the data of the disk is") })
    try expectClean(image)
    try expectPattern(image, [(0, 0, 4 << 20)])
    // The snapshot has tables of its own.
    try ImageSnapshots.apply(.name("one"), path: image)
    try expectPattern(image, [(1, 0, 2 << 20), (0, 2 << 20, 2 << 20)])
  }

  @Test("of a table that the file ends inside of, what is there is kept")
  func cutL1() throws {
    let folder = try Folder()
    let image = folder("image")
    try makeQcow2(image, "256K", ["cluster_size=512"])
    try qemuIO(image, "write -P 1 0 128k")
    // The table goes to the end of the file, and the file ends behind its second entry.
    try ImageBytes.edit(image) { image in
      let end = image.clusterCount << 9
      let l1 = image.header.l1TableOffset
      for entry in 0..<2 { image[word: end + UInt64(entry * 8)] = image[word: l1 + UInt64(entry * 8)] }
      image.bytes.put(end, at: 40)
    }
    let result = try ImageCheck.check(path: image, repair: .all)
    #expect(result.corruptions + result.leaks + result.checkErrors == 0)
    #expect(result.findings.contains { $0.text.contains("read as zeros from byte 65536 on") })
    try expectClean(image)
    try expectPattern(image, [(1, 0, 64 << 10), (0, 64 << 10, 192 << 10)])
  }

  @Test("leaked space goes back to the file system")
  func spaceComesBack() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "64M")
    try qemuIO(folder("image"), "write -P 1 0 1M", "write -P 2 1M 8M", "write -P 3 9M 1M", "write -P 4 10M 8M")
    let full = try #require(try ImageInfo.read(path: folder("image")).bytesOnDisk)
    // Eight megabytes in the middle and eight at the end are forgotten.
    try ImageBytes.edit(folder("image")) { image in
      for cluster in [16..<144, 160..<288].joined() { image[word: image.l2Place(cluster)] = 0 }
    }
    let result = try ImageCheck.check(path: folder("image"), repair: .leaks)
    #expect(result.leaksFixed == 256 && result.leaks == 0)
    try expectClean(folder("image"))
    let info = try ImageInfo.read(path: folder("image"))
    #expect(try #require(info.bytesOnDisk) <= full - (15 << 20))
    try expectPattern(folder("image"), [(1, 0, 1 << 20), (0, 1 << 20, 8 << 20), (3, 9 << 20, 1 << 20)])
  }

  @Test("damaged compressed data is found when it is asked for")
  func compressed() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    try qemuIO(folder("image"), "write -c -P 5 0 64k", "write -c -P 6 64k 64k")
    try ImageBytes.edit(folder("image")) { image in
      let entry = Qcow2ClusterEntry(word: image[word: image.l2Place(0)], geometry: image.geometry)
      for place in entry.compressedRange.prefix(16) { image.bytes[Int(place)] = 0xFF }
    }
    #expect(try ImageCheck.check(path: folder("image")).corruptions == 0)
    #expect(try ImageCheck.check(path: folder("image"), decodingData: true).corruptions == 1)
  }
}
