// Conversions that must not succeed: refused in words, and nothing is left of them.

import Foundation
import Testing

@testable import DiskImage

@Suite("Conversions that fail")
struct ConversionFailureTests {
  @Test("a cancelled conversion leaves nothing", arguments: [false, true], [ImageFormat.raw, .qcow2])
  func cancelled(compressed: Bool, format: ImageFormat) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("a"), "100M")
    try qemuIO(folder("a"), "write -P 5 0 60M")
    var conversion = ImageConversion(.init(path: folder("a")), to: ImageCreation(format: format))
    conversion.compressed = compressed && format == .qcow2
    var calls = 0
    #expect(throws: ImageError.cancelled(path: "b")) {
      try conversion.convert(to: folder("b")) { (progress) throws(ImageError) in
        calls += 1
        throw .cancelled(path: "b")
      }
    }
    #expect(calls == 1)
    #expect(folder.names == ["a"])
  }

  @Test("an existing file is never replaced, its own source least of all", arguments: ImageFormat.allCases)
  func existing(format: ImageFormat) throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.tiny.make(in: folder)
    let before = try bytes(of: path)
    try write([1, 2], to: folder("b"))
    try run("ln", "-s", "nowhere", folder("link"))
    for target in [path, folder("b"), folder("link")] {
      #expect(throws: ImageError.alreadyExists(path: target)) {
        try ImageConversion(.init(path: path), to: ImageCreation(format: format)).convert(to: target)
      }
    }
    #expect(try bytes(of: path) == before)
    #expect(try bytes(of: folder("b")) == [1, 2])
    #expect(folder.names == ["b", "disk", "link", "sample.raw"])
  }

  @Test("options that do not go together are refused before the source is opened")
  func options() throws {
    let folder = try Folder()
    let source = ImageConversion.Source(path: folder("none"))
    let wishes: [(inout ImageConversion) -> Void] = [
      {
        $0.target.format = .raw; $0.compressed = true
      },
      { $0.target.backing = .init(name: "b", format: .raw) },
      { $0.target.preallocation = .full },
      { $0.jobs = 0 },
    ]
    for (index, wish) in wishes.enumerated() {
      var conversion = ImageConversion(source, to: ImageCreation(format: .qcow2))
      wish(&conversion)
      let error = #expect(throws: ImageError.self) { try conversion.convert(to: folder("a")) }
      guard case .invalidRequest? = error else {
        Issue.record("case \(index): \(String(describing: error))")
        continue
      }
    }
    #expect(folder.names == [])
  }

  @Test("a source that a process writes to is refused, unless sharing is asked for")
  func inUse() throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.plain.make(in: folder)
    let lock = try ImageLock(path: path, for: .write)
    let source = ImageConversion.Source(path: path)
    let error = #expect(throws: ImageError.self) {
      try ImageConversion(source, to: ImageCreation(format: .raw)).convert(to: folder("a"))
    }
    guard case .locked? = error else { throw ToolFailure(text: String(describing: error)) }
    #expect(folder.names == ["disk", "sample.raw"])
    var shared = source
    shared.sharing = true
    try ImageConversion(shared, to: ImageCreation(format: .raw)).convert(to: folder("a"))
    try run("qemu-img", "compare", "-U", "-f", "qcow2", "-F", "raw", path, folder("a"))
    withExtendedLifetime(lock) {}
  }

  /// Damages, each by what it does to the bytes of an image with compressed clusters of 64 KiB.
  static let damages: [(name: String, change: @Sendable (inout [UInt8]) -> Void)] = [
    ("garbage in the streams", { for index in 5 << 16..<$0.count - 4096 { $0[index] = 0xA5 } }),
    ("the file cut in half", { $0.removeSubrange($0.count / 2..<$0.count) }),
    (
      "a data cluster beyond the end",
      { image in
        let l2 = Int(image.bigEndian64(at: Int(image.bigEndian64(at: 40))) & Qcow2Limit.hostOffsetMask)
        image.put(UInt64(1) << 50 | 1 << 63, at: l2 + 9 * 8)
      }
    ),
    (
      "a stream beyond the end",
      { image in
        let l2 = Int(image.bigEndian64(at: Int(image.bigEndian64(at: 40))) & Qcow2Limit.hostOffsetMask)
        image.put(Qcow2Entry.compressed | 1 << 49, at: l2 + 9 * 8)
      }
    ),
    ("an L2 table inside a cluster", { $0.put(UInt64(0x50200) | 1 << 63, at: Int($0.bigEndian64(at: 40))) }),
    ("an L2 table beyond the end", { $0.put(UInt64(1) << 48 | 1 << 63, at: Int($0.bigEndian64(at: 40))) }),
  ]

  @Test("a damaged source is refused, whatever the target, and nothing is left", arguments: damages.indices)
  func damaged(index: Int) throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.zlib.make(in: folder)
    var image = try bytes(of: path)
    Self.damages[index].change(&image)
    try write(image, to: path)
    for options in TargetOptions.all.prefix(3) + TargetOptions.all.suffix(2) {
      var conversion = ImageConversion(.init(path: path, format: .qcow2), to: options.creation)
      conversion.compressed = options.compressed
      let error = #expect(throws: ImageError.self) { try conversion.convert(to: folder("a")) }
      guard case .malformed? = error else {
        Issue.record("\(Self.damages[index].name) to \(options): \(String(describing: error))")
        continue
      }
      #expect(folder.names == ["disk", "sample.raw"])
    }
  }

  @Test("random damage never traps, hangs or leaves a file behind")
  func randomDamage() throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.zlib.make(in: folder)
    let image = try bytes(of: path)
    var random = SystemRandomNumberGenerator()
    let l1 = Int(image.bigEndian64(at: 40))
    let l2 = Int(image.bigEndian64(at: l1) & Qcow2Limit.hostOffsetMask)
    for _ in 0..<60 {
      var damaged = image
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = [l1, l2 + 8 * Int.random(in: 0..<64), Int.random(in: 0..<image.count - 8)].randomElement() ?? l1
        damaged.put(random.next() >> UInt64.random(in: 0..<40), at: place)
      }
      try write(damaged, to: path)
      let made =
        (try? ImageConversion(.init(path: path, format: .qcow2), to: ImageCreation(format: .raw))
          .convert(to: folder("a"))) != nil
      #expect(folder.names == (made ? ["a"] : []) + ["disk", "sample.raw"])
      if made { try FileManager.default.removeItem(atPath: folder("a")) }
    }
  }

  @Test("the size of a file system is an error that says so, and nothing is left", .enabled(if: geteuid() == 0))
  func noSpace() throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.raw.make(in: folder)
    try FileManager.default.createDirectory(atPath: folder("small"), withIntermediateDirectories: false)
    guard try run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder("small")], expecting: nil).status == 0
    else { return }
    defer { _ = try? run("umount", folder("small")) }
    let target = folder("small") + "/a"
    for options in TargetOptions.all.prefix(3) {
      let error = #expect(throws: ImageError.self) {
        try ImageConversion(.init(path: path, format: .raw), to: options.creation).convert(to: target)
      }
      guard case .noSpace(target, _)? = error else { throw ToolFailure(text: String(describing: error)) }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder("small")) == [])
    }
  }
}
