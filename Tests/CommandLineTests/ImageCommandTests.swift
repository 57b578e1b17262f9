// vireo image as a process: help, mistakes, and results held against qemu-img's own.

import Foundation
import TestSupport
import Testing

@Suite("image commands")
struct ImageCommandTests {
  static let commands: [[String]] =
    [[]]
    + ["info", "check", "map", "create", "resize", "snapshot", "convert", "rebase", "commit", "compare"].map { [$0] }
    + ["list", "take", "revert", "rename", "delete"].map { ["snapshot", $0] }

  @Test("help is what the golden files show", arguments: commands)
  func help(command: [String]) throws {
    let run = try vireo(["image"] + command + ["--help"])
    #expect(run.status == 0)
    #expect(run.errors.isEmpty)
    try expectGolden(run.output, "help-\((["image"] + command).joined(separator: "-")).txt")
    for line in run.output.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(run.output.contains("Exit codes"))
  }

  @Test(
    "a mistake on the command line is a sentence on standard error that says what to write",
    arguments: [
      ([], "needs a command: info, check, map"), (["frobnicate"], "frobnicate"),
      (["snapshot"], "needs a command: list, take, revert, rename, delete"), (["info"], "<image>"),
      (["create", "a.qcow2", "20"], "write 20 MiB or 20 GiB"), (["create", "a.qcow2", "20G"], "write 20 GiB"),
      (["create", "a.qcow2", "many"], "is not a size"), (["create", "a.qcow2", "1TiB", "x"], "x"),
      (["create", "a.qcow2", "1MiB", "--compat", "2"], "0.10"),
      (["create", "a.qcow2", "1MiB", "--preallocation", "some"], "falloc"),
      (["create", "a.qcow2", "1MiB", "--cluster-size", "65536"], "needs a unit"),
      (["create", "a.qcow2", "1MiB", "--backing-format", "raw"], "--backing"),
      (["resize", "a.qcow2"], "<size>"), (["resize", "a.qcow2", "1"], "needs a unit"),
      (["resize", "a.qcow2", "+1GiB"], "is not a size"), (["check", "a.qcow2", "--repair", "some"], "leaks or all"),
      (["check", "a.qcow2", "--repair", "all", "--force-share"], "--force-share"),
      (["convert", "a.qcow2"], "<destination>"), (["convert", "a.raw", "b.raw", "--jobs", "0"], "from 1 to 64"),
      (["rebase", "a.qcow2"], "Give --backing IMAGE or --no-backing"),
      (["rebase", "a.qcow2", "--backing", "b.raw", "--no-backing"], "Give --backing IMAGE or --no-backing"),
      (["snapshot", "revert", "a.qcow2"], "Name the snapshot"),
      (["snapshot", "delete", "a.qcow2", "x", "--id", "1"], "Name the snapshot"),
      (["snapshot", "rename", "a.qcow2", "x"], "--to"), (["map", "a.qcow2", "--format", "xml"], "json"),
      (["info", "-f", "vmdk", "a"], "qcow2"), (["compare", "a.raw"], "<other>"),
    ] as [([String], String)])
  func usage(arguments: [String], words: String) throws {
    let run = try vireo(["image"] + arguments)
    // Of two disks, 1 would say that they differ.
    #expect(run.status == (arguments.first == "compare" ? 2 : 1))
    #expect(run.output.isEmpty)
    #expect(run.errors.hasPrefix("error: "))
    #expect(run.errors.contains(words), "\(run.errors)")
  }

  @Test(
    "what cannot be done is a sentence that names the image",
    arguments: [
      (["info", "none.qcow2"], 1, "no such file"), (["map", "none.qcow2"], 1, "no such file"),
      (["convert", "none.raw", "a.qcow2"], 1, "no such file"), (["snapshot", "list", "none.qcow2"], 1, "no such file"),
      (["compare", "none.raw", "disk.raw"], 2, "no such file"),
      (["compare", "disk.raw", "none.raw"], 2, "no such file"),
      (["create", "folder/none/a.raw", "1MiB"], 1, "no such file"), (["map", "disk.img"], 1, "--image-format raw"),
      (["convert", "disk.raw", "copy"], 1, "--output-format raw"),
      (["compare", "disk.raw", "disk.img"], 2, "--other-format raw"),
      (["create", "a.qcow2", "--backing", "disk.img"], 1, "--backing-format raw"),
      (["create", "a.qcow2"], 1, "needs a size"), (["create", "a.qcow2", "1000B"], 1, "multiple of 512"),
      (["create", "disk.raw", "1MiB"], 1, "already exists"),
      (["convert", "disk.raw", "disk.raw"], 1, "already exists"),
      (["create", "a.raw", "1MiB", "--cluster-size", "4KiB"], 1, "--cluster-size"),
      (["create", "a.qcow2", "1MiB", "--cluster-size", "3KiB"], 1, "power of two"),
      (["create", "a.raw", "--backing", "disk.raw"], 1, "cannot have a backing file"),
      (["convert", "disk.raw", "a.raw", "--compress"], 1, "cannot be compressed"),
      (["convert", "disk.raw", "a.raw", "--lazy-refcounts"], 1, "--lazy-refcounts"),
      (["convert", "disk.raw", "a.qcow2", "--snapshot", "x"], 1, "no internal snapshots"),
      (["check", "disk.raw"], 63, "no metadata to check"), (["info", "folder"], 1, "a directory"),
      (["map", "-f", "qcow2", "disk.raw"], 1, "is not a qcow2 image"), (["commit", "disk.raw"], 1, "no backing file"),
      (["rebase", "disk.raw", "--no-backing"], 1, "has no backing file"),
      (["snapshot", "create", "disk.raw", "x"], 1, "no internal snapshots"),
    ] as [([String], Int32, String)])
  func refusals(arguments: [String], status: Int32, words: String) throws {
    try TemporaryFolder.with { folder in
      try output(of: "qemu-img", "create", "-q", "-f", "raw", folder.path("disk.raw"), "1M")
      try output(of: "qemu-img", "create", "-q", "-f", "raw", folder.path("disk.img"), "1M")
      try folder.write("", to: "folder/file")
      // Everything with a dot, and the two that have none, is a path in the folder.
      let isPath = { (text: String) in
        (text.contains(".") && !text.hasPrefix("-")) || ["folder", "copy"].contains(text)
      }
      let run = try vireo(["image"] + arguments.map { isPath($0) ? folder.path($0) : $0 })
      #expect(run.status == status)
      #expect(run.output.isEmpty)
      #expect(run.errors.hasPrefix("error: \(folder.root)/"), "\(run.errors)")
      #expect(run.errors.contains(words), "\(run.errors)")
      #expect(run.errors.split(separator: "\n").count == 1)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.root).sorted() == ["disk.img", "disk.raw", "folder"])
    }
  }

  @Test("what is made is what qemu-img sees")
  func create() throws {
    try TemporaryFolder.with { folder in
      let base = folder.path("base.qcow2")
      let made = try vireo(["image", "create", base, "20GiB"])
      #expect(made.status == 0 && made.errors.isEmpty)
      #expect(made.output == "\(base): created, 20 GiB\n")
      let overlay = folder.path("overlay.qcow2")
      #expect(
        try vireo(["image", "create", overlay, "--backing", "base.qcow2"]).output == "\(overlay): created, 20 GiB\n")
      let told = try qemuJSON("info", overlay) as? [String: Any]
      #expect(told?["backing-filename"] as? String == "base.qcow2")
      #expect(told?["backing-filename-format"] as? String == "qcow2")
      let raw = folder.path("disk.raw")
      #expect(
        try vireo(["image", "create", raw, "1.5MiB", "--preallocation", "full"]).output == "\(raw): created, 1536 KiB\n"
      )
      #expect((try qemuJSON("info", "-f", "raw", raw) as? [String: Any])?["actual-size"] as? Int ?? 0 >= 1_572_864)
      #expect(
        try vireo(["image", "create", "-f", "qcow2", folder.path("other"), "1MiB", "--compat", "0.10"]).status == 0)
      try output(of: "qemu-img", "check", "-q", "-f", "qcow2", folder.path("other"))
      var status = stat()
      #expect(stat(base, &status) == 0 && status.st_mode & 0o777 == 0o644)
    }
  }

  @Test("a conversion is equal to its source, and compressed when asked", arguments: ["zlib", "zstd"])
  func convert(type: String) throws {
    try TemporaryFolder.with { folder in
      let (source, copy, flat) = (folder.path("a.raw"), folder.path("b.qcow2"), folder.path("c.raw"))
      try output(of: "qemu-img", "create", "-q", "-f", "raw", source, "8M")
      try output(of: "qemu-io", "-f", "raw", "-c", "write -P 7 1M 3M", source)
      let made = try vireo(["image", "convert", "--compress", "--compression-type", type, source, copy])
      #expect(made.status == 0 && made.errors.isEmpty && made.output == "\(copy): created, 8 MiB\n")
      try output(of: "qemu-img", "compare", "-f", "raw", "-F", "qcow2", source, copy)
      #expect(try vireo(["image", "convert", "--jobs", "1", copy, flat]).status == 0)
      try output(of: "cmp", source, flat)
      let same = try vireo(["image", "compare", source, copy])
      #expect(same.status == 0 && same.output == "The disks are equal.\n")
      try output(of: "qemu-io", "-f", "raw", "-c", "write -P 8 5M 512", flat)
      let other = try vireo(["image", "compare", flat, copy])
      #expect(other.status == 1 && other.output == "The disks differ: first at byte 5242880.\n")
      let told = try run(["qemu-img", "compare", "-f", "raw", "-F", "qcow2", flat, copy])
      #expect(told.status == 1 && told.output.contains("offset 5242880"))
      let json = try vireo(["image", "compare", "--format", "json", flat, copy])
      #expect(json.status == 1)
      let object = try parsed(json.output) as? [String: Any]
      #expect(object?["identical"] as? Bool == false && object?["offset"] as? Int == 5_242_880)
      let strict = try vireo(["image", "compare", "--strict", source, copy])
      #expect(
        strict.status == (try run(["qemu-img", "compare", "-s", "-f", "raw", "-F", "qcow2", source, copy]).status))
    }
  }

  @Test("a snapshot can be converted, and an overlay with what it stands on")
  func convertParts() throws {
    try TemporaryFolder.with { folder in
      let (base, top, copy) = (folder.path("base.qcow2"), folder.path("top.qcow2"), folder.path("copy.qcow2"))
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", base, "2M")
      try output(of: "qemu-io", "-c", "write -P 1 0 1M", base)
      try output(of: "qemu-img", "snapshot", "-c", "one", base)
      try output(of: "qemu-io", "-c", "write -P 2 0 1M", base)
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
      #expect(try vireo(["image", "convert", base, copy, "--snapshot", "one"]).status == 0)
      try output(of: "qemu-io", "-r", "-c", "read -P 1 0 1M", copy)
      let flat = folder.path("flat.qcow2")
      #expect(try vireo(["image", "convert", top, flat]).status == 0)
      try output(of: "qemu-img", "compare", top, flat)
      #expect((try qemuJSON("info", flat) as? [String: Any])?["backing-filename"] == nil)
      let missing = try vireo(["image", "convert", base, folder.path("x.raw"), "--snapshot", "two"])
      #expect(missing.status == 1 && missing.errors.contains("'two' does not exist; there is 'one'"))
    }
  }

  @Test("references outside the image's folder are refused, and followed when --allow names it")
  func references() throws {
    try TemporaryFolder.with { folder in
      try folder.write("", to: "bases/file")
      try folder.write("", to: "disks/file")
      let (base, top) = (folder.path("bases/base.qcow2"), folder.path("disks/top.qcow2"))
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", base, "1M")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
      let commands = [
        ["map", top], ["convert", top, folder.path("copy.raw")], ["info", "--backing-chain", top],
        ["compare", top, base],
      ]
      for command in commands {
        let run = try vireo(["image"] + command)
        #expect(run.status == (command[0] == "compare" ? 2 : 1))
        #expect(run.output.isEmpty && run.errors.contains("--allow FOLDER"), "\(run.errors)")
        #expect(try vireo(["image"] + command + ["--allow", folder.path("bases")]).status == 0)
      }
      #expect(try vireo(["image", "info", top]).status == 0)
    }
  }

  @Test("an external data file is described, and read only with --allow-data-file")
  func dataFiles() throws {
    try TemporaryFolder.with { folder in
      let (image, data) = (folder.path("a.qcow2"), folder.path("data"))
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=\(data)", image, "1M")
      try output(of: "qemu-io", "-c", "write -P 7 0 64k", image)
      #expect(try vireo(["image", "info", image]).output.contains("data file:      \(data)\n"))
      for command in [["map", image], ["convert", image, folder.path("b.raw")], ["compare", image, image]] {
        let run = try vireo(["image"] + command)
        #expect(run.status != 0 && run.output.isEmpty && run.errors.contains("--allow-data-file"), "\(run.errors)")
        #expect(try vireo(["image"] + command + ["--allow-data-file"]).status == 0)
      }
      #expect(try vireo(["image", "map", "--allow-data-file", image]).output.contains(data))
      try output(of: "qemu-img", "compare", "-f", "qcow2", "-F", "raw", image, folder.path("b.raw"))
    }
  }
}

/// What `qemu-img COMMAND --output=json` says.
func qemuJSON(_ command: String, _ arguments: String...) throws -> Any {
  try parsed(try output(of: ["qemu-img", command, "--output=json"] + arguments))
}

func parsed(_ text: String) throws -> Any {
  try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
}

/// As ``output(of:input:)``, with a list.
@discardableResult
func output(of arguments: [String]) throws -> String {
  let run = try run(arguments)
  guard run.status == 0 else { throw TestError("\(arguments): \(run.status): \(run.output)\(run.errors)") }
  return run.output
}
