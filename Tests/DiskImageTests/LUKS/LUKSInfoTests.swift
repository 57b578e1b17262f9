// LUKS headers: what qemu-img and cryptsetup write is described as they describe it, and what strangers write does no harm.

import Foundation
import Testing

@testable import DiskImage

@Suite("LUKS headers")
struct LUKSInfoTests {
  /// What qemu-img says of the encryption: of a LUKS file, or inside of a qcow2 image.
  private static func judge(_ path: String, _ format: String) throws -> [String: Any] {
    let output = try run("qemu-img", "info", "-f", format, "--output=json", path).output
    let told = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
    let data = try #require((told["format-specific"] as? [String: Any])?["data"] as? [String: Any])
    return format == "luks" ? data : try #require(data["encrypt"] as? [String: Any])
  }

  @Test(
    "is described as qemu-img describes it", arguments: ["luks", "qcow2"],
    ["", "cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha256"])
  func equalsQEMU(format: String, cipher: String) throws {
    let folder = try Folder()
    let prefix = format == "qcow2" ? "encrypt." : ""
    let ciphers = cipher.split(separator: ",").map { ",\(prefix)\($0)" }.joined()
    try makeEncrypted(
      folder("image"), ["-f", format, "-o"],
      (format == "qcow2" ? "encrypt.format=luks," : "") + "\(prefix)key-secret=s" + ciphers, prefix)
    let info = try #require(try LUKSInfo.read(of: ImageInfo.read(path: folder("image"))))
    let told = try Self.judge(folder("image"), format)
    let mode = try #require(info.cipherMode?.string)
    #expect(info.version == 1)
    #expect(info.uuid.string == told["uuid"] as? String)
    #expect(info.hash?.string == told["hash-alg"] as? String)
    #expect((told["cipher-alg"] as? String)?.hasPrefix(try #require(info.cipherName?.string)) == true)
    #expect(mode.hasPrefix(try #require(told["cipher-mode"] as? String)))
    #expect(mode.contains(try #require(told["ivgen-alg"] as? String)))
    #expect(info.payloadOffset == told["payload-offset"] as? UInt64)
    #expect(info.keyIterations == told["master-key-iters"] as? Int)
    let slots = try #require(told["slots"] as? [[String: Any]])
    #expect(slots.map { $0["active"] as? Bool } == info.keySlots.map(\.isActive))
    #expect(slots.map { $0["key-offset"] as? UInt64 } == info.keySlots.map(\.offset))
    #expect(slots[0]["iters"] as? Int == info.keySlots[0].iterations)
    #expect(slots[0]["stripes"] as? Int == info.keySlots[0].stripes)
    #expect(info.activeSlots == [0])
  }

  @Test("is described as cryptsetup describes it", arguments: [1, 2])
  func equalsCryptsetup(version: Int) throws {
    let folder = try Folder()
    try run("truncate", "-s", "32M", folder("image"))
    try write(Array("secret".utf8), to: folder("key"))
    let label = version == 2 ? ["--label", "a label", "--subsystem", "another"] : []
    // Deriving the key is kept short.
    try run(
      ["cryptsetup", "luksFormat", "--batch-mode", "--type", "luks\(version)", "--pbkdf", "pbkdf2"]
        + ["--pbkdf-force-iterations", "1000", "--key-file", folder("key")] + label + [folder("image")])
    let info = try #require(try LUKSInfo.read(of: ImageInfo.read(path: folder("image"))))
    #expect(info.version == version)
    #expect(try run("cryptsetup", "luksUUID", folder("image")).output == "\(info.uuid)\n")
    #expect(info.label?.string == (version == 2 ? "a label" : nil))
    #expect(info.subsystem?.string == (version == 2 ? "another" : nil))
    #expect(info.activeSlots == (version == 1 ? [0] : []))
  }

  @Test("there is none in images without")
  func none() throws {
    let folder = try Folder()
    try makeQcow2(folder("image"), "1M")
    #expect(try LUKSInfo.read(of: ImageInfo.read(path: folder("image"))) == nil)
    try makeEncrypted(folder("aes"), ["-f", "qcow2", "-o"], "encrypt.format=aes,encrypt.key-secret=s", nil)
    #expect(try LUKSInfo.read(of: ImageInfo.read(path: folder("aes"))) == nil)
    try run("truncate", "-s", "1M", folder("raw"))
    #expect(try LUKSInfo.read(of: ImageInfo.read(path: folder("raw"))) == nil)
  }

  private static func header(_ change: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
    var bytes = LUKSInfo.magic + [0, 1] + [UInt8](repeating: 0, count: 584)
    bytes.replaceSubrange(8..<11, with: Array("aes".utf8))
    for slot in 0..<8 { bytes.put(UInt32(0xDEAD), at: 208 + 48 * slot) }
    change(&bytes)
    return bytes
  }

  private static func read(_ bytes: [UInt8], limit: UInt64 = .max) throws(ImageError) -> LUKSInfo {
    try LUKSInfo(from: MemorySource(name: "crafted", bytes: bytes), at: 0, limit: limit)
  }

  @Test("a damaged one is an error with a place")
  func damaged() throws {
    #expect(try Self.read(Self.header()).activeSlots == [])
    let version2 = Self.header { $0[7] = 2 }
    let cases: [([UInt8], UInt64)] = [
      ([], .max), (LUKSInfo.magic, .max), (Array(Self.header()[..<591]), .max), (Self.header(), 591),
      (Self.header { $0[0] = 0 }, .max), (Self.header { $0[7] = 0 }, .max), (Self.header { $0[7] = 3 }, .max),
      (Self.header { $0.put(UInt32(1), at: 208 + 48 * 7) }, .max), (version2, .max),
      (version2 + [UInt8](repeating: 0, count: 4096), .max),
    ]
    for (index, (bytes, limit)) in cases.enumerated() {
      let error = #expect(throws: ImageError.self, "case \(index)") { try Self.read(bytes, limit: limit) }
      guard case .malformed(_, "LUKS header", _, _)? = error else { throw ToolFailure(text: "\(index)") }
    }
  }

  @Test("texts without an end stay inside their fields, and are shown escaped")
  func texts() throws {
    let info = try Self.read(
      Self.header {
        for index in 8..<104 { $0[index] = 0x1B }
        for index in 168..<208 { $0[index] = 0xFF }
      })
    #expect(info.cipherName?.bytes.count == 32 && info.cipherMode?.bytes.count == 32 && info.hash?.bytes.count == 32)
    #expect(info.uuid.bytes.count == 40 && info.uuid.description.hasPrefix("\\xff"))
    #expect(info.cipherName?.description.hasPrefix("\\x1b") == true)
  }

  @Test("whatever bytes are changed, reading ends with a description or an error")
  func mutations() {
    var generator = Seeded(state: 4)
    var readable = 0
    for round in 0..<2000 {
      var bytes = Self.header { if round % 2 == 0 { $0[7] = 2; $0 += [UInt8](repeating: 0, count: 3600) } }
      if round % 2 == 0 { bytes.put(UInt64(16384), at: 8) }
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<592, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      if (try? Self.read(bytes)) != nil { readable += 1 }
    }
    #expect(readable > 100 && readable < 2000)
  }
}
