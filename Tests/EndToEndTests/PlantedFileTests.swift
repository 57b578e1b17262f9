// A pool that somebody else may write to: what is planted there is neither trusted nor followed.

import Foundation
import TestSupport
import Testing

@Suite("planted files", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct PlantedFileTests {
  private func spec(_ host: ScratchHost, size: String = "20 MiB", more: String = "") -> String {
    """
    stack: planted
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains: { web: { type: qemu, memory: 32 MiB, disks: { root: { image: base, size: \(size) }\(more) } } }

    """
  }

  @Test("a copy with a backing file is not stood on, whatever its name, length and time", arguments: [false, true])
  func copy(isKnown: Bool) throws {
    try ScratchHost.with { host in
      let base = try host.makeBase()
      if isKnown {
        try host.apply(spec(host))
        #expect(try host.vireo(["destroy", "--yes", "--delete-disks"], spec(host)).status == 0)
      }
      try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
      try host.folder.write(String(repeating: "secret of the host\n", count: 4096), to: "secret")
      let sha256 = try output(of: "sha256sum", base).prefix { $0 != " " }
      let copy = "\(host.pool)/base-\(sha256).qcow2"
      try? FileManager.default.removeItem(atPath: copy)
      try output(
        of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", host.folder.path("secret"), "-F", "raw", copy, "16M")
      try output(of: "truncate", "-r", base, copy)
      try output(of: "touch", "-r", base, copy)
      let before = Footprint([host.pool])
      let run = try host.refused(spec(host))
      #expect(run.errors.contains("planted"), "\(run.errors)")
      #expect(Footprint([host.pool]).differences(from: before).isEmpty)
      let verify = try TestSupport.vireo(["image", "verify", "--connect", host.uri, host.pool])
      #expect(verify.status == 1 && verify.errors.contains(copy), "\(verify.output)\(verify.errors)")
      try FileManager.default.removeItem(atPath: copy)
      try host.apply(spec(host))
      let sound = try TestSupport.vireo(["image", "verify", "--connect", host.uri, host.pool])
      #expect(sound.status == 0 && sound.output.contains(copy), "\(sound.output)\(sound.errors)")
    }
  }

  @Test(
    "a link in the place of a disk is not followed, and what it leads to stays as it is", arguments: ["root", "data"])
  func link(disk: String) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let more = ", data: { size: 1 MiB, format: raw }"
      try host.apply(spec(host, more: more))
      let path = host.pool + (disk == "root" ? "/web.root.qcow2" : "/web.data.raw")
      let outside = host.folder.path("outside")
      try FileManager.default.moveItem(atPath: path, toPath: outside)
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: outside)
      let before = try Data(contentsOf: URL(fileURLWithPath: outside))
      let grown = spec(host, size: "40 MiB", more: more.replacing("1 MiB", with: "2 MiB"))
      let run = try host.refused(grown)
      #expect(run.errors.contains("symbolic link"), "\(run.errors)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: outside)) == before)
      // The pool itself may be reached by one: the user has named it.
      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.moveItem(atPath: outside, toPath: path)
      try FileManager.default.moveItem(atPath: host.pool, toPath: host.folder.path("elsewhere"))
      try FileManager.default.createSymbolicLink(atPath: host.pool, withDestinationPath: host.folder.path("elsewhere"))
      try host.apply(grown)
    }
  }

  @Test("what was private stays private: copies, and overlays of snapshots", arguments: [0o600, 0o640, 0o644])
  func modes(mode: Int) throws {
    try ScratchHost.with { host in
      let base = try host.makeBase()
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: base)
      try host.apply(spec(host))
      #expect(try host.vireo("snapshot", "take", "web", "one", "--external").status == 0)
      for name in try FileManager.default.contentsOfDirectory(atPath: host.pool) {
        let path = host.pool + "/" + name
        let found = try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
        if name.hasPrefix("base-") {
          // The owner's group may read it where the owner is not root, for libvirt gives it to QEMU's user.
          #expect(found == mode & 0o444 | (geteuid() == 0 ? 0 : 0o040), "\(name): \(String(found, radix: 8))")
        } else {
          #expect(found & 0o077 == 0, "\(name): \(String(found, radix: 8))")
        }
      }
    }
  }

  @Test("what others could read before is made private, and the plan says so")
  func narrowed() throws {
    try ScratchHost.with { host in
      let base = try host.makeBase()
      chmod(base, 0o600)
      let text = spec(host).replacing("disks:", with: "snapshots: { one: { kind: external } }, disks:")
      try host.apply(spec(host))
      try host.apply(text)
      func mode(_ path: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: host.pool)
      let copy = host.pool + "/" + (try #require(names.first { $0.hasPrefix("base-") }))
      let overlay = host.pool + "/web.root.one.qcow2"
      // As earlier versions left a copy, and as a killed run leaves an overlay.
      chmod(copy, 0o444)
      chmod(overlay, 0o644)
      let plan = try host.plan(text)
      #expect(plan.status == 2, "\(plan.output)\(plan.errors)")
      #expect(plan.output.contains("0444 → 0400") && plan.output.contains("0644 → 0600"), "\(plan.output)")
      let definition = try host.virsh("dumpxml", "--inactive", "web")
      try host.apply(text)
      #expect(try mode(copy) == 0o400 | (geteuid() == 0 ? 0 : 0o040))
      #expect(try mode(overlay) == 0o600)
      #expect(try host.virsh("dumpxml", "--inactive", "web") == definition)
      try host.expectNoChanges(text)
      chmod(copy, 0o444)
      let verify = try TestSupport.vireo([
        "image", "verify", "--spec", host.folder.path("spec.yaml"), "--connect", host.uri, host.pool,
      ])
      #expect(verify.status == 0 && verify.output.contains("made private"), "\(verify.output)\(verify.errors)")
      #expect(try mode(copy) == 0o400 | (geteuid() == 0 ? 0 : 0o040))
      // A source that everybody may read has copies that everybody may read.
      chmod(base, 0o644)
      chmod(copy, 0o444)
      try host.expectNoChanges(text)
    }
  }

  @Test(
    "a file under a disk's name that leads to another one is not taken, and the other is not touched",
    arguments: ["backing file", "data file", "second name"])
  func planted(kind: String) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
      let secret = host.folder.path("secret")
      let disk = host.pool + "/web.data.qcow2"
      switch kind {
      case "backing file":
        try output(of: "truncate", "-s", "1M", secret)
        try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", disk, "1M")
      case "data file":
        try output(
          of: "qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=\(secret),data_file_raw=on", disk, "1M")
      default:
        try output(of: "qemu-img", "create", "-q", "-f", "qcow2", secret, "1M")
        try FileManager.default.linkItem(atPath: secret, toPath: disk)
      }
      let before = Footprint([secret])
      // A larger size, so that a file that is taken would be grown.
      let run = try host.vireo(["apply", "--yes"], spec(host, more: ", data: { size: 2 MiB }"))
      #expect(run.status != 0, "\(run.output)\(run.errors)")
      #expect(Footprint([secret]).differences(from: before).isEmpty, "\(run.output)\(run.errors)")
    }
  }

  @Test("a removal in the archive that names a file of somebody else's gives it up to nobody")
  func archive() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(spec(host))
      #expect(try host.vireo(["destroy", "--yes"], spec(host)).status == 0)
      let secret = host.folder.path("secret.qcow2")
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", secret, "1M")
      let folder = host.root + "/lib/vireo"
      let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
      let entry = folder + "/" + (try #require(names.first { $0.hasSuffix(".xml") }))
      let text = try String(contentsOfFile: entry, encoding: .utf8)
      let forged = text.replacing("\(host.pool)/web.root.qcow2", with: secret)
      #expect(forged != text)
      try Data(forged.utf8).write(to: URL(fileURLWithPath: entry))
      let run = try TestSupport.vireo(["gc", "--yes", "--connect", host.uri])
      #expect(FileManager.default.fileExists(atPath: secret), "\(run.output)\(run.errors)")
      // One that another user has put there is not read at all.
      guard geteuid() == 0 else { return }
      try Data(forged.utf8).write(to: URL(fileURLWithPath: entry))
      chown(entry, 65534, 65534)
      let other = try TestSupport.vireo(["gc", "--yes", "--connect", host.uri])
      #expect(FileManager.default.fileExists(atPath: secret), "\(other.output)\(other.errors)")
    }
  }

  @Test(
    "a destruction that was cut off is finished by the next, in whatever order files went", arguments: [false, true])
  func destroy(isReversed: Bool) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let text = spec(host, more: ", data: { size: 1 MiB }")
      var files = ["web.data.one.qcow2", "web.root.one.qcow2", "web.data.qcow2", "web.root.qcow2"]
      if isReversed { files.reverse() }
      for cut in 0...files.count {
        try host.apply(text)
        #expect(try host.vireo("snapshot", "take", "web", "one", "--external").status == 0)
        for name in files[..<cut] { try FileManager.default.removeItem(atPath: host.pool + "/" + name) }
        let run = try host.vireo(["destroy", "--yes", "--delete-disks"], text)
        #expect(run.status == 0 && !run.output.contains("No changes"), "\(cut): \(run.output)\(run.errors)")
        let left = try FileManager.default.contentsOfDirectory(atPath: host.pool).filter { !$0.hasPrefix("base-") }
        #expect(left.isEmpty, "\(cut): \(left)")
        #expect(try host.virsh("list", "--all", "--name").allSatisfy(\.isWhitespace))
      }
    }
  }
}
