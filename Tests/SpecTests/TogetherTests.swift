// What no single value is wrong about: one file as two disks, NUMA cells, buses, addresses, names.

import Diagnostics
import Testing

@testable import Spec

@Suite("what does not go together")
struct TogetherTests {
  private func load(_ domains: String) -> [Diagnostic] {
    let head =
      "stack: lab\npools: { vms: { path: /srv/vms } }\nvolumes: { v: { size: 1 GiB, pool: vms, format: raw } }\n"
    return SpecLoader().load([SourceFile(path: "lab.yaml", text: head + "domains:\n" + domains)]).diagnostics
  }

  private func rules(_ domains: String) -> [String] { load(domains).filter { $0.severity == .error }.map(\.rule) }

  // MARK: Disks

  /// Ways to name a file that two disks can have.
  static let sources = [
    "source: /srv/a.raw, format: raw", "volume: v", "volume: { pool: vms, name: a }", "source: /dev/sdb, format: raw",
  ]

  @Test("one file is not two disks that can be written to, in one domain or in two", arguments: sources)
  func shared(source: String) {
    func domains(_ first: String, _ second: String) -> String {
      "  a: { memory: 1 GiB, disks: { x: { \(source)\(first) } } }\n"
        + "  b: { memory: 1 GiB, disks: { x: { \(source)\(second) } } }\n"
    }
    func domain(_ first: String, _ second: String) -> String {
      "  a: { memory: 1 GiB, disks: { x: { \(source)\(first) }, y: { \(source)\(second) } } }\n"
    }
    let (shareable, readOnly) = (", shareable: true", ", read-only: true, bus: virtio")
    #expect(rules(domains("", "")) == ["shared-disk"])
    #expect(rules(domains(shareable, "")) == ["shared-disk"])
    #expect(rules(domains(shareable, shareable)).isEmpty)
    #expect(rules(domains(readOnly, readOnly)).isEmpty)
    #expect(rules(domain("", "")) == ["shared-disk"])
    #expect(rules(domain(shareable, shareable)) == ["shared-disk"])
    let half = load(domains(shareable, "")).first { $0.rule == "shared-disk" }
    #expect(half?.suggestion?.contains("`shareable: true` at both disks") ?? false)
  }

  @Test("domains of a count share a file only if they say so")
  func counted() {
    let disk = "  a: { memory: 1 GiB, count: 3, disks: { x: { source: /srv/a.raw, format: raw"
    #expect(Set(rules(disk + " } } }\n")) == ["shared-disk"])
    #expect(rules(disk + ", shareable: true } } }\n").isEmpty)
  }

  // MARK: NUMA

  @Test(
    "NUMA cells agree with the memory and the vcpus, and with what names them",
    arguments: [
      ("0: { cpus: 0-1, memory: 1 GiB }, 1: { cpus: 2-3, memory: 1 GiB }", "", nil),
      ("0: { cpus: 0-3, memory: 1 GiB }, 1: { memory: 1 GiB }", "", nil),
      ("0: { cpus: 0, memory: 2 GiB }", "", nil),
      ("0: { cpus: 0-3, memory: 1 GiB }", "", "write `memory: 1 GiB`, or change the cells"),
      ("0: { cpus: 0-3, memory: 1 GiB }, 1: { memory: 2 GiB }", "", "write `memory: 3 GiB`, or change the cells"),
      ("0: { cpus: 0-5, memory: 2 GiB }", "", "write `vcpus: 6`, or change the cells"),
      ("0: { cpus: 0-2, memory: 1 GiB }, 1: { cpus: 2-3, memory: 1 GiB }", "", "put each vcpu into one cell"),
      ("0: { cpus: 0, memory: 1 GiB }, 2: { cpus: 1, memory: 1 GiB }", "", "number the cells from 0 on, without a gap"),
      ("1: { cpus: 0-3, memory: 2 GiB }", "", "number the cells from 0 on, without a gap"),
      ("0: { cpus: 0-3, memory: 2 GiB, distances: { 5: 20 } }", "", "the cells are 0 to 0"),
      (
        "0: { cpus: 0-3, memory: 2 GiB }", "numatune: { memnodes: { 3: { mode: strict, nodeset: 0 } } }",
        "the cells are 0 to 0"
      ),
      (
        "0: { cpus: 0-3, memory: 2 GiB }",
        "max-memory: { size: 4 GiB, slots: 4 }, memory-devices: { m: { model: dimm, size: 1 GiB, node: 1 } }",
        "the cells are 0 to 0"
      ),
    ] as [(String, String, String?)])
  func numa(cells: String, more: String, suggestion: String?) {
    let found = load(
      "  a: { memory: 2 GiB, vcpus: 4, numa: { cells: { \(cells) } }\(more.isEmpty ? "" : ", " + more) }\n")
    #expect(found.map(\.suggestion) == (suggestion.map { [$0] } ?? []), "\(found.map(\.message))")
  }

  // MARK: Buses

  @Test(
    "machines without IDE controllers have no IDE disks",
    arguments: [
      ("q35", true), ("pc-q35-7.2", true), ("virt", true), ("s390-ccw-virtio", true), ("pc", false),
      ("pc-i440fx-7.2", false), ("malta", false),
    ])
  func ide(machine: String, isRefused: Bool) {
    let text = "  a: { memory: 1 GiB, machine: \(machine), disks: { x: { size: 1 GiB, pool: vms, bus: ide } } }\n"
    #expect(rules(text) == (isRefused ? ["conflict"] : []))
    #expect(rules(text.replacing("bus: ide", with: "bus: scsi")).isEmpty)
  }

  // MARK: Identities

  @Test(
    "a UUID is there once, wherever it stands",
    arguments: [
      "  a: { memory: 1 GiB, uuid: U }\n  b: { memory: 1 GiB, uuid: U }\n",
      "  a: { memory: 1 GiB, uuid: U, count: 2 }\n",
      "  a: { memory: 1 GiB, uuid: U, count: 2, title: \"guest ${index}\" }\n",
      "  a: { profiles: [p] }\n  b: { profiles: [p] }\nprofiles: { p: { memory: 1 GiB, uuid: U } }\n",
    ])
  func uuid(domains: String) {
    let text = domains.replacing("U", with: "2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42")
    #expect(rules(text).count == 1, "\(load(text).map(\.message))")
  }

  @Test("domains of a count have MAC addresses of their own; other equal ones are a warning")
  func mac() {
    let interface = "interfaces: { lan: { type: user, mac: \"52:54:00:00:00:01\" } }"
    for more in ["", ", title: \"guest ${index}\""] {
      #expect(rules("  a: { memory: 1 GiB, count: 3, \(interface)\(more) }\n") == ["duplicate-mac"])
    }
    let two = load("  a: { memory: 1 GiB, \(interface) }\n  b: { memory: 1 GiB, \(interface) }\n")
    #expect(two.map(\.rule) == ["duplicate-mac"] && two.allSatisfy { $0.severity == .warning })
  }

  @Test(
    "a name that is another folder is not a domain's",
    arguments: [".", "..", "a\\tb", "a\\eb", "a\\nb", "a/b", "a\\x7f"])
  func name(text: String) {
    #expect(rules("  \"\(text)\": { memory: 1 GiB }\n") == ["bad-name"])
  }
}
