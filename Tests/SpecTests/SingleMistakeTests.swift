// One mistake is one message: a good spec is damaged in one place at a time.

import Diagnostics
import Testing

@testable import Spec
@testable import YAMLTree

@Suite("one mistake, one message")
struct SingleMistakeTests {
  private static let good = """
    stack: lab
    pools:
      vms: { path: /srv/vms }
    networks:
      lan:
        mode: nat
        address: 10.10.0.1/24
        dhcp: { range: 10.10.0.100-10.10.0.200 }
    images:
      debian: { source: /srv/debian.qcow2, pool: vms }
    volumes:
      shared: { size: 1 GiB, pool: vms, format: raw }
    profiles:
      small:
        memory: 1 GiB
        cpu: { mode: custom, model: qemu64 }
    domains:
      web:
        profiles: [small]
        vcpus: 2
        boot: [hd]
        disks:
          root: { image: debian, size: 20 GiB, pool: vms }
          data: { volume: shared }
          iso: { device: cdrom, source: /srv/x.iso }
        interfaces:
          lan: { network: lan, model: virtio }
        rngs:
          r: { model: virtio, backend: random }
        depends-on: [db]
      db:
        memory: 1 GiB
        disks:
          root:
            size: 2 GiB
            pool: vms
            format: raw

    """

  private static func load(_ text: String) -> [Diagnostic] {
    SpecLoader().load([SourceFile(path: "lab.yaml", text: text)]).diagnostics
  }

  @Test("the spec is good before it is damaged")
  func isGood() {
    let found = Self.load(Self.good)
    #expect(found.isEmpty, "\(found.map(\.message))")
  }

  /// What stands in place of a value: none of them means anything there.
  @Test(
    "a value of the wrong kind anywhere",
    arguments: ["*nope", "{ <<: 7 }", "{ <<: *nope }", "!!int x", "!odd x", "[[]]"])
  func wrongValue(damage: String) throws {
    let parsed = parseYAML(SourceFile(path: "lab.yaml", text: Self.good))
    let root = try #require(parsed.documents.first)
    var places: [SourceRange] = []
    func visit(_ node: YAMLNode) {
      for entry in node.entries ?? [] {
        places.append(entry.value.range)
        visit(entry.value)
      }
    }
    visit(root)
    let lines = Self.good.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    var tried = 0
    for place in Set(places) {
      // The lines of a block go with its key; what stands on one line is replaced there.
      var text = lines[0..<(place.start.line - 1)].map { $0 }
      let first = lines[place.start.line - 1]
      let before = String(first.utf8.prefix(place.start.column - 1))!
      let isBlock = place.start.line != place.end.line
      if isBlock, !before.contains(":") {
        guard let key = text.popLast() else { continue }
        text.append(key + " " + damage)
      } else if isBlock {
        continue
      } else {
        text.append(before + damage + String(first.utf8.dropFirst(place.end.column - 1))!)
      }
      text += lines[place.end.line...]
      let found = Self.load(text.joined(separator: "\n"))
      #expect(
        found.filter { $0.severity == .error }.count == 1,
        "line \(place.start.line), \(damage): \(found.map(\.message))")
      tried += 1
    }
    #expect(tried > 50)
  }

  @Test("a key that is misspelt anywhere")
  func misspeltKey() throws {
    let parsed = parseYAML(SourceFile(path: "lab.yaml", text: Self.good))
    let root = try #require(parsed.documents.first)
    var keys: [SourceRange] = []
    // Names are not keys of the language: theirs are one level below a collection's.
    func visit(_ node: YAMLNode, isNames: Bool) {
      for entry in node.entries ?? [] {
        if !isNames { keys.append(entry.key.range) }
        let collections = [
          "pools", "networks", "images", "volumes", "profiles", "domains", "disks", "interfaces", "rngs",
        ]
        visit(entry.value, isNames: !isNames && collections.contains(entry.name))
      }
    }
    visit(root, isNames: false)
    let bytes = Array(Self.good.utf8)
    let starts = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
    for key in keys {
      var damaged = bytes
      damaged.insert(UInt8(ascii: "x"), at: starts[key.end.line - 1] + key.end.column - 1)
      let found = Self.load(String(decoding: damaged, as: UTF8.self))
      #expect(
        found.filter { $0.severity == .error }.count == 1, "line \(key.start.line): \(found.map(\.message))")
    }
    #expect(keys.count > 40)
  }
}
