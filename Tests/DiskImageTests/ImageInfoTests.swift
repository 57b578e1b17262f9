// Reading images: agreement with qemu-img info, and what is not an image.

import Foundation
import SystemCalls
import Testing

@testable import DiskImage

@Suite("Reading images")
struct ImageInfoTests {
  @Test(
    "info agrees with qemu-img",
    arguments: [
      [], ["compat=0.10"], ["cluster_size=4k"], ["cluster_size=2M", "refcount_bits=64"], ["extended_l2=on"],
      ["compression_type=zstd"], ["lazy_refcounts=on"], ["refcount_bits=8"],
    ])
  func agrees(options: [String]) throws {
    let folder = try Folder()
    try create(folder, "12345856", options.isEmpty ? [] : ["-o", options.joined(separator: ",")])
    try qemuIO(folder("image"), "write 0 1M")
    let told = try qemuInfo(folder("image"))
    let details = try #require((told["format-specific"] as? [String: Any])?["data"] as? [String: Any])
    let info = try ImageInfo.read(path: folder("image"))
    let qcow2 = try #require(info.qcow2)
    #expect(info.virtualSize == told["virtual-size"] as? UInt64)
    #expect(info.bytesOnDisk == told["actual-size"] as? UInt64)
    #expect(qcow2.clusterSize == told["cluster-size"] as? UInt64)
    #expect(qcow2.dirty == told["dirty-flag"] as? Bool)
    #expect(qcow2.compat == details["compat"] as? String)
    #expect(qcow2.compression.rawValue == details["compression-type"] as? String)
    #expect(qcow2.refcountBits == details["refcount-bits"] as? Int)
    #expect(qcow2.lazyRefcounts == (details["lazy-refcounts"] as? Bool ?? false))
    #expect(qcow2.extendedL2 == (details["extended-l2"] as? Bool ?? false))
    #expect(qcow2.corrupt == (details["corrupt"] as? Bool ?? false))
    var status = stat()
    #expect(stat(folder("image"), &status) == 0)
    #expect(info.identity == FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
    #expect(info.modified == Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
    #expect(info.fileLength == UInt64(status.st_size))
  }

  @Test("snapshots, encryption and data files are reported, and nothing else is opened")
  func features() throws {
    let folder = try Folder()
    try create(folder, "1M")
    try run("qemu-img", "snapshot", "-c", "one", folder("image"))
    try run("qemu-img", "snapshot", "-c", "two", folder("image"))
    #expect(try ImageInfo.read(path: folder("image")).qcow2?.snapshotCount == 2)
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("luks"), "1M")
    try patch(folder("luks")) {
      $0.put(UInt32(2), at: 32)
      $0.put(UInt32(0x0537_BE77), at: 112)
      $0.put(UInt32(16), at: 116)
      $0.put(UInt64(65536), at: 120)
      $0.put(UInt64(592), at: 128)
      $0.put(UInt64(0), at: 136)
    }
    #expect(try ImageInfo.read(path: folder("luks")).qcow2?.encryption == .luks)
    try run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=\(folder("data"))", folder("split"), "1M")
    try FileManager.default.removeItem(atPath: folder("data"))
    let split = try #require(try ImageInfo.read(path: folder("split")).qcow2)
    #expect(split.hasExternalDataFile && split.dataFile?.string == folder("data"))
  }

  @Test("a declared raw image is never taken for something else, but its looks are reported")
  func declaredRaw() throws {
    let folder = try Folder()
    try create(folder, "1M")
    let info = try ImageInfo.read(path: folder("image"), format: .raw)
    #expect(info.format == .raw && info.looksLike == .qcow2 && info.qcow2 == nil)
    #expect(info.virtualSize == info.fileLength.roundedUp(to: 512))
  }

  @Test(
    "a declared qcow2 image must be one; what it looks like instead is named",
    arguments: [
      ("vmdk", RecognisedFormat.vmdk), ("vdi", .vdi), ("vhdx", .vhdx), ("vpc", .vhd),
    ])
  func foreign(name: String, format: RecognisedFormat) throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", name, folder("a"), "8M")
    #expect(throws: ImageError.notA(.qcow2, path: folder("a"), looksLike: format)) {
      try ImageInfo.read(path: folder("a"), format: .qcow2)
    }
    let detected = try ImageInfo.read(path: folder("a"))
    #expect(detected.format == .raw && detected.looksLike == format)
  }

  @Test(
    "compressed files and LUKS volumes are recognised",
    arguments: [
      ([0x1F, 0x8B, 0x08, 0], RecognisedFormat.gzip), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], .xz),
      ([0x28, 0xB5, 0x2F, 0xFD], .zstd), ([0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE, 0, 1], .luks),
      (Array("# Disk DescriptorFile\n".utf8), .vmdk),
    ] as [([UInt8], RecognisedFormat)])
  func magics(start: [UInt8], format: RecognisedFormat) {
    #expect(RecognisedFormat(start: start) == format)
    #expect(RecognisedFormat(start: Array(start.dropLast(start.count - 2))) == nil)
  }

  @Test("FIFOs, folders, devices and missing files are refused at once")
  func notFiles() throws {
    let folder = try Folder()
    #expect(mkfifo(folder("fifo"), 0o600) == 0)
    #expect(throws: ImageError.notAnImageFile(path: folder("fifo"), kind: .fifo)) {
      try ImageInfo.read(path: folder("fifo"))
    }
    #expect(throws: ImageError.notAnImageFile(path: folder.path, kind: .directory)) {
      try ImageInfo.read(path: folder.path)
    }
    #expect(throws: ImageError.notAnImageFile(path: "/dev/null", kind: .characterDevice)) {
      try ImageInfo.read(path: "/dev/null")
    }
    #expect(throws: ImageError.notFound(path: folder("none"))) { try ImageInfo.read(path: folder("none")) }
  }

  @Test("messages escape what images and paths bring along, and say what to do")
  func messages() {
    let name = StoredName(bytes: Array("evil\u{1B}[2J\nname".utf8))
    #expect(name.description == "evil\\x1b[2J\\x0aname")
    #expect(StoredName(bytes: [0x61, 0xFF, 0x0A]).description == "a\\xff\\x0a")
    #expect(StoredName(bytes: [0x61, 0xFF]).string == nil && StoredName(bytes: [0x61, 0]).string == nil)
    let error = ImageError.locked(path: "/a\nb", by: [LockHolder(pid: 7, program: "qemu")])
    #expect(
      error.description
        == "/a\\x0ab: is in use by qemu (process 7); stop the domain or tool that uses it, then try again")
  }
}

extension UInt64 {
  func roundedUp(to step: UInt64) -> UInt64 { (self + step - 1) / step * step }
}
