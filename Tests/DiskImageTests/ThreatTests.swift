// What strangers' images try, threat by threat, where reading meets it; the writing side has its own suites.
//
// | threat | tests |
// | --- | --- |
// | 1 cluster_bits, refcount_order out of range | here; HeaderTests: cluster_bits 8, 22, 2^32 - 1, refcount_order 7 |
// | 2 counts that size tables | HeaderTests: L1, refcount and snapshot tables beyond QEMU's limits; here: a snapshot's L1 |
// | 3 offsets near 2^63 and 2^64 | HeaderTests: tables near 2^64; HostileDiskTests: highest offsets; here: a snapshot's L1 |
// | 4 tables behind the end of the file | HeaderTests, HostileDiskTests; here: what the file system calls zeros |
// | 5 header_length | HeaderTests: 103, 108, beyond the cluster, 2^32 - 8 |
// | 6 extension lengths that wrap | HeaderTests: longer than the header, wrapping when rounded |
// | 7 thousands of extensions, names, snapshots | here |
// | 8 unknown incompatible bits | HeaderTests: named from the image's own table, escaped; here: nothing is read |
// | 9 names that act | BackingChainTests: NUL, invalid UTF-8; ImageInfoTests: messages; ImageRunTests: escaped on a terminal |
// | 13 compressed streams | HostileDiskTests: garbage, short, bombs, mutations |
// | 14 one table for many ranges | here |
// | 15 huge sparse files | here |
// | 16 backing loops, depth | BackingChainTests: loops, depth; here: opening for reading |
// | 17 references outside | BackingChainTests: policy; here: data files |
// | 18 references that are no files | BackingChainTests: protocols; JSONBackingNameTests; here: data files |
// | 19 FIFOs, devices, folders | BackingChainTests: notFiles; ImageInfoTests: notFiles; here: data files |
// | 20 probing | BackingChainTests: rawStaysRaw, formatMissing; ImageInfoTests: declaredRaw; here: a raw disk's content |
// | 21 info that opens references | here |
// | 22 data file and raw bit | DataFileTests: refused; here: behind a backing file |
// | 23 images in use | ImageLockTests; GuestDiskTests, DataFileTests: locks |
// | 24 images that are swapped | here |
// | 29 ids and names of snapshots | here |
// | 30 conversion over an existing file | ConversionFailureTests: existing; here: a link to the source |

import Foundation
import Testing

@testable import DiskImage

@Suite("Threats to reading")
struct ThreatTests {
  /// An image of 1 MiB whose first 128 KiB hold data, with two snapshots, as bytes.
  private static func sample(_ folder: Folder) throws -> [UInt8] {
    try makeQcow2(folder("image"), "1M")
    try qemuIO(folder("image"), "write -P 6 0 128k")
    for name in ["one", "two"] { try run("qemu-img", "snapshot", "-c", name, folder("image")) }
    return try bytes(of: folder("image"))
  }

  private static func expectMalformed(
    _ field: String, sourceLocation: SourceLocation = #_sourceLocation, _ work: () throws -> Void
  ) throws {
    let error = #expect(throws: ImageError.self, sourceLocation: sourceLocation) { try work() }
    guard case .malformed(_, let found, _, _)? = error, found.hasPrefix(field) else {
      Issue.record("\(String(describing: error))", sourceLocation: sourceLocation)
      return
    }
  }

  @Test("1: shifts of any width are refused before anything is derived from them", arguments: [20, 96])
  func shifts(field: Int) throws {
    let folder = try Folder()
    let original = try Self.sample(folder)
    for bits: UInt32 in [7, 31, 63, 64, 255, 1 << 31, .max] where field == 96 || !(9...21).contains(bits) {
      var image = original
      image.put(bits, at: field)
      try write(image, to: folder("image"))
      try Self.expectMalformed(field == 20 ? "cluster_bits" : "refcount_order") {
        _ = try GuestDisk.open(path: folder("image"), format: .qcow2)
      }
    }
  }

  @Test(
    "2, 3, 4: a snapshot's L1 table of any size at any place is read inside of the file or not at all",
    arguments: [
      (0, UInt64(1) << 40), (0, UInt64.max - 65535), (0, UInt64(1) << 63), (0, 8), (8, UInt64(UInt32.max) << 32),
      (8, UInt64(4_194_305) << 32), (8, 0),
    ])
  func snapshotTables(place: Int, value: UInt64) throws {
    let folder = try Folder()
    var image = try Self.sample(folder)
    let table = Int(image.bigEndian64(at: 64))
    if place == 0 { image.put(value, at: table) } else { image.put(UInt32(value >> 32), at: table + 8) }
    try write(image, to: folder("image"))
    try Self.expectMalformed("L1 table of snapshot") {
      _ = try GuestDisk.open(path: folder("image"), format: .qcow2, snapshot: .name("one"))
    }
    // The disk itself has no part in it.
    #expect(
      try content(of: GuestDisk.open(path: folder("image"), format: .qcow2)).prefix(131072).allSatisfy { $0 == 6 })
  }

  @Test("4: a file that was cut off is damaged, not empty", arguments: [0, 1, 2, 3])
  func cut(part: Int) throws {
    let folder = try Folder()
    let image = try Self.sample(folder)
    let l1 = Int(image.bigEndian64(at: 40))
    let l2 = Int(image.bigEndian64(at: l1) & Qcow2Limit.hostOffsetMask)
    let ends = [Int(image.bigEndian64(at: 48)), l1, l2, l2 + 8]
    try write(Array(image[..<ends[part]]), to: folder("image"))
    let error = #expect(throws: ImageError.self) {
      try content(of: GuestDisk.open(path: folder("image"), format: .qcow2))
    }
    guard case .malformed? = error else { throw ToolFailure(text: String(describing: error)) }
  }

  @Test("7: a header cluster full of extensions takes no longer than it is large")
  func extensions() throws {
    var header = Qcow2Header()
    header.clusterBits = 21
    header.size = 1 << 20
    header.extensions = (0..<200_000).map { Qcow2Extension(type: 0x7000_0000 + $0, data: [], padding: []) }
    let image = try NewQcow2Image(header, path: "crafted")
    var content = [UInt8](repeating: 0, count: Int(image.length))
    for part in image.parts {
      content.replaceSubrange(Int(part.offset)..<Int(part.offset) + part.bytes.count, with: part.bytes)
    }
    let source = MemorySource(name: "crafted", bytes: content)
    var count = 0
    #expect(try processorSeconds { count = try Qcow2Header(from: source).extensions.count } < 20)
    #expect(count == 200_000)
    // And with as many names as fit, of which one is wanted.
    content.put(UInt64(1) << 63, at: 72)
    content.put(Qcow2Extension.Kind.featureNames.rawValue, at: 112)
    content.put(UInt32(2 << 20 - 200), at: 116)
    let named = MemorySource(name: "crafted", bytes: content)
    let time = processorSeconds { #expect(throws: ImageError.self) { try Qcow2Header(from: named) } }
    #expect(time < 20)
  }

  @Test("7: as many snapshots as there can be take no longer than their table is large")
  func snapshots() throws {
    let folder = try Folder()
    var image = try Self.sample(folder)
    let table = image.count.roundedUp(to: 65536)
    image += [UInt8](repeating: 0, count: table - image.count + 65_536 * 56)
    for number in 0..<65_536 { image.put(UInt32(16), at: table + 56 * number + 36) }
    image.put(UInt32(65_536), at: 60)
    image.put(UInt64(table), at: 64)
    let source = MemorySource(name: "crafted", bytes: image)
    var count = 0
    let time = try processorSeconds {
      count = try Qcow2SnapshotTable(Qcow2Header(from: source), of: source).snapshots.count
    }
    #expect(count == 65_536 && time < 20)
  }

  @Test("8: an image with an unknown feature is not read at all")
  func unknownFeatures() throws {
    let folder = try Folder()
    let original = try Self.sample(folder)
    for bit in 5..<64 {
      var image = original
      image.put(UInt64(1) << UInt64(bit), at: 72)
      let source = MemorySource(name: "crafted", bytes: image)
      let error = #expect(throws: ImageError.self) { try ImageInfo.read(from: source) }
      guard case .unsupported(_, let feature, _)? = error, feature.hasPrefix("feature bit \(bit)") else {
        throw ToolFailure(text: String(describing: error))
      }
    }
  }

  @Test("9: a name that no file can have leads nowhere", arguments: [[0x61, 0, 0x62], [0xFF]] as [[UInt8]])
  func names(name: [UInt8]) throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M", ["data_file=\(folder("data"))"])
    try patchDataFileName(folder("image"), name)
    let info = try ImageInfo.read(path: folder("image"), format: .qcow2)
    #expect(info.qcow2?.dataFile?.description.contains("\0") == false)
    #expect(throws: ImageError.self) {
      try GuestDisk.open(
        path: folder("image"), format: .qcow2, references: .init(allowedFolders: nil, allowsDataFiles: true))
    }
  }

  @Test("22: a data file without a name, and bitmaps with their reserved field set, are faults, and nothing is written")
  func faultyExtensions() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    try patch(folder("image")) { $0[79] = 4 }
    try makeQcow2(folder("bitmaps"), "1M")
    try run("qemu-img", "bitmap", "--add", folder("bitmaps"), "map")
    var image = try bytes(of: folder("bitmaps"))
    let place = try #require((112..<1024).first { image.bigEndian32(at: $0) == Qcow2Extension.Kind.bitmaps.rawValue })
    image.put(UInt32(1), at: place + 12)
    try write(image, to: folder("bitmaps"))
    for name in ["image", "bitmaps"] {
      let path = folder(name)
      let before = try bytes(of: path)
      try Self.expectMalformed(name == "image" ? "incompatible_features" : "bitmaps") {
        _ = try ImageCheck.check(path: path)
      }
      #expect(throws: ImageError.self) { try ImageCheck.check(path: path, repair: .all) }
      #expect(throws: ImageError.self) { try ImageSnapshots.create(named: "one", path: path) }
      #expect(throws: ImageError.self) { try ImageResize.resize(path: path, format: .qcow2, to: 2 << 20) }
      #expect(throws: ImageError.self) { try ImageInfo.read(path: path, format: .qcow2) }
      #expect(try bytes(of: path).isSame(as: before))
      #expect(try run(["qemu-img", "check", path], expecting: nil).status == 1)
    }
  }

  @Test("13: a stream is read inside of its slot and the file, whatever its entry says")
  func streams() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    try qemuIO(folder("image"), "write -c -P 5 0 64k")
    var image = try bytes(of: folder("image"))
    let table = Int(image.bigEndian64(at: Int(image.bigEndian64(at: 40))) & Qcow2Limit.hostOffsetMask)
    // The largest slot there can be: what lies behind the file's end is not waited for.
    image.put(image.bigEndian64(at: table) | 0xFF << 54, at: table)
    try write(image, to: folder("image"))
    #expect(try content(of: GuestDisk.open(path: folder("image"), format: .qcow2)).prefix(65536).allSatisfy { $0 == 5 })
  }

  @Test("14: an L1 table that leads to one L2 table again and again is refused")
  func fanOut() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "4T")
    try qemuIO(folder("image"), "write -P 6 0 64k")
    var image = try bytes(of: folder("image"))
    let l1 = Int(image.bigEndian64(at: 40))
    let word = image.bigEndian64(at: l1)
    for index in 0..<8192 { image.put(word, at: l1 + 8 * index) }
    try write(image, to: folder("image"))
    let time = try processorSeconds {
      try Self.expectMalformed("L1 table") { _ = try ImageMapTests.read(folder("image"), .qcow2) }
    }
    #expect(time < 5)
  }

  @Test("15: a file as long as the file system allows is mapped by what it holds")
  func sparse() throws {
    let folder = try Folder()
    for size in ["8T", "1T", "1G"] {
      try makeQcow2(folder("image"), "1M", ["cluster_size=512"])
      try qemuIO(folder("image"), "write -P 6 0 64k")
      guard try run(["truncate", "-s", size, folder("image")], expecting: nil).status == 0 else { continue }
      var map: [ImageMap.Extent] = []
      #expect(try processorSeconds { map = try ImageMapTests.read(folder("image"), .qcow2) } < 20)
      #expect(map.first?.data == true && map.map(\.length).reduce(0, +) == 1 << 20)
      try run("truncate", "-s", size, folder("raw"))
      #expect(try processorSeconds { map = try ImageMapTests.read(folder("raw"), .raw) } < 20)
      #expect(map.count == 1)
      return
    }
  }

  @Test("15: a disk of petabytes is walked by its tables")
  func largestDisk() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "64P", ["cluster_size=2M"])
    var map: [ImageMap.Extent] = []
    #expect(try processorSeconds { map = try ImageMapTests.read(folder("image"), .qcow2) } < 20)
    #expect(map.map(\.length) == [64 << 50])
  }

  @Test(
    "16: a chain that comes back to itself is not opened, by name, link or hard link",
    arguments: ["image", "soft", "hard"])
  func loops(name: String) throws {
    let folder = try Folder()
    try makeQcow2(folder("base"), "1M")
    try makeQcow2(folder("image"), "1M", base: (folder("base"), "qcow2"))
    try run("ln", "-s", "image", folder("soft"))
    try run("ln", folder("image"), folder("hard"))
    try run("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", name, folder("image"))
    let error = #expect(throws: ImageError.self) { try GuestDisk.open(path: folder("image"), format: .qcow2) }
    guard case .chainLoop? = error else { throw ToolFailure(text: String(describing: error)) }
  }

  @Test("16: a data file that is an image of the chain is not opened", arguments: ["image", "base"])
  func dataFileLoop(name: String) throws {
    let folder = try Folder()
    try makeQcow2(folder("base"), "1M")
    try makeQcow2(folder("image"), "1M", ["data_file=\(folder("data"))"], base: (folder("base"), "qcow2"))
    try patchDataFileName(folder("image"), Array(name.utf8))
    let error = #expect(throws: ImageError.self) {
      try GuestDisk.open(
        path: folder("image"), format: .qcow2, references: .init(allowedFolders: nil, allowsDataFiles: true))
    }
    guard case .chainLoop? = error else { throw ToolFailure(text: String(describing: error)) }
  }

  /// A data file's name, and whether a policy of the image's folder follows it.
  static let dataFileNames: [(name: String, label: String)] = [
    ("/etc/passwd", "referenceNotAllowed"), ("../secret", "referenceNotAllowed"), ("link", "referenceNotAllowed"),
    ("none", "notFound"), ("fifo", "notAnImageFile"), ("inner", "notAnImageFile"),
    ("nbd:localhost:1", "referenceUnsupported"),
    ("http://h/a", "referenceUnsupported"), ("fat:/etc", "referenceUnsupported"), ("/dev/fd/0", "referenceNotAllowed"),
    (#"json:{"driver":"nbd"}"#, "referenceUnsupported"), ("file:relative", "referenceUnsupported"),
    (#"json:{"driver":"qcow2","file.filename":"/a"}"#, "referenceUnsupported"),
  ]

  @Test("17, 18, 19: a data file is a regular file where it may be, or nothing is opened", arguments: dataFileNames)
  func dataFiles(name: String, label: String) throws {
    let folder = try Folder()
    for name in ["pool", "pool/inner"] {
      try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: false)
    }
    try run("truncate", "-s", "1M", folder("secret"))
    try run("ln", "-s", "../secret", folder("pool/link"))
    #expect(mkfifo(folder("pool/fifo"), 0o600) == 0)
    try makeQcow2(folder("pool/image"), "1M", ["data_file=\(folder("pool/data"))"])
    try patchDataFileName(folder("pool/image"), Array(name.utf8))
    let error = #expect(throws: ImageError.self) {
      try GuestDisk.open(
        path: folder("pool/image"), format: .qcow2,
        references: .init(allowedFolders: [folder("pool")], allowsDataFiles: true))
    }
    #expect(error.flatMap { Mirror(reflecting: $0).children.first?.label } == label, "\(String(describing: error))")
  }

  @Test("20: a raw disk is its bytes, whatever they look like")
  func probing() throws {
    let folder = try Folder()
    let image = try Self.sample(folder)
    let disk = try GuestDisk.open(path: folder("image"), format: .raw)
    #expect(try content(of: disk).prefix(image.count).elementsEqual(image))
    try makeQcow2(folder("top"), "1M", base: (folder("image"), "raw"))
    #expect(try content(of: GuestDisk.open(path: folder("top"), format: .qcow2)).starts(with: image.prefix(1 << 20)))
  }

  @Test("21: info opens the image and nothing that it names")
  func info() throws {
    let folder = try Folder()
    // Opening a FIFO for reading would wait for a writer, and be seen by one.
    #expect(mkfifo(folder("fifo"), 0o600) == 0)
    try run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "fifo", "-F", "raw", folder("image"), "1M")
    let info = try ImageInfo.read(path: folder("image"))
    #expect(info.backingFile == StoredName("fifo") && info.backingPath == folder("fifo"))
    try makeQcow2(folder("other"), "1M", ["data_file=\(folder("data"))"])
    try patchDataFileName(folder("other"), Array("fifo".utf8))
    #expect(try ImageInfo.read(path: folder("other")).qcow2?.dataFile == StoredName("fifo"))
    #expect(try LUKSInfo.read(of: ImageInfo.read(path: folder("other"))) == nil)
    #expect(open(folder("fifo"), O_WRONLY | O_NONBLOCK) == -1 && errno == ENXIO)
  }

  @Test("22: a data file behind a backing file needs the caller's word too")
  func dataFileBelow() throws {
    let folder = try Folder()
    try makeQcow2(folder("base"), "1M", ["data_file=\(folder("data"))", "data_file_raw=on"])
    try makeQcow2(folder("image"), "1M", base: (folder("base"), "qcow2"))
    let error = #expect(throws: ImageError.self) { try GuestDisk.open(path: folder("image"), format: .qcow2) }
    guard case .unsupported? = error else { throw ToolFailure(text: String(describing: error)) }
  }

  @Test("24: what was opened is what is read, whatever takes its name meanwhile")
  func swapped() throws {
    let folder = try Folder()
    for (name, byte) in [("base", 5), ("other", 6)] {
      try makeQcow2(folder(name), "1M")
      try qemuIO(folder(name), "write -P \(byte) 0 1M")
    }
    try makeQcow2(folder("image"), "1M", base: (folder("base"), "qcow2"))
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2)
    #expect(rename(folder("other"), folder("base")) == 0)
    try run("ln", "-sf", "/etc/passwd", folder("image"))
    #expect(try content(of: disk).allSatisfy { $0 == 5 })
  }

  @Test("29: a word that fits two snapshots is refused, and so is one that fits none")
  func snapshotNames() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    // Ids count from 1: the first one's name is the second one's id.
    for name in ["2", "two", "two"] {
      _ = try run(["qemu-img", "snapshot", "-c", name, folder("image")], expecting: nil)
    }
    func open(_ selector: SnapshotSelector) throws(ImageError) {
      _ = try GuestDisk.open(path: folder("image"), format: .qcow2, snapshot: selector)
    }
    try open(.name("2"))
    try open(.id("2"))
    for selector in [SnapshotSelector.either("2"), .either("3x"), .id("02"), .name(""), .name("two\0")] {
      let error = #expect(throws: ImageError.self) { try open(selector) }
      switch error {
      case .ambiguousSnapshot? where selector == .either("2"): break
      case .invalidRequest? where selector != .either("2"): break
      default: throw ToolFailure(text: String(describing: error))
      }
    }
  }

  @Test("30: a link to the source is not written to")
  func links() throws {
    let folder = try Folder()
    let before = try Self.sample(folder)
    try run("ln", "-s", "image", folder("soft"))
    try run("ln", folder("image"), folder("hard"))
    for name in ["soft", "hard", "image"] {
      #expect(throws: ImageError.alreadyExists(path: folder(name))) {
        try ImageConversion(.init(path: folder("image"), format: .qcow2), to: ImageCreation(format: .raw))
          .convert(to: folder(name))
      }
    }
    #expect(try bytes(of: folder("image")) == before)
  }
}

extension Int {
  fileprivate func roundedUp(to step: Int) -> Int { (self + step - 1) / step * step }
}
