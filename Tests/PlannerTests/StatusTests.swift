// How domains stand: what a plan says of each, with the spec and from the host's own record.

import Diagnostics
import Inventory
import Planner
import Testing
import Vocabulary
import XMLTree

private let lab = """
  stack: lab
  pools: { vms: { path: /vms } }
  images: { base: { source: /images/base.qcow2 } }
  domains:
    web:
      memory: 1 GiB
      vcpus: 2
      title: a web server
      boot: [hd, network]
      cputune: { vcpupin: { 0: 0-3, 1: "4,6" } }
      state: running
      autostart: true
      disks:
        root: { image: base, size: 20 GiB, cache: none }
        data: { size: 5 GiB, format: raw }
      interfaces: { lan: { type: user, mac: "52:54:00:00:00:01" } }
      graphics: { vnc: { listen: 127.0.0.1 } }
      xml: "<on_crash>destroy</on_crash>"
    db: { memory: 512 MiB, disks: { root: { size: 1 GiB } } }

  """

@Suite("status of domains")
struct StatusTests {
  private func appliedHost(_ text: String = lab) throws -> ImaginedHost {
    var host = ImaginedHost()
    host.apply(try host.plan(text))
    return host
  }

  /// The status of a domain by the spec, and by the record on the host.
  private func both(_ name: String, _ host: ImaginedHost, _ text: String = lab) throws -> [DomainStatus] {
    let statuses = [HostStatus(of: try stack(text), on: host.inventory), HostStatus(recordedOn: host.inventory)]
    return statuses.compactMap { $0.domains.first { $0.name == name } }
  }

  @Test("right after an apply every domain is in sync, by the spec and by the record that the apply left")
  func applied() throws {
    let host = try appliedHost()
    for status in [HostStatus(of: try stack(lab), on: host.inventory), HostStatus(recordedOn: host.inventory)] {
      #expect(status.domains.map(\.name) == (status.stack == nil ? ["db", "web"] : ["web", "db"]))
      #expect(status.domains.allSatisfy { $0.condition == .inSync }, "\(status.domains)")
      #expect(status.domains.allSatisfy { $0.stack == "lab" })
      #expect(status.isSettled)
      #expect(status.others.isEmpty && status.problems.isEmpty && status.unowned.isEmpty)
    }
    #expect(try both("web", host).map(\.state) == [.running, .running])
    #expect(try both("db", host).map(\.state) == [.stopped, .stopped])
  }

  /// Something that somebody changes on the host, and the field that has drifted by it.
  static let edits: [(path: String, value: String, field: String)] = [
    ("memory", "524288", "memory"), ("title", "somebody's", "title"), ("vcpu", "3", "vcpus"),
    ("devices/disk/driver/@cache", "unsafe", "disks.root.cache"),
    ("devices/interface/mac/@address", "52:54:00:00:00:09", "interfaces.lan.mac"),
    ("cputune/vcpupin/@cpuset", "7", "cputune.vcpupin"), ("on_crash", "preserve", "xml/on_crash"),
  ]

  @Test("a change on the host is drift of its field, by the spec and by the record", arguments: edits)
  func drifted(edit: (path: String, value: String, field: String)) throws {
    var host = try appliedHost()
    host.edit("web") { $0.set(edit.value, at: XMLPath(stringLiteral: edit.path)) }
    for status in try both("web", host) {
      #expect(status.condition == .drifted)
      #expect(status.drifted.contains(edit.field), "\(status)")
    }
    #expect(try both("db", host).map(\.condition) == [.inSync, .inSync])
  }

  @Test("what the guest does is drift where the spec says what it should do")
  func state() throws {
    var host = try appliedHost()
    host.inventory.domains["web"]?.isActive = false
    host.inventory.domains["web"]?.state = .stopped
    host.inventory.domains["web"]?.running = nil
    host.inventory.domains["web"]?.autostart = false
    host.start("db")
    for status in try both("web", host) {
      #expect(status.condition == .drifted)
      #expect(Set(status.drifted) == ["state", "autostart"])
      #expect(status.state == .stopped)
    }
    for status in try both("db", host) {
      #expect(status.condition == .inSync)
      #expect(status.state == .running)
    }
  }

  @Test("a value that the running guest does not have waits for a restart")
  func waiting() throws {
    var host = try appliedHost()
    let text = lab.replacing("vcpus: 2", with: "vcpus: 4")
    host.apply(try host.plan(text))
    for status in try both("web", host, text) {
      #expect(status.condition == .waiting)
      #expect(status.waiting == ["vcpus"])
      #expect(!status.isSettled)
    }
  }

  @Test("what the spec says anew is to be changed, what it has no more is undeclared, what is not there is missing")
  func spec() throws {
    let host = try appliedHost()
    let text = lab.replacing("title: a web server", with: "title: another").replacing("\n  db:", with: "\n  mail:")
    let status = HostStatus(of: try stack(text), on: host.inventory)
    #expect(status.domains.map(\.name) == ["web", "mail", "db"])
    #expect(status.domains.map(\.condition) == [.toChange, .missing, .undeclared])
    #expect(status.domains[0].toChange == ["title"])
    #expect(status.domains[1].state == nil)
    // The record knows nothing of a spec that has not been applied.
    #expect(HostStatus(recordedOn: host.inventory).domains.allSatisfy { $0.condition == .inSync })
  }

  @Test("a domain without an owner is to be adopted, and counts as nobody's where all stacks are asked for")
  func adoption() throws {
    var host = try appliedHost()
    host.edit("db") { OwnershipRecord.remove(from: &$0) }
    let status = HostStatus(of: try stack(lab), on: host.inventory)
    #expect(status.domains.map(\.condition) == [.inSync, .toAdopt])
    let recorded = HostStatus(recordedOn: host.inventory)
    #expect(recorded.domains.map(\.name) == ["web"])
    #expect(recorded.unowned == ["db"])
  }

  @Test("what keeps a domain from being planned is its status, and the others keep theirs")
  func refused() throws {
    var host = try appliedHost()
    host.inventory.files["/vms/db.root.qcow2"] = .missing
    for status in [HostStatus(of: try stack(lab), on: host.inventory), HostStatus(recordedOn: host.inventory)] {
      let conditions = Dictionary(uniqueKeysWithValues: status.domains.map { ($0.name, $0.condition) })
      #expect(conditions == ["web": .inSync, "db": .refused])
      #expect(
        status.domains.first { $0.name == "db" }?.problems.map(\.rule) == [
          status.stack == nil ? "unusable-file" : "missing-file"
        ])
      #expect(status.problems.isEmpty)
    }
  }

  @Test("objects besides domains that an apply would change are named")
  func others() throws {
    let host = try appliedHost()
    let text = lab.replacing(
      "pools: { vms: { path: /vms } }", with: "pools: { vms: { path: /vms } }\nvolumes: { more: { size: 1 GiB } }")
    let status = HostStatus(of: try stack(text), on: host.inventory)
    #expect(status.others == [ObjectReference(.volume, "more")])
    #expect(!status.isSettled)
    #expect(status.domains.allSatisfy { $0.condition == .inSync })
  }
}
