// vireo image in a world that is not kind: in use, interrupted, with streams closed, with names and headers from strangers.

import Foundation
import TestSupport
import Testing

@Suite("image runs")
struct ImageRunTests {
  /// A raw image that takes some seconds to compress.
  private static func makeNoise(_ path: String) throws {
    try output(of: "dd", "if=/dev/urandom", "of=\(path)", "bs=1M", "count=256", "status=none")
  }

  /// Whether a process has a file in a folder open for writing that it has written to.
  private static func writes(_ process: Int32, in folder: String) throws -> Bool {
    let open = "/proc/\(process)/fd"
    return (try? FileManager.default.contentsOfDirectory(atPath: open))?.contains { number in
      var status = stat()
      let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(open)/\(number)")) ?? ""
      return target.hasPrefix(folder) && !target.hasSuffix("/a.raw") && stat("\(open)/\(number)", &status) == 0
        && status.st_blocks > 0
    } ?? false
  }

  @Test("Ctrl-C, and the end of the world, leave nothing of a conversion", arguments: [SIGINT, SIGTERM, SIGKILL])
  func interrupted(signal: Int32) throws {
    try TemporaryFolder.with { folder in
      try Self.makeNoise(folder.path("a.raw"))
      let process = try ChildProcess(
        [
          try programPath(), "image", "convert", "--compress", "--jobs", "1", folder.path("a.raw"),
          folder.path("b.qcow2"),
        ])
      // The end comes once the new image is being written, however long that takes to begin.
      while process.isRunning, try !Self.writes(process.id, in: folder.root) { usleep(500) }
      #expect(process.isRunning)
      process.signal(signal)
      let run = try process.wait(seconds: 20)
      if signal == SIGKILL {
        #expect(run.status == 128 + SIGKILL)
      } else {
        #expect(run.status == 1)
        #expect(run.errors == "error: \(folder.path("b.qcow2")): cancelled\n")
      }
      #expect(run.output.isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.root) == ["a.raw"])
    }
  }

  @Test("an image in use is described, and read only with --force-share")
  func inUse() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", image, "1M")
      let socket = folder.path("s")
      let server = try ChildProcess(["qemu-nbd", "-t", "-k", socket, "-f", "qcow2", image])
      for _ in 0..<500 where access(socket, F_OK) != 0 { usleep(10_000) }
      let info = try vireo(["image", "info", image])
      #expect(info.status == 0 && info.output.contains("in use:"), "\(info.output)\(info.errors)")
      for command in [["map", image], ["convert", image, folder.path("b.raw")], ["compare", image, image]] {
        let run = try vireo(["image"] + command)
        #expect(run.status != 0 && run.output.isEmpty)
        #expect(run.errors.contains("is in use by qemu-nbd (process \(server.id))"), "\(run.errors)")
        #expect(try vireo(["image"] + command + ["--force-share"]).status == 0)
      }
      server.signal(SIGKILL)
      _ = try server.wait()
      #expect(try !vireo(["image", "info", image]).output.contains("in use:"))
    }
  }

  /// Runs vireo with streams closed: the numbers of those that are.
  private static func closed(_ streams: [Int], _ arguments: [String]) throws -> Run {
    let closing = streams.map { "\($0)>&-" }.joined(separator: " ")
    return try run(["sh", "-c", "exec \"$0\" \"$@\" \(closing)", try programPath(), "image"] + arguments)
  }

  @Test(
    "closed streams are no file's: an image never gets what was meant for a reader",
    arguments: [[1], [2], [1, 2], [0, 1, 2]])
  func closedStreams(streams: [Int]) throws {
    try TemporaryFolder.with { folder in
      let (source, copy) = (folder.path("a.raw"), folder.path("b.qcow2"))
      try output(of: "qemu-img", "create", "-q", "-f", "raw", source, "4M")
      try output(of: "qemu-io", "-f", "raw", "-c", "write -P 7 1M 1M", source)
      let run = try Self.closed(streams, ["convert", source, copy])
      // The image is made; that nobody could be told is a failure.
      #expect(run.status == (streams.contains(1) ? 1 : 0))
      try output(of: "qemu-img", "check", "-q", copy)
      try output(of: "qemu-img", "compare", "-f", "raw", "-F", "qcow2", source, copy)
      let before = try output(of: "sha256sum", copy)
      for command in [
        ["map", copy], ["info", copy], ["check", source], ["map", folder.path("none.raw")], ["--help"],
      ] {
        let run = try Self.closed(streams, command)
        #expect(run.status < 128, "\(command)")
        #expect(run.status != 0 || !streams.contains(1))
      }
      #expect(try output(of: "sha256sum", copy) == before)
    }
  }

  @Test("a reader that goes away ends a map without a word")
  func closedPipe() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", image, "1M")
      for format in ["text", "json"] {
        let run = try vireo(["image", "map", "--format", format, image], readsOutput: false)
        #expect(run.status == 1 && run.errors.isEmpty, "\(run.errors)")
      }
    }
  }

  @Test("names from strangers are shown escaped")
  func foreignText() throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.qcow2")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "b\u{1B}[2J\nx", "-F", "raw", image, "1M")
      let info = try vireo(["image", "info", image])
      #expect(info.status == 0 && info.output.contains("b\\x1b[2J\\x0ax"))
      #expect(!info.output.contains("\u{1B}"))
      let json = try vireo(["image", "info", "--format", "json", image])
      #expect((try parsed(json.output) as? [String: Any])?["backing-filename"] as? String == "b\u{1B}[2J\nx")
      #expect(!json.output.contains("\u{1B}"))
      for arguments in [["info", folder.path("\u{1B}[2J.raw")], ["map", image], ["map", "\u{1B}[2J"]] {
        let run = try vireo(["image"] + arguments)
        #expect(run.status == 1 && !run.errors.contains("\u{1B}"))
      }
      let strange = folder.path("\u{1B}[2J.raw")
      try output(of: "qemu-img", "create", "-q", "-f", "raw", strange, "1M")
      for arguments in [["info", strange], ["map", strange], ["convert", strange, folder.path("\u{1B}c.qcow2")]] {
        let run = try vireo(["image"] + arguments)
        #expect(run.status == 0 && !run.output.contains("\u{1B}"))
      }
    }
  }

  @Test("a header that a guest wrote to a raw disk changes nothing but a remark", arguments: ["qcow2", "luks"])
  func rawThatLooksLike(format: String) throws {
    try TemporaryFolder.with { folder in
      let image = folder.path("a.raw")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", image, "1M")
      try output(of: "truncate", "-s", "1M", image)
      if format == "luks" {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: image))
        file.write(Data([0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE, 0, 7]))
        try file.close()
      }
      for command in [["info", "-f", "raw", image], ["map", image], ["convert", image, folder.path("b.raw")]] {
        let run = try vireo(["image"] + command)
        #expect(run.status == 0, "\(run.errors)")
      }
      try output(of: "cmp", image, folder.path("b.raw"))
      #expect(
        try vireo(["image", "info", "-f", "raw", image]).output.contains(
          "looks like:     \(format == "luks" ? "LUKS" : format), "))
    }
  }
}
