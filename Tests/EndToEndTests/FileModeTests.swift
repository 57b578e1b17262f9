// Who may read the files that a host gets: with a base image that is its owner's alone, nobody else may read anything that is
// made of it, whatever writes it.

import Foundation
import TestSupport
import Testing

@Suite("modes of a host's files", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct FileModeTests {
  private static func spec(_ host: ScratchHost, size: String = "16 MiB", state: String = "stopped") -> String {
    """
    stack: modes
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    volumes: { data: { size: 1 MiB, pool: vms }, copy: { image: base, size: 16 MiB, pool: vms } }
    domains:
      web:
        type: qemu
        memory: 32 MiB
        state: \(state)
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { image: base, size: \(size) }, blank: { size: 1 MiB }, raw: { size: 1 MiB, format: raw } }

    """
  }

  /// The files that others than their owner may do something with.
  private static func wide(_ folders: [String]) -> [String] {
    folders.flatMap { folder -> [String] in
      let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
      return names.map { folder + "/" + $0 }.filter { path in
        var status = stat()
        // A lock has nothing in it.
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size > 0
          && status.st_mode & 0o077 & (geteuid() == 0 ? 0o077 : ~0o040) != 0
      }
    }
  }

  @Test("nothing is readable to others, whatever wrote it")
  func everyStep() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try #require(chmod(host.folder.path("base.qcow2"), 0o600) == 0)
      let spec = Self.spec(host)
      func snapshot(_ words: String...) throws {
        let run = try TestSupport.vireo(["snapshot"] + words + ["--connect", host.uri])
        #expect(run.status == 0, "\(words): \(run.output)\(run.errors)")
      }
      let steps: [(what: String, body: () throws -> Void)] = [
        ("created", { try host.apply(spec) }),
        ("grown", { try host.apply(Self.spec(host, size: "20 MiB")) }),
        ("external snapshot", { try snapshot("take", "web", "one", "--external") }),
        ("reverted", { try snapshot("revert", "web", "one", "--yes") }),
        ("merged", { try snapshot("delete", "web", "one", "--yes") }),
        ("started", { try host.apply(Self.spec(host, size: "20 MiB", state: "running")) }),
        ("with memory", { try snapshot("take", "web", "two", "--external", "--memory") }),
        ("merged as it runs", { try snapshot("delete", "web", "two", "--yes") }),
        ("grown as it runs", { try host.apply(Self.spec(host, size: "24 MiB", state: "running")) }),
        ("stopped", { try host.apply(Self.spec(host, size: "24 MiB")) }),
        (
          "removed",
          {
            let run = try host.vireo(["destroy", "--yes"], spec)
            #expect(run.status == 0, "\(run.errors)")
          }
        ),
        (
          "restored",
          {
            let run = try TestSupport.vireo(["restore", "web", "--connect", host.uri])
            #expect(run.status == 0, "\(run.errors)")
          }
        ),
      ]
      for (what, body) in steps {
        try body()
        #expect(Self.wide([host.pool, host.root + "/lib/vireo"]) == [], "\(what)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: host.pool).count >= 5)
    }
  }
}
