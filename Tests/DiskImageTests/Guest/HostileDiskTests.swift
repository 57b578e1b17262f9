// Images from strangers whose tables and streams lie: an error with a name, or bytes, and never more memory or time than an honest image takes.

import Foundation
import Testing

@testable import DiskImage

@Suite("Disks from strangers")
struct HostileDiskTests {
  /// An image with one compressed and one plain cluster, and a hole; its L2 table's offset.
  private static func sample(_ folder: Folder, _ options: [String] = []) throws -> (image: [UInt8], table: Int) {
    try makeQcow2(folder("image"), "1M", options)
    try qemuIO(folder("image"), "write -c -P 5 0 64k", "write -P 6 64k 64k")
    let image = try bytes(of: folder("image"))
    let l1 = Int(image.bigEndian64(at: 40))
    return (image, Int(image.bigEndian64(at: l1) & Qcow2Limit.hostOffsetMask))
  }

  private static func read(_ image: [UInt8]) throws -> [UInt8] {
    let source = MemorySource(name: "crafted", bytes: image)
    return try content(of: GuestDisk(layers: [Qcow2Layer(Qcow2Header(from: source), of: source)]))
  }

  struct Lie: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var options: [String] = []
    let field: String
    let change: @Sendable (inout [UInt8], Int) -> Void
    init(
      _ name: String, _ field: String, options: [String] = [],
      _ change: @escaping @Sendable (inout [UInt8], Int) -> Void
    ) {
      testDescription = name
      self.field = field
      self.options = options
      self.change = change
    }
  }

  static let lies: [Lie] = [
    Lie("an L2 table behind the end of the file", "L2 table") { image, _ in
      image.put(UInt64(1) << 40, at: Int(image.bigEndian64(at: 40)))
    },
    Lie("an L2 table at the highest offset", "L2 table") { image, _ in
      image.put(UInt64(0x00FF_FFFF_FFFF_0000), at: Int(image.bigEndian64(at: 40)))
    },
    Lie("an L2 table inside a cluster", "L1 table") { image, table in
      image.put(UInt64(table + 512), at: Int(image.bigEndian64(at: 40)))
    },
    Lie("a file that ends inside its L2 table", "L2 table") { image, table in image = Array(image[..<(table + 20)]) },
    Lie(
      "a file that ends inside its L2 table, extended entries", "L2 table",
      options: ["extended_l2=on"]
    ) { image, table in image = Array(image[..<(table + 24)]) },
    Lie("data behind the end of the file", "L2 table") { image, table in
      image.put(UInt64(1) << 40, at: table + 8)
    },
    Lie("data at the highest offset", "L2 table") { image, table in
      image.put(UInt64(0x80FF_FFFF_FFFF_0000), at: table + 8)
    },
    Lie("data inside a cluster", "L2 table") { image, table in image.put(UInt64(table + 512), at: table + 8) },
    Lie("zeros in version 2", "L2 table", options: ["compat=0.10"]) { image, table in
      image.put(UInt64(1), at: table + 8)
    },
    Lie("a stream behind the end of the file", "compressed cluster") { image, table in
      image.put(UInt64(1) << 62 | 1 << 40, at: table)
    },
    Lie("a stream of the largest length at the end of the address space", "compressed cluster") { image, table in
      image.put(UInt64(0x7FFF_FFFF_FFFF_FFFF), at: table)
    },
    Lie("a stream that is garbage", "compressed cluster") { image, table in
      let start = Int(image.bigEndian64(at: table) & (1 << 54 - 1))
      for index in start..<start + 40 { image[index] = 0xFF }
    },
    Lie("a stream that ends too early", "compressed cluster") { image, table in
      // A final stored block of one byte.
      let start = Int(image.bigEndian64(at: table) & (1 << 54 - 1))
      image.replaceSubrange(start..<start + 6, with: [1, 1, 0, 0xFE, 0xFF, 5])
    },
    Lie("a zstd frame that is garbage", "compressed cluster", options: ["compression_type=zstd"]) { image, table in
      let start = Int(image.bigEndian64(at: table) & (1 << 54 - 1))
      for index in start + 4..<start + 20 { image[index] = 0xFF }
    },
    Lie("nothing but skippable zstd frames", "compressed cluster", options: ["compression_type=zstd"]) { image, table in
      let start = Int(image.bigEndian64(at: table) & (1 << 54 - 1))
      for index in stride(from: start, to: start + 512, by: 8) {
        image.replaceSubrange(index..<index + 8, with: [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0])
      }
    },
    Lie("a subcluster that is data and zero", "L2 table", options: ["extended_l2=on"]) { image, table in
      image.put(UInt64(1) << 32 | 1, at: table + 24)
    },
    Lie("subclusters without a cluster", "L2 table", options: ["extended_l2=on"]) { image, table in
      image.put(UInt64(0), at: table + 16)
    },
    Lie("a compressed cluster with subclusters", "L2 table", options: ["extended_l2=on"]) { image, table in
      image.put(UInt64(1), at: table + 8)
    },
  ]

  @Test("each lie is named", arguments: lies)
  func named(lie: Lie) throws {
    let folder = try Folder()
    var (image, table) = try Self.sample(folder, lie.options)
    #expect(try Self.read(image).count == 1 << 20)
    lie.change(&image, table)
    let error = #expect(throws: ImageError.self) { try Self.read(image) }
    guard case .malformed(_, lie.field, _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a zstd bomb gives an error, not its content", arguments: [false, true])
  func bomb(isSingle: Bool) throws {
    // A megabyte of one byte in a run-length block, in one frame or after an honest start.
    let folder = try Folder()
    var (image, table) = try Self.sample(folder, ["compression_type=zstd"])
    let start = Int(image.bigEndian64(at: table) & (1 << 54 - 1))
    var frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xF8]  // window descriptor: 2 TiB
    if isSingle { frame[5] = 0x50 }  // 1 MiB
    for _ in 0..<20 { frame += [0x02 | 0x00, 0x00, 0x10, 0x55] }  // run-length blocks of 128 KiB
    frame += [0x03, 0x00, 0x10, 0x55]
    image.replaceSubrange(start..<start + frame.count, with: frame)
    #expect(throws: ImageError.self) { try Self.read(image) }
  }

  @Test("whatever words of the tables are changed, reading ends with bytes or an error", arguments: [false, true])
  func mutations(extended: Bool) throws {
    let folder = try Folder()
    let (original, table) = try Self.sample(folder, extended ? ["extended_l2=on"] : [])
    var generator = Seeded(state: extended ? 7 : 8)
    let l1 = Int(original.bigEndian64(at: 40))
    var readable = 0
    for round in 0..<300 {
      var image = original
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        let word = UInt64.random(in: 0...UInt64.max, using: &generator)
        let small = UInt64.random(in: 0..<16, using: &generator) << 16
        let value = [word, small, small | 1 << 63, small | 1 << 62, word >> 8 | 1 << 62].randomElement(
          using: &generator)!
        let place = round % 4 == 0 ? l1 : table + Int.random(in: 0..<32, using: &generator) * 8
        image.put(value, at: place)
      }
      if round % 7 == 0 { image.removeLast(Int.random(in: 0..<(image.count - l1), using: &generator)) }
      if (try? Self.read(image)) != nil { readable += 1 }
    }
    #expect(readable > 10 && readable < 290)
  }

  @Test("whatever bytes of a stream are changed, reading ends with a cluster or an error", arguments: ["zlib", "zstd"])
  func streams(type: String) throws {
    let folder = try Folder()
    let (original, table) = try Self.sample(folder, ["compression_type=\(type)"])
    let start = Int(original.bigEndian64(at: table) & (1 << 54 - 1))
    var generator = Seeded(state: 9)
    for _ in 0..<300 {
      var image = original
      for _ in 0..<3 {
        image[start + Int.random(in: 0..<24, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if let content = try? Self.read(image) { #expect(content.count == 1 << 20) }
    }
  }
}

/// Random numbers that are the same in every run.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
