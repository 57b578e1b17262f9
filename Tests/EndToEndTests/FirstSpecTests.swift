// vireo init: what it writes can be validated, planned and applied at once, and is true for the host.

import Foundation
import TestSupport
import Testing

@Suite("init", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct FirstSpecTests {
  @Test("on an embedded host the first spec is valid, planned, applied, and then there is nothing to do")
  func embedded() throws {
    try ScratchHost.with { host in
      let file = host.folder.path("vireo.yaml")
      let first = try vireo(["init", "--connect", host.uri, "--output", file])
      #expect(first.status == 0, "\(first.errors)")
      #expect(first.output.contains("wrote \(file)"))
      let text = try host.folder.read("vireo.yaml")
      #expect(text.contains("lan: { type: user }"))
      #expect(text.contains("state: stopped"))
      // Nothing was made but what opening the connection makes.
      #expect(!FileManager.default.fileExists(atPath: host.root + "/images"))

      // The spec names its connection.
      let valid = try vireo(["validate", file])
      #expect(valid.status == 0 && valid.errors.isEmpty, "\(valid.errors)")
      let plan = try vireo(["plan", "--detailed-exitcode", file])
      #expect(plan.status == 2 && plan.errors.isEmpty, "\(plan.errors)")
      let before = try vireo(["status", "--detailed-exitcode", file])
      #expect(before.status == 2)
      #expect(before.output.contains("missing"))
      let apply = try vireo(["apply", "--yes", file])
      #expect(apply.status == 0, "\(apply.output)\(apply.errors)")
      let again = try vireo(["plan", "--detailed-exitcode", file])
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      let after = try vireo(["status", "--detailed-exitcode", file])
      #expect(after.status == 0, "\(after.output)\(after.errors)")
      #expect(after.output.contains("in sync"))

      // A second one is for the host as it is by then, and a file that exists stays.
      let refused = try vireo(["init", "--connect", host.uri, "--output", file])
      #expect(refused.status == 1)
      #expect(refused.errors.contains("\(file) exists"))
      #expect(try host.folder.read("vireo.yaml") == text)
      let second = try vireo(["init", "--connect", host.uri, "--output", "-"])
      #expect(second.status == 0, "\(second.errors)")
      #expect(second.output.contains("stack: lab-2\n"))
      #expect(second.output.contains("  web-2:\n"))
      #expect(try vireo(["validate", "-"], input: second.output).status == 0)
      let both = try vireo(["plan", "--detailed-exitcode", "-"], input: second.output)
      #expect(both.status == 2, "\(both.errors)")
    }
  }

  @Test(
    "where no daemon answers and none was named, the spec is for the embedded connection, and says so",
    .enabled(if: SystemDaemon.obstacle == nil, "needs root and namespaces"))
  func nothing() throws {
    try TemporaryFolder.with { folder in
      // A machine without a libvirt that runs, and without anything below /var/lib.
      let empty = """
        mount --make-rprivate / && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && cd \(folder.root) && exec "$@"
        """
      func vireo(_ arguments: String...) throws -> Run {
        try run(["unshare", "--mount", "bash", "-c", empty, "-", try programPath()] + arguments)
      }
      let first = try vireo("init")
      #expect(first.status == 0, "\(first.errors)")
      #expect(
        first.errors.hasPrefix("note: qemu:///system does not answer, so the spec is for libvirt without a daemon\n"))
      let text = try folder.read("vireo.yaml")
      #expect(text.contains("connect: \"qemu:///embed?root=/var/lib/vireo/host\"\n"))
      #expect(text.contains("# qemu:///system did not answer when this was written."))
      let plan = try vireo("plan", "--detailed-exitcode", "vireo.yaml")
      #expect(plan.status == 2, "\(plan.errors)")
      // One that was asked for is not replaced by another.
      let named = try vireo("init", "--connect", "qemu:///system", "--output", "other.yaml")
      #expect(named.status == 1)
      #expect(named.errors.hasPrefix("error: cannot connect to qemu:///system"))
      #expect(!FileManager.default.fileExists(atPath: folder.path("other.yaml")))
    }
  }

  @Test("a folder that cannot be written to is an error, and so is another host")
  func failures() throws {
    let folder = try vireo(["init", "--connect", "test:///default", "--output", "/nonexistent/vireo.yaml"])
    #expect(folder.status == 1)
    #expect(folder.errors.contains("cannot write /nonexistent/vireo.yaml"))
    let remote = try vireo(["init", "--connect", "qemu+ssh://host.example.org/system", "--output", "-"])
    #expect(remote.status == 1)
    #expect(remote.errors.contains("is another host"))
  }
}

@Suite(
  "init with a daemon", .enabled(if: SystemDaemon.obstacle == nil, "needs root, namespaces, libvirtd and dnsmasq"),
  .serialized)
struct FirstSpecOnDaemonTests {
  @Test("pool, network and image are the host's, and the spec is applied as it is")
  func system() throws {
    try TemporaryFolder.with { folder in
      try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: folder.root)
      let daemon = try SystemDaemon()
      let pool = folder.path("pool")
      try FileManager.default.createDirectory(atPath: pool, withIntermediateDirectories: true)
      try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: pool)
      // A disk of somebody's guest, a blank one, an overlay, a medium, and the one that may be a base image.
      for name in ["a-guest.qcow2", "debian-12.qcow2"] {
        try output(of: "qemu-img", "create", "-q", "-f", "qcow2", pool + "/" + name, "16M")
        try output(of: "qemu-io", "-f", "qcow2", "-c", "write -q -P 0x76 0 4M", pool + "/" + name)
      }
      try output(of: "qemu-img", "create", "-q", "-f", "qcow2", pool + "/b-blank.qcow2", "16M")
      try output(
        of: "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", pool + "/debian-12.qcow2",
        pool + "/c-overlay.qcow2")
      try output(of: "qemu-img", "create", "-q", "-f", "raw", "-o", "preallocation=full", pool + "/c-medium.img", "16M")
      try daemon.virsh("pool-define-as", "images", "dir", "--target", pool)
      try daemon.virsh("pool-start", "images")
      let hasNetwork = try daemon.virsh("net-start", "default").status == 0
      try folder.write(
        guestXML(
          "a",
          devices: "<disk type='file'><source file='\(pool)/a-guest.qcow2'/><target dev='vda' bus='virtio'/></disk>"),
        to: "guest.xml")
      #expect(try daemon.virsh("define", folder.path("guest.xml")).status == 0)

      let file = folder.path("vireo.yaml")
      let first = try daemon.vireo("init", "--output", file)
      #expect(first.status == 0, "\(first.errors)")
      let text = try folder.read("vireo.yaml")
      #expect(text.contains("images: { path: \(pool) }"), "\(text)")
      #expect(text.contains("source: \(pool)/debian-12.qcow2"), "\(text)")
      #expect(text.contains("root: { image: debian-12 }"), "\(text)")
      #expect(text.contains(hasNetwork ? "lan: { network: default }" : "lan: { type: user }"), "\(text)")
      #expect(text.contains("connect: \"qemu:///system\""))
      #expect(try daemon.vireo("plan", "--detailed-exitcode", file).status == 2)

      // Emulated, because not every machine that runs the tests has KVM for guests.
      try folder.write(text.replacing("    vcpus: 2\n", with: "    vcpus: 2\n    type: qemu\n"), to: "vireo.yaml")
      let apply = try daemon.vireo("apply", "--yes", file)
      #expect(apply.status == 0, "\(apply.output)\(apply.errors)")
      #expect(try daemon.virsh("domstate", "web").output.contains("running"))
      let again = try daemon.vireo("plan", "--detailed-exitcode", file)
      #expect(again.status == 0, "\(again.output)\(again.errors)")
      let status = try daemon.vireo("status", "--detailed-exitcode", file)
      #expect(status.status == 0, "\(status.output)\(status.errors)")
      #expect(status.output.contains(#/web +running +in sync/#))
      // Without the spec, from what the host has recorded.
      let recorded = try daemon.vireo("status", "--detailed-exitcode")
      #expect(recorded.status == 0, "\(recorded.output)\(recorded.errors)")
      #expect(recorded.output.contains(#/lab +web +running +in sync/#))
      #expect(recorded.output.contains("1 more belongs to no stack"))
      try daemon.virsh("destroy", "web")
      let drifted = try daemon.vireo("status", "--detailed-exitcode")
      #expect(drifted.status == 2)
      #expect(drifted.output.contains(#/web +stopped +drifted: state/#), "\(drifted.output)")
    }
  }
}
