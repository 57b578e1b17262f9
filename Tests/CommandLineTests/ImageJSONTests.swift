// The documents that vireo image prints: whatever qemu-img says of the same image stands in them, under the same names.

import Foundation
import TestSupport
import Testing

@Suite("image documents")
struct ImageJSONTests {
  @Test(
    "info has all of qemu-img's members",
    arguments: [
      [], ["-o", "compat=0.10"], ["-o", "cluster_size=4k,refcount_bits=1"], ["-o", "extended_l2=on"],
      ["-o", "compression_type=zstd,lazy_refcounts=on"], ["-b", "base.qcow2", "-F", "qcow2"],
      ["-o", "data_file=FOLDER/data"], ["-o", "data_file=FOLDER/data,data_file_raw=on"],
    ])
  func info(options: [String]) throws {
    try TemporaryFolder.with { folder in
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", folder.path("base.qcow2"), "2M")
      let image = folder.path("a.qcow2")
      let filled = options.map { $0.replacingOccurrences(of: "FOLDER", with: folder.root) }
      try output(of: ["qemu-img", "create", "-q", "-f", "qcow2"] + filled + [image, "2M"])
      if !options.contains(where: { $0.contains("data_file") || $0.contains("refcount_bits=1") }) {
        for name in ["one", "two"] { try output(of: "qemu-img", "snapshot", "-c", name, image) }
      }
      let ours = try parsed(try vireo(["image", "info", "--format", "json", image]).output)
      expectMembers(of: try qemuJSON("info", image), in: ours)
      guard options.first == "-b" else { return }
      let chain = try parsed(try vireo(["image", "info", "--backing-chain", "--format", "json", image]).output)
      expectMembers(of: try qemuJSON("info", "--backing-chain", image), in: chain)
    }
  }

  @Test("info of a raw image has all of qemu-img's members")
  func rawInfo() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.raw")
      try output(of: "qemu-img", "create", "-q", "-f", "raw", image, "2M")
      expectMembers(
        of: try qemuJSON("info", "-f", "raw", image),
        in: try parsed(try vireo(["image", "info", "--format", "json", image]).output))
    }
  }

  @Test(
    "info of an encrypted image has all of qemu-img's members", arguments: ["luks", "qcow2"],
    ["aes-256,xts,plain64", "aes-128,cbc,essiv"])
  func encrypted(format: String, cipher: String) throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a")
      try makeEncrypted(image, format, cipher.split(separator: ",").map(String.init))
      // A LUKS file is a raw one to us, as long as the header.
      let ignored: Set<String> = format == "luks" ? ["format", "virtual-size"] : []
      expectMembers(
        of: try qemuJSON("info", "-f", format, image),
        in: try parsed(try vireo(["image", "info", "--format", "json", image]).output), except: ignored)
      let text = try vireo(["image", "info", image]).output
      let words =
        cipher.contains("xts") ? "aes-xts-plain64 with a key of 512" : "aes-cbc-essiv:sha256 with a key of 128"
      #expect(text.contains("encryption:     LUKS1, \(words) bits, sha256\n"))
      #expect(text.contains("key slots:      0 in use, of 8\n"))
    }
  }

  private func makeEncrypted(_ image: String, _ format: String, _ cipher: [String]) throws {
    let prefix = format == "luks" ? "" : "encrypt."
    let choices =
      [
        "key-secret=s", "iter-time=100", "cipher-alg=\(cipher[0])", "cipher-mode=\(cipher[1])",
        "ivgen-alg=\(cipher[2])",
      ]
      + (cipher[2] == "essiv" ? ["ivgen-hash-alg=sha256"] : [])
    let options = (format == "luks" ? "" : "encrypt.format=luks,") + choices.map { prefix + $0 }.joined(separator: ",")
    // qemu-img may find its clock too coarse to measure with.
    for attempt in 0...10 {
      let made = try run(
        ["qemu-img", "create", "-q", "--object", "secret,id=s,data=secret", "-f", format, "-o", options, image, "1M"])
      if made.status == 0 { return }
      guard attempt < 10 else { throw TestError(made.errors) }
    }
  }

  @Test("map has all of qemu-img's extents, and their members", arguments: ["qcow2", "raw"])
  func map(format: String) throws {
    try TemporaryFolder.with { folder in
      let (base, image) = (folder.path("base.qcow2"), folder.path("a.\(format)"))
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", base, "3M")
      try output(of: "qemu-io", "-c", "write 0 300k", "-c", "write -z 1M 128k", base)
      let backing = format == "raw" ? [] : ["-b", base, "-F", "qcow2"]
      try output(of: ["qemu-img", "create", "-q", "-f", format] + backing + [image, "4M"])
      try output(of: "qemu-io", "-f", format, "-c", "write 64k 64k", "-c", "write -z 2M 64k", image)
      let ours = try parsed(try vireo(["image", "map", "--format", "json", image]).output)
      let theirs = try #require(try qemuJSON("map", "-f", format, image) as? [Any])
      #expect((ours as? [Any])?.count == theirs.count)
      expectMembers(of: theirs, in: ours)
      let text = try vireo(["image", "map", image]).output
      #expect(text.split(separator: "\n").count == theirs.count + 1)
      #expect(text.contains("data") && text.contains(image))
    }
  }

  @Test("the list of snapshots is the one of qemu-img's info")
  func snapshots() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", image, "2M")
      #expect(try vireo(["image", "snapshot", "list", image]).output == "\(image): no snapshots\n")
      #expect(try vireo(["image", "snapshot", "list", "--format", "json", image]).output == "[]\n")
      for name in ["one", "zwei", "\u{1B}[31m"] { try output(of: "qemu-img", "snapshot", "-c", name, image) }
      let told = try #require(try qemuJSON("info", image) as? [String: Any])
      let run = try vireo(["image", "snapshot", "list", "--format", "json", image])
      expectMembers(of: try #require(told["snapshots"]), in: try parsed(run.output), except: ["name"])
      let text = try vireo(["image", "snapshot", "list", image]).output
      #expect(text.hasPrefix("ID  NAME "))
      #expect(!text.contains("\u{1B}") && text.contains("\\x1b[31m") && text.contains("zwei"))
    }
  }
}

/// Expects that a document has all that another one says: members of objects by name, items of arrays by place.
func expectMembers(
  of theirs: Any, in ours: Any?, except ignored: Set<String> = [], at path: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  switch theirs {
  case let object as [String: Any]:
    // The nodes below an image: QEMU 8.0 began to tell of its own block graph there.
    for (name, value) in object where !ignored.contains(name) && name != "children" {
      // What is below has no exceptions.
      expectMembers(
        of: value, in: (ours as? [String: Any])?[name], except: path.isEmpty ? [] : ignored, at: "\(path).\(name)",
        sourceLocation: sourceLocation)
    }
  case let items as [Any]:
    let others = ours as? [Any] ?? []
    #expect(items.count == others.count, "\(path)", sourceLocation: sourceLocation)
    for (index, (item, other)) in zip(items, others).enumerated() {
      expectMembers(of: item, in: other, except: ignored, at: "\(path)[\(index)]", sourceLocation: sourceLocation)
    }
  default:
    #expect(
      theirs as? NSObject == ours as? NSObject, "\(path): \(theirs), not \(ours ?? "nothing")",
      sourceLocation: sourceLocation)
  }
}
