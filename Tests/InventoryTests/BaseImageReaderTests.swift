import DiskImage
import Foundation
import Synchronization
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

  /// - Parameter read: counts how many files were read in full.
  func observe(
    _ name: String, format: ImageFormat? = nil, sha256: String? = nil, copied: Bool = true,
    read: @escaping @Sendable (String) -> Void = { _ in }
  ) -> ObservedBaseImage {
    let copy = copied ? InventoryRequest.Copy(folder: path("pool"), name: "base") : nil
    let image = InventoryRequest.BaseImage(source: path(name), format: format, sha256: sha256, copy: copy)
    return BaseImageReader(
      image: image, references: ReferencePolicy(allowedFolders: [url.path]),
      copies: BaseCopies(folder: path("verified"))
    ) { if case .hashed(let path) = $0 { read(path) } }.observe()
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

  /// A base image, and its copy in the pool.
  private func withCopy(_ folder: borrowing Folder) throws -> (sha256: String, copy: String) {
    _ = try folder.run("qemu-img", "create", "-q", "-f", "qcow2", folder.path("base.qcow2"), "64M")
    let sha256 = String(try folder.run("sha256sum", folder.path("base.qcow2")).prefix { $0 != " " })
    let copy = folder.path("pool/base-\(sha256).qcow2")
    _ = try folder.run("cp", "--preserve=timestamps", folder.path("base.qcow2"), copy)
    return (sha256, copy)
  }

  @Test("a copy of the same length and time is read once, and then known without reading it or the source")
  func knownCopy() throws {
    let folder = try Folder()
    let (sha256, copy) = try withCopy(folder)
    let reads = Mutex<[String]>([])
    let note: @Sendable (String) -> Void = { path in reads.withLock { $0.append(path) } }
    #expect(folder.observe("base.qcow2", read: note).copy == copy)
    #expect(folder.observe("base.qcow2", read: note).copy == copy)
    #expect(reads.withLock { $0 } == [copy])
    // Whatever changes the file is noticed, its length and time notwithstanding.
    _ = try folder.run(
      "sh", "-c",
      "printf x | dd of=\(copy) bs=1 seek=200000 conv=notrunc status=none && touch -r \(folder.path("base.qcow2")) \(copy)"
    )
    let changed = folder.observe("base.qcow2", sha256: sha256)
    guard case .refused(copy, let reason)? = changed.copyProblem else {
      Issue.record("\(changed)")
      return
    }
    #expect(reason.contains("SHA-256"))
    #expect(folder.observe("base.qcow2").copyProblem != nil)
    _ = try folder.run("rm", copy)
    #expect(folder.observe("base.qcow2").copy == nil)
  }

  @Test("with a checksum in the spec the copy is enough, and the source may be gone")
  func sourceGone() throws {
    let folder = try Folder()
    let (sha256, copy) = try withCopy(folder)
    _ = try folder.run("rm", folder.path("base.qcow2"))
    let observed = folder.observe("base.qcow2", sha256: sha256)
    #expect(observed.copy == copy && observed.copyProblem == nil)
    #expect(observed.source == .missing)
  }

  @Test(
    "what somebody has planted under the name of a copy is not one",
    arguments: ["content", "backing", "data-file", "link", "folder", "fifo"])
  func planted(kind: String) throws {
    let folder = try Folder()
    let (sha256, copy) = try withCopy(folder)
    let source = folder.path("base.qcow2")
    let secret = folder.path("secret")
    _ = try folder.run("truncate", "-s", "1M", secret)
    _ = try folder.run("rm", copy)
    switch kind {
    case "content": _ = try folder.run("cp", secret, copy)
    case "backing":
      _ = try folder.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", copy, "64M")
    case "data-file":
      _ = try folder.run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=\(secret).data", copy, "64M")
    case "link": _ = try folder.run("ln", "-s", source, copy)
    case "folder": _ = try folder.run("mkdir", copy)
    default: _ = try folder.run("mkfifo", copy)
    }
    if ["content", "backing", "data-file"].contains(kind) {
      _ = try folder.run("truncate", "-r", source, copy)
      _ = try folder.run("touch", "-r", source, copy)
    }
    for given in [nil, sha256] {
      let observed = folder.observe("base.qcow2", sha256: given)
      #expect(observed.copyProblem != nil, "\(observed)")
    }
  }

  @Test("what others can write proves nothing", arguments: ["mode", "link"])
  func memory(kind: String) throws {
    let folder = try Folder()
    let (_, copy) = try withCopy(folder)
    #expect(folder.observe("base.qcow2").copy == copy)
    if kind == "mode" {
      _ = try folder.run("chmod", "777", folder.path("verified"))
    } else {
      _ = try folder.run("mv", folder.path("verified"), folder.path("theirs"))
      _ = try folder.run("ln", "-s", folder.path("theirs"), folder.path("verified"))
    }
    let reads = Mutex(0)
    _ = folder.observe("base.qcow2") { _ in reads.withLock { $0 += 1 } }
    #expect(reads.withLock { $0 } == 1)
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
