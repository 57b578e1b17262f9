// Bringing a removed domain back, as a plan: from the removal, what has its name, and the files that are gone.

import Diagnostics
import Inventory
import Planner
import TestSupport
import Testing
import XMLTree

@Suite("plans that restore a domain")
struct RestorationTests {
  private static let uuid = "6f3ef70f-ffb0-58a1-8d07-bc22c30c5e51"

  private static func removal(snapshots: [String] = [], deleted: Bool = false) throws -> ArchivedDomain {
    ArchivedDomain(
      path: "/archive/web.xml",
      removal: RemovedDomain(
        uri: "qemu:///system", stack: "lab", name: "web", uuid: uuid, autostart: true, removed: 1_764_350_487,
        definition: try definition(),
        snapshots: snapshots.map { XMLElement("domainsnapshot", children: [XMLElement("name", text: $0)]) },
        files: [.init("/vms/web.root.qcow2", .disk, isDeleted: deleted), .init("/vms/web_VARS.fd", .nvram)]))
  }

  private static func definition(name: String = "web", uuid: String = uuid, title: String? = nil) throws -> XMLElement {
    try XMLElement.parse(
      "<domain type='qemu'><name>\(name)</name><uuid>\(uuid)</uuid>\(title.map { "<title>\($0)</title>" } ?? "")</domain>"
    )
  }

  private static func present(
    _ definition: XMLElement, name: String = "web", uuid: String = uuid, isActive: Bool = false
  ) -> ObservedDomain {
    ObservedDomain(
      name: name, uuid: uuid, state: isActive ? .running : .stopped, isActive: isActive, inactive: definition)
  }

  private func plan(_ restoration: Restoration) throws -> Plan {
    let plan = Plan(restoration, on: "qemu:///system")
    try expectRoundTrip(plan)
    #expect(plan.stack == "lab" && plan.purpose == .request && plan.objects.map(\.object.description) == ["domain web"])
    return plan
  }

  @Test("all that it had comes back, and then the removal is forgotten")
  func restore() throws {
    let archived = try Self.removal(snapshots: ["one", "two"])
    let plan = try plan(Restoration(archived))
    #expect(plan.actions.map(\.operation) == [.restoreDomain(archived), .discardRemoval(archived)])
    #expect(plan.actions.map(\.after) == [[], [0]])
    #expect(plan.objects[0].verb == .create && plan.notes.isEmpty)
    #expect(plan.objects[0].changes.map(\.field) == ["definition", "uuid", "snapshots", "autostart"])
  }

  @Test(
    "what an earlier run has defined in the same form is finished, and anything else of its name or UUID is in the way")
  func present() throws {
    let archived = try Self.removal()
    let same = try plan(Restoration(archived, present: Self.present(try Self.definition())))
    #expect(same.objects[0].verb == .update && same.actions.count == 2)
    for (present, words) in [
      (Self.present(try Self.definition(), isActive: true), "there is a domain web already"),
      (Self.present(try Self.definition(title: "new")), "there is a domain web already"),
      (Self.present(try Self.definition(uuid: "x"), uuid: "x"), "there is a domain web already"),
      (Self.present(try Self.definition(name: "other"), name: "other"), "the domain other has the UUID \(Self.uuid)"),
    ] {
      let refused = try plan(Restoration(archived, present: present))
      #expect(refused.isEmpty && refused.refused.first?.problems.map(\.message) == [words])
      #expect(refused.refused.first?.problems.last?.suggestion != nil)
    }
  }

  @Test("a disk that is gone is in the way with all others, and media and variables are remarked upon")
  func files() throws {
    for isDeleted in [false, true] {
      let what = isDeleted ? "was deleted with the domain" : "does not exist"
      let missing: [RemovedDomain.MissingFile] = [
        .init("/vms/web.root.qcow2", for: .disk("vda")), .init("/vms/base.qcow2", for: .disk("vdb"), isBelow: true),
        .init("/iso/x.iso", for: .medium("sda")),
      ]
      let refused = try plan(Restoration(try Self.removal(deleted: isDeleted), missing: missing))
      #expect(
        refused.refused.first?.problems.map(\.message) == [
          "disk vda: /vms/web.root.qcow2 \(what)", "disk vdb stands on /vms/base.qcow2, which does not exist",
        ])
    }
    let plan = try plan(
      Restoration(
        try Self.removal(),
        missing: [.init("/iso/x.iso", for: .medium("sda")), .init("/vms/web_VARS.fd", for: .variables)]))
    #expect(plan.actions.count == 2 && plan.notes.map(\.severity) == [.warning, .warning])
    #expect(plan.notes.map(\.message).first == "the medium of disk sda: /iso/x.iso does not exist")
  }
}
