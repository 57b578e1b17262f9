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
