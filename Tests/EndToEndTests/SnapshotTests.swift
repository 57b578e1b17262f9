// Snapshots of domains: declared, taken, gone back to and deleted; what the disks hold is what tells.

import Foundation
import TestSupport
import Testing

@Suite("snapshots", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct SnapshotTests {
  private static func spec(
    _ host: ScratchHost, format: String = "qcow2", state: String = "stopped", snapshots: String = ""
  ) -> String {
    """
    stack: snapshots
    pools: { vms: { path: "\(host.pool)" } }
    domains:
      web:
        type: qemu
        memory: 32 MiB
        state: \(state)
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { size: 4 MiB, format: \(format) } }
        snapshots: { \(snapshots) }

    """
  }

  /// The byte that the guest's disk begins with.
  private static func byte(_ host: ScratchHost) throws -> UInt8 {
    let source = try #require(try host.definition("web")("//disk/source/@file"))
    let target = host.folder.path("content.raw")
    try output(of: "qemu-img", "convert", "-U", "-O", "raw", source, target)
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: target))
    defer { try? file.close() }
    return try #require(try file.read(upToCount: 1)?.first)
  }

  private static func write(_ byte: UInt8, _ host: ScratchHost) throws {
    let source = try #require(try host.definition("web")("//disk/source/@file"))
    let format = try #require(try host.definition("web")("//disk/driver/@type"))
    try output(of: "qemu-io", "-f", format, "-c", "write -q -P \(byte) 0 64k", source)
  }

  @Test("a declared snapshot is taken once, of a stopped or a running guest", arguments: ["stopped", "running"])
  func declared(state: String) throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host, state: state))
      let spec = Self.spec(host, state: state, snapshots: "pristine: { description: as made }")
      let plan = try host.plan(spec)
      #expect(plan.status == 2 && plan.output.contains("snapshots.pristine"), "\(plan.output)")
      try host.apply(spec)
      try host.expectNoChanges(spec)
      #expect(try host.virsh("snapshot-list", "--name", "web").contains("pristine"))
      // One that leaves the spec is kept.
      try host.apply(Self.spec(host, state: state))
      #expect(try host.virsh("snapshot-list", "--name", "web").contains("pristine"))
      #expect(try host.snapshot("list", "web").output.contains("* pristine"))
    }
  }

  @Test(
    "going back brings back what the disk held, and the domain is as its spec says",
    arguments: [("qcow2", "internal"), ("qcow2", "external"), ("raw", "external")])
  func revert(format: String, kind: String) throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host, format: format, snapshots: "one: { kind: \(kind) }")
      try host.apply(Self.spec(host, format: format))
      try Self.write(0x11, host)
      try host.apply(spec)
      try Self.write(0x22, host)
      #expect(try Self.byte(host) == 0x22)
      #expect(try host.snapshot("revert", "web", "one").status == 1, "nobody was asked")
      #expect(try Self.byte(host) == 0x22)
      let reverted = try host.snapshot("revert", "web", "one", "--yes")
      #expect(reverted.status == 0, "\(reverted.errors)")
      #expect(try Self.byte(host) == 0x11)
      try host.expectNoChanges(spec)
      // And again: a snapshot is not used up.
      try Self.write(0x33, host)
      #expect(try host.snapshot("revert", "web", "one", "--yes").status == 0)
      #expect(try Self.byte(host) == 0x11)
    }
  }

  @Test(
    "a reverted domain is imported as it is, collects no garbage that it needs, and leaves nothing behind when it goes")
  func afterwards() throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host, snapshots: "one: { kind: external }")
      try host.apply(spec)
      #expect(try host.snapshot("revert", "web", "one", "--yes").status == 0)
      let source = try #require(try host.definition("web")("//disk/source/@file"))
      // libvirt from 9.9 on has named it, Vireo itself before.
      #expect(source.wholeMatch(of: #/.*/web\.root\.(one\.qcow2|[0-9]{10})/#) != nil, "\(source)")
      let imported = try TestSupport.vireo([
        "import", "web", "--stack", "snapshots", "--connect", host.uri, "--output", host.folder.path("imported"),
      ])
      #expect(imported.status == 0, "\(imported.output)\(imported.errors)")
      let garbage = try TestSupport.vireo(["gc", "--plan", "--connect", host.uri])
      #expect(garbage.status == 0 && !garbage.output.contains(source), "\(garbage.output)\(garbage.errors)")
      try host.expectNoChanges(spec)
      let destroyed = try host.vireo(["destroy", "--yes", "--delete-disks"], spec)
      #expect(destroyed.status == 0, "\(destroyed.output)\(destroyed.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: host.pool) == [])
    }
  }

  @Test(
    "deleting one keeps what the disk holds, and removes nothing that is needed", arguments: ["stopped", "running"])
  func delete(state: String) throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host, format: "raw", state: state)
      try host.apply(Self.spec(host, format: "raw"))
      try Self.write(0x11, host)
      try host.apply(spec)
      for name in ["one", "two"] {
        let taken = try host.snapshot("take", "web", name)
        #expect(taken.status == 0 && taken.output.contains("external"), "\(taken.errors)")
      }
      if state == "stopped" { try Self.write(0x22, host) }
      for name in ["two", "one"] {
        let deleted = try host.snapshot("delete", "web", name, "--yes")
        #expect(deleted.status == 0, "\(deleted.errors)")
      }
      #expect(try host.snapshot("list", "web").output == "domain web has no snapshots\n")
      #expect(try host.definition("web")("//disk/source/@file") == host.pool + "/web.root.raw")
      try host.expectNoChanges(spec)
      if state == "running" { try host.apply(Self.spec(host, format: "raw")) }
      #expect(try Self.byte(host) == (state == "stopped" ? 0x22 : 0x11))
      try host.expectSoundPool(["web.root.raw"])
    }
  }

  @Test(
    "going back takes the definition along, and the plan says what of it the spec has otherwise",
    arguments: ["stopped", "running"])
  func definition(state: String) throws {
    try ScratchHost.with { host in
      let old = Self.spec(host, state: state)
      try host.apply(old)
      #expect(try host.snapshot("take", "web", "one").status == 0)
      let new = old.replacing("memory: 32 MiB", with: "memory: 40 MiB\n    title: newer")
      try host.apply(new)
      #expect(try host.snapshot("revert", "web", "one", "--yes").status == 0)
      #expect(try host.definition("web")("/domain/memory") == String(32 << 10))
      let plan = try host.plan(new)
      #expect(plan.status == 2 && plan.output.contains("32 MiB → 40 MiB"), "\(plan.output)\(plan.errors)")
      #expect(plan.output.contains("title") && !plan.output.contains("disks."), "\(plan.output)")
      try host.apply(new)
      try host.expectNoChanges(new)
    }
  }

  @Test(
    "what another domain's disk stands on is neither merged nor gone back from", arguments: ["internal", "external"])
  func neighbours(kind: String) throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host, snapshots: "one: { kind: \(kind) }")
      try host.apply(spec)
      try Self.write(0x22, host)
      let source = try #require(try host.definition("web")("//disk/source/@file"))
      // A clone that somebody made by hand, of what the disk holds now and of what it held.
      let clone = host.folder.path("clone.qcow2")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", source, "-F", "qcow2", clone)
      let other = """
        stack: other
        domains: { clone: { type: qemu, memory: 32 MiB, disks: { root: { source: "\(clone)", format: qcow2 } } } }

        """
      try host.apply(other)
      for command in kind == "internal" ? ["revert"] : ["revert", "delete"] {
        let refused = try host.snapshot(command, "web", "one", "--yes")
        #expect(refused.status == 1 && refused.errors.contains("domain clone needs"), "\(refused.errors)")
      }
      #expect(try Self.byte(host) == 0x22)
      if kind == "internal" { #expect(try host.snapshot("delete", "web", "one", "--yes").status == 0) }
      #expect(try output(of: "qemu-io", "-f", "qcow2", "-c", "read -P 0x22 0 64k", clone).contains("read 65536"))
    }
  }

  @Test("the memory of a running guest is kept where asked for, and its file goes with the snapshot")
  func memory() throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host, format: "raw", state: "running"))
      #expect(try host.snapshot("take", "web", "hot", "--memory").output.contains("and the memory"))
      let file = host.pool + "/web.root.hot.memory"
      #expect(FileManager.default.fileExists(atPath: file))
      #expect(try host.snapshot("delete", "web", "hot", "--yes").status == 0)
      #expect(!FileManager.default.fileExists(atPath: file))
    }
  }

  @Test(
    "an external snapshot that was cut off is taken by the next run, wherever QEMU was", arguments: Cut.allCases)
  func cutOff(cut: Cut) throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host, state: cut == .stopped ? "stopped" : "running")
      try host.apply(spec)
      let (disk, overlay) = (host.pool + "/web.root.qcow2", host.pool + "/web.root.one.qcow2")
      func ask(_ command: String) throws -> String {
        let answer = try host.virsh("qemu-monitor-command", "web", command)
        guard answer.contains("return") else { throw TestError(answer) }
        return answer
      }
      // As far as libvirt comes when it is killed.
      switch cut {
      case .file: try Data().write(to: URL(fileURLWithPath: overlay))
      case .stopped, .image, .node, .disk:
        try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disk, overlay, "4M")
      }
      if cut == .node || cut == .disk {
        _ = try ask(
          #"{"execute":"blockdev-add","arguments":{"driver":"file","filename":"\#(overlay)","node-name":"libvirt-9-storage"}}"#
        )
        _ = try ask(
          #"{"execute":"blockdev-add","arguments":{"driver":"qcow2","file":"libvirt-9-storage","node-name":"libvirt-9-format","backing":null}}"#
        )
      }
      if cut == .disk {
        let nodes = try ask(#"{"execute":"query-named-block-nodes"}"#)
        let node = try #require(nodes.firstMatch(of: #/libvirt-[0-8]-format/#)?.output)
        _ = try ask(
          #"{"execute":"blockdev-snapshot","arguments":{"node":"\#(node)","overlay":"libvirt-9-format"}}"#)
        // What the guest writes goes to the overlay.
        let written = try ask(
          #"{"execute":"human-monitor-command","arguments":{"command-line":"qemu-io -d /machine/peripheral/ua-disk-root/virtio-backend \"write -P 0x55 0 64k\""}}"#
        )
        #expect(written.contains(#""return":"""#), "\(written)")
      }
      // Killed again where what QEMU has open is being cleared away.
      let points = host.folder.path("points")
      if cut == .disk {
        let number = 3 + Int.random(in: 0..<6)
        let killed = try TestSupport.vireo(
          ["snapshot", "take", "web", "one", "--external", "--connect", host.uri],
          environment: ["VIREO_FAILPOINT": "\(number)", "VIREO_FAILPOINT_LOG": points])
        #expect(killed.status == 128 + SIGKILL, "\(killed.output)\(killed.errors)")
      }
      let taken = try host.snapshot("take", "web", "one", "--external")
      #expect(taken.status == 0, "\(fileText(points) ?? ""): \(taken.output)\(taken.errors)")
      #expect(try host.definition("web")("//disk/source/@file") == overlay)
      #expect(try Self.byte(host) == (cut == .disk ? 0x55 : 0))
      #expect(try host.snapshot("delete", "web", "one", "--yes").status == 0)
      #expect(try Self.byte(host) == (cut == .disk ? 0x55 : 0))
    }
  }

  @Test("what a merge that was cut off has left of a guest's overlay is taken away, and nothing that was not merged")
  func cutOffMerge() throws {
    try ScratchHost.with { host in
      let spec = Self.spec(host)
      try host.apply(spec)
      let overlay = host.pool + "/web.root.one.qcow2"
      for (mark, isTaken) in [("begun", false), ("done", true)] {
        try output(
          of: "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", host.pool + "/web.root.qcow2", overlay)
        try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q 0 64k", overlay)
        let inode = try #require(
          try FileManager.default.attributesOfItem(atPath: overlay)[.systemFileNumber] as? Int)
        try setAttribute("user.vireo.merge", "\(inode) \(mark)", of: overlay)
        let taken = try host.snapshot("take", "web", "one", "--external")
        #expect(taken.status == (isTaken ? 0 : 1), "\(mark): \(taken.output)\(taken.errors)")
        if !isTaken { try FileManager.default.removeItem(atPath: overlay) }
      }
    }
  }

  /// How far a snapshot has come.
  enum Cut: CaseIterable {
    case stopped, file, image, node, disk
  }

  @Test("what stands where an overlay goes is left alone if it holds anything")
  func foreignOverlay() throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host))
      let overlay = host.pool + "/web.root.one.qcow2"
      try output(
        of: "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", host.pool + "/web.root.qcow2", overlay)
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q 0 64k", overlay)
      let refused = try host.snapshot("take", "web", "one", "--external")
      #expect(refused.status == 1 && refused.errors.contains("may hold data"), "\(refused.errors)")
      #expect(FileManager.default.fileExists(atPath: overlay))
    }
  }

  @Test("what libvirt could neither revert nor merge is refused beforehand, with the reason")
  func refusals() throws {
    try ScratchHost.with { host in
      try host.apply(Self.spec(host, snapshots: "one: {}"))
      for (arguments, words) in [
        (["take", "web", "two", "--external"], "mixture"), (["take", "web", "one"], "already"),
        (["take", "web", "two", "--memory"], "no memory"), (["take", "web", "two", "--quiesce"], "frozen"),
        (["revert", "web", "none", "--yes"], "no snapshot none"),
        (["delete", "web", "none", "--yes"], "no snapshot none"),
        (["list", "other"], "no domain other"),
      ] {
        let run = try host.snapshot(arguments)
        #expect(run.status == 1 && run.errors.contains(words), "\(arguments) \(run.errors)")
      }
      let mixed = try host.refused(Self.spec(host, snapshots: "one: {}, two: { kind: external }"))
      #expect(mixed.errors.contains("snapshots.two") && mixed.errors.contains("mixture"), "\(mixed.errors)")
      #expect(try host.virsh("snapshot-list", "--name", "web").split(separator: "\n").count == 1)
    }
  }
}

/// setxattr(2), whose header Glibc's module does not have.
private func setAttribute(_ name: String, _ value: String, of path: String) throws {
  typealias Call = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeRawPointer, Int, Int32) -> Int32
  let call = unsafeBitCast(try #require(dlsym(nil, "setxattr")), to: Call.self)
  let bytes = Array(value.utf8)
  try #require(call(path, name, bytes, bytes.count, 0) == 0)
}

extension ScratchHost {
  fileprivate func snapshot(_ arguments: String...) throws -> Run { try snapshot(arguments) }

  fileprivate func snapshot(_ arguments: [String]) throws -> Run {
    try TestSupport.vireo(["snapshot"] + arguments + ["--connect", uri])
  }
}
