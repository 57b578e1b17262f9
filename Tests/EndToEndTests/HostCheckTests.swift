// What an apply would fail at is found by the plan: images, checksums, media, folders, bridges, CPU models.

import Foundation
import TestSupport
import Testing

@Suite("what a plan finds on the host", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct HostCheckTests {
  private func expectRefusal(
    _ host: ScratchHost, _ spec: String, _ words: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for command in [["plan"], ["apply", "--yes"]] {
      let run = try host.vireo(command, spec)
      #expect(run.status != 0, sourceLocation: sourceLocation)
      for word in words + ["spec.yaml:"] {
        #expect(run.errors.contains(word), "no \(word) in \(run.errors)", sourceLocation: sourceLocation)
      }
    }
  }

  @Test("a base image that is a text or has another checksum is refused, and one with a stated format is taken")
  func images() throws {
    try ScratchHost.with { host in
      try host.folder.write("this is a plain text fi\n", to: "base.qcow2")
      let source = host.folder.path("base.qcow2")
      func spec(_ more: String) -> String {
        "stack: lab\npools: { vms: { path: \"\(host.pool)\" } }\nimages: { base: { source: \"\(source)\", pool: vms\(more) } }\n"
      }
      try expectRefusal(host, spec(""), ["is a text of 24 bytes, not a qcow2 image", "write `format: raw`"])
      let wrong = String(repeating: "ab", count: 32)
      try expectRefusal(host, spec(", format: raw, sha256: \(wrong)"), ["its SHA-256 is", "not \(wrong)"])
      #expect(!FileManager.default.fileExists(atPath: host.pool))
      try host.apply(spec(", format: raw"))
      try host.expectNoChanges(spec(", format: raw"))
    }
  }

  @Test("a drive whose medium may be missing starts without it, and the next plan is empty")
  func optionalMedium() throws {
    try ScratchHost.with { host in
      func spec(_ policy: String, _ state: String) -> String {
        """
        stack: lab
        domains:
          web:
            type: qemu
            memory: 16 MiB
            state: \(state)
            disks: { cd: { device: cdrom, source: "\(host.folder.path("missing.iso"))"\(policy) } }

        """
      }
      try expectRefusal(host, spec("", "stopped"), ["there is no file", "write `startup-policy: optional`"])
      try expectRefusal(
        host, spec(", startup-policy: requisite", "running"), ["does not start without it", "startup-policy: optional"])
      let stopped = spec(", startup-policy: requisite", "stopped")
      try host.apply(stopped)
      try host.expectNoChanges(stopped)
      for state in ["stopped", "running"] {
        let text = spec(", startup-policy: optional", state)
        try host.apply(text)
        try host.expectNoChanges(text)
      }
    }
  }

  @Test("a CPU model, a bridge and an IDE disk that the host does not have are refused")
  func devices() throws {
    try ScratchHost.with { host in
      func spec(_ more: String) -> String {
        "stack: lab\ndomains:\n  web: { type: qemu, memory: 16 MiB, state: running, \(more) }\n"
      }
      try expectRefusal(
        host, spec("cpu: { mode: custom, model: nehalem }"), ["no CPU model nehalem", "did you mean `Nehalem`?"])
      try expectRefusal(
        host, spec("cpu: { mode: custom, model: EPYC-Rme }"), ["no CPU model EPYC-Rme", "did you mean `EPYC-Rome`?"])
      try expectRefusal(
        host, spec("interfaces: { lan: { bridge: nobridge7 } }"), ["the host has no bridge nobridge7"])
      try expectRefusal(host, spec("disks: { cd: { device: cdrom, bus: ide } }"), ["no IDE controller", "bus: sata"])
      #expect(try host.virsh("list", "--all", "--name").allSatisfy(\.isNewline))
    }
  }

  @Test("a folder that nothing can be made in is refused", .enabled(if: getuid() == 0, "mounts a file system"))
  func closedFolder() throws {
    try ScratchHost.with { host in
      try FileManager.default.createDirectory(atPath: host.pool, withIntermediateDirectories: true)
      for path in [host.pool, host.pool + "/inner"] {
        let spec = """
          stack: lab
          pools: { vms: { path: "\(path)" } }
          domains: { web: { type: qemu, memory: 16 MiB, disks: { root: { size: 1 MiB, pool: vms } } } }

          """
        try host.folder.write(spec, to: "spec.yaml")
        let run = try TestSupport.run([
          "unshare", "--mount", "bash", "-c", "mount -t tmpfs -o ro tmpfs \"$0\" && exec \"$@\"", host.pool,
          programPath(), "plan", "--connect", host.uri, host.folder.path("spec.yaml"),
        ])
        #expect(run.status == 3, "\(run.output)\(run.errors)")
        #expect(run.errors.contains("spec.yaml:") && run.errors.contains("not writable"), "\(run.errors)")
      }
    }
  }

  @Test("a MAC address of another domain of the host is a warning")
  func addresses() throws {
    try ScratchHost.with { host in
      func spec(_ stack: String) -> String {
        "stack: \(stack)\ndomains: { \(stack)-guest: { type: qemu, memory: 16 MiB, interfaces: "
          + "{ lan: { type: user, mac: \"52:54:00:00:00:01\" } } } }\n"
      }
      try host.apply(spec("one"))
      let run = try host.vireo(["plan"], spec("two"))
      #expect(run.status == 0)
      let text = run.output + run.errors
      #expect(text.replacing("\n  ", with: " ").contains("belongs to an interface of the domain one-guest"), "\(text)")
    }
  }
}
