// What newer versions of libvirt brought: refused by an older one before anything is touched, applied by one that knows it.

import Libvirt
import TestSupport
import Testing
import Versions

@Suite("what newer versions of libvirt brought", .enabled(if: Machine.runsGuests, Machine.needsGuests), .serialized)
struct NewerLibvirtTests {
  /// Lines of a domain, and the version of libvirt that knows them.
  struct Row: Sendable, CustomTestStringConvertible {
    let fields: String
    let since: LibvirtVersion

    var testDescription: String { fields }
  }

  static let rows = [
    Row(fields: "iothreads: { count: 1, ids: { 1: { poll-max: 9000 } } }", since: LibvirtVersion(9, 4)),
    Row(fields: "disks: { a: { size: 1 MiB, discard-no-unref: true } }", since: LibvirtVersion(9, 5)),
    Row(
      fields:
        "{ iothreads: 2, disks: { a: { size: 1 MiB, queues: 2, iothreads: { 1: { queues: [0] }, 2: { queues: [1] } } } } }",
      since: LibvirtVersion(10, 0)),
    Row(
      fields: "{ vcpus: 2, cpu: { mode: maximum, topology: { sockets: 1, clusters: 1, cores: 2, threads: 1 } } }",
      since: LibvirtVersion(10, 1)),
    Row(fields: "sounds: { card: { model: virtio, streams: 3 } }", since: LibvirtVersion(10, 4)),
    Row(fields: "pstores: { log: { backend: acpi-erst, size: 64 KiB } }", since: LibvirtVersion(10, 6)),
    Row(fields: "features: { ps2: false }", since: LibvirtVersion(10, 7)),
    Row(
      fields:
        "{ throttle-groups: { slow: { total-bytes: 9000 } }, disks: { a: { size: 1 MiB, throttle-groups: slow } } }",
      since: LibvirtVersion(11, 2)),
  ]

  private static func version() async throws -> LibvirtVersion {
    try await LibvirtConnection.open(uri: "test:///default").libvirtVersion
  }

  private static func spec(_ host: ScratchHost, _ fields: String, state: String = "any") -> String {
    let text = fields.hasPrefix("{") ? String(fields.dropFirst().dropLast()) : fields
    return """
      stack: newer
      pools: { vms: { path: "\(host.pool)" } }
      profiles:
        new: { \(text) }
      domains:
        web: { type: qemu, memory: 64 MiB, state: \(state), profiles: [new] }

      """
  }

  @Test("older ones refuse it and touch nothing; newer ones keep it, and it can be dropped again", arguments: rows)
  func knownOrRefused(row: Row) async throws {
    let version = try await Self.version()
    try ScratchHost.with { host in
      guard version >= row.since else {
        // The first connection gives the root its configuration.
        _ = try host.plan(Self.spec(host, "title: bare"))
        let before = host.footprint()
        let run = try host.refused(Self.spec(host, row.fields))
        #expect(run.errors.contains("needs libvirt \(row.since.shortDescription); this host has \(version)"))
        #expect(host.footprint().differences(from: before).isEmpty)
        return
      }
      _ = try host.apply(Self.spec(host, row.fields))
      try host.expectNoChanges(Self.spec(host, row.fields))
      let bare = Self.spec(host, "title: bare")
      _ = try host.apply(bare)
      try host.expectNoChanges(bare)
    }
  }

  @Test("ports that passt forwards are kept, where libvirt was built with passt, which Debian 12's was not")
  func passt() async throws {
    guard try await Self.version() >= LibvirtVersion(10, 0) else { return }
    try ScratchHost.with { host in
      let spec = Self.spec(
        host,
        """
        interfaces: { lan: { type: user, backend: passt, port-forward: [{ protocol: tcp, ranges: [{ start: 2022, to: 22 }, \
        { start: 80 }] }, { protocol: udp, address: 10.9.0.1 }], ips: [{ address: 10.9.0.4, prefix: 24 }] } }
        """)
      _ = try host.apply(spec)
      try host.expectNoChanges(spec)
      let bare = Self.spec(host, "title: bare")
      _ = try host.apply(bare)
      try host.expectNoChanges(bare)
    }
  }

  @Test("throttle groups of a running guest are made, changed and deleted as it runs")
  func throttling() async throws {
    guard try await Self.version() >= LibvirtVersion(11, 2) else { return }
    try ScratchHost.with { host in
      func spec(_ groups: String) -> String {
        Self.spec(
          host, "{ throttle-groups: \(groups), disks: { a: { size: 1 MiB, throttle-groups: slow } } }", state: "running"
        )
      }
      func limit(_ group: String, _ limit: String) throws -> String? {
        try host.running("web")("//throttlegroup[group_name='\(group)']/\(limit)")
      }
      _ = try host.apply(spec("{ slow: { total-bytes: 9000, total-iops: 50 } }"))
      _ = try host.apply(spec("{ slow: { total-bytes: 8000 }, extra: { read-iops: 70 } }"))
      #expect(try limit("slow", "total_bytes_sec") == "8000" && limit("slow", "total_iops_sec") == nil)
      #expect(try limit("extra", "read_iops_sec") == "70")
      try host.expectNoChanges(spec("{ slow: { total-bytes: 8000 }, extra: { read-iops: 70 } }"))
      _ = try host.apply(spec("{ slow: { total-bytes: 8000 } }"))
      #expect(try limit("extra", "read_iops_sec") == nil)
      try host.expectNoChanges(spec("{ slow: { total-bytes: 8000 } }"))
    }
  }
}
