// vireo image on existing images: what changes them, and what looks for damage, with qemu-img as the judge.

import Foundation
import TestSupport
import Testing

@Suite("image commands that change")
struct ImageChangeTests {
  private static func make(_ path: String, _ size: String = "2M", _ options: [String] = []) throws {
    try output(of: ["qemu-img", "create", "-q", "-f", "qcow2"] + options + [path, size])
  }

  private static func expectSound(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let run = try run(["qemu-img", "check", "-f", "qcow2", path])
    #expect(run.status == 0, "\(run.output)\(run.errors)", sourceLocation: sourceLocation)
  }

  private static func size(_ path: String, _ format: String = "qcow2") throws -> Int {
    try #require((try qemuJSON("info", "-f", format, path) as? [String: Any])?["virtual-size"] as? Int)
  }

  @Test("a missing image is named")
  func missing() throws {
    let commands = [
      ["check", "/none/a.qcow2"], ["resize", "/none/a.qcow2", "1MiB"], ["rebase", "/none/a.qcow2", "--no-backing"],
      ["commit", "/none/a.qcow2"], ["snapshot", "take", "/none/a.qcow2", "x"],
      ["snapshot", "revert", "/none/a.qcow2", "x"], ["snapshot", "delete", "/none/a.qcow2", "x"],
      ["snapshot", "rename", "/none/a.qcow2", "x", "--to", "y"],
    ]
    for command in commands {
      let run = try vireo(["image"] + command)
      #expect(run.status == 1 && run.output.isEmpty)
      #expect(run.errors == "error: /none/a.qcow2: no such file or folder\n")
    }
  }

  @Test("a disk is made larger, and told when it is large enough", arguments: ["qcow2", "raw"])
  func grow(format: String) throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.\(format)")
      try output(of: "qemu-img", "create", "-q", "-f", format, image, "2M")
      let larger = try vireo(["image", "resize", image, "3MiB"])
      #expect(larger.status == 0 && larger.errors.isEmpty, "\(larger.errors)")
      #expect(larger.output == "\(image): 3 MiB now, 2 MiB before\n")
      #expect(try Self.size(image, format) == 3 << 20)
      #expect(try vireo(["image", "resize", image, "3MiB"]).output == "\(image): is 3 MiB already\n")
      let odd = try vireo(["image", "resize", image, "3000001B"])
      #expect(odd.status == 1 && odd.errors.contains("multiple of 512"))
    }
  }

  @Test(
    "a disk is made smaller only when asked, and over data only when that is given up", arguments: ["qcow2", "raw"])
  func shrink(format: String) throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.\(format)")
      try output(of: "qemu-img", "create", "-q", "-f", format, image, "8M")
      try output(of: "qemu-io", "-f", format, "-c", "write -P 7 4M 64k", image)
      let plain = try vireo(["image", "resize", image, "6MiB"])
      #expect(plain.status == 1 && plain.output.isEmpty && plain.errors.contains("--shrink"), "\(plain.errors)")
      #expect(
        try vireo(["image", "resize", image, "6MiB", "--shrink"]).output == "\(image): 6 MiB now, 8 MiB before\n")
      let lossy = try vireo(["image", "resize", image, "2MiB", "--shrink"])
      #expect(lossy.status == 1 && lossy.output.isEmpty && !lossy.errors.isEmpty)
      #expect(try Self.size(image, format) == 6 << 20)
      #expect(try vireo(["image", "resize", image, "2MiB", "--discard-data"]).status == 0)
      #expect(try Self.size(image, format) == 2 << 20)
      if format == "qcow2" { try Self.expectSound(image) }
    }
  }

  @Test("snapshots are taken, gone back to, renamed and deleted")
  func snapshots() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      try Self.make(image)
      func snapshot(_ arguments: String...) throws -> Run {
        try vireo(["image", "snapshot", arguments[0], image] + arguments.dropFirst())
      }
      try output(of: "qemu-io", "-c", "write -P 1 0 64k", image)
      #expect(try snapshot("take", "one").output == "\(image): snapshot 'one' taken\n")
      try output(of: "qemu-io", "-c", "write -P 2 0 64k", image)
      // The words of the first release go on working.
      #expect(try snapshot("create", "two").status == 0)
      let again = try snapshot("take", "one")
      #expect(again.status == 1 && again.errors.hasPrefix("error: \(image): "))
      #expect(try snapshot("revert", "one").output == "\(image): snapshot 'one' reverted to\n")
      try output(of: "qemu-io", "-r", "-c", "read -P 1 0 64k", image)
      #expect(try snapshot("rename", "--id", "2", "--to", "drei").output == "\(image): snapshot '2' is 'drei' now\n")
      #expect(try snapshot("delete", "--name", "one").output == "\(image): snapshot 'one' deleted\n")
      let told = try #require(try qemuJSON("info", image) as? [String: Any])
      #expect((told["snapshots"] as? [[String: Any]])?.map { $0["name"] as? String } == ["drei"])
      for arguments in [["revert", "one"], ["delete", "one"], ["rename", "one", "--to", "x"]] {
        let run = try vireo(["image", "snapshot", arguments[0], image] + arguments.dropFirst())
        #expect(run.status == 1 && run.errors.contains("'one'") && run.errors.contains("'drei'"), "\(run.errors)")
      }
      try Self.expectSound(image)
    }
  }

  @Test("a word that fits two snapshots is refused, and --id or --name says which")
  func ambiguous() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      try Self.make(image)
      // Ids count from 1: the first one's name is the second one's id.
      for name in ["2", "other"] { try output(of: "qemu-img", "snapshot", "-c", name, image) }
      let word = try vireo(["image", "snapshot", "delete", image, "2"])
      #expect(word.status == 1 && word.errors.contains("matches"), "\(word.errors)")
      #expect(try vireo(["image", "snapshot", "delete", image, "--name", "2"]).status == 0)
      #expect(try vireo(["image", "snapshot", "delete", image, "--id", "2"]).status == 0)
    }
  }

  /// Clears the disk's first L2 entry: its cluster is leaked. Or leads it beyond the end of the file, which is damage.
  private static func damage(_ path: String, entry: UInt64) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    defer { try? file.close() }
    func word(at offset: UInt64) throws -> UInt64 {
      try file.seek(toOffset: offset)
      return try #require(try file.read(upToCount: 8)).reduce(0) { $0 << 8 | UInt64($1) }
    }
    let table = try word(at: word(at: 40)) & 0x00FF_FFFF_FFFF_FE00
    try file.seek(toOffset: table)
    file.write(Data((0..<8).map { UInt8(truncatingIfNeeded: entry >> (56 - 8 * $0)) }))
  }

  @Test(
    "a check has all of qemu-img's members, and its exit code",
    arguments: [
      ("sound", nil, 0), ("with a leak", 0, 3), ("damaged", 1 << 63 | 1 << 40, 2), ("compressed", nil, 0),
    ] as [(String, UInt64?, Int32)])
  func check(name: String, entry: UInt64?, status: Int32) throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      if name == "compressed" {
        try output(of: "qemu-img", "create", "-q", "-f", "raw", folder.path("raw"), "8M")
        try output(of: "qemu-io", "-f", "raw", "-c", "write -P 7 0 2M", folder.path("raw"))
        try output(of: "qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", folder.path("raw"), image)
      } else {
        try Self.make(image, "8M")
        for place in ["0", "4M", "1M"] { try output(of: "qemu-io", "-c", "write \(place) 128k", image) }
      }
      if let entry { try Self.damage(image, entry: entry) }
      let judge = try run(["qemu-img", "check", "--output=json", "-f", "qcow2", image])
      #expect(judge.status == status)
      let json = try vireo(["image", "check", "--format", "json", image])
      #expect(json.status == status && json.errors.isEmpty, "\(json.errors)")
      let ours = try parsed(json.output)
      // qemu-img counts one damaged entry twice: for where it leads, and for its flag.
      expectMembers(of: try parsed(judge.output), in: ours, except: status == 2 ? ["corruptions"] : [])
      let corruptions = (ours as? [String: Any])?["corruptions"] as? Int ?? 0
      #expect((corruptions > 0) == (status == 2))
      #expect(((ours as? [String: Any])?["findings"] as? [Any])?.isEmpty == (status == 0))
      let text = try vireo(["image", "check", image])
      #expect(text.status == status)
      #expect(text.output.contains("no faults found") == (status == 0))
      for line in text.output.split(separator: "\n") { #expect(line.count <= 80 || line.contains("/"), "\(line)") }
      #expect(try vireo(["image", "check", "--data", image]).status == status)
    }
  }

  @Test("a repair mends what it is asked to, and says what is left")
  func repair() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      try Self.make(image)
      try output(of: "qemu-io", "-c", "write 0 128k", image)
      try Self.damage(image, entry: 0)
      let leaks = try vireo(["image", "check", "--repair", "leaks", image])
      #expect(leaks.status == 0 && leaks.output.contains("repaired"), "\(leaks.output)\(leaks.errors)")
      try Self.expectSound(image)
      let json = try vireo(["image", "check", "--repair", "all", "--format", "json", image])
      #expect(json.status == 0)
      #expect((try parsed(json.output) as? [String: Any])?["leaks-fixed"] as? Int == 0)
    }
  }

  @Test("an overlay is put on another base, and keeps its content")
  func rebase() throws {
    try TemporaryFolder.with { folder in
      let top = folder.path("top.qcow2")
      for (name, byte) in [("old", 1), ("new", 2)] {
        try Self.make(folder.path("\(name).qcow2"))
        try output(of: "qemu-io", "-c", "write -P \(byte) 0 1M", folder.path("\(name).qcow2"))
      }
      try Self.make(top, "2M", ["-b", "old.qcow2", "-F", "qcow2"])
      try output(of: "qemu-io", "-c", "write -P 3 64k 64k", top)
      let moved = try vireo(["image", "rebase", top, "--backing", "new.qcow2"])
      #expect(moved.status == 0 && moved.output == "\(top): stands on new.qcow2\n", "\(moved.errors)")
      #expect((try qemuJSON("info", top) as? [String: Any])?["backing-filename"] as? String == "new.qcow2")
      let read = ["read -P 1 0 64k", "read -P 3 64k 64k", "read -P 1 128k 896k", "read -P 0 1M 1M"]
      try output(of: ["qemu-io", "-r"] + read.flatMap { ["-c", $0] } + [top])
      try Self.expectSound(top)
      #expect(try vireo(["image", "rebase", top, "--no-backing"]).output == "\(top): stands on nothing\n")
      #expect((try qemuJSON("info", top) as? [String: Any])?["backing-filename"] == nil)
      try output(of: ["qemu-io", "-r"] + read.flatMap { ["-c", $0] } + [top])
      try Self.expectSound(top)
    }
  }

  @Test("a base that was moved is named anew without a look at data, and its folder need not be allowed twice")
  func metadataOnly() throws {
    try TemporaryFolder.with { folder in
      let top = folder.path("top.qcow2")
      try folder.write("", to: "bases/file")
      try Self.make(folder.path("old.qcow2"))
      try Self.make(top, "2M", ["-b", "old.qcow2", "-F", "qcow2"])
      try FileManager.default.moveItem(atPath: folder.path("old.qcow2"), toPath: folder.path("bases/new.qcow2"))
      let plain = try vireo(["image", "rebase", top, "--backing", "bases/new.qcow2"])
      #expect(plain.status == 1 && plain.errors.contains("no such file"), "\(plain.errors)")
      let moved = try vireo(["image", "rebase", "--metadata-only", top, "--backing", "bases/new.qcow2"])
      #expect(moved.status == 0, "\(moved.errors)")
      #expect((try qemuJSON("info", top) as? [String: Any])?["backing-filename"] as? String == "bases/new.qcow2")
      try Self.expectSound(top)
    }
  }

  @Test("a backing file gets what its overlay holds")
  func commit() throws {
    try TemporaryFolder.with { folder in
      let (base, top) = (folder.path("base.qcow2"), folder.path("top.qcow2"))
      try Self.make(base)
      try Self.make(top, "2M", ["-b", "base.qcow2", "-F", "qcow2"])
      for keeps in [true, false] {
        try output(of: "qemu-io", "-c", "write -P \(keeps ? 5 : 6) 64k 300k", top)
        let run = try vireo(["image", "commit", top] + (keeps ? ["--keep-data"] : []))
        #expect(run.status == 0 && run.output == "\(top): committed to its backing file\n", "\(run.errors)")
        try output(of: "qemu-img", "compare", base, top)
        try output(of: "qemu-io", "-r", "-c", "read -P \(keeps ? 5 : 6) 64k 300k", base)
        let extents = try #require(try qemuJSON("map", top) as? [[String: Any]])
        #expect(extents.contains { $0["depth"] as? Int == 0 && $0["data"] as? Bool == true } == keeps)
        for image in [base, top] { try Self.expectSound(image) }
      }
    }
  }

  @Test("an image in use is left alone")
  func inUse() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      try Self.make(image)
      try output(of: "qemu-img", "snapshot", "-c", "one", image)
      let socket = folder.path("s")
      let server = try ChildProcess(["qemu-nbd", "-t", "-k", socket, "-f", "qcow2", image])
      for _ in 0..<500 where access(socket, F_OK) != 0 { usleep(10_000) }
      let commands = [
        ["resize", image, "4MiB"], ["check", image], ["check", "--repair", "all", image],
        ["rebase", image, "--no-backing"],
        ["snapshot", "take", image, "x"], ["snapshot", "revert", image, "one"], ["snapshot", "delete", image, "one"],
        ["snapshot", "rename", image, "one", "--to", "x"], ["snapshot", "list", image],
      ]
      for command in commands {
        let run = try vireo(["image"] + command)
        #expect(run.status == 1 && run.output.isEmpty)
        #expect(run.errors.contains("is in use by qemu-nbd"), "\(command) \(run.errors)")
      }
      #expect(try vireo(["image", "check", "--force-share", image]).status == 0)
      #expect(try vireo(["image", "snapshot", "list", "--force-share", image]).status == 0)
      server.signal(SIGKILL)
      _ = try server.wait()
      try Self.expectSound(image)
    }
  }
}
