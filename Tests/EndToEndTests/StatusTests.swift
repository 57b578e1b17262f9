// vireo status on real libvirt: with the spec, and from what the applies have recorded.

import Foundation
import TestSupport
import Testing

@Suite("status", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct StatusTests {
  private static func spec(_ host: ScratchHost) -> String {
    """
    stack: lab
    pools: { vms: { path: "\(host.pool)" } }
    images: { base: { source: "\(host.folder.path("base.qcow2"))", pool: vms } }
    domains:
      web:
        type: qemu
        title: the web server
        memory: 32 MiB
        vcpus: 2
        state: running
        shutdown: { timeout: 1 s, force-off: true }
        disks: { root: { image: base, size: 20 MiB }, data: { size: 1 MiB, cache: none } }
        interfaces: { lan: { type: user } }
        graphics: { vnc: {} }
      db: { type: qemu, memory: 32 MiB, disks: { root: { size: 1 MiB } } }

    """
  }

  private func json(_ run: Run) throws -> [String: [String: Any]] {
    let document = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    let domains = try #require(document["domains"] as? [[String: Any]])
    return Dictionary(uniqueKeysWithValues: domains.map { ($0["name"] as? String ?? "", $0) })
  }

  @Test("domains are in sync after an apply, and each change shows as what it is")
  func conditions() throws {
    try ScratchHost.with { host in
      try host.makeBase()
      let spec = Self.spec(host)
      func status(_ spec: String = spec) throws -> [String: [String: Any]] {
        try json(host.vireo(["status", "--format", "json"], spec))
      }
      func recorded() throws -> [String: [String: Any]] {
        try json(vireo(["status", "--format", "json", "--connect", host.uri]))
      }
      func condition(_ name: String, _ domains: [String: [String: Any]]) -> String? {
        domains[name]?["condition"] as? String
      }

      #expect(condition("web", try status()) == "missing")
      #expect(try recorded().isEmpty)
      try host.apply(spec)
      for domains in [try status(), try recorded()] {
        #expect(condition("web", domains) == "in-sync", "\(domains)")
        #expect(condition("db", domains) == "in-sync", "\(domains)")
        #expect(domains["web"]?["state"] as? String == "running")
        #expect(domains["db"]?["state"] as? String == "stopped")
      }
      #expect(try host.vireo(["status", "--detailed-exitcode"], spec).status == 0)

      // Stored, and not in the running guest.
      let more = spec.replacing("vcpus: 2", with: "vcpus: 4")
      #expect(condition("web", try status(more)) == "to-change")
      try host.apply(more)
      for domains in [try status(more), try recorded()] {
        #expect(condition("web", domains) == "waiting", "\(domains)")
        #expect(domains["web"]?["waiting"] as? [String] == ["vcpus"])
      }
      #expect(try host.vireo(["status", "--detailed-exitcode"], more).status == 2)

      // Changed behind Vireo's back.
      try host.edit("db", ("unit='KiB'>32768<", "unit='KiB'>65536<"))
      for domains in [try status(more), try recorded()] {
        #expect(condition("db", domains) == "drifted", "\(domains)")
        #expect(domains["db"]?["drifted"] as? [String] == ["memory"])
      }
      // The spec without it.
      let without = more.split(separator: "\n").filter { !$0.hasPrefix("  db:") }.joined(separator: "\n") + "\n"
      #expect(condition("db", try status(without)) == "undeclared")
      // A disk's file is gone.
      try FileManager.default.removeItem(atPath: host.pool + "/db.root.qcow2")
      for domains in [try status(more), try recorded()] {
        #expect(condition("db", domains) == "refused", "\(domains)")
        #expect(condition("web", domains) == "waiting")
      }
    }
  }

  @Test("variables without a spec, and a spec with a mistake, are errors")
  func mistakes() throws {
    try ScratchHost.with { host in
      let run = try host.vireo(["status"], "stack: lab\ndomains: { web: { ram: 1 GiB } }\n")
      #expect(run.status == 1)
      #expect(run.output.isEmpty)
      #expect(run.errors.contains("write `memory`"))
    }
  }
}
