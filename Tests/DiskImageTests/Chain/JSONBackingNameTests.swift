// Backing names in JSON: those that mean a plain file are followed, everything else is refused.

import Foundation
import Testing

@testable import DiskImage

@Suite("Backing names in JSON")
struct JSONBackingNameTests {
  private static func path(_ text: String) throws -> String { try JSONBackingName(Array(("json:" + text).utf8)).path }

  @Test(
    "a plain file may be said in any order, nested or flat, with escapes",
    arguments: [
      #"{"driver":"qcow2","file":{"driver":"file","filename":"/a b"}}"#,
      #"{"file":{"filename":"/a b","driver":"file"},"driver":"raw"}"#,
      #"{"driver":"qcow2","file.driver":"file","file.filename":"/a b"}"#,
      #" { "driver" : "qcow2" , "file.filename" : "/a b" } "#,
      #"{"driver":"qcow2","file":{"driver":"file","filename":"\/a\u0020b"}}"#,
    ])
  func plain(text: String) throws { #expect(try Self.path(text) == "/a b") }

  @Test("escapes mean what JSON says")
  func escapes() throws {
    #expect(
      try Self.path(#"{"driver":"raw","file.filename":"/\"\\\b\f\n\r\t\u00e4\ud83d\ude00ö"}"#)
        == "/\"\\\u{8}\u{C}\n\r\t\u{e4}\u{1F600}ö")
  }

  @Test(
    "anything that is more than a plain file is refused",
    arguments: [
      "", "{", "{}", "[]", #"{"driver":"qcow2"}"#, #"{"driver":"file","filename":"/etc/passwd"}"#,
      #"{"driver":"qcow2","file":{"driver":"nbd","filename":"/a"}}"#, #"{"driver":"vmdk","file.filename":"/a"}"#,
      #"{"driver":"qcow2","file":{"driver":"file","filename":"a"}}"#,
      #"{"driver":"qcow2","file":{"driver":"file","filename":"/a","x":"1"}}"#,
      #"{"driver":"qcow2","file":{"driver":"file","filename":"/a","locking":false}}"#,
      #"{"driver":"qcow2","file":{"file":{"filename":"/a"}}}"#,
      #"{"driver":"qcow2","backing":"b","file.filename":"/a"}"#,
      #"{"driver":"qcow2","file.filename":"/a","file.filename":"/b"}"#,
      #"{"driver":"qcow2","file.filename":"/a","file":{"filename":"/b"}}"#,
      #"{"driver":"qcow2","file.filename":"/a"} x"#, #"{"driver":"qcow2","file.filename":"/a",}"#,
      #"{"driver":"qcow2","file.filename":"/a\u0000b"}"#, #"{"driver":"qcow2","file.filename":"/a\ud800"}"#,
      #"{"driver":"qcow2","file.filename":"/a\ud800\u0041"}"#, #"{"driver":"qcow2","file.filename":"/\x"}"#,
      "{'driver':'qcow2','file.filename':'/a'}", "{\"driver\":\"raw\",\"file.filename\":\"/a\nb\"}",
      #"{"driver":"raw","file.filename":"/a"#, #"{"driver":"raw","file.filename":"/a\"#,
      #"{"driver":"raw","file.filename":"/a\u12"#,
      String(repeating: "{\"a\":", count: 100),
      #"{"driver":"raw","file.filename":"/"# + String(repeating: "x", count: 1023)
        + "\"}",
    ])
  func refused(text: String) {
    #expect(throws: JSONBackingName.Refusal.self) { try Self.path(text) }
  }

  @Test("no byte that is changed makes reading a name fail otherwise")
  func mutations() {
    let original = Array(#"json:{"driver":"qcow2","file":{"driver":"file","filename":"/a\u0020b\n"}}"#.utf8)
    var generator = Seeded(state: 3)
    var accepted = 0
    for _ in 0..<5000 {
      var bytes = original
      bytes[Int.random(in: 5..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0..<bytes.count - 5, using: &generator)) }
      if (try? JSONBackingName(bytes)) != nil { accepted += 1 }
    }
    #expect(accepted > 10)
  }

  @Test("an overlay on such a name reads as QEMU reads it; a format that says something else is refused")
  func overlay() throws {
    let folder = try Folder()
    try makeQcow2(folder("base"), "1M")
    try scribble(folder("base"), ["write -P 9 0 1M"])
    let name = #"json:{"driver":"qcow2","file":{"driver":"file","filename":"\#(folder("base"))"}}"#
    for (format, fits) in [("qcow2", true), ("raw", false)] {
      try makeQcow2(folder("image"), "1M")
      try run("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", format, "-b", name, folder("image"))
      if fits {
        let disk = try GuestDisk.open(path: folder("image"), format: .qcow2)
        #expect(try content(of: disk) == qemuContent(of: folder("image"), in: folder))
        #expect(try content(of: disk).allSatisfy { $0 == 9 })
      } else {
        #expect(throws: ImageError.self) { try GuestDisk.open(path: folder("image"), format: .qcow2) }
      }
    }
  }
}
