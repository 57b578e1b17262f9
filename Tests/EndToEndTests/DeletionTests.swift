// What leaves a host, and what does not.

import Foundation
import TestSupport
import Testing

@Suite("deletion", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct DeletionTests {
  /// Two guests on one base image, one of which runs; `lines` are further domains.
  private static func spec(_ host: ScratchHost, _ lines: String = "", web: String = "") -> String {
    """
    stack: deletion
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains:
      web:
        type: qemu
        memory: 32 MiB
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { image: base, size: 20 MiB } }
        \(web)
    \(lines)

    """
  }

  private static let db = "  db: { type: qemu, memory: 32 MiB, disks: { root: { size: 1 MiB } } }"

  private func files(_ host: ScratchHost) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: host.pool).filter { !$0.hasPrefix("base-") })
  }

  private func domains(_ host: ScratchHost) throws -> Set<String> {
    Set(try host.virsh("list", "--all", "--name").split(separator: "\n").map(String.init).filter { !$0.isEmpty })
  }

  @Test("leaving the spec is no deletion; with --prune it is, and disks stay")
  func prune() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(Self.spec(host, Self.db))
      let less = Self.spec(host)
      try host.apply(less)
      #expect(try domains(host) == ["web", "db"])
      let plan = try host.vireo(["plan", "--prune", "--detailed-exitcode"], less)
      #expect(plan.status == 2 && plan.output.contains("- domain db: delete"), "\(plan.output)")
      #expect(plan.output.contains("db.root.qcow2 (stays)"), "\(plan.output)")
      #expect(try host.vireo(["apply", "--prune", "--yes"], less).status == 0)
      #expect(try domains(host) == ["web"])
      #expect(try files(host) == ["web.root.qcow2", "db.root.qcow2"])
      #expect(try host.vireo(["plan", "--prune", "--detailed-exitcode"], less).status == 0)
    }
  }

  @Test("a guest that does not listen stays, and goes with destroy --force; a protected one stays even then")
  func force() throws {
    try ScratchHost.with { host in
      let spec = { (more: String) in
        """
        stack: deaf
        domains:
          web: { type: qemu, memory: 32 MiB, state: running, shutdown: { timeout: 1 s }, protect: \(more) }
        """
      }
      try host.apply(spec("true"))
      let protected = try host.vireo(["destroy", "--yes", "--force"], spec("true"))
      #expect(protected.status == 3 && protected.errors.contains("protected"), "\(protected.errors)")
      try host.apply(spec("false"))
      let deaf = try host.vireo(["destroy", "--yes"], spec("false"))
      #expect(deaf.status == 1 && deaf.output.contains("--force"), "\(deaf.output)\(deaf.errors)")
      #expect(host.guestProcesses.count == 1)
      let forced = try host.vireo(["destroy", "--yes", "--force"], spec("false"))
      #expect(forced.status == 0 && forced.output.contains("within 1 s"), "\(forced.output)\(forced.errors)")
      #expect(host.guestProcesses.isEmpty)
      #expect(try domains(host).isEmpty)
    }
  }

  @Test("pruning stops at a limit, at protected domains, and before a stack is empty")
  func limits() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let more = (1...3).map { Self.db.replacing("db:", with: "db\($0):") }.joined(separator: "\n")
      try host.apply(Self.spec(host, more + "\n" + Self.db.replacing("{ type", with: "{ protect: true, type")))
      let before = host.footprint()
      let many = try host.vireo(["apply", "--yes", "--prune", "--max-deletes", "2"], Self.spec(host, Self.db))
      #expect(many.status == 1 && many.errors.contains("at most 2"), "\(many.errors)")
      let protected = try host.vireo(["apply", "--yes", "--prune"], Self.spec(host, more))
      #expect(protected.status == 3 && protected.errors.contains("protected"), "\(protected.errors)")
      let empty = try host.vireo(["apply", "--yes", "--prune"], "stack: deletion\n")
      #expect(empty.status == 1 && empty.errors.contains("vireo destroy"), "\(empty.errors)")
      let destroyed = try host.vireo(["destroy", "--yes"], Self.spec(host, Self.db))
      #expect(destroyed.status == 3 && destroyed.errors.contains("protected"), "\(destroyed.errors)")
      #expect(host.footprint().differences(from: before).isEmpty)
      #expect(try domains(host).count == 5)
    }
  }

  @Test(
    "a stack is destroyed with everything that libvirt wants named, and disks only go when that is said",
    arguments: [false, true])
  func destroy(deletesDisks: Bool) throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let own = try host.makeBase("own.raw", format: "raw")
      let spec = Self.spec(
        host, Self.db,
        web: """
          state: running
              snapshots: { s: { kind: external } }
          """)
      try host.apply(spec)
      let other = """
        stack: other
        domains: { theirs: { type: qemu, memory: 32 MiB, disks: { d: { source: \(own), format: raw } } } }

        """
      try host.apply(other)
      let asked = try host.vireo(["destroy"], spec)
      #expect(asked.status == 1 && asked.errors.contains("--yes"), "\(asked.errors)")
      #expect(asked.output.contains("libvirt forgets them"), "\(asked.output)")
      #expect(try domains(host) == ["web", "db", "theirs"])
      let run = try host.vireo(["destroy", "--yes"] + (deletesDisks ? ["--delete-disks"] : []), spec)
      #expect(run.status == 0, "\(run.output)\(run.errors)")
      #expect(try domains(host) == ["theirs"])
      #expect(host.guestProcesses.isEmpty)
      let left = try files(host)
      #expect(left == (deletesDisks ? [] : ["web.root.qcow2", "web.root.s.qcow2", "db.root.qcow2"]))
      #expect(FileManager.default.fileExists(atPath: own))
      #expect(try FileManager.default.contentsOfDirectory(atPath: host.pool).contains { $0.hasPrefix("base-") })
      #expect(try host.vireo(["destroy", "--yes"], spec).status == 0, "twice is once")
    }
  }

  @Test("a disk that another domain stands on stays")
  func sharedDisk() throws {
    try ScratchHost.with { host in
      try host.apply(
        """
        stack: deletion
        pools: { vms: { path: "\(host.pool)" } }
        domains: { web: { type: qemu, memory: 32 MiB, disks: { root: { size: 1 MiB } } } }

        """)
      let overlay = host.folder.path("overlay.qcow2")
      try output(
        of: "qemu-img", "create", "-q", "-f", "qcow2", "-b", host.pool + "/web.root.qcow2", "-F", "qcow2", overlay)
      try host.apply(
        """
        stack: other
        domains: { theirs: { type: qemu, memory: 32 MiB, disks: { d: { source: "\(overlay)", format: qcow2 } } } }

        """)
      let run = try host.vireo(["destroy", "--yes", "--delete-disks"], "stack: deletion\n")
      let said = run.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      #expect(run.status == 0 && said.contains("domain theirs needs it"), "\(run.output)\(run.errors)")
      #expect(try files(host) == ["web.root.qcow2"])
    }
  }

  @Test("a domain that is to be absent goes, its disks stay, and it comes back with them")
  func absent() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      try host.apply(Self.spec(host, web: "state: running"))
      let absent = Self.spec(host, web: "state: absent")
      #expect(try host.plan(absent).output.contains("- domain web: delete"))
      try host.apply(absent)
      try host.expectNoChanges(absent)
      #expect(try domains(host).isEmpty && host.guestProcesses.isEmpty)
      #expect(try files(host) == ["web.root.qcow2"])
      try host.apply(Self.spec(host))
      #expect(try domains(host) == ["web"])
    }
  }

  @Test("a guest is held and goes on, whatever it did before")
  func paused() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      for (state, word) in [
        ("paused", "paused"), ("running", "running"), ("paused", "paused"), ("stopped", "shut off"),
      ] {
        let spec = Self.spec(host, web: "state: \(state)")
        try host.apply(spec)
        #expect(try host.state("web") == word)
        try host.expectNoChanges(spec)
      }
    }
  }
}
