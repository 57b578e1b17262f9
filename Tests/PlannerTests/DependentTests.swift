import Diagnostics
import Inventory
import Spec
import Testing
import Vocabulary

@testable import Planner

/// In which order domains that need each other are started and stopped.
@Suite("dependent domains in a plan")
struct DependentTests {
  private static func spec(_ states: [String: String], more: String = "") -> String {
    """
    stack: lab
    domains:
      app: { type: qemu, memory: 1 GiB, state: \(states["app"] ?? "running"), depends-on: [cache, db]\(more) }
      cache: { type: qemu, memory: 1 GiB, state: \(states["cache"] ?? "running"), depends-on: db\(more) }
      db: { type: qemu, memory: 1 GiB, state: \(states["db"] ?? "running"), count: 2, ready: { agent: true }\(more) }

    """
  }

  /// Each start, wait and stop of a plan as it would be carried out one after the other.
  private func order(_ plan: Plan) -> [String] {
    plan.actions.compactMap { action in
      switch action.operation {
      case .startDomain(let domain): "start \(domain.name)"
      case .restartDomain(let domain, _): "restart \(domain.name)"
      case .stopDomain(let domain, _): "stop \(domain.name)"
      case .awaitReady(let domain, _, _): "await \(domain.name)"
      default: nil
      }
    }
  }

  private func requireOrder(_ plan: Plan) {
    for (index, action) in plan.actions.enumerated() { #expect(action.after.allSatisfy { $0 < index }) }
  }

  /// Whether a step waits for another, directly or not.
  private func waits(_ plan: Plan, _ step: String, for other: String) throws -> Bool {
    func index(_ text: String) throws -> Int {
      try #require(
        plan.actions.firstIndex { action in
          switch action.operation {
          case .startDomain(let domain): "start \(domain.name)" == text
          case .restartDomain(let domain, _): "restart \(domain.name)" == text
          case .stopDomain(let domain, _): "stop \(domain.name)" == text
          case .awaitReady(let domain, _, _): "await \(domain.name)" == text
          case .undefineDomain(let domain, _): "undefine \(domain.name)" == text
          default: false
          }
        }, "no \(text)")
    }
    var left = [try index(step)]
    let wanted = try index(other)
    while let next = left.popLast() {
      if next == wanted { return true }
      left += plan.actions[next].after
    }
    return false
  }

  @Test("what others need is started first, and ready before they are started")
  func starts() throws {
    let plan = try ImaginedHost().plan(Self.spec([:]))
    requireOrder(plan)
    #expect(
      order(plan) == [
        "start db-1", "await db-1", "start db-2", "await db-2", "start cache", "start app",
      ])
    for name in ["db-1", "db-2"] {
      #expect(try waits(plan, "start cache", for: "await \(name)"))
      #expect(try waits(plan, "start app", for: "await \(name)"))
    }
    #expect(try waits(plan, "start app", for: "start cache"))
    #expect(try !waits(plan, "start db-2", for: "await db-1"))
  }

  @Test("what others need is stopped last, also where they have left the spec")
  func stops() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(Self.spec([:])))
    let plan = try host.plan(Self.spec(["app": "stopped", "cache": "stopped", "db": "stopped"]))
    requireOrder(plan)
    #expect(order(plan).first == "stop app" && order(plan)[1] == "stop cache")
    #expect(try waits(plan, "stop db-2", for: "stop app"))

    let rest = try stack("stack: lab\ndomains:\n  other: { type: qemu, memory: 1 GiB }\n")
    let pruned = try Plan(for: rest, on: host.inventory, deleting: DeletionOptions(.leftovers))
    requireOrder(pruned)
    #expect(try waits(pruned, "stop cache", for: "stop app"))
    #expect(try waits(pruned, "stop db-1", for: "stop cache"))
  }

  @Test("a domain that is restarted has those restarted before that it needs; one that needs nothing new is left alone")
  func restarts() throws {
    var host = ImaginedHost()
    let more = ", restart-policy: when-needed, vcpus: 1"
    host.apply(try host.plan(Self.spec([:], more: more)))
    let changed = Self.spec([:], more: more).replacing("vcpus: 1", with: "vcpus: 2")
    let plan = try host.plan(changed)
    requireOrder(plan)
    #expect(try waits(plan, "restart app", for: "await db-2"))
    #expect(try host.plan(Self.spec([:], more: more)).isEmpty)
  }

  @Test("a circle or an unknown name is an error", arguments: [("a", "b"), ("b", "b"), ("a", "nobody")])
  func mistakes(_ needs: (String, String)) throws {
    let text =
      "stack: lab\ndomains:\n  a: { memory: 1 GiB, depends-on: \(needs.1) }\n  b: { memory: 1 GiB, depends-on: \(needs.0) }\n"
    let result = SpecLoader().load([SourceFile(path: "/specs/lab.yaml", text: text)])
    let rule = needs.1 == "nobody" ? "unknown-reference" : "circular-dependency"
    #expect(result.diagnostics.contains { $0.rule == rule }, "\(result.diagnostics)")
  }
}
