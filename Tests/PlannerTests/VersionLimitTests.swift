import Diagnostics
import Inventory
import Planner
import Testing
import Versions
import XMLTree

@Suite("what the host's libvirt is too old for")
struct VersionLimitTests {
  private static func problems(_ domain: String, on version: LibvirtVersion?, also: String = "") throws -> [Diagnostic]
  {
    var host = ImaginedHost()
    host.inventory.host.libvirtVersion = version
    host.inventory.networks = [:]
    do {
      _ = try host.plan("stack: lab\n\(also)domains:\n  web:\n    memory: 1 GiB\n    \(domain)")
      return []
    } catch let error as DiagnosticsError {
      return error.diagnostics
    }
  }

  static let cases: [(String, String, LibvirtVersion)] = [
    ("throttle-groups: { slow: { total-bytes: 9 } }", "throttle-groups needs libvirt 11.2", LibvirtVersion(11, 2)),
    ("features: { ps2: false }", "features.ps2 needs libvirt 10.7", LibvirtVersion(10, 7)),
    (
      "cpu: { topology: { sockets: 1, clusters: 1, cores: 1, threads: 1 } }",
      "cpu.topology.clusters needs libvirt 10.1", LibvirtVersion(10, 1)
    ),
    ("sounds: { card: { model: virtio } }", "sounds.card.model: virtio needs libvirt 10.4", LibvirtVersion(10, 4)),
    (
      "audios: { out: { id: 1, type: pipewire } }", "audios.out.type: pipewire needs libvirt 9.10",
      LibvirtVersion(9, 10)
    ),
    (
      "iothreads: { ids: { 2: { poll-max: 9 } } }", "iothreads.ids.2.poll-max needs libvirt 9.4", LibvirtVersion(9, 4)
    ),
    ("acpi-tables: { msdm: /x }", "acpi-tables.msdm needs libvirt 11.2", LibvirtVersion(11, 2)),
    (
      "tpms: { one: { model: tpm-crb, backend: emulator, version: \"2.0\", profile: default-v1 } }",
      "tpms.one.profile needs libvirt 10.10", LibvirtVersion(10, 10)
    ),
    ("pstores: { log: { backend: acpi-erst, size: 64 KiB } }", "pstores.log needs libvirt 10.6", LibvirtVersion(10, 6)),
    ("disks: { x: { vhost-vdpa: /dev/vhost-vdpa-0 } }", "disks.x.vhost-vdpa needs libvirt 9.8", LibvirtVersion(9, 8)),
  ]

  @Test("is said while planning, at the line that asks for it", arguments: cases)
  func refused(domain: String, message: String, version: LibvirtVersion) throws {
    let problems = try Self.problems(domain, on: LibvirtVersion(9, 0))
    #expect(problems.map(\.message) == ["\(message); this host has 9.0.0"])
    #expect(problems.map(\.rule) == ["libvirt-version"])
    #expect(problems.allSatisfy { $0.range?.start.line == 5 && $0.subject == "domain web" && $0.suggestion != nil })
  }

  @Test("and nothing is refused by the version that brought it, nor where no version is known", arguments: cases)
  func accepted(domain: String, message: String, version: LibvirtVersion) throws {
    #expect(try Self.problems(domain, on: version).isEmpty)
    #expect(try Self.problems(domain, on: nil).isEmpty)
  }

  @Test("memory devices on virtio take no slots, where libvirt knows that")
  func slots() throws {
    let domain =
      "{ max-memory: 4 GiB, numa: { cells: { 0: { memory: 1 GiB } } }, memory-devices: { m: { model: virtio-mem, size: 1 GiB, requested: 1 GiB } } }"
    let text = "profiles:\n  p: \(domain)\n"
    let problems = try Self.problems("profiles: [p]", on: LibvirtVersion(9, 0), also: text)
    #expect(problems.map(\.message) == ["max-memory without `slots` needs libvirt 9.5; this host has 9.0.0"])
    #expect(try Self.problems("profiles: [p]", on: LibvirtVersion(9, 5), also: text).isEmpty)
  }

  @Test("holds for networks too")
  func networks() throws {
    let network = "networks:\n  lab: { title: The lab, dns: { forwarders: [{ address: 10.0.0.1, port: 54 }] } }\n"
    let problems = try Self.problems("type: qemu", on: LibvirtVersion(9, 0), also: network)
    #expect(
      problems.map(\.message) == [
        "title needs libvirt 9.7; this host has 9.0.0", "dns.forwarders.port needs libvirt 12.0; this host has 9.0.0",
      ])
    #expect(try Self.problems("type: qemu", on: LibvirtVersion(12, 0), also: network).isEmpty)
  }

  @Test("what the host has already needs nothing")
  func stored() throws {
    let text = "stack: lab\ndomains:\n  web: { memory: 1 GiB, panics: { p: { model: pvpanic } } }"
    var host = ImaginedHost()
    host.apply(try host.plan(text))
    host.inventory.host.libvirtVersion = LibvirtVersion(9, 0)
    #expect(try host.plan(text).actions.isEmpty)
  }
}
