// A name that promises one format and a content of another.

import Foundation
import Testing

@testable import DiskImage

@Suite("files that are not what their names say")
struct MisnomerTests {
  /// A file that begins, or ends, as a format does.
  private static func sample(_ format: RecognisedFormat) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    func put(_ magic: [UInt8], at offset: Int = 0) { bytes.replaceSubrange(offset..<offset + magic.count, with: magic) }
    switch format {
    case .qcow2: put([0x51, 0x46, 0x49, 0xFB])
    case .vmdk: put(Array("KDMV".utf8))
    case .vdi: put([0x7F, 0x10, 0xDA, 0xBE], at: 64)
    case .vhdx: put(Array("vhdxfile".utf8))
    case .vhd: put(Array("conectix".utf8), at: 4096 - 512)
    case .qed: put(Array("QED\0".utf8))
    case .parallels: put(Array("WithoutFreeSpace".utf8))
    case .dmg: put(Array("koly".utf8), at: 4096 - 512)
    case .luks: put([0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE])
    case .gzip: put([0x1F, 0x8B, 0x08])
    case .bzip2: put(Array("BZh".utf8))
    case .xz: put([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00])
    case .zstd: put([0x28, 0xB5, 0x2F, 0xFD])
    case .zip: put([0x50, 0x4B, 0x03, 0x04])
    }
    return bytes
  }

  private static let iso: [UInt8] = {
    var bytes = [UInt8](repeating: 0, count: 17 * 2048)
    bytes.replaceSubrange(16 * 2048 + 1..<16 * 2048 + 6, with: Array("CD001".utf8))
    return bytes
  }()

  private func misnomer(_ name: String, _ bytes: [UInt8]) throws -> Misnomer? {
    let folder = try Folder()
    try Data(bytes).write(to: URL(fileURLWithPath: folder(name)))
    let file = try LocalFile(path: folder(name))
    return Misnomer(try file.read(at: 0, count: RecognisedFormat.bytesNeeded), of: file)
  }

  @Test(
    "every format is right under its own name and wrong under that of any other", arguments: RecognisedFormat.allCases)
  func formats(format: RecognisedFormat) throws {
    for other in RecognisedFormat.allCases {
      let found = try misnomer("x.\(other.rawValue)", Self.sample(format))
      #expect((found == nil) == (format == other), "\(format) as .\(other): \(found?.clause ?? "")")
    }
    // A footer alone is looked for under its own name.
    let isFooter = format == .vhd || format == .dmg
    #expect((try misnomer("x.raw", Self.sample(format)) == nil) == isFooter)
    #expect(try misnomer("x.iso", Self.sample(format)) != nil)
    #expect(try misnomer("x.img", Self.sample(format)) == nil)
    #expect(try misnomer("x", Self.sample(format)) == nil)
  }

  @Test("a text is no image of any format, and a raw one that is called so may be anything")
  func texts() throws {
    let text = Array("this is no image, but ä".utf8)
    for format in RecognisedFormat.allCases {
      let found = try misnomer("x.\(format.rawValue)", text)
      #expect(found?.clause.hasPrefix("is a text of 24 bytes, not a") ?? false, "\(format): \(found?.clause ?? "")")
    }
    #expect(try misnomer("x.iso", text)?.clause == "is a text of 24 bytes, not an ISO image as its name says")
    for name in ["x.raw", "x.img", "x"] { #expect(try misnomer(name, text) == nil, "\(name)") }
    #expect(try misnomer("X.QCOW2", text) != nil)
  }

  @Test(
    "nothing, and what a server sends in place of a file, is no image under any name",
    arguments: [
      ("", "is empty"), ("<!DOCTYPE html>\n<html>404", "is a page of HTML"), ("\n <HTML><body>", "is a page of HTML"),
      ("<?xml version=\"1.0\"?><Error/>", "is an XML document"),
    ])
  func nothing(text: String, clause: String) throws {
    for name in ["x.qcow2", "x.raw", "x.img", "x.iso", "x", "x.vmdk"] {
      #expect(try misnomer(name, Array(text.utf8))?.clause.hasPrefix(clause) ?? false, "\(name)")
    }
  }

  @Test("an ISO image has its descriptors at the sixteenth sector")
  func isoImages() throws {
    #expect(try misnomer("x.iso", Self.iso) == nil)
    #expect(try misnomer("x.iso", [UInt8](repeating: 0, count: 40_960)) != nil)
    #expect(try misnomer("x.qcow2", Self.iso) != nil)
  }

  @Test("a truncated image is told from a whole one, wherever it is cut")
  func truncation() throws {
    let folder = try Folder()
    let whole = folder("whole.qcow2")
    try run("qemu-img", "create", "-q", "-f", "qcow2", whole, "1G")
    try run("qemu-io", "-c", "write 0 1M", "-c", "write 500M 1M", whole)
    try ImageInfo.requireWhole(path: whole)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
    for length in [100, 66_000, 200_000, 400_000, 1_000_000, bytes.count - 65_536] {
      let cut = folder("cut.qcow2")
      try bytes.prefix(length).write(to: URL(fileURLWithPath: cut))
      #expect(throws: ImageError.self, "\(length)") { try ImageInfo.requireWhole(path: cut) }
    }
  }
}
