// Damage by rule rather than by row: every structure of an image, with every kind of wrong value in it, over images of every kind; and random damage.

import Foundation
import Testing

@testable import DiskImage

/// An image to be damaged.
struct SweptImage: CustomTestStringConvertible, Sendable {
  let name: String
  var options = ["cluster_size=4k"]
  var size = "4M"
  /// Whether it has a backing file.
  var isOverlay = false
  /// Whether it has a snapshot, after which some of the disk is written again.
  var hasSnapshot = false
  /// Whether some of the disk is compressed.
  var isCompressed = false
  /// The length of what is written in one place, in bytes.
  var stroke = 16 << 10
  /// Where the second half of the disk begins, far enough for an L2 table of its own, in bytes.
  var far = 3 << 20

  var testDescription: String { name }

  func build(_ folder: Folder) throws {
    let image = folder("image")
    if isOverlay {
      try makeQcow2(folder("base"), size, ["cluster_size=4k"])
      try qemuIO(folder("base"), "write -P 9 0 \(8 * stroke)", "write -P 10 \(far) \(4 * stroke)")
    }
    try makeQcow2(image, size, options, base: isOverlay ? ("base", "qcow2") : nil)
    try qemuIO(
      image, "write -P 1 0 \(3 * stroke)", "write -P 2 \(4 * stroke) \(stroke)", "write -z \(4 * stroke) \(stroke)",
      "write -P 3 \(far) \(stroke)")
    if isCompressed {
      try qemuIO(image, "write -c -P 5 \(6 * stroke) \(stroke)", "write -c -P 6 \(far + stroke) \(stroke)")
    }
    guard hasSnapshot else { return }
    try run("qemu-img", "snapshot", "-c", "one", image)
    try qemuIO(image, "write -P 4 \(stroke) \(stroke)")
    try run("qemu-img", "snapshot", "-c", "two", image)
    try qemuIO(image, "write -P 7 \(2 * stroke) \(stroke)")
  }

  /// Guest offsets that are read to compare disks: whatever was written, and some of what was not.
  func probes(_ clusterSize: Int) -> [UInt64] {
    let near = stride(from: 0, to: 9 * stroke, by: clusterSize)
    let far = stride(from: self.far, to: self.far + 3 * stroke, by: clusterSize)
    return (Array(near) + Array(far)).map { UInt64($0) }
  }
}

let sweptImages: [SweptImage] = [
  SweptImage(name: "plain"),
  SweptImage(name: "snapshots", hasSnapshot: true),
  SweptImage(
    name: "clusters of 512 bytes", options: ["cluster_size=512"], size: "128K", hasSnapshot: true, stroke: 1024,
    far: 70 << 10),
  SweptImage(name: "version 2", options: ["cluster_size=4k", "compat=0.10"], hasSnapshot: true),
  SweptImage(
    name: "subclusters", options: ["cluster_size=16k", "extended_l2=on"], size: "40M", hasSnapshot: true,
    stroke: 32 << 10, far: 20 << 20),
  SweptImage(name: "lazy refcounts", options: ["cluster_size=4k", "lazy_refcounts=on"]),
  SweptImage(name: "an overlay", isOverlay: true, hasSnapshot: true),
  SweptImage(
    name: "an overlay of version 2", options: ["cluster_size=4k", "compat=0.10"], isOverlay: true, isCompressed: true),
  SweptImage(name: "compressed clusters", hasSnapshot: true, isCompressed: true),
  SweptImage(name: "counts of one bit", options: ["cluster_size=4k", "refcount_bits=1"], isCompressed: true),
  SweptImage(name: "counts of 64 bits", options: ["cluster_size=4k", "refcount_bits=64"], hasSnapshot: true),
  SweptImage(
    name: "clusters of 2 MiB", options: ["cluster_size=2M"], size: "1T", hasSnapshot: true, stroke: 2 << 20,
    far: 600 << 30),
]

/// One change of an image's bytes.
struct SweptDamage: Sendable {
  let name: String
  let change: @Sendable (inout ImageBytes) throws -> Void
}

/// Where things are in a sound image.
struct SweptPlaces {
  let image: ImageBytes
  let snapshots: [Qcow2Snapshot]
  /// The first cluster of each structure, by what it is.
  let structures: [(name: String, offset: UInt64)]

  init(_ image: ImageBytes) throws {
    self.image = image
    let source = MemorySource(name: "image", bytes: image.bytes)
    snapshots = image.header.snapshotCount > 0 ? try Qcow2SnapshotTable(image.header, of: source).snapshots : []
    var found: [(name: String, offset: UInt64)] = [
      ("the header", 0), ("the refcount table", image.header.refcountTableOffset),
      ("a refcount block", image.refcountBlock(of: 0)), ("the L1 table", image.header.l1TableOffset),
    ]
    for index in 0..<Int(image.header.l1Size) {
      let table = image[word: image.l1Place(index)] & Qcow2Limit.hostOffsetMask
      if table != 0 { found.append(("L2 table \(index)", table)) }
    }
    if let first = snapshots.first {
      found.append(("the snapshot table", image.header.snapshotsOffset))
      found.append(("a snapshot's L1 table", first.l1TableOffset))
      found.append(("a snapshot's L2 table", image[word: first.l1TableOffset] & Qcow2Limit.hostOffsetMask))
    }
    for entry in Self.entries(image) {
      switch entry.name {
      case "data", "compressed":
        let cluster = Qcow2ClusterEntry(word: image[word: entry.place], geometry: image.geometry)
        if let first = cluster.hostClusters.first {
          found.append((entry.name, first << UInt64(image.geometry.clusterBits)))
        }
      default: break
      }
    }
    structures = found
  }

  /// The first L2 entry of each kind.
  static func entries(_ image: ImageBytes) -> [(name: String, place: UInt64)] {
    var found: [(name: String, place: UInt64)] = []
    let table = image[word: image.l1Place(0)] & Qcow2Limit.hostOffsetMask
    for index in 0..<image.geometry.l2Entries {
      let place = table + UInt64(index * image.geometry.l2EntrySize)
      let entry = Qcow2ClusterEntry(
        word: image[word: place], bitmap: image.geometry.extendedL2 ? image[word: place + 8] : 0,
        geometry: image.geometry)
      let name = "\(entry.kind)"
      if !found.contains(where: { $0.name == name }) { found.append((name, place)) }
    }
    return found
  }

  private var end: UInt64 { image.clusterCount << UInt64(image.geometry.clusterBits) }

  /// Wrong values for a word that may lead somewhere.
  private func words(_ own: UInt64) -> [(String, UInt64)] {
    let size = image.geometry.clusterSize
    let place = own & Qcow2Limit.hostOffsetMask
    let flags = own & ~Qcow2Limit.hostOffsetMask
    var values: [(String, UInt64)] = [
      ("0", 0), ("the flag alone", Qcow2Entry.copied), ("the flag changed", own ^ Qcow2Entry.copied),
      ("half a cluster on", own &+ max(size / 2, 512)), ("a cluster on", own &+ size),
      ("just beyond the end", flags | end), ("three clusters beyond the end", flags | (end + 3 * size)),
      ("far beyond the end", flags | 1 << 40), ("the highest place", flags | Qcow2Limit.hostOffsetMask & ~(size - 1)),
      ("a reserved bit", own | 1 << 60), ("a low bit", own | 1), ("another low bit", own | 4),
      ("compressed", own | Qcow2Entry.compressed), ("ones", .max),
    ]
    for structure in structures where structure.offset != place {
      values.append(("\(structure.name)", structure.offset))
      values.append(("\(structure.name) with the flag", structure.offset | Qcow2Entry.copied))
    }
    return values.filter { $0.1 != own }
  }

  private func wordDamages() -> [SweptDamage] {
    var places: [(String, UInt64)] = [
      ("the header's L1 table", 40), ("the header's refcount table", 48), ("the header's snapshot table", 64),
      ("the first refcount table entry", image.header.refcountTableOffset),
      ("the second refcount table entry", image.header.refcountTableOffset + 8),
      ("the first L1 entry", image.l1Place(0)), ("the second L1 entry", image.l1Place(1)),
    ]
    for entry in Self.entries(image) {
      places.append(("an L2 entry of \(entry.name)", entry.place))
      if image.geometry.extendedL2 { places.append(("the bitmap of \(entry.name)", entry.place + 8)) }
    }
    if let first = snapshots.first {
      places.append(("a snapshot's place of its L1 table", image.header.snapshotsOffset))
      places.append(("a snapshot's first L1 entry", first.l1TableOffset))
      let table = image[word: first.l1TableOffset] & Qcow2Limit.hostOffsetMask
      places.append(("a snapshot's first L2 entry", table))
      if image.header.version >= 3 {
        places.append(("a snapshot's disk size", image.header.snapshotsOffset + 48))
      }
    }
    return places.flatMap { name, place in
      words(image[word: place]).map { value in
        SweptDamage(name: "\(name): \(value.0)") { $0[word: place] = value.1 }
      }
    }
  }

  private func fieldDamages() -> [SweptDamage] {
    func wide(_ name: String, _ place: Int, _ values: [UInt32]) -> [SweptDamage] {
      values.map { value in SweptDamage(name: "\(name): \(value)") { $0.bytes.put(value, at: place) } }
    }
    let l1 = image.header.l1Size
    var damages =
      wide("entries of the L1 table", 36, [0, 1, l1 &- 1, l1 + 1, l1 + 1000, 4_194_304, .max])
      + wide("clusters of the refcount table", 56, [0, 2, 3, 1000, .max])
      + wide("snapshots", 60, [0, 1, 3, 5, 5000, 70_000, .max])
    if !snapshots.isEmpty {
      let place = Int(image.header.snapshotsOffset)
      damages += wide("entries of a snapshot's L1 table", place + 8, [0, 1, 3, 1000, .max])
      damages += wide("names of a snapshot", place + 12, [0, 1, 1 << 16, 0x7FFF_7FFF, .max])
      damages += wide("VM state of a snapshot", place + 32, [1, 4096, .max])
      damages += wide("extra data of a snapshot", place + 36, [0, 8, 15, 16, 32, 1024, 1025, .max])
    }
    return damages
  }

  private func countDamages() -> [SweptDamage] {
    let highest = image.geometry.maximumRefcount
    return structures.flatMap { structure in
      [0, 1, 2, 3, highest].filter { $0 <= highest }.map { count in
        SweptDamage(name: "the count of \(structure.name): \(count)") { image in
          try image.setRefcount(structure.offset >> UInt64(image.geometry.clusterBits), count)
        }
      }
    }
  }

  private func clusterDamages() -> [SweptDamage] {
    structures.filter { $0.offset != 0 && $0.name != "data" && $0.name != "compressed" }.flatMap { structure in
      (["zeros", "ones", "noise"]).map { content in
        SweptDamage(name: "\(structure.name) full of \(content)") { image in
          var random = Seeded(state: structure.offset)
          let start = Int(structure.offset)
          let end = min(start + min(Int(image.geometry.clusterSize), 64 << 10), image.bytes.count)
          for index in start..<end {
            image.bytes[index] =
              content == "zeros" ? 0 : content == "ones" ? 0xFF : UInt8.random(in: 0...255, using: &random)
          }
        }
      }
    }
  }

  private func cutDamages() -> [SweptDamage] {
    let size = Int(image.geometry.clusterSize)
    return [1, 512, size / 2, size, 2 * size, 5 * size, 9 * size].map { count in
      SweptDamage(name: "cut off: \(count) bytes") { image in
        image.bytes.removeLast(min(count, max(0, image.bytes.count - 2 * size)))
      }
    }
  }

  /// A few places of the metadata with a few random bytes each.
  func random(_ seed: UInt64) -> SweptDamage {
    let structures = structures.filter { $0.name != "data" && $0.name != "compressed" }
    return SweptDamage(name: "random damage \(seed)") { image in
      var random = Seeded(state: seed)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let structure = structures[Int.random(in: 0..<structures.count, using: &random)]
        // Of the header: what leads to tables.
        let fields = [40, 44, 48, 52, 56, 60, 64, 68]
        let depth = min(Int(image.geometry.clusterSize), Bool.random(using: &random) ? 64 : 1024)
        let start =
          structure.offset == 0
          ? fields[Int.random(in: 0..<fields.count, using: &random)]
          : Int(structure.offset) + Int.random(in: 0..<depth, using: &random)
        for index in start..<min(start + Int.random(in: 1...4, using: &random), image.bytes.count) {
          image.bytes[index] =
            Bool.random(using: &random)
            ? image.bytes[index] ^ (1 << UInt8.random(in: 0..<8, using: &random))
            : UInt8.random(in: 0...255, using: &random)
        }
      }
    }
  }

  /// Each kind of damage at each kind of place.
  var all: [SweptDamage] { wordDamages() + fieldDamages() + countDamages() + clusterDamages() + cutDamages() }
}
