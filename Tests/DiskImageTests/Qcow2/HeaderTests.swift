// Headers from strangers: each broken field has its own answer, and none is a crash.

import Foundation
import Testing

@testable import DiskImage

/// A valid image's first cluster, from our own writer (which other tests hold against qemu-img's).
private func sample(_ change: (inout Qcow2Header) -> Void = { _ in }) throws -> [UInt8] {
  var header = Qcow2Header()
  header.size = 1 << 30
  header.extensions = [
    Qcow2Extension(.backingFormat, Array("raw".utf8)), Qcow2Extension(.featureNames, FeatureNames.written),
  ]
  header.backingFile = StoredName("base.img")
  change(&header)
  let image = try NewQcow2Image(header, path: "sample")
  var bytes = [UInt8](repeating: 0, count: Int(image.length))
  for part in image.parts {
    bytes.replaceSubrange(Int(part.offset)..<Int(part.offset) + part.bytes.count, with: part.bytes)
  }
  return bytes
}

@Suite("qcow2 headers")
struct HeaderTests {
  struct Crafted: CustomTestStringConvertible, Sendable {
    let name: String
    /// The case and, for malformed images, the field.
    let expected: String
    let change: @Sendable (inout [UInt8]) -> Void
    init(_ name: String, _ expected: String, _ change: @escaping @Sendable (inout [UInt8]) -> Void) {
      self.name = name
      self.expected = expected
      self.change = change
    }
    var testDescription: String { name }
  }

  static let crafted: [Crafted] = [
    Crafted("no magic", "notA") { $0[0] = 0 },
    Crafted("empty file", "notA") { $0 = [] },
    Crafted("the magic and nothing else", "malformed header") { $0 = Array($0[..<4]) },
    Crafted("cut in the version 3 fields", "malformed header") { $0 = Array($0[..<90]) },
    Crafted("version 1", "unsupported") { $0.put(UInt32(1), at: 4) },
    Crafted("version 4", "unsupported") { $0.put(UInt32(4), at: 4) },
    Crafted("cluster_bits 8", "malformed cluster_bits") { $0.put(UInt32(8), at: 20) },
    Crafted("cluster_bits 22", "malformed cluster_bits") { $0.put(UInt32(22), at: 20) },
    Crafted("cluster_bits 2^32 - 1", "malformed cluster_bits") { $0.put(UInt32.max, at: 20) },
    Crafted("header_length 103", "malformed header_length") { $0.put(UInt32(103), at: 100) },
    Crafted("header_length 108", "malformed header_length") { $0.put(UInt32(108), at: 100) },
    Crafted("header_length above the cluster", "malformed header_length") { $0.put(UInt32(65544), at: 100) },
    Crafted("header_length 2^32 - 8", "malformed header_length") { $0.put(UInt32.max - 7, at: 100) },
    Crafted("backing name outside the first cluster", "malformed backing_file_offset") { $0.put(UInt64(65537), at: 8) },
    Crafted("backing name near 2^64", "malformed backing_file_offset") { $0.put(UInt64.max, at: 8) },
    Crafted("backing name in the header", "malformed backing_file_offset") { $0.put(UInt64(8), at: 8) },
    Crafted("backing name of 1024 bytes", "malformed backing_file_size") { $0.put(UInt32(1024), at: 16) },
    Crafted("backing name across the cluster's end", "malformed backing_file_size") {
      $0.put(UInt64(65530), at: 8)
      $0.put(UInt32(7), at: 16)
    },
    Crafted("compression type without its bit", "malformed compression_type") { $0[104] = 1 },
    Crafted("compression bit without a type", "malformed compression_type") { $0.put(UInt64(8), at: 72) },
    Crafted("unknown compression type", "unsupported") {
      $0[104] = 2
      $0.put(UInt64(8), at: 72)
    },
    Crafted("unknown incompatible bit", "unsupported") { $0.put(UInt64(1) << 63, at: 72) },
    Crafted("extended L2 entries, small clusters", "malformed cluster_bits") {
      $0.put(UInt32(13), at: 20)
      $0.put(UInt64(16), at: 72)
    },
    Crafted("refcount_order 7", "malformed refcount_order") { $0.put(UInt32(7), at: 96) },
    Crafted("crypt_method 3", "unsupported") { $0.put(UInt32(3), at: 32) },
    Crafted("LUKS without an encryption header", "malformed crypt_method") { $0.put(UInt32(2), at: 32) },
    Crafted("raw data file bit alone", "malformed autoclear_features") { $0.put(UInt64(2), at: 88) },
    Crafted("no refcount table", "malformed refcount_table_clusters") { $0.put(UInt32(0), at: 56) },
    Crafted("refcount table above 8 MiB", "malformed refcount_table_clusters") { $0.put(UInt32(129), at: 56) },
    Crafted("refcount table unaligned", "malformed refcount_table_offset") { $0.put(UInt64(65537), at: 48) },
    Crafted("refcount table in the header", "malformed refcount_table_offset") { $0.put(UInt64(0), at: 48) },
    Crafted("refcount table near 2^64", "malformed refcount_table_offset") { $0.put(UInt64(0) &- 65536, at: 48) },
    Crafted("refcount table beyond the file", "malformed refcount_table_offset") { $0.put(UInt64(1) << 40, at: 48) },
    Crafted("65537 snapshots", "malformed nb_snapshots") { $0.put(UInt32(65537), at: 60) },
    Crafted("snapshots beyond the file", "malformed snapshots_offset") {
      $0.put(UInt32(1), at: 60)
      $0.put(UInt64(1) << 62, at: 64)
    },
    Crafted("L1 table above 32 MiB", "malformed l1_size") { $0.put(UInt32(4_194_305), at: 36) },
    Crafted("L1 table of 2^32 - 1", "malformed l1_size") { $0.put(UInt32.max, at: 36) },
    Crafted("L1 table too small", "malformed l1_size") { $0.put(UInt32(1), at: 36) },
    Crafted("virtual size 2^64 - 1", "malformed l1_size") { $0.put(UInt64.max, at: 24) },
    Crafted("L1 table unaligned", "malformed l1_table_offset") { $0.put(UInt64(3 * 65536 + 8), at: 40) },
    Crafted("L1 table near 2^64", "malformed l1_table_offset") { $0.put(UInt64(0) &- 65536, at: 40) },
    Crafted("L1 table beyond the file", "malformed l1_table_offset") { $0.put(UInt64(1) << 50, at: 40) },
    Crafted("extension longer than the header", "malformed header extension 0xe2792aca") {
      $0.put(UInt32(70_000), at: 116)
    },
    Crafted("extension length that wraps when rounded", "malformed header extension 0xe2792aca") {
      $0.put(UInt32(0xFFFF_FFFC), at: 116)
    },
    Crafted("backing format of 16 bytes", "malformed backing format") { $0.put(UInt32(16), at: 116) },
    Crafted("encryption pointer without encryption", "malformed encryption header pointer") {
      $0.put(UInt32(0x0537_BE77), at: 112)
    },
    Crafted("bitmaps outside the file", "malformed bitmaps") {
      $0.put(UInt64(1), at: 88)
      $0.put(UInt32(0x2385_2875), at: 112)
      $0.put(UInt32(24), at: 116)
      $0.put(UInt32(1), at: 120)
      $0.put(UInt64(1) << 60, at: 136)
    },
  ]

  @Test("each broken field is named", arguments: crafted)
  func broken(crafted: Crafted) throws {
    var bytes = try sample()
    crafted.change(&bytes)
    let error = #expect(throws: ImageError.self) {
      try ImageInfo.read(from: MemorySource(name: "crafted", bytes: bytes), format: .qcow2)
    }
    let label: String
    switch error {
    case .malformed(_, let field, _, _)?: label = "malformed \(field)"
    case let other?: label = Mirror(reflecting: other).children.first?.label ?? ""
    case nil: label = "nothing"
    }
    #expect(label == crafted.expected)
  }

  @Test("whatever bytes are changed, reading ends with a header or an error")
  func mutations() throws {
    let original = try sample()
    var seed: UInt64 = 88_172_645_463_325_252
    func random(_ bound: Int) -> Int {
      seed ^= seed << 13
      seed ^= seed >> 7
      seed ^= seed << 17
      return Int(seed % UInt64(bound))
    }
    var accepted = 0
    for round in 0..<4000 {
      var bytes = original
      for _ in 0...random(4) {
        let value = [0, 1, 0x7F, 0x80, 0xFF, UInt8(random(256))][random(6)]
        bytes[round % 3 == 0 ? random(620) : random(160)] = value
      }
      if random(5) == 0 { bytes.removeLast(random(bytes.count)) }
      let source = MemorySource(name: "mutated", bytes: bytes, isWhole: random(2) == 0)
      if let header = try? Qcow2Header(from: source) {
        accepted += 1
        #expect(UInt64(header.l1Size) >= header.geometry.l1Needed(for: header.size))
      }
    }
    #expect(accepted > 100 && accepted < 4000)
  }

  @Test(
    "parsing and laying out gives back the bytes that qemu-img wrote",
    arguments: [
      [], ["compat=0.10"], ["cluster_size=512"], ["extended_l2=on"], ["compression_type=zstd"], ["lazy_refcounts=on"],
      ["refcount_bits=1"],
    ])
  func roundTrip(options: [String]) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "raw", folder("base"), "1M")
    let arguments = options.isEmpty ? [] : ["-o", options.joined(separator: ",")]
    try create(folder, "1M", arguments, ["-b", "base", "-F", "raw"])
    try run("qemu-img", "snapshot", "-c", "one", folder("image"))
    let stored = try bytes(of: folder("image"))
    var header = try Qcow2Header(from: LocalFile(path: folder("image")))
    let written = try header.layOut(path: "")
    #expect(written == Array(stored[..<written.count]))
    #expect(stored[written.count..<(1 << Int(header.clusterBits))].allSatisfy { $0 == 0 })
    #expect(header.snapshotCount == 1 && header.backingFile == StoredName("base"))
  }

  @Test("unknown extensions, fields and compatible bits survive a round trip byte for byte")
  func keepsUnknown() throws {
    let bytes = try sample {
      $0.headerLength = 128
      $0.unknownFields = [UInt8](0..<23)
      $0.compatible = .init(rawValue: 1 << 40)
      $0.extensions.insert(.init(type: 0x1234_5678, data: [1, 2, 3], padding: [9, 9, 9, 9, 9]), at: 0)
    }
    var header = try Qcow2Header(from: MemorySource(name: "", bytes: bytes))
    #expect(header.extensions[0].data == [1, 2, 3])
    let written = try header.layOut(path: "")
    #expect(written == Array(bytes[..<written.count]))
  }

  @Test("a name beyond the first read is found with a second one")
  func farName() throws {
    let name = String(repeating: "n", count: 1000)
    let bytes = try sample {
      $0.extensions.append(.init(type: 0x1234_5678, data: [UInt8](repeating: 1, count: 20_000), padding: []))
      $0.backingFile = StoredName(name)
    }
    let info = try ImageInfo.read(from: MemorySource(name: "", bytes: bytes))
    #expect(info.backingFile?.string == name && info.backingFormat?.string == "raw")
  }

  @Test("an unknown feature is called by the image's own name for it, escaped")
  func featureNames() throws {
    var names = FeatureNames.written
    names[0] = 0
    names[1] = 62
    names.replaceSubrange(2..<8, with: Array("a\u{1B}[31m".utf8))
    let bytes = try sample {
      $0.incompatible = .init(rawValue: 1 << 62)
      $0.extensions[1] = Qcow2Extension(.featureNames, names)
    }
    let error = #expect(throws: ImageError.self) {
      try ImageInfo.read(from: MemorySource(name: "x", bytes: bytes))
    }
    #expect(error?.description.contains("bit 62 ('a\\x1b[31m") == true, "\(String(describing: error))")
  }
}
