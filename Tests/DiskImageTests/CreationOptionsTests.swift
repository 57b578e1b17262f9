// Creation options, each against an image that qemu-img made with the same ones.

import Foundation
import Testing

@testable import DiskImage

@Suite("Options of new images")
struct CreationOptionsTests {
  /// A wish, and the words in which qemu-img takes it.
  struct Wish: Sendable, CustomStringConvertible {
    var description: String
    var change: @Sendable (inout ImageCreation) -> Void

    init(_ options: String, _ change: @escaping @Sendable (inout ImageCreation) -> Void) {
      description = options
      self.change = change
    }
  }

  static let wishes: [Wish] = [
    Wish("compat=0.10") { $0.compatibility = .version2 },
    Wish("compat=1.1,lazy_refcounts=on,refcount_bits=1") {
      $0.lazyRefcounts = true; $0.refcountBits = 1
    },
    Wish("compression_type=zstd,cluster_size=4k") {
      $0.compression = .zstd; $0.clusterSize = 4096
    },
    Wish("extended_l2=on,cluster_size=128k,compression_type=zstd") {
      $0.extendedL2 = true; $0.clusterSize = 128 << 10; $0.compression = .zstd
    },
    Wish("preallocation=metadata") { $0.preallocation = .metadata },
    Wish("preallocation=metadata,cluster_size=512,refcount_bits=64") {
      $0.preallocation = .metadata; $0.clusterSize = 512; $0.refcountBits = 64
    },
    Wish("preallocation=metadata,compat=0.10,cluster_size=2M") {
      $0.preallocation = .metadata; $0.compatibility = .version2; $0.clusterSize = 2 << 20
    },
    Wish("preallocation=metadata,extended_l2=on,cluster_size=16k") {
      $0.preallocation = .metadata; $0.extendedL2 = true; $0.clusterSize = 16384
    },
    Wish("preallocation=falloc,cluster_size=64k") { $0.preallocation = .falloc },
    Wish("preallocation=full,cluster_size=4k") {
      $0.preallocation = .full; $0.clusterSize = 4096
    },
    Wish("preallocation=full,extended_l2=on,lazy_refcounts=on") {
      $0.preallocation = .full; $0.extendedL2 = true; $0.lazyRefcounts = true
    },
  ]

  private static let size: UInt64 = 33 << 20 + 5 * 512

  @Test("info, map, check and disk usage agree with qemu-img's own image", arguments: wishes)
  func agrees(wish: Wish) throws {
    let folder = try Folder()
    var creation = ImageCreation(format: .qcow2, virtualSize: Self.size)
    wish.change(&creation)
    try NewImage(creation).create(at: folder("ours"))
    try run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "\(wish)", folder("theirs"), "\(Self.size)")
    try expectClean(folder("ours"))
    #expect(try info(folder("ours")) == info(folder("theirs")))
    #expect(try map(folder("ours")) == map(folder("theirs")))
    let ours = try LocalFile(path: folder("ours")).status
    let theirs = try LocalFile(path: folder("theirs")).status
    let slack = 2 * creation.clusterSize + 65536
    #expect(ours.length <= theirs.length + theirs.length / 100 + slack)
    // Tables of smaller clusters share blocks of the file system with data, in whichever order they lie.
    let blocks = creation.clusterSize >= 4096
    #expect(!blocks || ours.bytesOnDisk <= theirs.bytesOnDisk + theirs.bytesOnDisk / 50 + slack)
    if [.falloc, .full].contains(creation.preallocation) { #expect(ours.bytesOnDisk >= Self.size) }
    // It works: written here and there, checked, read back.
    try qemuIO(folder("ours"), "write -P 7 1M 100k", "write -P 8 33M 512", "write -P 9 \(Self.size - 512) 512")
    try expectClean(folder("ours"))
    try expectPattern(
      folder("ours"),
      [
        (0, 0, 1 << 20), (7, 1 << 20, 100 << 10), (0, 2 << 20, 31 << 20), (8, 33 << 20, 512), (9, Self.size - 512, 512),
      ])
  }

  /// What `qemu-img info` says about the image itself.
  private func info(_ path: String) throws -> NSDictionary {
    var info = try qemuInfo(path)
    // Names, times and what the file system makes of it.
    for key in ["filename", "actual-size", "children"] { info[key] = nil }
    return info as NSDictionary
  }

  /// The runs of the disk; where in the file they are is the writer's choice.
  private func map(_ path: String) throws -> [[String: Int]] {
    let output = try run("qemu-img", "map", "--output=json", "-f", "qcow2", path).output
    let runs = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [[String: Any]])
    var joined: [[String: Int]] = []
    for run in runs {
      var known = run.compactMapValues { ($0 as? NSNumber)?.intValue }
      known["offset"] = known["offset"].map { _ in 1 }
      // Where the file has holes below data, QEMU looks or does not by a guess at how full the file is.
      if known["data"] == 1 { known["zero"] = nil }
      if var last = joined.last, let length = known["length"],
        last.filter({ $0.key != "start" && $0.key != "length" })
          == known.filter({ $0.key != "start" && $0.key != "length" })
      {
        last["length", default: 0] += length
        joined[joined.count - 1] = last
      } else {
        joined.append(known)
      }
    }
    return joined
  }

  @Test("a raw image gets its space at once when asked", arguments: [Preallocation.off, .falloc, .full])
  func raw(preallocation: Preallocation) throws {
    let folder = try Folder()
    var creation = ImageCreation(format: .raw, virtualSize: Self.size)
    creation.preallocation = preallocation
    try NewImage(creation).create(at: folder("a"))
    try run(
      "qemu-img", "create", "-q", "-f", "raw", "-o", "preallocation=\(preallocation.rawValue)", folder("b"),
      "\(Self.size)")
    let ours = try LocalFile(path: folder("a")).status
    let theirs = try LocalFile(path: folder("b")).status
    #expect(ours.length == Self.size && theirs.length == Self.size)
    #expect(abs(Int(ours.bytesOnDisk) - Int(theirs.bytesOnDisk)) <= 65536)
    #expect(ours.bytesOnDisk >= (preallocation == .off ? 0 : Self.size))
    try expectPattern(folder("a"), format: "raw", [(0, 0, Self.size)])
  }

  @Test(
    "a preallocated overlay with subclusters still shows its backing file", arguments: [Preallocation.metadata, .full])
  func overlay(preallocation: Preallocation) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "raw", folder("base"), "8M")
    try qemuIO(folder("base"), format: "raw", "write -P 5 0 8M")
    var creation = ImageCreation(format: .qcow2, backing: .init(name: "base", format: .raw))
    creation.extendedL2 = true
    creation.preallocation = preallocation
    try NewImage(creation).create(at: folder("a"))
    try expectClean(folder("a"))
    try qemuIO(folder("a"), "write -P 6 1M 2k")
    try expectPattern(
      folder("a"), [(5, 0, 1 << 20), (6, 1 << 20, 2048), (5, 1 << 20 + 2048, 7 << 20 - 2048)])
    try expectClean(folder("a"))
  }

  @Test("a preallocated disk's tables are written piece by piece, to the last one")
  func hugeMetadata() throws {
    let folder = try Folder()
    var creation = ImageCreation(format: .qcow2, virtualSize: 64 << 30)
    creation.preallocation = .metadata
    try NewImage(creation).create(at: folder("a"))
    let told = try run("qemu-img", "check", "--output=json", folder("a")).output
    let check = try #require(try JSONSerialization.jsonObject(with: Data(told.utf8)) as? [String: Any])
    #expect(check["allocated-clusters"] as? Int == 64 << 30 / 65536)
    #expect(check["fragmented-clusters"] as? Int ?? 0 <= 200)
  }

  /// What cannot be, and a word that the refusal must have.
  static let refusals: [(word: String, change: @Sendable (inout ImageCreation) -> Void)] = [
    (
      "1.1",
      {
        $0.compatibility = .version2; $0.refcountBits = 8
      }
    ),
    (
      "1.1",
      {
        $0.compatibility = .version2; $0.lazyRefcounts = true
      }
    ),
    (
      "1.1",
      {
        $0.compatibility = .version2; $0.extendedL2 = true
      }
    ),
    (
      "1.1",
      {
        $0.compatibility = .version2; $0.compression = .zstd
      }
    ),
    (
      "16384",
      {
        $0.extendedL2 = true; $0.clusterSize = 8192
      }
    ),
    (
      "falloc",
      {
        $0.format = .raw; $0.preallocation = .metadata
      }
    ),
    (
      "subclusters",
      {
        $0.backing = .init(name: "base", format: .raw); $0.preallocation = .metadata
      }
    ),
    (
      "subclusters",
      {
        $0.backing = .init(name: "base", format: .raw); $0.preallocation = .full
      }
    ),
    (
      "larger clusters",
      {
        $0.clusterSize = 512; $0.virtualSize = 1 << 50; $0.preallocation = .metadata
      }
    ),
  ]

  @Test(
    "wishes that do not go together are refused with what helps, before a file is made", arguments: refusals.indices)
  func refused(index: Int) throws {
    let folder = try Folder()
    try write([UInt8](repeating: 0, count: 512), to: folder("base"))
    var creation = ImageCreation(format: .qcow2, virtualSize: 1 << 20)
    Self.refusals[index].change(&creation)
    let error = #expect(throws: ImageError.self) { try NewImage(creation).create(at: folder("a")) }
    guard case .invalidRequest? = error else { throw ToolFailure(text: String(describing: error)) }
    #expect(error?.description.contains(Self.refusals[index].word) == true, "\(error?.description ?? "")")
    #expect(folder.names == ["base"])
  }
}
