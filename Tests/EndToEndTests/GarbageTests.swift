// What gc deletes, and what it never does: files of real domains on an embedded host.

import Foundation
import TestSupport
import Testing

@Suite("garbage collection", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct GarbageTests {
  private static func spec(_ host: ScratchHost, _ domains: String = Self.both) -> String {
    """
    stack: garbage
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains: \(domains)

    """
  }

  private static let web = "web: { type: qemu, memory: 32 MiB, disks: { root: { image: base, size: 20 MiB } } }"
  private static let db = "db: { type: qemu, memory: 32 MiB, disks: { root: { size: 1 MiB, format: raw } } }"
  private static let both = "{ \(web), \(db) }"

  private func files(_ host: ScratchHost) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: host.pool).map { $0.hasPrefix("base-") ? "base" : $0 })
  }

  /// The copy of the base image.
  private func base(_ host: ScratchHost) throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: host.pool)
    return host.pool + "/" + (try #require(names.first { $0.hasPrefix("base-") }))
  }

  private func overlay(_ name: String, on backing: String, _ host: ScratchHost) throws -> String {
    let path = host.pool + "/" + name
    try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", "qcow2", path)
    return path
  }

  @Test("what domains and specs need stays; what a removed domain leaves goes, with the base image, and only once")
  func removed() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host)
      try host.apply(spec)
      let unused = try host.vireo("gc", "--plan", "--folder", host.pool)
      #expect(unused.status == 0 && unused.output.contains("nothing to delete"), "\(unused.output)\(unused.errors)")
      #expect(try host.vireo(["destroy", "--yes"], spec).status == 0)

      let before = host.footprint()
      let young = try host.vireo("gc", "--yes", "--older-than", "7d")
      #expect(young.status == 0 && young.output.contains("nothing to delete"), "\(young.output)\(young.errors)")
      let declared = try host.vireo(["gc", "--plan"], spec)
      #expect(declared.status == 0 && declared.output.contains("no file is unreferenced"), "\(declared.output)")
      let plan = try host.vireo("gc", "--plan")
      #expect(plan.status == 0 && plan.output.contains("3 files to delete"), "\(plan.output)\(plan.errors)")
      #expect(plan.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(plan.output)")
      let unasked = try host.vireo("gc")
      #expect(unasked.status == 1 && unasked.errors.contains("--yes"), "\(unasked.errors)")
      #expect(host.footprint().differences(from: before).isEmpty, "none of these changes anything")

      let run = try host.vireo("gc", "--yes")
      #expect(run.status == 0 && run.output.contains("Applied: 5 steps done"), "\(run.output)\(run.errors)")
      #expect(try files(host).isEmpty)
      #expect(try host.vireo("restore", "--list").output == "no removed domain is kept for \(host.uri)\n")
      #expect(try host.vireo("gc", "--yes").output.contains("nothing to delete"))
      try host.apply(spec)
    }
  }

  @Test("what a snapshot's overlays left is known, and what stands on what goes in order", arguments: [false, true])
  func snapshots(isArchived: Bool) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host, "{ \(Self.web) }")
      try host.apply(spec)
      for name in ["one", "two"] {
        #expect(try host.vireo("snapshot", "take", "web", name, "--external").status == 0)
      }
      let all: Set = ["base", "web.root.qcow2", "web.root.one.qcow2", "web.root.one.two.qcow2"]
      #expect(try files(host) == all)
      // A domain with snapshots needs every overlay.
      #expect(try host.vireo("gc", "--plan", "--folder", host.pool).output.contains("no file is unreferenced"))
      if isArchived {
        #expect(try host.vireo(["destroy", "--yes"], spec).status == 0)
      } else {
        try host.virsh("undefine", "web", "--snapshots-metadata")
      }
      let kept = try host.vireo("gc", "--yes", "--folder", host.pool, "--older-than", "1h")
      #expect(kept.status == 0, "\(kept.output)\(kept.errors)")
      #expect(try files(host) == (isArchived ? all : []), "\(kept.output)")
      let run = try host.vireo("gc", "--yes", "--folder", host.pool)
      #expect(run.status == 0, "\(run.output)\(run.errors)")
      #expect(try files(host).isEmpty)
    }
  }

  @Test("a file of others stays, and keeps what it stands on; named, it goes")
  func foreign() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(Self.spec(host))
      let other = try overlay("theirs.qcow2", on: try base(host), host)
      #expect(try host.vireo(["destroy", "--yes"], Self.spec(host)).status == 0)
      let run = try host.vireo("gc", "--yes")
      #expect(run.status == 0 && run.output.contains("theirs.qcow2 needs it"), "\(run.output)\(run.errors)")
      #expect(try files(host) == ["base", "theirs.qcow2"])
      let named = try host.vireo("gc", "--yes", "--folder", host.pool, "--also", other)
      #expect(named.status == 0 && named.output.contains("Applied: 2 steps done"), "\(named.output)\(named.errors)")
      #expect(try files(host).isEmpty)
    }
  }

  @Test("a file that something refers to is not deleted, whoever names it; the proof is shown")
  func named() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(Self.spec(host))
      let before = host.footprint()
      let image = try base(host)
      let run = try host.vireo("gc", "--yes", "--also", image)
      #expect(run.status == 1, "\(run.output)")
      #expect(
        run.errors.contains("domain web → \(host.pool)/web.root.qcow2 → \(image)"), "\(run.errors)")
      #expect(try host.vireo("gc", "--yes", "--also", host.pool).status == 1, "a folder is no file")
      #expect(try host.vireo("gc", "--yes", "--also", host.pool + "/none").status == 1)
      #expect(host.footprint().differences(from: before).isEmpty)
    }
  }

  @Test("what cannot be read might need anything: nothing is deleted")
  func broken() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(Self.spec(host))
      let theirs = host.pool + "/middle.qcow2"
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", theirs, "1M")
      let top = try overlay("top.qcow2", on: theirs, host)
      let reader =
        "stack: reader\ndomains: { reader: { type: qemu, memory: 32 MiB, disks: { d: { source: \"\(top)\", format: qcow2 } } } }\n"
      try host.apply(reader)
      #expect(try host.vireo(["destroy", "--yes"], Self.spec(host)).status == 0)
      try FileManager.default.removeItem(atPath: theirs)
      let before = host.footprint()
      for arguments in [["gc", "--yes"], ["gc", "--plan"]] {
        let run = try TestSupport.vireo(arguments + ["--connect", host.uri])
        #expect(run.status == 1 && run.output.contains("refused"), "\(run.output)")
        #expect(run.errors.contains("domain reader → \(top) → \(theirs)"), "\(run.errors)")
      }
      #expect(host.footprint().differences(from: before).isEmpty)
      // Without the domain it is a file of others, on which nothing can depend any more.
      #expect(try host.vireo(["destroy", "--yes"], reader).status == 0)
      #expect(try host.vireo("gc", "--yes").status == 0)
      #expect(try files(host) == ["top.qcow2"])
    }
  }

  @Test("a file that a process has open is not deleted, and keeps what it stands on and its removal")
  func inUse() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(Self.spec(host))
      #expect(try host.vireo(["destroy", "--yes"], Self.spec(host)).status == 0)
      let disk = host.pool + "/web.root.qcow2"
      let user = try ChildProcess(["qemu-io", "-f", "qcow2", "-c", "sleep 600000", disk])
      // Asked of the kernel: a program that looked at the image would lock it, and could be what keeps the user out.
      let inode = try #require(FileManager.default.attributesOfItem(atPath: disk)[.systemFileNumber] as? Int)
      try waitUntil("the image is locked", seconds: 60) {
        try String(contentsOfFile: "/proc/locks", encoding: .utf8).contains(":\(inode) ")
      }
      let first = try host.vireo("gc", "--yes")
      #expect(first.status == 1 && first.errors.contains("in use"), "\(first.output)\(first.errors)")
      #expect(try files(host) == ["base", "web.root.qcow2"])
      #expect(try host.vireo("restore", "--list").output.contains("web "))
      user.signal(SIGKILL)
      _ = try user.wait()
      #expect(try host.vireo("gc", "--yes").status == 0)
      #expect(try files(host).isEmpty)
    }
  }

  @Test("a copy that is not what its name says is somebody's; one that was never finished goes")
  func proof() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(Self.spec(host))
      #expect(try host.vireo(["destroy", "--yes"], Self.spec(host)).status == 0)
      let image = try base(host)
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: image)
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q 0 4k", image)
      let leftover = host.pool + "/.3w5e11264sg0k2kpqb9f3z1x.partial"
      try Data("x".utf8).write(to: URL(fileURLWithPath: leftover))
      // Their name and mark go with `cp -a`, and they are copies all the same.
      let copies = host.folder.path("copies")
      try FileManager.default.createDirectory(atPath: copies, withIntermediateDirectories: true)
      try output(of: "cp", "-a", host.pool + "/web.root.qcow2", copies)
      let arguments = ["--folder", host.pool, "--folder", copies]
      let run = try TestSupport.vireo(["gc", "--yes", "--connect", host.uri] + arguments)
      #expect(run.status == 1 && run.errors.contains("checksum"), "\(run.output)\(run.errors)")
      let left = try files(host)
      // The young one may be under way.
      #expect(left == ["base", ".3w5e11264sg0k2kpqb9f3z1x.partial"], "\(run.output)\(run.errors)")
      #expect(FileManager.default.fileExists(atPath: copies + "/web.root.qcow2"))
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -100_000)], ofItemAtPath: leftover)
      let open = try FileHandle(forReadingFrom: URL(fileURLWithPath: leftover))
      #expect(try host.vireo("gc", "--yes", "--folder", host.pool).status == 1, "somebody has it open")
      try open.close()
      // A program that another test starts at this moment has the file open, too, until it is under way.
      try waitUntil("the leftover goes") {
        _ = try host.vireo("gc", "--yes", "--folder", host.pool)
        return try files(host) == ["base"]
      }
    }
  }

  @Test("with a spec only its stack's removals and files go; all stacks are another flag")
  func scope() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let ours = "stack: ours\npools: { vms: { path: \"\(host.pool)\" } }\n"
      let theirs = ours.replacing("ours", with: "theirs")
      for spec in [ours, theirs] {
        let name = spec.hasPrefix("stack: ours") ? "a" : "b"
        let whole = spec + "domains: { \(name): { type: qemu, memory: 32 MiB, disks: { root: { size: 1 MiB } } } }\n"
        try host.apply(whole)
        #expect(try host.vireo(["destroy", "--yes"], whole).status == 0)
      }
      let own = try host.vireo(["gc", "--yes"], ours)
      #expect(own.status == 0, "\(own.output)\(own.errors)")
      #expect(try files(host) == ["b.root.qcow2"])
      #expect(try host.vireo("restore", "--list").output.contains("b "))
      let all = try host.vireo(["gc", "--yes", "--all-stacks"], ours)
      #expect(all.status == 0, "\(all.output)\(all.errors)")
      #expect(try files(host).isEmpty)
    }
  }
}
