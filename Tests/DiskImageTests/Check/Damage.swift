// Damage of every class that a check can find, one row each; made by changing bytes of images that QEMU made.

import Foundation
import Synchronization
import Testing

@testable import DiskImage

/// An image with something wrong in it.
struct Damage: CustomTestStringConvertible, Sendable {
  enum Repair: Sendable {
    /// Nothing is left to complain of.
    case complete
    /// Something stays, and is said.
    case partial
    /// Nothing is touched, lest more is lost.
    case refused
  }

  let name: String
  var options: [String] = ["cluster_size=4k"]
  /// Where we count otherwise than QEMU, why.
  var differs: String?
  /// Whether QEMU finds nothing at all.
  var qemuAccepts = false
  var repair = Repair.complete
  var hasSnapshot = false
  /// Writes some of the image compressed.
  var isCompressed = false
  /// Whether all that the guest and the snapshots hold is there after the repair as before the damage.
  var keepsContent = false
  let change: @Sendable (inout ImageBytes) throws -> Void

  var testDescription: String { name }

  /// "image" of 1 MiB; guest clusters 0 to 31 hold data, 64 to 67 zeros in a place of their own, and 96 to 99 data again.
  /// With compression the clusters from 128 on are compressed.
  ///
  /// - Returns: what the disk and its snapshots held before the damage, where that stays.
  @discardableResult
  func build(_ folder: Folder) throws -> Visible? {
    let key = options.joined(separator: ",") + (hasSnapshot ? " snapshot" : "") + (isCompressed ? " compressed" : "")
    // Many rows damage the same image.
    let sound = try soundImages.withLock { known in
      if let image = known[key] { return image }
      let image = try makeSound()
      known[key] = image
      return image
    }
    try write(sound.bytes, to: folder("image"))
    try ImageBytes.edit(folder("image"), change)
    return keepsContent ? sound.content : nil
  }

  private func makeSound() throws -> (bytes: [UInt8], content: Visible) {
    let folder = try Folder()
    try makeQcow2(folder("image"), "4M", options)
    try qemuIO(
      folder("image"), "write -P 1 0 128k", "write -P 2 256k 16k", "write -z 256k 16k", "write -P 3 384k 16k",
      "write -P 8 3M 16k")
    if isCompressed {
      try qemuIO(folder("image"), "write -c -P 5 512k 64k", "write -c -P 6 576k 64k", "write -c -P 7 640k 64k")
    }
    if hasSnapshot {
      try run("qemu-img", "snapshot", "-c", "one", folder("image"))
      try qemuIO(folder("image"), "write -P 4 8k 8k")
    }
    return try (bytes(of: folder("image")), FilesOnDisk(paths: [folder("image")]).visible(folder("image")))
  }
}

private let soundImages = Mutex<[String: (bytes: [UInt8], content: Visible)]>([:])

let damages: [Damage] = refcountDamages + tableDamages + entryDamages + snapshotDamages

private let refcountDamages: [Damage] = [
  Damage(name: "leaked clusters") { image in
    let end = image.clusterCount
    for cluster in end..<end + 5 { try image.setRefcount(cluster, 1) }
  },
  Damage(
    name: "leaked clusters in 512-byte clusters, counts of 64 bits", options: ["cluster_size=512", "refcount_bits=64"]
  ) { image in
    // Where the blocks that are there go on.
    let end = image.clusterCount
    for cluster in end..<(end / 64 + 1) * 64 { try image.setRefcount(cluster, 7) }
  },
  Damage(name: "a count too high") { image in try image.setRefcount(image.hostCluster(3), 5) },
  Damage(name: "a count too low, not 0", hasSnapshot: true) { image in
    try image.setRefcount(image.hostCluster(20), 1)
  },
  Damage(name: "a count of 0 for data") { image in try image.setRefcount(image.hostCluster(3), 0) },
  Damage(name: "a count of 0 for data, 1-bit counts", options: ["cluster_size=4k", "refcount_bits=1"]) { image in
    try image.setRefcount(image.hostCluster(3), 0)
  },
  Damage(name: "a count of 0 for an L2 table") { image in
    try image.setRefcount(image.l2Table(0) >> UInt64(image.geometry.clusterBits), 0)
  },
  Damage(name: "a count of 0 for the header") { image in try image.setRefcount(0, 0) },
  Damage(name: "a count of 0 for a refcount block") { image in
    try image.setRefcount(image.refcountBlock(of: 0) >> 12, 0)
  },
  Damage(name: "a refcount block counted twice") { image in
    try image.setRefcount(image.refcountBlock(of: 0) >> 12, 2)
  },
  Damage(name: "a whole refcount block of zeros") { image in
    let place = Int(image.refcountBlock(of: 0))
    image.bytes.replaceSubrange(place..<place + 4096, with: [UInt8](repeating: 0, count: 4096))
  },
  Damage(name: "no refcount block") { image in image[word: image.header.refcountTableOffset] = 0 },
  Damage(
    name: "a refcount table entry with reserved bits",
    differs: "the block is not believed, where QEMU follows the rest of the entry"
  ) { image in
    image[word: image.header.refcountTableOffset] |= 4
  },
  Damage(name: "a refcount table entry inside a cluster", differs: "QEMU does not finish its check") { image in
    image[word: image.header.refcountTableOffset] += 512
  },
  Damage(name: "a refcount table entry beyond the file") { image in
    image[word: image.header.refcountTableOffset + 8] = 1 << 40
  },
  Damage(
    name: "a refcount table at the header", differs: "QEMU takes the header for a table", hasSnapshot: true,
    keepsContent: true
  ) { image in image.bytes.put(UInt64(0), at: 48) },
  Damage(
    name: "a refcount table just beyond the file", differs: "QEMU takes what is missing for zeros", hasSnapshot: true,
    keepsContent: true
  ) { image in image.bytes.put(image.clusterCount << 12, at: 48) },
  Damage(
    name: "a refcount table far beyond the file", differs: "QEMU takes what is missing for zeros", isCompressed: true,
    keepsContent: true
  ) { image in image.bytes.put(UInt64(1) << 50, at: 48) },
  Damage(
    name: "a refcount table of no clusters", differs: "QEMU counts in another way", hasSnapshot: true,
    keepsContent: true
  ) { image in image.bytes.put(UInt32(0), at: 56) },
  Damage(name: "a refcount table inside a cluster", differs: "QEMU does not open it", keepsContent: true) { image in
    image.bytes.put(image.header.refcountTableOffset + 512, at: 48)
  },
  Damage(name: "a refcount table that is too long", differs: "QEMU does not open it", keepsContent: true) { image in
    image.bytes.put(UInt32(1 << 20), at: 56)
  },
  Damage(
    name: "a refcount table that is the snapshot table", differs: "QEMU follows what is no table", hasSnapshot: true,
    keepsContent: true
  ) { image in image.bytes.put(image.header.snapshotsOffset, at: 48) },
  Damage(name: "a refcount block named twice", differs: "QEMU counts its second reference too") { image in
    image[word: image.header.refcountTableOffset + 8] = image[word: image.header.refcountTableOffset]
  },
]

private let tableDamages: [Damage] = [
  Damage(name: "an L1 entry without its flag") { image in image[word: image.l1Place(0)] &= ~Qcow2Entry.copied },
  Damage(name: "an L1 entry with a wrong flag", hasSnapshot: true) { image in
    // The second table is still shared with the snapshot.
    image[word: image.l1Place(1)] ^= Qcow2Entry.copied
  },
  Damage(
    name: "an L1 entry with flags and no table", differs: "QEMU takes the file's start for a table"
  ) { image in image[word: image.l1Place(0)] = Qcow2Entry.copied },
  Damage(name: "an L1 entry with reserved bits") { image in image[word: image.l1Place(0)] |= 1 << 60 },
  Damage(
    name: "an L2 table inside a cluster", differs: "QEMU takes the clusters that it begins in for a table",
    repair: .refused
  ) { image in image[word: image.l1Place(0)] += 512 },
  Damage(name: "an L2 table beyond the file", repair: .refused) { image in
    image[word: image.l1Place(0)] = 1 << 40 | Qcow2Entry.copied
  },
  Damage(name: "an L2 table named by two L1 entries", differs: "QEMU looks at the flags below it twice") { image in
    image[word: image.l1Place(1)] = image[word: image.l1Place(0)]
  },
  Damage(name: "an L2 table that is the L1 table", differs: "QEMU lets them share") { image in
    image[word: image.l1Place(1)] = image.header.l1TableOffset | Qcow2Entry.copied
  },
  Damage(
    name: "an L2 table that is data", differs: "what is read as its entries lies beyond the file", repair: .partial,
    hasSnapshot: true
  ) { image in
    image[word: image.l1Place(1)] = image.hostCluster(20) << 12
  },
  Damage(name: "an L2 table that is a snapshot's L1 table", differs: "QEMU lets them share", hasSnapshot: true) {
    image in
    image[word: image.l1Place(1)] = image[word: image.header.snapshotsOffset]
  },
  Damage(name: "data that is the header", differs: "QEMU lets them share") { image in
    // Only a compressed stream can be said to be at 0.
    image[word: image.l2Place(5)] = Qcow2Entry.compressed
  },
  Damage(name: "data that is the L1 table", differs: "QEMU lets them share") { image in
    image[word: image.l2Place(0)] = image.header.l1TableOffset | Qcow2Entry.copied
  },
  Damage(
    name: "data that is the L1 table, 1-bit counts", options: ["cluster_size=4k", "refcount_bits=1"],
    differs: "QEMU does not see the contradiction"
  ) { image in
    image[word: image.l2Place(0)] = image.header.l1TableOffset | Qcow2Entry.copied
  },
  Damage(name: "data that is an L2 table, in two places", differs: "QEMU lets them share", hasSnapshot: true) { image in
    image[word: image.l2Place(0)] = image.l2Table(0) | Qcow2Entry.copied
    image[word: image.l2Place(7)] = image.l2Table(0) | Qcow2Entry.copied
  },
  Damage(name: "data that is the snapshot table", differs: "QEMU lets them share", hasSnapshot: true) { image in
    image[word: image.l2Place(9)] = image.header.snapshotsOffset
  },
  Damage(name: "compressed data in an L2 table", differs: "QEMU lets them share", isCompressed: true) { image in
    let entry = Qcow2ClusterEntry(word: image[word: image.l2Place(130)], geometry: image.geometry)
    image[word: image.l2Place(130)] -= entry.compressedRange.lowerBound - image.l2Table(0)
  },
  Damage(name: "data that is a refcount block", differs: "QEMU sees the counts, not the contradiction") { image in
    image[word: image.l2Place(0)] = image.refcountBlock(of: 0) | Qcow2Entry.copied
  },
]

private let entryDamages: [Damage] = [
  Damage(name: "an L2 entry without its flag") { image in image[word: image.l2Place(3)] &= ~Qcow2Entry.copied },
  Damage(name: "a zero cluster without its flag") { image in image[word: image.l2Place(65)] &= ~Qcow2Entry.copied },
  Damage(name: "an L2 entry with a wrong flag", hasSnapshot: true) { image in
    image[word: image.l2Place(20)] |= Qcow2Entry.copied
  },
  Damage(name: "a zero cluster inside a cluster", hasSnapshot: true, keepsContent: true) { image in
    image[word: image.l2Place(65)] += 512
  },
  Damage(
    name: "a zero cluster in a version 2 image", options: ["cluster_size=4k", "compat=0.10"],
    differs: "QEMU notices when it reads it", qemuAccepts: true
  ) { image in image[word: image.l2Place(3)] |= 1 },
  Damage(
    name: "a zero cluster inside a cluster, in a version 2 image", options: ["cluster_size=4k", "compat=0.10"],
    differs: "QEMU counts two clusters", hasSnapshot: true
  ) { image in image[word: image.l2Place(3)] = (image[word: image.l2Place(3)] | 1) + 512 },
  Damage(name: "data just beyond the file") { image in
    image[word: image.l2Place(3)] = Qcow2Entry.copied | image.clusterCount << 12
  },
  Damage(name: "data some clusters beyond the file, of a snapshot too", hasSnapshot: true) { image in
    for cluster in 10..<16 { image[word: image.l2Place(cluster)] = (image.clusterCount + UInt64(cluster)) << 12 }
  },
  Damage(name: "an L2 entry with reserved bits") { image in image[word: image.l2Place(3)] |= 1 << 58
  },
  Damage(name: "data inside a cluster", repair: .partial) { image in image[word: image.l2Place(3)] += 512 },
  Damage(name: "data beyond the file", repair: .partial) { image in
    image[word: image.l2Place(3)] = Qcow2Entry.copied | 1 << 40
  },
  Damage(name: "two guest clusters in one place") { image in
    image[word: image.l2Place(4)] = image[word: image.l2Place(3)]
  },
  Damage(
    name: "more references than a count can say", options: ["cluster_size=4k", "refcount_bits=1"]
  ) {
    image in image[word: image.l2Place(4)] = image[word: image.l2Place(3)]
  },
  Damage(name: "compressed data with the flag of unshared clusters", isCompressed: true) { image in
    image[word: image.l2Place(130)] |= Qcow2Entry.copied
  },
  Damage(name: "compressed data beyond the file", repair: .partial, isCompressed: true) { image in
    image[word: image.l2Place(130)] |= 1 << 40
  },
  Damage(name: "a count of compressed clusters too low", isCompressed: true) { image in
    let entry = Qcow2ClusterEntry(word: image[word: image.l2Place(130)], geometry: image.geometry)
    try image.setRefcount(entry.hostClusters.lowerBound, 1)
  },
  Damage(
    name: "subclusters that are data and zeros at once", options: ["cluster_size=16k", "extended_l2=on"],
    repair: .partial
  ) { image in
    image[word: image.l2Place(1) + 8] = 0x0000_0001_0000_0001
  },
  Damage(
    name: "subclusters of data without a cluster", options: ["cluster_size=16k", "extended_l2=on"], repair: .partial
  ) { image in
    image[word: image.l2Place(40) + 8] = 1
  },
  Damage(
    name: "compressed data with subclusters", options: ["cluster_size=16k", "extended_l2=on"],
    differs: "its clusters count as used", repair: .partial, isCompressed: true
  ) { image in
    image[word: image.l2Place(33) + 8] = 1
  },
]

private let snapshotDamages: [Damage] = [
  Damage(name: "a snapshot's L1 table inside a cluster", repair: .refused, hasSnapshot: true) { image in
    image[word: image.header.snapshotsOffset] += 512
  },
  Damage(name: "a snapshot's L1 table of absurd length", repair: .refused, hasSnapshot: true) { image in
    image.bytes.put(UInt32(0x1000_0000), at: Int(image.header.snapshotsOffset) + 8)
  },
  Damage(name: "a snapshot's L1 table beyond the file", repair: .refused, hasSnapshot: true) { image in
    image[word: image.header.snapshotsOffset] = 1 << 40
  },
  Damage(
    name: "a snapshot table of entries that are not there", differs: "we count them once", hasSnapshot: true,
    keepsContent: true
  ) { image in
    image.bytes.put(UInt32(4), at: 60)
  },
  Damage(name: "a snapshot table of thousands", differs: "we count them once", hasSnapshot: true, keepsContent: true) {
    image in
    image.bytes.put(UInt32(5000), at: 60)
  },
  Damage(name: "a snapshot table of too many", differs: "we count them once", hasSnapshot: true, keepsContent: true) {
    image in
    image.bytes.put(UInt32(65_600), at: 60)
  },
  Damage(name: "a snapshot table beyond the file", differs: "we drop what is not there", hasSnapshot: true) { image in
    image.bytes.put(image.clusterCount << 12, at: 64)
  },
  Damage(name: "a snapshot table far beyond the file", differs: "we drop what is not there", hasSnapshot: true) {
    image in
    image.bytes.put(UInt64(1) << 50, at: 64)
  },
  Damage(name: "a snapshot table on the L1 table", differs: "we drop what is not there", hasSnapshot: true) { image in
    image.bytes.put(image.header.l1TableOffset, at: 64)
  },
  Damage(
    name: "a snapshot's L1 table just beyond the file", differs: "QEMU reads zeros there", hasSnapshot: true
  ) { image in
    image[word: image.header.snapshotsOffset] = image.clusterCount << 12
  },
  Damage(name: "a snapshot table of ones", differs: "we drop what is not there", hasSnapshot: true) { image in
    let place = Int(image.header.snapshotsOffset)
    image.bytes.replaceSubrange(place..<place + 64, with: [UInt8](repeating: 0xFF, count: 64))
  },
  Damage(name: "a snapshot with too much extra data", differs: "we drop what is not there", hasSnapshot: true) {
    image in
    image.bytes.put(UInt32(2000), at: Int(image.header.snapshotsOffset) + 36)
  },
  Damage(
    name: "a snapshot's L1 table that is too short", differs: "QEMU reads zeros behind it", qemuAccepts: true,
    hasSnapshot: true
  ) { image in
    image.bytes.put(UInt32(1), at: Int(image.header.snapshotsOffset) + 8)
  },
  Damage(
    name: "a snapshot of a disk that cannot be", differs: "QEMU does not look", qemuAccepts: true, hasSnapshot: true
  ) { image in image[word: image.header.snapshotsOffset + 48] = 1 << 60 },
  Damage(
    name: "a snapshot's L1 entry with flags and no table", differs: "QEMU takes the file's start for a table",
    hasSnapshot: true
  ) {
    image in image[word: image[word: image.header.snapshotsOffset] + 8] = Qcow2Entry.copied
  },
  Damage(name: "a snapshot's L1 entry with reserved bits", hasSnapshot: true, keepsContent: true) { image in
    image[word: image[word: image.header.snapshotsOffset]] |= 1 << 60
  },
  Damage(name: "a table of no snapshots that is nowhere", differs: "QEMU does not open it", keepsContent: true) {
    image in
    image.bytes.put(UInt64(512) << 1 | 7, at: 64)
  },
  Damage(name: "a version 3 snapshot without its disk size", hasSnapshot: true) { image in
    let place = Int(image.header.snapshotsOffset)
    image.bytes.put(UInt32(0), at: place + 36)
    // What was extra data becomes a part of the id.
    image.bytes.put(UInt16(image.bytes.bigEndian16(at: place + 12) + 24), at: place + 12)
  },
]
