// What is done to a domain's snapshots by hand, as a plan from the domain alone.

@testable import DiskImage
import Inventory
import Planner
import TestSupport
import Testing
import XMLTree

@Suite("plans of snapshots by hand")
struct SnapshotPlanTests {
  private static let stack = """
    stack: lab
    pools: { vms: { path: /vms } }
    domains:
      web: { type: qemu, memory: 1 GiB, state: STATE, disks: { root: { size: 1 GiB } } }

    """

  /// A host with a domain, and the plan of a change of its snapshots; it survives being saved.
  private func plan(
    _ change: SnapshotChange, snapshots: [ObservedSnapshot] = [], state: String = "stopped",
    edit: (inout Inventory) -> Void = { _ in }
  ) throws -> Plan {
    var host = ImaginedHost()
    host.apply(try host.plan(Self.stack.replacing("STATE", with: state)))
    host.inventory.domains["web"]?.snapshots = snapshots
    edit(&host.inventory)
    let domain = try #require(host.inventory.domains["web"])
    let plan = try Plan(change, of: domain, on: host.inventory)
    try expectRoundTrip(plan)
    #expect(plan.stack == "lab" && plan.purpose == .request)
    return plan
  }

  private static func taken(_ name: String, _ kind: SnapshotKind, state: String = "shutoff") -> ObservedSnapshot {
    var snapshot = ObservedSnapshot(planned: name, kind: kind)
    (snapshot.created, snapshot.state, snapshot.hasMemory) = (1_764_350_487, state, state == "running")
    snapshot.disks = ["vda": "/vms/web.root.\(name).qcow2"]
    return snapshot
  }

  @Test("one is taken as it can be, and what the plan shows is of that kind", arguments: ["stopped", "running"])
  func take(state: String) throws {
    let creation = SnapshotCreation(name: "two")
    let plan = try plan(.take(creation), snapshots: [Self.taken("one", .external)], state: state)
    let change = try #require(plan.objects.first?.changes.first)
    #expect(change.field == "snapshots.two" && change.new == .string("external"))
    #expect(plan.actions.map(\.effect) == [state == "running" ? .live : .define])
    guard case .takeSnapshot(let domain, creation) = plan.actions[0].operation else {
      Issue.record("\(plan.actions)")
      return
    }
    #expect(domain.name == "web")
  }

  @Test("one that is there is not taken again; its overlays get no more readers than what is below them has")
  func present() throws {
    func image(_ path: String, mode: UInt32) -> ImageInfo {
      var image = PlannerTests.image(path, size: 1 << 30)
      (image.mode, image.owner) = (mode, 7)
      return image
    }
    for (user, mode, expected) in [
      (0, 0o666, 0o640), (7, 0o644, 0o640), (8, 0o666, nil), (0, 0o640, nil),
    ] as [(UInt32, UInt32, UInt32?)] {
      let plan = try plan(.take(SnapshotCreation(name: "one")), snapshots: [Self.taken("one", .external)]) { host in
        let overlay = "/vms/web.root.one.qcow2"
        host.user = user
        host.domains["web"]?.inactive.update("devices", create: false) { devices in
          devices.updateAll("disk", where: { _ in true }) { $0.set(overlay, at: "source/@file") }
        }
        host.files[overlay] = .image(
          BackingChain(images: [image(overlay, mode: mode), image("/vms/web.root.qcow2", mode: 0o640)]))
      }
      #expect(plan.refused.first?.problems.first?.message == "the domain already has a snapshot one")
      let modes = plan.actions.map { action -> UInt32? in
        if case .narrowMode("/vms/web.root.one.qcow2", let mode, "snapshots.one", _) = action.operation {
          mode
        } else {
          nil
        }
      }
      #expect(modes == [expected].filter { $0 != nil })
    }
  }

  @Test(
    "what was written since is lost, and a guest becomes what it was",
    arguments: [
      ("shutoff", "stopped", nil), ("shutoff", "running", "stopped"), ("running", "stopped", "running"),
      ("running", "running", "running"), ("disk-snapshot", "running", nil),
    ] as [(String, String, String?)])
  func revert(then: String, now: String, state: String?) throws {
    let plan = try plan(.revert(to: "one"), snapshots: [Self.taken("one", .internal, state: then)], state: now)
    #expect(plan.actions.map(\.effect) == [.dataLoss])
    guard case .revertToSnapshot(_, "one") = plan.actions[0].operation else {
      Issue.record("\(plan.actions)")
      return
    }
    let changes = try #require(plan.objects.first?.changes)
    #expect(changes.first?.field == "disks" && changes.first?.detail?.contains("2025-11-28T") == true)
    #expect(changes.first { $0.field == "state" }?.new?.description == state)
  }

  @Test("one that is not there is neither deleted nor gone back to")
  func unknown() throws {
    for change in [SnapshotChange.revert(to: "none"), .delete("none")] {
      let refusal = #expect(throws: SnapshotRefusal.self) {
        try self.plan(change, snapshots: [Self.taken("one", .internal)])
      }
      #expect(refusal?.message == "domain web has no snapshot none")
    }
    let deletion = try plan(.delete("one"), snapshots: [Self.taken("one", .internal)], state: "running")
    guard case .deleteSnapshot(let domain, "one")? = deletion.actions.first?.operation else {
      Issue.record("\(deletion.actions)")
      return
    }
    #expect(domain.name == "web" && deletion.actions.map(\.effect) == [.live])
  }
}
