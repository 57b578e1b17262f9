// What a connection cannot do, no plan shows: networks, pools, filters and secrets that guests need.

import Diagnostics
import Inventory
import Planner
import Testing
import XMLTree

@testable import Libvirt

@Suite("drivers that a connection does not have")
struct DriverTests {
  static let needs: [(LibvirtDriver, String, String)] = [
    (.networks, "interfaces: { lan: { network: default } }", "interfaces.lan needs the network default"),
    (
      .networks, "xml: \"<devices><interface type='network'><source network='other'/></interface></devices>\"",
      "the domain needs the network other"
    ),
    (
      .networks, "graphics: { vnc: { xml: \"<listen type='network' network='other'/>\" } }",
      "graphics.vnc needs the network other"
    ),
    (
      .storagePools, "disks: { a: { volume: { pool: p, name: v }, format: raw } }",
      "disks.a needs a volume of the pool p"
    ),
    (
      .networkFilters, "interfaces: { lan: { type: user, filter: clean-traffic } }",
      "interfaces.lan needs the filter clean-traffic"
    ),
    (
      .secrets,
      "disks: { a: { network: { protocol: rbd, name: a/b }, auth: { username: u, type: ceph, usage: mine }, format: raw } }",
      "disks.a needs the secret mine"
    ),
    (
      .secrets, "tpms: { tpm: { encryption-secret: 6a1c4a40-3b4b-4d61-9d0e-0d8a3f4f0001 } }",
      "tpms.tpm needs the secret 6a1c4a40-3b4b-4d61-9d0e-0d8a3f4f0001"
    ),
    (
      .secrets,
      "xml: \"<devices><hostdev mode='subsystem' type='scsi'><source protocol='iscsi' name='iqn.1992-01.com.example'><auth username='u'><secret type='iscsi' usage='tgt'/></auth></source></hostdev></devices>\"",
      "the domain needs the secret tgt"
    ),
  ]

  private func problems(_ host: ImaginedHost, _ domain: String) throws -> (errors: [Diagnostic], notes: [Diagnostic]) {
    do {
      let plan = try host.plan("stack: lab\ndomains:\n  web: { memory: 1 GiB, \(domain) }")
      return ([], plan.notes.filter { $0.rule == "missing-driver" })
    } catch let error as DiagnosticsError {
      return (error.diagnostics, [])
    }
  }

  @Test("refuse a guest that is to start, at its place and with the remedy", arguments: needs)
  func refused(driver: LibvirtDriver, domain: String, message: String) throws {
    var host = ImaginedHost()
    #expect(try problems(host, domain + ", state: running").errors.isEmpty, "nobody has asked, or it is there")
    host.inventory.host.missingDrivers = [driver: .unsupported]
    for state in ["running", "paused"] {
      let errors = try problems(host, domain + ", state: \(state)").errors
      #expect(errors.map(\.rule) == ["missing-driver"])
      #expect(errors.first?.message.hasPrefix(message + ", and the connection qemu:///embed has no ") == true)
      #expect(errors.first?.suggestion?.contains("connect to a daemon") == true)
      #expect(errors.first?.range?.start.line == 3)
    }
  }

  @Test("leave a definition alone that nobody starts, and say that it cannot", arguments: needs)
  func warned(driver: LibvirtDriver, domain: String, message: String) throws {
    var host = ImaginedHost()
    host.inventory.host.missingDrivers = [driver: .unsupported]
    let (errors, notes) = try problems(host, domain)
    #expect(errors.isEmpty)
    #expect(notes.map(\.severity) == [.warning])
    #expect(notes.first?.message.hasPrefix(message) == true && notes.first?.message.hasSuffix("cannot start") == true)
  }

  @Test("a running guest gets nothing that it could not have, and keeps what it has")
  func running() throws {
    var host = ImaginedHost()
    let spec =
      "stack: lab\ndomains:\n  web: { memory: 1 GiB, state: running, interfaces: { lan: { network: default } } }"
    host.apply(try host.plan(spec))
    host.inventory.host.missingDrivers = [.networks: .unsupported]
    #expect(throws: Never.self) { try host.plan(spec) }
    let more = spec.replacing("{ lan:", with: "{ more: { network: other }, lan:")
    #expect(throws: DiagnosticsError.self) { try host.plan(more) }
  }

  @Test("a daemon that does not run is named, with how it is started")
  func unreachable() throws {
    var host = ImaginedHost()
    let daemon = try #require(
      UnreachableDaemon(
        message: "Failed to connect socket to '/var/run/libvirt/virtnetworkd-sock': No such file or directory",
        embeddedRoot: nil))
    host.inventory.host.missingDrivers = [.networks: .unreachable(daemon)]
    let errors = try problems(host, "interfaces: { lan: { network: default } }, state: running").errors
    #expect(errors.first?.message.contains("virtnetworkd is not running") == true)
    #expect(errors.first?.suggestion?.hasPrefix("start virtnetworkd") == true)
  }

  @Test("networks and pools of a host that is only supposed are planned")
  func supposed() throws {
    let spec = try stack(
      """
      stack: lab
      networks: { lab: { mode: nat, address: 10.10.0.1/24 } }
      pools: { lv: { type: logical, source: { name: vg0 } } }
      domains: { web: { memory: 1 GiB, interfaces: { lan: { network: lab } }, state: running } }
      """)
    #expect(throws: Never.self) { try Plan(for: spec, on: .supposed(for: InventoryRequest(for: spec), with: [])) }
  }
}
