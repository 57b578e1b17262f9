// External data files: read as QEMU reads them when the caller allows it, and never otherwise.

import Foundation
import Testing

@testable import DiskImage

/// Anywhere, data files included.
private let allowing = ReferencePolicy(allowedFolders: nil, allowsDataFiles: true)

@Suite("External data files")
struct DataFileTests {
  static let layouts: [[String]] = [
    [], ["data_file_raw=on"], ["cluster_size=4k"], ["extended_l2=on"], ["extended_l2=on", "data_file_raw=on"],
    ["preallocation=metadata"], ["preallocation=falloc"], ["cluster_size=2M"],
  ]

  private static func make(_ folder: Folder, _ options: [String] = [], base: (String, String)? = nil) throws {
    try makeQcow2(folder("image"), "2M", ["data_file=\(folder("data"))"] + options, base: base)
    try scribble(folder("image"))
  }

  @Test("every byte and every extent is QEMU's", arguments: layouts)
  func equalsQEMU(options: [String]) throws {
    let folder = try Folder()
    try Self.make(folder, options)
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2, references: allowing)
    #expect(try content(of: disk) == qemuContent(of: folder("image"), in: folder))
    #expect(disk.dataFiles == [folder("data")])
    // Whether reserved space is a hole depends on what is in memory: the same for both now.
    _ = try bytes(of: folder("data"))
    let map = try ImageMapTests.read(folder("image"), .qcow2, references: allowing)
    #expect(try map == ImageMapTests.judge(["-f", "qcow2", folder("image")]))
  }

  @Test("over a backing file, and as one")
  func chains() throws {
    let folder = try Folder()
    try makeQcow2(folder("base"), "1M")
    try scribble(folder("base"), ["write -P 0x77 0 1M"])
    try Self.make(folder, base: (folder("base"), "qcow2"))
    try makeQcow2(folder("top"), "3M", base: (folder("image"), "qcow2"))
    try scribble(folder("top"), ["write -P 0x78 64k 200k"])
    for name in ["image", "top"] {
      let disk = try GuestDisk.open(path: folder(name), format: .qcow2, references: allowing)
      #expect(try content(of: disk) == qemuContent(of: folder(name), in: folder))
      #expect(
        try ImageMapTests.read(folder(name), .qcow2, references: allowing)
          == ImageMapTests.judge(["-f", "qcow2", folder(name)]))
    }
    #expect(throws: ImageError.self) { try GuestDisk.open(path: folder("top"), format: .qcow2) }
  }

  @Test("converting and comparing follow the same word")
  func conversion() throws {
    let folder = try Folder()
    try Self.make(folder)
    let refused = ImageConversion(.init(path: folder("image"), format: .qcow2), to: ImageCreation(format: .raw))
    #expect(throws: ImageError.self) { try refused.convert(to: folder("copy")) }
    #expect(folder.names == ["data", "image"])
    let source = ImageConversion.Source(path: folder("image"), format: .qcow2, references: allowing)
    try ImageConversion(source, to: ImageCreation(format: .raw)).convert(to: folder("copy"))
    #expect(try bytes(of: folder("copy")) == qemuContent(of: folder("image"), in: folder))
    let one = try GuestDisk.open(path: folder("image"), format: .qcow2, references: allowing)
    let other = try GuestDisk.open(path: folder("copy"), format: .raw)
    #expect(try ImageComparison().run(one, other) == .identical)
  }

  @Test("without the caller's word it is refused, and a chain is read without opening it")
  func refused() throws {
    let folder = try Folder()
    try Self.make(folder)
    func expectUnsupported(_ work: () throws -> Void) throws {
      let error = #expect(throws: ImageError.self) { try work() }
      guard case .unsupported? = error else { throw ToolFailure(text: String(describing: error)) }
    }
    for policy in [ReferencePolicy.anywhere, ReferencePolicy(allowedFolders: [folder.path])] {
      try expectUnsupported { _ = try GuestDisk.open(path: folder("image"), format: .qcow2, references: policy) }
      try expectUnsupported { _ = try ImageMapTests.read(folder("image"), .qcow2, references: policy) }
      try expectUnsupported { _ = try BackingChain.read(path: folder("image"), format: .qcow2, references: policy) }
    }
    try FileManager.default.removeItem(atPath: folder("data"))
    #expect(try BackingChain.read(path: folder("image"), format: .qcow2, references: allowing).images.count == 1)
  }

  @Test("a relative name is from the image's folder")
  func relative() throws {
    let folder = try Folder()
    try Self.make(folder)
    try patchDataFileName(folder("image"), Array("data".utf8))
    let gated = ReferencePolicy(allowedFolders: [folder.path], allowsDataFiles: true)
    #expect(
      try content(of: GuestDisk.open(path: folder("image"), format: .qcow2, references: gated))
        == bytes(of: folder("data")))
  }

  @Test("the locks are QEMU's: a writer of either file excludes a reader, and a reader every writer")
  func locks() throws {
    let folder = try Folder()
    try Self.make(folder)
    for (path, format) in [(folder("image"), "qcow2"), (folder("data"), "raw")] {
      let holder = try Holder(path, format: format)
      let error = #expect(throws: ImageError.self) {
        try GuestDisk.open(path: folder("image"), format: .qcow2, references: allowing)
      }
      guard case .locked? = error else { throw ToolFailure(text: String(describing: error)) }
      holder.end()
    }
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2, references: allowing)
    for (path, format) in [(folder("image"), "qcow2"), (folder("data"), "raw")] {
      let result = try run(["qemu-io", "-f", format, "-c", "write 0 512", path], expecting: nil)
      #expect(result.output.contains("lock"), "\(result.output)")
    }
    let reader = try Holder(folder("image"), readOnly: true)
    reader.end()
    withExtendedLifetime(disk) {}
  }

  @Test("tables that lie about a data file are named")
  func lies() throws {
    let folder = try Folder()
    try Self.make(folder)
    let original = try bytes(of: folder("image"))
    let table = Int(original.bigEndian64(at: Int(original.bigEndian64(at: 40))) & Qcow2Limit.hostOffsetMask)
    let lies: [(String, UInt64)] = [
      ("another place", 1 << 63 | 0x20_0000), ("a compressed cluster", 1 << 62 | 512),
      ("a place inside a cluster", 1 << 63 | 0x200),
    ]
    for (name, word) in lies {
      var image = original
      image.put(word, at: table + 8)
      try write(image, to: folder("image"))
      let disk = try GuestDisk.open(path: folder("image"), format: .qcow2, references: allowing)
      let error = #expect(throws: ImageError.self, "\(name)") { try content(of: disk) }
      guard case .malformed(_, "L2 table", _, _)? = error else { throw ToolFailure(text: "\(name) \(error as Any)") }
    }
    try write(original, to: folder("image"))
    try run("truncate", "-s", "64k", folder("data"))
    let disk = try GuestDisk.open(path: folder("image"), format: .qcow2, references: allowing)
    #expect(throws: ImageError.self, "data beyond the end") { try content(of: disk) }
  }
}

/// Puts another data file's name into an image, no longer than the one that it has.
func patchDataFileName(_ path: String, _ name: [UInt8]) throws {
  var header = try Qcow2Header(from: LocalFile(path: path))
  let index = try #require(header.extensions.firstIndex { $0.type == Qcow2Extension.Kind.dataFile.rawValue })
  header.extensions[index] = Qcow2Extension(.dataFile, name)
  var image = try bytes(of: path)
  let start = try header.layOut(path: path)
  image.replaceSubrange(0..<start.count, with: start)
  for index in start.count..<(1 << Int(header.clusterBits)) { image[index] = 0 }
  try write(image, to: path)
}
