// Backing chains: how names resolve, and what must never be opened.

import Foundation
import SystemCalls
import Testing

@testable import DiskImage

/// An overlay with any backing name, made by changing the header of a plain one.
private func overlay(_ path: String, name: [UInt8], format: String? = "qcow2") throws {
  var header = Qcow2Header()
  header.size = 1 << 20
  if let format { header.extensions = [Qcow2Extension(.backingFormat, Array(format.utf8))] }
  header.backingFile = StoredName(bytes: name)
  let image = try NewQcow2Image(header, path: path)
  var content = [UInt8](repeating: 0, count: Int(image.length))
  for part in image.parts {
    content.replaceSubrange(Int(part.offset)..<Int(part.offset) + part.bytes.count, with: part.bytes)
  }
  try write(content, to: path)
}

private func overlay(_ path: String, name: String, format: String? = "qcow2") throws {
  try overlay(path, name: Array(name.utf8), format: format)
}

@Suite("Backing chains")
struct BackingChainTests {
  @Test("a chain is followed to its base, relative names from the folder of the image that has them")
  func follows() throws {
    let folder = try Folder()
    try FileManager.default.createDirectory(atPath: folder("sub"), withIntermediateDirectories: false)
    try run("qemu-img", "create", "-q", "-f", "raw", folder("base"), "1M")
    try overlay(folder("sub/middle"), name: "../base", format: "raw")
    try overlay(folder("top"), name: "file:\(folder("sub/middle"))")
    let chain = try BackingChain.read(path: folder("top"), format: .qcow2)
    #expect(chain.images.map(\.path) == [folder("top"), folder("sub/middle"), folder("sub/../base")])
    #expect(chain.images.map(\.format) == [.qcow2, .qcow2, .raw])
    #expect(chain.base.virtualSize == 1 << 20 && chain.top.path == folder("top"))
    let told = try run("qemu-img", "info", "--backing-chain", "--output=json", folder("top")).output
    #expect(told.contains("\"\(folder("sub/../base"))\""))
  }

  @Test("a backing format is never guessed")
  func formatMissing() throws {
    let folder = try Folder()
    try overlay(folder("top"), name: "base", format: nil)
    #expect(throws: ImageError.backingFormatMissing(path: folder("top"), backing: StoredName("base"))) {
      try BackingChain.read(path: folder("top"), format: .qcow2)
    }
    try overlay(folder("other"), name: "base", format: "vmdk")
    let error = #expect(throws: ImageError.self) { try BackingChain.read(path: folder("other"), format: .qcow2) }
    #expect(error?.description.contains("vmdk") == true)
  }

  @Test("a raw base whose guest wrote a qcow2 header stays raw")
  func rawStaysRaw() throws {
    let folder = try Folder()
    try overlay(folder("base"), name: "/etc/passwd", format: "raw")
    try overlay(folder("top"), name: "base", format: "raw")
    let chain = try BackingChain.read(path: folder("top"), format: .qcow2)
    #expect(chain.images.count == 2 && chain.base.format == .raw && chain.base.looksLike == .qcow2)
  }

  @Test("loops end, by whatever name: itself, another spelling, a symbolic or hard link")
  func loops() throws {
    let folder = try Folder()
    try overlay(folder("self"), name: "self")
    try overlay(folder("dots"), name: "./../\(namePart(of: folder.path))/dots")
    try overlay(folder("one"), name: "two")
    try overlay(folder("two"), name: "one")
    try overlay(folder("linked"), name: "symbolic")
    try FileManager.default.createSymbolicLink(atPath: folder("symbolic"), withDestinationPath: "linked")
    try overlay(folder("hard"), name: "other")
    #expect(link(folder("hard"), folder("other")) == 0)
    for name in ["self", "dots", "one", "linked", "hard"] {
      let error = #expect(throws: ImageError.self) { try BackingChain.read(path: folder(name), format: .qcow2) }
      guard case .chainLoop? = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("a chain longer than the limit is refused")
  func depth() throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", folder("0"), "1M")
    for number in 1..<70 { try overlay(folder("\(number)"), name: "\(number - 1)") }
    #expect(try BackingChain.read(path: folder("63"), format: .qcow2).images.count == 64)
    #expect(throws: ImageError.chainTooLong(path: folder("64"), limit: 64)) {
      try BackingChain.read(path: folder("64"), format: .qcow2)
    }
  }

  @Test(
    "protocols, json: and names that are no paths are refused",
    arguments: [
      "json:{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}", "nbd:localhost:10809", "http://example.com/a",
      "fat:/etc",
      "null-co:", "file:", "file:relative", "a:b",
    ])
  func protocols(name: String) throws {
    let folder = try Folder()
    try overlay(folder("top"), name: name)
    let error = #expect(throws: ImageError.self) { try BackingChain.read(path: folder("top"), format: .qcow2) }
    guard case .referenceUnsupported? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a name with a NUL or invalid UTF-8 is refused, and shown escaped")
  func badBytes() throws {
    let folder = try Folder()
    for name: [UInt8] in [[0x61, 0, 0x62], [0xFF, 0xFE]] {
      try overlay(folder("top"), name: name)
      let error = #expect(throws: ImageError.self) { try BackingChain.read(path: folder("top"), format: .qcow2) }
      #expect(error?.description.contains("\\x") == true)
      try FileManager.default.removeItem(atPath: folder("top"))
    }
  }

  @Test("FIFOs, devices and folders behind a name are refused without being opened")
  func notFiles() throws {
    let folder = try Folder()
    #expect(mkfifo(folder("fifo"), 0o600) == 0)
    for (name, kind) in [("fifo", FileKind.fifo), ("/dev/zero", .characterDevice), (".", .directory)] {
      try overlay(folder("top-\(kind)"), name: name, format: "raw")
      let error = #expect(throws: ImageError.self) {
        try BackingChain.read(path: folder("top-\(kind)"), format: .qcow2)
      }
      guard case .notAnImageFile(_, kind)? = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("the policy is about where a file really is: dots, absolute names and symbolic links lead nowhere else")
  func policy() throws {
    let folder = try Folder()
    for name in ["pool", "pool-2"] {
      try FileManager.default.createDirectory(atPath: folder(name), withIntermediateDirectories: false)
    }
    try run("qemu-img", "create", "-q", "-f", "raw", folder("secret"), "1M")
    try run("qemu-img", "create", "-q", "-f", "raw", folder("pool-2/other"), "1M")
    try run("qemu-img", "create", "-q", "-f", "raw", folder("pool/base"), "1M")
    try FileManager.default.createSymbolicLink(atPath: folder("pool/link"), withDestinationPath: "../secret")
    try FileManager.default.createSymbolicLink(atPath: folder("pool/inner"), withDestinationPath: "base")
    let allowed = ReferencePolicy(allowedFolders: [folder("pool")])
    for (name, fits) in [
      ("base", true), (folder("pool/base"), true), ("inner", true), ("../pool/base", true), ("../secret", false),
      ("link", false), (folder("secret"), false), (folder("pool-2/other"), false), ("/etc/passwd", false),
    ] {
      try? FileManager.default.removeItem(atPath: folder("pool/top"))
      try overlay(folder("pool/top"), name: name, format: "raw")
      do throws(ImageError) {
        let chain = try BackingChain.read(path: folder("pool/top"), format: .qcow2, references: allowed)
        #expect(fits && chain.images.count == 2, "\(name)")
      } catch {
        guard case .referenceNotAllowed = error, !fits else {
          Issue.record("\(name): \(error)")
          continue
        }
      }
      #expect(try BackingChain.read(path: folder("pool/top"), format: .qcow2).images.count == 2)
    }
  }

  @Test("an external data file ends the reading of a chain")
  func dataFile() throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=\(folder("data"))", folder("top"), "1M")
    let error = #expect(throws: ImageError.self) { try BackingChain.read(path: folder("top"), format: .qcow2) }
    guard case .unsupported? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}
