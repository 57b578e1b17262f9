// What is left to the host again stays as it is, and nobody plans it any more.

import Diagnostics
import Inventory
import Spec
import TestSupport
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("what is in `unmanage` is released as it is")
struct UnmanageTests {
  private static let domain = """
    stack: lab
    domains:
      web:
        memory: 2 GiB

    """

  @Test("fields, groups, devices and kinds of devices are released, shown once, and then nobody's")
  func released() throws {
    let full =
      Self.domain + """
            vcpus: 4
            cpu: { mode: custom, model: Nehalem }
            videos: { card: { model: qxl } }
            rngs: { random: { device: /dev/random } }
            interfaces: { lan: { type: user, model: e1000 } }
        """
    let rest = """
          unmanage: [vcpus, cpu, video, rngs.random, interfaces.lan.model]
          interfaces: { lan: { type: user } }
      """
    var host = ImaginedHost()
    host.apply(try Plan(for: stack(full), on: host.inventory))
    let before = try #require(host.inventory.domains["web"]?.inactive)
    let plan = try Plan(for: stack(Self.domain + rest), on: host.inventory)
    let changes = try #require(plan.object("web")).changes
    let names = ["vcpus", "cpu", "cpu.model", "videos.card", "rngs.random", "interfaces.lan.model"]
    #expect(Set(changes.map(\.field)) == Set(names))
    #expect(changes.allSatisfy { $0.detail == FieldChange.released && $0.old == $0.new && $0.effect == .define })
    host.apply(plan)
    let after = try #require(host.inventory.domains["web"]?.inactive)
    #expect(difference(Self.bare(before), Self.bare(after)).isEmpty)
    for spec in [rest, "    interfaces: { lan: { type: user } }\n"] {
      #expect(try Plan(for: stack(Self.domain + spec), on: host.inventory).actions.isEmpty)
    }
  }

  private static func bare(_ xml: XMLElement) -> XMLElement {
    var xml = xml
    OwnershipRecord.remove(from: &xml)
    return xml
  }
}
