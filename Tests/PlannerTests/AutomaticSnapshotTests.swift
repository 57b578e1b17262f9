import Inventory
import Planner
import Testing
import Vocabulary

/// Snapshots before something disruptive, and how many of them stay.
@Suite("automatic snapshots in a plan")
struct AutomaticSnapshotTests {
  private static func spec(_ fields: String) -> String {
    """
    stack: lab
    pools: { vms: { path: /vms } }
    domains:
      web:
        type: qemu
        memory: 1 GiB
        state: running
        restart-policy: when-needed
        disks: { root: { size: 1 GiB } }
        \(fields)

    """
  }

  private func host(snapshots: [(String, Int)] = [], fields: String) throws -> ImaginedHost {
    var host = ImaginedHost()
    host.apply(try host.plan(Self.spec(fields)))
    host.inventory.domains["web"]?.snapshots = snapshots.map { name, created in
      var snapshot = ObservedSnapshot(planned: name, kind: .internal)
      snapshot.created = created
      return snapshot
    }
    host.inventory.time = 1_000_000
    return host
  }

  private func steps(_ plan: Plan) -> [String] {
    plan.actions.compactMap { action in
      switch action.operation {
      case .takeSnapshot(_, let snapshot): "take \(snapshot.name)"
      case .deleteSnapshot(_, let name): "delete \(name)"
      case .restartDomain: "restart"
      case .stopDomain: "stop"
      default: nil
      }
    }
  }

  @Test("one is taken before a restart that it is asked for, and the oldest go when all is well")
  func restart() throws {
    let fields = "snapshot-before: [restart]\n    snapshot-retention: { count: 2 }"
    let host = try host(
      snapshots: [("mine", 0), ("before-restart-1", 1), ("before-offline-2", 2), ("before-restart-3", 3)],
      fields: fields)
    let plan = try host.plan(Self.spec(fields).replacing("memory: 1 GiB", with: "memory: 2 GiB"))
    #expect(
      steps(plan) == [
        "take before-restart-4", "restart", "delete before-restart-1", "delete before-offline-2",
      ])
    for index in plan.actions.indices.dropFirst() { #expect(!plan.actions[index].after.isEmpty) }
    let fieldNames = plan.objects.flatMap(\.changes).map(\.field)
    #expect(fieldNames.contains("snapshots.before-restart-4") && fieldNames.contains("snapshots.before-restart-1"))
  }

  @Test("none is taken before what it is not asked for")
  func notAsked() throws {
    let host = try host(fields: "snapshot-before: offline")
    let plan = try host.plan(
      Self.spec("snapshot-before: offline").replacing("memory: 1 GiB", with: "memory: 2 GiB"))
    #expect(steps(plan) == ["restart"])
    let stop = try host.plan(
      Self.spec("snapshot-before: offline").replacing("state: running", with: "state: stopped"))
    #expect(steps(stop) == ["take before-offline-1", "stop"])
  }

  @Test("old ones go by themselves, but for the last one and those that the spec declares")
  func age() throws {
    let fields =
      "snapshot-before: restart\n    snapshot-retention: { age: 1 d }\n    snapshots: { before-restart-1: {} }"
    let host = try host(
      snapshots: [("before-restart-1", 1), ("before-restart-2", 2), ("before-restart-3", 3)], fields: fields)
    #expect(steps(try host.plan(Self.spec(fields))) == ["delete before-restart-2"])
    var young = host
    young.inventory.time = 3600
    #expect(try young.plan(Self.spec(fields)).isEmpty)
  }

  @Test("one is taken before the domain goes, where it can be inside the images and the disks stay")
  func removal() throws {
    let fields = "snapshot-before: [replace]"
    let host = try host(snapshots: [("before-restart-4", 1)], fields: fields)
    func steps(_ options: DeletionOptions, format: String = "") throws -> [String] {
      self.steps(try Plan(for: stack(Self.spec(fields)), on: host.inventory, deleting: options))
    }
    #expect(try steps(DeletionOptions(.everything)) == ["take before-delete-5", "stop"])
    #expect(try steps(DeletionOptions(.everything, includesDisks: true)) == ["stop"])
    // What the record says counts where the spec has nothing of it any more.
    let rest = try stack("stack: lab\ndomains:\n  other: { type: qemu, memory: 1 GiB }\n")
    let pruned = try Plan(for: rest, on: host.inventory, deleting: DeletionOptions(.leftovers))
    #expect(self.steps(pruned) == ["take before-delete-5", "stop"])
  }

  @Test("a saved guest's changes wait, and its memory goes only where that is asked for")
  func savedState() throws {
    var host = try host(fields: "title: one")
    host.inventory.domains["web"]?.isActive = false
    host.inventory.domains["web"]?.state = .stopped
    host.inventory.domains["web"]?.running = nil
    host.inventory.domains["web"]?.hasManagedSave = true
    let changed = Self.spec("title: one").replacing("memory: 1 GiB", with: "memory: 2 GiB")
    let plan = try host.plan(changed)
    #expect(plan.objects.flatMap(\.changes).first { $0.field == "memory" }?.effect == .nextBoot)
    #expect(plan.notes.contains { $0.rule == "saved-state" })
    #expect(!plan.actions.contains { if case .discardSavedState = $0.operation { true } else { false } })

    let discarding = try Plan(for: stack(changed), on: host.inventory, discardsSavedStates: true)
    let effects = discarding.objects.flatMap(\.changes).map { "\($0.field) \($0.effect.rawValue)" }
    #expect(effects.contains("saved-state data-loss") && effects.contains("memory define"), "\(effects)")
    let discard = try #require(
      discarding.actions.firstIndex { if case .discardSavedState = $0.operation { true } else { false } })
    let define = try #require(
      discarding.actions.firstIndex { if case .defineDomain = $0.operation { true } else { false } })
    #expect(discarding.actions[define].after.contains(discard))
    #expect(throws: (any Error).self) {
      try Plan(for: stack(changed), on: host.inventory, maxEffect: .offline, discardsSavedStates: true)
    }
  }

  @Test("snapshots with names and dates at the ends of what a number can be plan like others")
  func extremes() throws {
    let fields = "snapshot-before: [restart]\n    snapshot-retention: { count: 1, age: 1 d }"
    let host = try host(
      snapshots: [
        ("before-restart-9223372036854775807", 1), ("before-restart-1", .min), ("before-restart-2", .max),
        ("before-offline-3", -1), ("before-restart--9223372036854775808", 5),
      ], fields: fields)
    let plan = try host.plan(Self.spec(fields).replacing("memory: 1 GiB", with: "memory: 2 GiB"))
    #expect(steps(plan).contains("take before-restart-4"))
  }
}
