// Images that no domain owns, against qemu-img: made, grown, given snapshots, had by guests, and left alone.

import Foundation
import TestSupport
import Testing

@Suite("volumes", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct VolumeTests {
  private static func spec(_ host: ScratchHost, _ volume: String, domain: String = "") -> String {
    """
    stack: volumes
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    volumes: { data: { \(volume) } }
    \(domain)

    """
  }

  /// A domain with the volume as its disk.
  private static func domain(_ state: String, disk: String = "", more: String = "") -> String {
    """
    domains:
      web:
        type: qemu
        memory: 32 MiB
        state: \(state)
        shutdown: { timeout: 1 s, force-off: true }
        disks: { data: { volume: data\(disk) } }
        \(more)
    """
  }

  private static func file(_ host: ScratchHost) -> String { host.pool + "/data.qcow2" }

  private static func snapshots(_ path: String) throws -> [String] {
    let list = try output(of: "qemu-img", "snapshot", "-U", "-l", path).split(separator: "\n").dropFirst(2)
    return list.compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }
  }

  private static func write(_ byte: UInt8, to path: String) throws {
    try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P \(byte) 0 64k", path)
  }

  /// The disk's first byte and its length, of the disk as it is or of a snapshot.
  private static func content(_ host: ScratchHost, of path: String, in snapshot: String? = nil) throws -> [Int] {
    let target = host.folder.path("content.raw")
    let options = snapshot.map { ["-l", "snapshot.name=\($0)"] } ?? []
    let arguments = ["qemu-img", "convert", "-U", "-f", "qcow2"] + options + ["-O", "raw", path, target]
    let converted = try run(arguments)
    try #require(converted.status == 0, "\(converted.errors)")
    let data = try Data(contentsOf: URL(fileURLWithPath: target))
    return [Int(data[0]), data.count]
  }

  @Test("a blank volume, an overlay and one beside the pools are made once, as qemu-img finds them")
  func made() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let beside = host.folder.path("beside.raw")
      let spec = Self.spec(host, "size: 4 MiB, cluster-size: 128 KiB, snapshots: { pristine: { description: blank } }")
        .replacingOccurrences(
          of: "volumes: {",
          with: "volumes: { over: { image: base, size: 32 MiB, snapshots: { first: } }, "
            + "beside: { path: '\(beside)', size: 1 MiB, format: raw, preallocation: falloc, permissions: { mode: '0640' } }, "
        )
      let plan = try host.plan(spec)
      #expect(plan.status == 2 && plan.output.contains("Plan: 5 to create"), "\(plan.output)")
      #expect(!FileManager.default.fileExists(atPath: host.pool), "a plan makes nothing")
      try host.apply(spec)
      try host.expectNoChanges(spec)
      let before = Footprint([host.pool, beside])
      try host.apply(spec)
      #expect(Footprint([host.pool, beside]) == before)

      let data = try host.imageInfo(Self.file(host))
      #expect(data["cluster-size"] as? Int == 128 << 10 && data["virtual-size"] as? Int == 4 << 20)
      #expect(try Self.snapshots(Self.file(host)) == ["pristine"])
      let over = try host.imageInfo(host.pool + "/over.qcow2")
      #expect(over["virtual-size"] as? Int == 32 << 20)
      #expect((over["backing-filename"] as? String)?.hasPrefix("base-") == true)
      #expect(try Self.content(host, of: host.pool + "/over.qcow2", in: "first") == [0x76, 32 << 20])
      let raw = try host.imageInfo(beside)
      #expect(raw["format"] as? String == "raw" && raw["actual-size"] as? Int == 1 << 20)
      #expect(try FileManager.default.attributesOfItem(atPath: beside)[.posixPermissions] as? Int == 0o640)
      try host.expectSoundPool(["data.qcow2", "over.qcow2"])
    }
  }

  @Test("a snapshot keeps what the disk held, whatever is written, grown and taken later")
  func content() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(Self.spec(host, "size: 4 MiB"))
      try Self.write(0x11, to: Self.file(host))
      try host.apply(Self.spec(host, "size: 4 MiB, snapshots: { one: }"))
      try Self.write(0x22, to: Self.file(host))
      let spec = Self.spec(host, "size: 64 MiB, snapshots: { one: , two: }")
      let plan = try host.plan(spec)
      #expect(plan.output.contains("4 MiB → 64 MiB") && plan.output.contains("snapshots.two"), "\(plan.output)")
      try host.apply(spec)
      try host.expectNoChanges(spec)
      try Self.write(0x33, to: Self.file(host))
      #expect(try Self.content(host, of: Self.file(host), in: "one")[0] == 0x11)
      // qemu-img shows a snapshot with the present size, and goes back to the one that it had.
      let copy = host.folder.path("copy.qcow2")
      try FileManager.default.copyItem(atPath: Self.file(host), toPath: copy)
      try output(of: "qemu-img", "snapshot", "-a", "one", copy)
      #expect(try Self.content(host, of: copy) == [0x11, 4 << 20])
      #expect(try Self.content(host, of: Self.file(host), in: "two") == [0x22, 64 << 20])
      #expect(try Self.content(host, of: Self.file(host)) == [0x33, 64 << 20])
      let list = try vireo(["image", "snapshot", "list", Self.file(host)])
      #expect(list.output.contains("one") && list.output.contains("two"))
      // One that leaves the spec is kept, and told; and going back is the engine's.
      let less = Self.spec(host, "size: 64 MiB, snapshots: { one: }")
      let told = try host.plan(less)
      #expect(told.status == 0 && told.output.contains("the snapshot two of its file is not in the spec"))
      try host.apply(less)
      #expect(try Self.snapshots(Self.file(host)) == ["one", "two"])
      #expect(try vireo(["image", "snapshot", "apply", Self.file(host), "two"]).status == 0)
      #expect(try Self.content(host, of: Self.file(host)) == [0x22, 64 << 20])
      try host.expectNoChanges(spec)
      try host.expectSoundPool(["data.qcow2"])
    }
  }

  @Test("a guest has a volume by its name; while it runs only the guest itself grows it")
  func guest() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let volume = "size: 4 MiB, snapshots: { pristine: }"
      let spec = Self.spec(host, volume, domain: Self.domain("running"))
      try host.apply(spec)
      try host.expectNoChanges(spec)
      #expect(try host.running("web")("//disk/source/@file") == Self.file(host))
      let before = host.footprint()

      for (changed, words) in [
        ("size: 8 MiB, snapshots: { pristine: }", "cannot be grown: the domain web runs and uses it"),
        ("size: 4 MiB, snapshots: { pristine: , later: }", "cannot be given a snapshot: the domain web runs"),
      ] {
        for domain in [Self.domain("running"), ""] {
          let run = try host.refused(Self.spec(host, changed, domain: domain))
          #expect(run.errors.contains(words) && run.errors.contains("spec.yaml:4:"), "\(run.errors)")
          #expect(run.errors.contains("or ") == !domain.isEmpty, "only a domain of the stack has ways of its own")
        }
      }
      #expect(host.footprint() == before)

      let larger = Self.spec(
        host, "size: 8 MiB, snapshots: { pristine: }", domain: Self.domain("running", disk: ", size: 8 MiB"))
      try host.apply(larger)
      try host.expectNoChanges(larger)
      #expect(try host.virtualSize(Self.file(host)) == 8 << 20)

      // Its own snapshots are no news of the volume's; stopped, it stands in nobody's way.
      let own = Self.spec(
        host, "size: 8 MiB, snapshots: { pristine: }",
        domain: Self.domain("stopped", disk: ", size: 8 MiB", more: "snapshots: { own: }"))
      try host.apply(own)
      try host.expectNoChanges(own)
      let later = own.replacingOccurrences(of: "8 MiB", with: "16 MiB").replacingOccurrences(
        of: "{ pristine: }", with: "{ pristine: , later: }")
      let plan = try host.plan(later)
      #expect(plan.output.contains("a disk of the stopped domain web"), "\(plan.output)")
      try host.apply(later)
      try host.expectNoChanges(later)
      #expect(try Self.snapshots(Self.file(host)) == ["pristine", "own", "later"])
      #expect(try host.virtualSize(Self.file(host)) == 16 << 20)
      try host.expectSoundPool(["data.qcow2"])
    }
  }

  @Test("what is there is taken as it is, and what it cannot become is refused before anything is touched")
  func existing() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.makeBase("base.raw", format: "raw")
      try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", Self.file(host), "4M")
      try Self.write(0x11, to: Self.file(host))
      try output(of: "qemu-img", "snapshot", "-c", "by-hand", Self.file(host))
      // By its path alone no word of its size is needed.
      let found = Self.spec(host, "path: '\(Self.file(host))', snapshots: { by-hand: , ours: }")
      try host.apply(found)
      try host.expectNoChanges(found)
      #expect(try Self.snapshots(Self.file(host)) == ["by-hand", "ours"])
      let before = host.footprint()
      for (volume, words) in [
        ("size: 2 MiB", ["volume data is 4 MiB", "only grows"]),
        ("path: '\(host.folder.path("none.qcow2"))'", ["there is no file", "add `size:`"]),
        ("path: '\(host.folder.path("no/where.qcow2"))', size: 1 MiB", ["there is no folder"]),
        ("path: '\(host.pool)'", ["is a folder"]),
        ("path: '\(host.folder.path("base.raw"))'", ["base.raw", "qcow2"]),
      ] {
        let run = try host.refused(Self.spec(host, volume))
        for word in words { #expect(run.errors.contains(word), "\(run.errors)") }
        #expect(run.errors.contains("spec.yaml:4:"))
      }
      #expect(host.footprint() == before)
      // Leaving the spec, and destroying the stack, leave the file.
      try host.apply("stack: volumes\n")
      let destroyed = try host.vireo(["destroy", "--yes"], found)
      #expect(destroyed.status == 0 && destroyed.output.contains("its file is kept"), "\(destroyed.output)")
      #expect(try Self.content(host, of: Self.file(host)) == [0x11, 4 << 20])
    }
  }

  @Test("an image that a stopped guest stands on, of whatever stack, is left alone")
  func below() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host, "size: 4 MiB", domain: Self.domain("stopped"))
      try host.apply(spec)
      let taken = try vireo(["snapshot", "take", "web", "one", "--external", "--connect", host.uri])
      #expect(taken.status == 0, "\(taken.errors)")
      #expect(try host.plan(spec).status == 0)
      for domain in [Self.domain("stopped"), ""] {
        for volume in ["size: 8 MiB", "size: 4 MiB, snapshots: { one: }"] {
          let run = try host.refused(
            Self.spec(host, volume, domain: domain).replacingOccurrences(
              of: "stack: volumes", with: domain.isEmpty ? "stack: other" : "stack: volumes"))
          #expect(run.errors.contains("it is the backing file of a disk of domain web"), "\(run.errors)")
        }
      }
      #expect(try host.virtualSize(Self.file(host)) == 4 << 20)
      #expect(try Self.snapshots(Self.file(host)).isEmpty)
    }
  }

  @Test("an image of version 2 with snapshots, which no program grows, is refused beforehand")
  func old() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", Self.file(host), "4M")
      try host.apply(Self.spec(host, "size: 4 MiB, snapshots: { one: }"))
      let run = try host.refused(Self.spec(host, "size: 8 MiB, snapshots: { one: }"))
      #expect(run.errors.contains("version 0.10"), "\(run.errors)")
      #expect(try host.virtualSize(Self.file(host)) == 4 << 20)
    }
  }
}
