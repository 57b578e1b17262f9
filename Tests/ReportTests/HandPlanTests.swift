// Plans of what commands are asked for by hand, and what came of them: as people and programs get them.

import Diagnostics
import Inventory
import Planner
import TestSupport
import Testing
import XMLTree

@testable import Applier
@testable import Report

@Suite("plans by hand")
struct HandPlanTests {
  private static let uuid = "6f3ef70f-ffb0-58a1-8d07-bc22c30c5e51"

  private static func snapshots() throws -> [Plan] {
    let definition = try XMLElement.parse(
      """
      <domain type='qemu'><name>web</name><uuid>\(uuid)</uuid><devices><disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='/vms/web.raw'/><target dev='vda' bus='virtio'/></disk></devices></domain>
      """)
    var domain = ObservedDomain(name: "web", uuid: uuid, state: .running, isActive: true, inactive: definition)
    var snapshot = ObservedSnapshot(planned: "one", kind: .external)
    (snapshot.created, snapshot.state, snapshot.definition) = (1_764_350_487, "shutoff", definition)
    domain.snapshots = [snapshot]
    let host = Inventory(host: .init(uri: "qemu:///system"))
    let changes: [SnapshotChange] = [
      .take(SnapshotCreation(name: "two", memory: true)), .revert(to: "one"), .delete("one"),
      .take(SnapshotCreation(name: "one")),
    ]
    return try changes.map { try Plan($0, of: domain, on: host) }
  }

  private static func restorations() -> [Plan] {
    let archived = ArchivedDomain(
      path: "/archive/web.xml",
      removal: RemovedDomain(
        uri: "qemu:///system", stack: "lab", name: "web", uuid: uuid, autostart: true, removed: 1_764_350_487,
        definition: XMLElement("domain"),
        snapshots: ["one", "two"].map {
          XMLElement("domainsnapshot", children: [XMLElement("name", text: $0)])
        }))
    return [
      [.init("/iso/x.iso", for: .medium("sda"))], [.init("/vms/web.raw", for: .disk("vda"))],
    ].map { Plan(Restoration(archived, missing: $0), on: "qemu:///system") }
  }

  @Test("texts are what the golden file shows")
  func golden() throws {
    let plans = try Self.snapshots() + Self.restorations()
    try expectGolden(plans.map { $0.text() }.joined(separator: "\n"), "plans-by-hand.txt")
  }

  @Test("a remark is shown with the step that is done, in lines, text and JSON")
  func remark() throws {
    let plan = try Self.snapshots()[2]
    let what = "/vms/web.one.memory stays: nothing shows that it is the memory of this snapshot"
    let result = ApplyResult(outcomes: [.remarked(what)], wasInterrupted: false)
    #expect(result.isComplete)
    let text = result.text(of: plan, TextStyle(width: 160))
    #expect(text == "note: domain web: \(what)\n\nApplied: 1 step done.\n")
    var lines = ApplyLines(plan)
    #expect(
      lines.line(for: .finished(0, .remarked(what))) == "[1/1] done    domain web: delete the snapshot one: \(what)\n")
    let document = try Parsed(result.json(of: plan))
    #expect(document["actions"]?[0]?["outcome"] == .string("done"))
    #expect(document["actions"]?[0]?["message"] == .string(what))
    #expect(document["stack"] == .null)
  }

  @Test("a restored domain has its own document, and a failure is a message")
  func restored() throws {
    let plan = Self.restorations()[0]
    try DocumentedMembers("Restore").expect([jsonDocument(plan.restoredJSON())], isWhole: true)
    let failed = ApplyResult(
      outcomes: [.failed(ActionFailure("no", remedy: "do")), .blocked(by: 0)], wasInterrupted: false)
    #expect(
      failed.failureMessages(of: plan, rule: "restore") == [
        Diagnostic("restore", "no", subject: "domain web", suggestion: "do")
      ])
    let interrupted = ApplyResult(outcomes: [.done, .notStarted], wasInterrupted: true)
    #expect(interrupted.failureMessages(of: plan, rule: "restore").map(\.rule) == ["interrupted"])
  }
}
