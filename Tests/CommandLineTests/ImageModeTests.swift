// Who may read the files that image commands write: nobody who may not read what they were made from.

import Foundation
import TestSupport
import Testing

@Suite("modes of images")
struct ImageModeTests {
  /// A way of writing an image.
  struct Way: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The command, with `SOURCE` for what is read or changed, and `NEW` for a file that is made.
    let arguments: [String]
    var source = "source.qcow2"
    /// What is written to beside, which keeps its mode.
    var isNew = true
  }

  static let ways = [
    Way(testDescription: "convert to qcow2", arguments: ["convert", "SOURCE", "NEW.qcow2"]),
    Way(testDescription: "convert to raw", arguments: ["convert", "SOURCE", "NEW.raw"]),
    Way(testDescription: "convert, compressed", arguments: ["convert", "--compress", "SOURCE", "NEW.qcow2"]),
    Way(testDescription: "convert a snapshot", arguments: ["convert", "--snapshot", "one", "SOURCE", "NEW.raw"]),
    Way(testDescription: "convert from raw", arguments: ["convert", "SOURCE", "NEW.qcow2"], source: "source.raw"),
    Way(testDescription: "an overlay", arguments: ["create", "NEW.qcow2", "--backing", "SOURCE"]),
    Way(testDescription: "grow", arguments: ["resize", "SOURCE", "8MiB"], isNew: false),
    Way(testDescription: "grow raw", arguments: ["resize", "SOURCE", "8MiB"], source: "source.raw", isNew: false),
    Way(testDescription: "take a snapshot", arguments: ["snapshot", "take", "SOURCE", "two"], isNew: false),
    Way(testDescription: "revert", arguments: ["snapshot", "revert", "SOURCE", "one"], isNew: false),
    Way(testDescription: "delete a snapshot", arguments: ["snapshot", "delete", "SOURCE", "one"], isNew: false),
    Way(testDescription: "repair", arguments: ["check", "--repair", "all", "SOURCE"], isNew: false),
    Way(
      testDescription: "commit", arguments: ["commit", "OVERLAY"], source: "plain.qcow2", isNew: false),
    Way(
      testDescription: "rebase", arguments: ["rebase", "--backing", "other.qcow2", "OVERLAY"], source: "plain.qcow2",
      isNew: false),
  ]

  private func mode(_ path: String) throws -> UInt32 {
    var status = stat()
    try #require(stat(path, &status) == 0, "\(path)")
    return UInt32(status.st_mode) & 0o7777
  }

  @Test("no file is wider than its source, and what is changed keeps its mode", arguments: ways)
  func everyWay(_ way: Way) throws {
    for source in [0o600, 0o640, 0o644] as [UInt32] {
      try TemporaryFolder.with { folder in
        for name in ["source.qcow2", "plain.qcow2", "other.qcow2"] {
          try output(of: "qemu-img", "create", "-q", "-f", "qcow2", folder.path(name), "4M")
        }
        try output(of: "qemu-img", "create", "-q", "-f", "raw", folder.path("source.raw"), "4M")
        try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 1 0 64k", folder.path("source.qcow2"))
        try output(of: "qemu-img", "snapshot", "-c", "one", folder.path("source.qcow2"))
        try output(
          of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", folder.path("plain.qcow2"), "-F", "qcow2",
          folder.path("overlay.qcow2"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.root)
        for name in names { try #require(chmod(folder.path(name), mode_t(source)) == 0) }
        let arguments = way.arguments.map { word in
          switch word {
          case "SOURCE": folder.path(way.source)
          case "OVERLAY": folder.path("overlay.qcow2")
          case _ where word.hasPrefix("NEW"): folder.path(word.lowercased())
          case _ where word.hasSuffix(".qcow2"): folder.path(word)
          default: word
          }
        }
        let run = try vireo(["image"] + arguments)
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.root)
        #expect((files.count > names.count) == way.isNew, "\(files)")
        for name in files {
          let mode = try mode(folder.path(name))
          if names.contains(name) {
            #expect(mode == source, "\(name): \(String(mode, radix: 8))")
          } else {
            #expect(mode & ~source == 0 && mode & 0o600 == 0o600, "\(name): \(String(mode, radix: 8))")
          }
        }
      }
    }
  }
}
