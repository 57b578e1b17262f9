import DiskImage
import Foundation
import Testing

@testable import Inventory

/// A folder with a base image and a pool, made with qemu-img.
private struct Folder: ~Copyable {
  let url = FileManager.default.temporaryDirectory.appending(path: "vireo-inventory-\(UUID())")

  init() throws {
    try FileManager.default.createDirectory(at: url.appending(path: "pool"), withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }

  func run(_ program: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) \(arguments)")
    return output
  }

  func observe(_ name: String, format: ImageFormat? = nil, sha256: String? = nil, copied: Bool = true)
    -> ObservedBaseImage
  {
    let copy = copied ? InventoryRequest.Copy(folder: path("pool"), name: "base") : nil
    let image = InventoryRequest.BaseImage(source: path(name), format: format, sha256: sha256, copy: copy)
    return BaseImageReader(image: image, references: ReferencePolicy(allowedFolders: [url.path])).observe()
  }
}

@Suite("base images")
struct BaseImageReaderTests {
  @Test("the checksum is the file's, as sha256sum prints it")
  func checksum() throws {
    let folder = try Folder()
    _ = try folder.run("qemu-img", "create", "-q", "-f", "qcow2", folder.path("base.qcow2"), "64M")
    let expected = try folder.run("sha256sum", folder.path("base.qcow2")).prefix { $0 != " " }
    let observed = folder.observe("base.qcow2")
    #expect(observed.sha256 == String(expected))
    #expect(observed.copy == nil)
    guard case .image(let chain) = observed.source else {
      Issue.record("\(observed.source)")
      return
    }
    #expect(chain.top.virtualSize == 64 << 20 && chain.top.format == .qcow2)
  }

  @Test(
    "a date that no clock has is compared like any other", arguments: [13_569_465_600, -62_135_596_800, 9_223_372_036])
  func dates(seconds: Int) throws {
    let folder = try Folder()
    _ = try folder.run("qemu-img", "create", "-q", "-f", "qcow2", folder.path("base.qcow2"), "64M")
    let sha256 = try #require(folder.observe("base.qcow2").sha256)
    let copy = folder.path("pool/base-\(sha256).qcow2")
    try FileManager.default.copyItem(atPath: folder.path("base.qcow2"), toPath: copy)
    // tmpfs and ext4 keep other ranges of dates; whatever they make of it has to be lived with.
    for path in [folder.path("base.qcow2"), copy] {
      let times = [timespec(tv_sec: seconds, tv_nsec: 5), timespec(tv_sec: seconds, tv_nsec: 5)]
      _ = utimensat(AT_FDCWD, path, times, 0)
    }
    let observed = folder.observe("base.qcow2")
    #expect(observed.sha256 == sha256 && observed.copy == copy)
  }

  @Test("a copy of the same length and time is known without reading the source")
  func knownCopy() throws {
    let folder = try Folder()
    _ = try folder.run("qemu-img", "create", "-q", "-f", "qcow2", folder.path("base.qcow2"), "64M")
    // Not the true checksum: what is found was not computed.
    let name = "base-\(String(repeating: "a", count: 64)).qcow2"
    _ = try folder.run("cp", "--preserve=timestamps", folder.path("base.qcow2"), folder.path("pool/\(name)"))
    #expect(folder.observe("base.qcow2").copy == folder.path("pool/\(name)"))
    _ = try folder.run("touch", folder.path("base.qcow2"))
    let changed = folder.observe("base.qcow2")
    #expect(changed.copy == nil && changed.sha256 != String(repeating: "a", count: 64))
  }

  @Test("with a checksum in the spec the copy is enough, and the source may be gone")
  func sourceGone() throws {
    let folder = try Folder()
    let sha256 = String(repeating: "b", count: 64)
    _ = try folder.run("qemu-img", "create", "-q", "-f", "raw", folder.path("pool/base-\(sha256).raw"), "1M")
    let observed = folder.observe("base.raw", sha256: sha256)
    #expect(observed.copy == folder.path("pool/base-\(sha256).raw"))
    #expect(observed.source == .missing)
  }

  @Test("a file that is not what its format says is unusable")
  func wrongFormat() throws {
    let folder = try Folder()
    _ = try folder.run("qemu-img", "create", "-q", "-f", "raw", folder.path("raw.img"), "1M")
    _ = try folder.run("qemu-img", "create", "-q", "-f", "vmdk", folder.path("disk.vmdk"), "1M")
    _ = try folder.run("qemu-img", "create", "-q", "-f", "qcow2", folder.path("base.qcow2"), "1M")
    for (name, format) in [("raw.img", .qcow2), ("disk.vmdk", nil), ("base.qcow2", .raw)] as [(String, ImageFormat?)] {
      guard case .unusable(.notA) = folder.observe(name, format: format, copied: false).source else {
        Issue.record("\(name) is \(folder.observe(name, format: format, copied: false).source)")
        continue
      }
    }
  }

  @Test("a backing file outside of what the spec names is not opened")
  func gate() throws {
    let folder = try Folder()
    _ = try folder.run(
      "qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/hostname", "-F", "raw", folder.path("evil.qcow2"),
      "1M")
    guard case .unusable(.referenceNotAllowed) = folder.observe("evil.qcow2", copied: false).source else {
      Issue.record("\(folder.observe("evil.qcow2", copied: false).source)")
      return
    }
  }

  @Test("a missing image is missing, a folder a folder")
  func absent() throws {
    let folder = try Folder()
    #expect(folder.observe("none.qcow2").source == .missing)
    #expect(folder.observe("pool", copied: false).source == .folder)
  }
}
