// An image file's bytes with names for its tables: for tests that make damage.

import Foundation

@testable import DiskImage

/// A qcow2 image in memory, to be damaged.
struct ImageBytes {
  var bytes: [UInt8]
  var header: Qcow2Header
  var geometry: Qcow2Geometry { header.geometry }

  init(path: String) throws {
    bytes = try DiskImageTests.bytes(of: path)
    header = try Qcow2Header(from: MemorySource(name: path, bytes: bytes))
  }

  /// Changes an image's file.
  static func edit(_ path: String, _ change: (inout Self) throws -> Void) throws {
    var image = try Self(path: path)
    try change(&image)
    try write(image.bytes, to: path)
  }

  /// Clusters that the file begins.
  var clusterCount: UInt64 { geometry.clusters(for: UInt64(bytes.count)) }

  subscript(word offset: UInt64) -> UInt64 {
    get { Int(offset) + 8 <= bytes.count ? bytes.bigEndian64(at: Int(offset)) : 0 }
    set {
      extend(to: offset + 8)
      bytes.put(newValue, at: Int(offset))
    }
  }

  mutating func extend(to end: UInt64) {
    if bytes.count < Int(end) { bytes += [UInt8](repeating: 0, count: Int(end) - bytes.count) }
  }

  /// Where the refcount block of a cluster is.
  func refcountBlock(of cluster: UInt64) -> UInt64 {
    self[word: header.refcountTableOffset + cluster / geometry.refcountsPerBlock * 8]
  }

  private func block(of cluster: UInt64) throws -> RefcountBlock {
    let place = Int(refcountBlock(of: cluster))
    guard place > 0 else { throw ToolFailure(text: "no refcount block for cluster \(cluster)") }
    var content = Array(bytes[place..<min(place + Int(geometry.clusterSize), bytes.count)])
    content += [UInt8](repeating: 0, count: Int(geometry.clusterSize) - content.count)
    return RefcountBlock(bytes: content, order: geometry.refcountOrder)
  }

  func refcount(_ cluster: UInt64) throws -> UInt64 {
    try block(of: cluster)[Int(cluster % geometry.refcountsPerBlock)]
  }

  /// Sets the stored refcount of a cluster; the file becomes long enough to have it.
  mutating func setRefcount(_ cluster: UInt64, _ count: UInt64) throws {
    var block = try block(of: cluster)
    block[Int(cluster % geometry.refcountsPerBlock)] = count
    let place = refcountBlock(of: cluster)
    extend(to: max(place, cluster << UInt64(geometry.clusterBits)) + geometry.clusterSize)
    bytes.replaceSubrange(Int(place)..<Int(place) + block.bytes.count, with: block.bytes)
  }

  /// Place in the file of an entry of the active L1 table.
  func l1Place(_ index: Int) -> UInt64 { header.l1TableOffset + UInt64(index) * 8 }

  /// Place in the file of the L2 entry of a guest cluster below the active L1 table.
  func l2Place(_ guestCluster: Int) -> UInt64 {
    let table = self[word: l1Place(guestCluster / geometry.l2Entries)] & Qcow2Limit.hostOffsetMask
    return table + UInt64(guestCluster % geometry.l2Entries * geometry.l2EntrySize)
  }

  /// Offset of the L2 table of a guest cluster.
  func l2Table(_ guestCluster: Int) -> UInt64 {
    self[word: l1Place(guestCluster / geometry.l2Entries)] & Qcow2Limit.hostOffsetMask
  }

  /// The host cluster of a guest cluster.
  func hostCluster(_ guestCluster: Int) -> UInt64 {
    (self[word: l2Place(guestCluster)] & Qcow2Limit.hostOffsetMask) >> UInt64(geometry.clusterBits)
  }
}
