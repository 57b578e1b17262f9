// Our check beside `qemu-img check`, number by number: sound images of every kind, and damage of every class that QEMU knows.

import Foundation
import Testing

@testable import DiskImage

/// The numbers that both report.
struct CheckNumbers: Equatable {
  var corruptions: UInt64 = 0
  var leaks: UInt64 = 0
  var checkErrors: UInt64 = 0
  var total: UInt64 = 0
  var allocated: UInt64 = 0
  var fragmented: UInt64 = 0
  var compressed: UInt64 = 0
  var end: UInt64 = 0

  init(_ result: ImageCheck.Result) {
    corruptions = result.corruptions
    leaks = result.leaks
    checkErrors = result.checkErrors
    total = result.totalClusters
    allocated = result.allocatedClusters
    fragmented = result.fragmentedClusters
    compressed = result.compressedClusters
    end = result.imageEndOffset
  }

  /// What `qemu-img check --output=json` says.
  init(judging path: String) throws {
    let output = try run(["qemu-img", "check", "-f", "qcow2", "--output=json", path], expecting: [0, 2, 3]).output
    // Findings go to the standard error stream, which comes first.
    let start = try #require(output.range(of: "{\n    \"", options: .literal)?.lowerBound)
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(output[start...].utf8)) as? [String: Any], "\(output)")
    func number(_ key: String) -> UInt64 { (json[key] as? NSNumber)?.uint64Value ?? 0 }
    corruptions = number("corruptions")
    leaks = number("leaks")
    checkErrors = number("check-errors")
    total = number("total-clusters")
    allocated = number("allocated-clusters")
    fragmented = number("fragmented-clusters")
    compressed = number("compressed-clusters")
    end = number("image-end-offset")
  }
}

@Suite("Checking, beside QEMU")
struct CheckAgainstQEMUTests {
  @Test("sound images get the numbers that qemu-img gives", arguments: imageZoo.filter { $0.format == .qcow2 })
  func sound(image: ZooImage) throws {
    let folder = try Folder()
    try image.build(folder)
    let result = try ImageCheck.check(path: folder("image"), decodingData: true)
    #expect(try CheckNumbers(result) == CheckNumbers(judging: folder("image")))
    #expect(result.findings.isEmpty)
  }

  @Test("sound images with a history get the numbers that qemu-img gives", arguments: cutImages)
  func history(image: CutImage) throws {
    let folder = try BuiltImages.copy(of: image)
    let result = try ImageCheck.check(path: folder("image"), decodingData: true)
    #expect(try CheckNumbers(result) == CheckNumbers(judging: folder("image")))
  }

  @Test("damage gets the numbers that qemu-img gives", arguments: damages)
  func damaged(damage: Damage) throws {
    let folder = try Folder()
    try damage.build(folder)
    let ours = try CheckNumbers(ImageCheck.check(path: folder("image")))
    guard damage.differs == nil else {
      // Both find it, at least.
      #expect(ours.corruptions > 0)
      let statuses: [Int32] = damage.qemuAccepts ? [0, 3] : [1, 2]
      #expect(try statuses.contains(run(["qemu-img", "check", "-q", folder("image")], expecting: nil).status))
      return
    }
    let judge = try CheckNumbers(judging: folder("image"))
    #expect(ours == judge)
    #expect(ours.corruptions + ours.leaks > 0)
  }

  @Test("all is mended that can be, and what cannot is said and made no worse", arguments: damages)
  func repaired(damage: Damage) throws {
    let folder = try Folder()
    let sound = try damage.build(folder)
    let image = folder("image")
    let content = sound ?? (try? FilesOnDisk(paths: [image]).visible(image))
    let before = try ImageCheck.check(path: image)
    let result = try ImageCheck.check(path: image, repair: .all)
    let after = try ImageCheck.check(path: image)
    #expect(after.corruptions == result.corruptions && after.leaks == result.leaks)
    #expect(result.corruptionsFixed == before.corruptions - after.corruptions)
    if let content { #expect(try FilesOnDisk(paths: [image]).visible(image) == content) }
    switch damage.repair {
    case .complete:
      #expect(result.corruptions == 0 && result.leaks == 0 && result.checkErrors == 0, "\(result)")
      #expect(result.findings.allSatisfy(\.isFixed) && !result.findings.isEmpty)
      try expectClean(image)
    case .partial:
      #expect(result.corruptions > 0 && result.corruptions <= before.corruptions, "\(result)")
      #expect(result.findings.contains { !$0.isFixed })
      #expect(try run(["qemu-img", "check", "-q", image], expecting: nil).status == 2)
    case .refused: #expect(after == before)
    }
    #expect(result.checkErrors == before.checkErrors)
    // A second repair finds nothing more to do.
    let bytes = try DiskImageTests.bytes(of: image)
    _ = try ImageCheck.check(path: image, repair: .all)
    #expect(try DiskImageTests.bytes(of: image).isSame(as: bytes))
  }

  /// A third of the rows, and with `VIREO_DAMAGE_SWEEP` all of them.
  static let someDamages = damages.indices.filter { $0 % 3 == 0 || DamageSweepTests.isWhole }.map { damages[$0] }

  @Test("mending leaks alone changes nothing else", arguments: someDamages)
  func leaksOnly(damage: Damage) throws {
    let folder = try Folder()
    try damage.build(folder)
    let image = folder("image")
    let content = try? FilesOnDisk(paths: [image]).visible(image)
    let before = try ImageCheck.check(path: image)
    let result = try ImageCheck.check(path: image, repair: .leaks)
    #expect(result.corruptions <= before.corruptions && result.leaks <= before.leaks)
    if before.corruptions == 0 {
      #expect(result.leaks == 0)
      try expectClean(image)
    }
    if let content { #expect(try FilesOnDisk(paths: [image]).visible(image) == content) }
  }
}
