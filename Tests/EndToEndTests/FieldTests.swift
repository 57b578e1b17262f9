// Fields that are set and leave the spec again, of a domain and its devices, with libvirt's own answers in between.

import Foundation
import TestSupport
import Testing

@Suite("fields that are set and dropped again", .enabled(if: Machine.runsGuests, Machine.needsGuests))
struct FieldTests {
  private static func spec(_ host: ScratchHost, domain: [String] = [], disk: String = "", rng: String = "") -> String {
    """
    stack: fields
    pools: { vms: { path: "\(host.pool)" } }
    domains:
      web:
        type: qemu
        memory: 32 MiB
        vcpus: 2
        disks: { root: { size: 1 MiB\(disk) } }
        interfaces: { lan: { type: user } }
        rngs: { random: { model: virtio, backend: random, device: /dev/urandom\(rng) } }

    """ + domain.map { "    \($0)\n" }.joined()
  }

  /// The stored definition without Vireo's record.
  private static func definition(_ host: ScratchHost) throws -> String {
    let text = try host.definition("web").text
    guard let start = text.range(of: "<metadata>"), let end = text.range(of: "</metadata>") else { return text }
    return String(text[..<start.lowerBound] + text[end.upperBound...])
  }

  @Test("libvirt's own defaults, said and dropped, change the record and nothing else")
  func libvirtDefaults() throws {
    try ScratchHost.with { host in
      let without = Self.spec(host)
      try host.apply(without)
      let with = Self.spec(
        host, domain: ["on-poweroff: destroy", "on-reboot: restart", "on-crash: destroy", "clock: { offset: utc }"])
      try host.apply(with)
      try host.expectNoChanges(with)
      let said = try Self.definition(host)
      let plan = try host.plan(without)
      for name in ["on-poweroff", "on-reboot", "on-crash", "clock"] {
        let line = plan.output.split(separator: "\n").first { $0.contains(name) }
        #expect(line?.contains("released; kept as it is") ?? false, "\(name) in \(plan.output)")
      }
      #expect(!plan.output.contains("not set"), "\(plan.output)")
      try host.apply(without)
      #expect(try Self.definition(host) == said)
      try host.expectNoChanges(without)
    }
  }

  @Test("values that libvirt would not choose, set, applied, dropped and applied, leave the definition as it was")
  func others() throws {
    try ScratchHost.with { host in
      let without = Self.spec(host)
      try host.apply(without)
      let before = try Self.definition(host)
      let with = Self.spec(
        host,
        domain: [
          "on-poweroff: restart", "on-crash: preserve", "title: the web server", "features: { vmport: false }",
          "current-memory: 16 MiB",
        ], disk: ", cache: none, error-policy: stop", rng: ", rate: { bytes: 1024, period: 2000 }")
      try host.apply(with)
      try host.expectNoChanges(with)
      #expect(try Self.definition(host) != before)
      try host.apply(without)
      try host.expectNoChanges(without)
      #expect(try Self.definition(host) == before)
    }
  }
}
