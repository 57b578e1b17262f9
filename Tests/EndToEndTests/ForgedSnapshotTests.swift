// What libvirt holds of a snapshot is a text that its users can replace. Whatever files it names, those that are not the
// domain's own overlays are neither written to nor deleted, nor do they get another mode.

import Foundation
import TestSupport
import Testing

@Suite("forged records of snapshots", .enabled(if: Machine.runsGuests && geteuid() == 0, Machine.needsGuests))
struct ForgedSnapshotTests {
  private static func spec(_ host: ScratchHost, base: String) -> String {
    """
    stack: mine
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(base)", format: qcow2, pool: vms } }
    domains: { web: { type: qemu, memory: 16 MiB, disks: { root: { image: base, size: 16 MiB } } } }

    """
  }

  private static func theirs(_ host: ScratchHost) -> String {
    """
    stack: theirs
    pools: { vms: { path: "\(host.pool)" } }
    domains: { db: { type: qemu, memory: 16 MiB, disks: { root: { size: 1 MiB } } } }

    """
  }

  /// Has libvirt believe in a snapshot of `web`.
  private static func forge(
    _ name: String, overlay: String, memory: String? = nil, definition: String, _ host: ScratchHost
  ) throws {
    let kept = memory.map { "<memory snapshot='external' file='\($0)'/>" } ?? "<memory snapshot='no'/>"
    try host.folder.write(
      """
      <domainsnapshot><name>\(name)</name><state>\(memory == nil ? "shutoff" : "running")</state>
      <creationTime>1700000000</creationTime>\(kept)
      <disks><disk name='vda' snapshot='external' type='file'><driver type='qcow2'/><source file='\(overlay)'/></disk></disks>
      \(definition)</domainsnapshot>
      """, to: "forged.xml")
    // libvirt does not replace the record of a stopped guest by one of a running guest.
    if memory != nil { try host.virsh("snapshot-delete", "web", name, "--metadata") }
    try host.virsh("snapshot-create", "web", host.folder.path("forged.xml"), "--redefine")
  }

  /// Files that are none of web's overlays, by what they are.
  private static func victims(_ host: ScratchHost, base: String) throws -> [String: String] {
    let outside = host.folder.path("outside.qcow2")
    try output(of: "qemu-img", "create", "-q", "-f", "qcow2", outside, "1M")
    try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 7 0 64k", outside)
    let copy = try #require(
      try FileManager.default.contentsOfDirectory(atPath: host.pool).first { $0.hasPrefix("base-") })
    // Somebody's overlay on the same base image, and one on another image.
    for (name, below) in [("sibling.qcow2", host.pool + "/" + copy), ("web.root.other.qcow2", outside)] {
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", "\(host.pool)/\(name)")
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 9 0 64k", "\(host.pool)/\(name)")
    }
    let text = host.folder.path("notes.txt")
    try String(repeating: "notes\n", count: 1000).write(toFile: text, atomically: true, encoding: .utf8)
    let link = host.pool + "/web.root.link.qcow2"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: outside)
    let (fifo, device) = (host.folder.path("fifo"), host.folder.path("device"))
    try #require(mkfifo(fifo, 0o644) == 0)
    try output(of: "mknod", device, "c", "1", "3")
    return [
      "disk": host.pool + "/web.root.qcow2", "other": host.pool + "/db.root.qcow2", "copy": host.pool + "/" + copy,
      "base": base, "outside": outside, "text": text, "link": link, "fifo": fifo, "device": device,
      "sibling": host.pool + "/sibling.qcow2", "name": host.pool + "/web.root.other.qcow2",
    ]
  }

  /// What can be seen of files: content, mode, owner and identity.
  private static func look(_ paths: some Sequence<String>) throws -> [String: String] {
    var found: [String: String] = [:]
    for path in paths {
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      let isRegular = status.st_mode & S_IFMT == S_IFREG
      let sum = isRegular ? try output(of: "sha256sum", path).prefix(64) : ""
      found[path] = "\(status.st_ino) \(String(status.st_mode, radix: 8)) \(status.st_uid) \(sum)"
    }
    return found
  }

  @Test("no command changes, deletes or narrows a file that is not an overlay of the domain's disk")
  func overlays() throws {
    try ScratchHost.with { host in
      let base = try host.makeBase()
      try host.apply(Self.theirs(host))
      let spec = Self.spec(host, base: base)
      try host.apply(spec)
      try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 5 0 64k", host.pool + "/web.root.qcow2")
      let victims = try Self.victims(host, base: base)
      let before = try Self.look(victims.values)
      #expect(before.count == victims.count)
      let definition = try host.virsh("dumpxml", "--inactive", "web")
      for (name, path) in victims.sorted(by: { $0.key < $1.key }) {
        // Once as the domain is, and once on another image, as a snapshot of it would say.
        let below = name == "disk" ? victims["copy"] : name == "sibling" || name == "copy" ? nil : victims["other"]
        for text in [definition]
          + [below].compactMap({ $0 }).map({ definition.replacing("\(host.pool)/web.root.qcow2", with: $0) })
        {
          try Self.forge("x-\(name)", overlay: path, definition: text, host)
          for command in [
            ["take", "web", "x-\(name)"], ["revert", "web", "x-\(name)", "--yes"],
            ["delete", "web", "x-\(name)", "--yes"],
          ] {
            let run = try host.snapshot(command[0], Array(command.dropFirst()))
            #expect(run.status == 1, "\(command): \(run.output)\(run.errors)")
            #expect(try Self.look(victims.values) == before, "\(command): \(run.output)\(run.errors)")
          }
        }
      }
      #expect(try host.definition("web").text == definition)
      // What records name is looked at by all that asks what is needed, and read by none of it.
      let garbage = try TestSupport.vireo(["gc", "--yes", "--connect", host.uri])
      #expect(try Self.look(victims.values) == before, "\(garbage.output)\(garbage.errors)")
      let plan = try host.vireo(["plan"], spec)
      #expect(plan.status == 0, "\(plan.output)\(plan.errors)")
      try host.apply(spec)
      #expect(try Self.look(victims.values) == before)
      // A chain with a missing file is deleted by names, of which each has to be proved.
      for name in victims.keys where name != "name" && name != "link" {
        try host.virsh("snapshot-delete", "web", "x-\(name)", "--metadata")
      }
      try FileManager.default.removeItem(atPath: host.pool + "/web.root.qcow2")
      let destroyed = try host.vireo(["destroy", "--yes", "--delete-disks"], spec)
      let left = victims.filter { $0.key != "disk" }.values
      #expect(
        try Self.look(left) == before.filter { $0.key != victims["disk"] }, "\(destroyed.output)\(destroyed.errors)")
    }
  }

  @Test("the memory of a snapshot is deleted where it is the domain's own, and no other file in its place")
  func memory() throws {
    try ScratchHost.with { host in
      let base = try host.makeBase()
      try host.apply(Self.theirs(host))
      try host.apply(Self.spec(host, base: base))
      let victims = try Self.victims(host, base: base)
      let definition = try host.virsh("dumpxml", "--inactive", "web")
      let uuid = try #require(try host.definition("web")("/domain/uuid"))
      func save(_ text: String, to path: String) throws {
        var data = Data("LibvirtQemudSave".utf8) + Data([2, 0, 0, 0])
        data += withUnsafeBytes(of: UInt32(text.utf8.count + 1).littleEndian) { Data($0) }
        data += Data(count: 68) + Data(text.utf8) + Data([0]) + Data(count: 4096)
        try data.write(to: URL(fileURLWithPath: path))
      }
      // The saved guest of another domain, and memory of this one in a place that Vireo has not chosen.
      let (theirs, elsewhere) = (host.pool + "/web.root.one.memory", host.folder.path("web.save"))
      try save(definition.replacing(uuid, with: "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42"), to: theirs)
      try save(definition, to: elsewhere)
      let names = ["text", "outside", "other", "link", "fifo"].compactMap { victims[$0] } + [theirs, elsewhere]
      let before = try Self.look(names)
      for path in names {
        let taken = try host.snapshot("take", ["web", "one", "--external"])
        #expect(taken.status == 0, "\(taken.errors)")
        try Self.forge(
          "one", overlay: host.pool + "/web.root.one.qcow2", memory: path, definition: definition, host)
        let deleted = try host.snapshot("delete", ["web", "one", "--yes"])
        #expect(deleted.status == 0 && deleted.output.contains("\(path) stays"), "\(deleted.output)\(deleted.errors)")
        #expect(try Self.look(names) == before, "\(path)")
        #expect(!FileManager.default.fileExists(atPath: host.pool + "/web.root.one.qcow2"))
      }
      // Its own goes.
      let taken = try host.snapshot("take", ["web", "one", "--external"])
      #expect(taken.status == 0, "\(taken.errors)")
      try save(definition, to: theirs)
      try Self.forge("one", overlay: host.pool + "/web.root.one.qcow2", memory: theirs, definition: definition, host)
      let deleted = try host.snapshot("delete", ["web", "one", "--yes"])
      #expect(deleted.status == 0 && !deleted.output.contains("stays"), "\(deleted.output)\(deleted.errors)")
      #expect(!FileManager.default.fileExists(atPath: theirs))
    }
  }
}

extension ScratchHost {
  fileprivate func snapshot(_ command: String, _ arguments: [String]) throws -> Run {
    try TestSupport.vireo(["snapshot", command, "--connect", uri] + arguments)
  }
}
