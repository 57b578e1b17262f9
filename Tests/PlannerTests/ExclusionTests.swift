import Diagnostics
import Inventory
import Planner
import Spec
import Testing
import XMLTree

/// Domains that never run at the same time.
@Suite("domains that exclude each other")
struct ExclusionTests {
  private static func lab(_ states: [String: String] = [:], _ exclusions: String = "[win-gpu]") -> String {
    func state(_ name: String) -> String { states[name].map { ", state: \($0)" } ?? "" }
    return """
      stack: lab
      domains:
        win: { type: qemu, memory: 1 GiB, exclusive-with: \(exclusions)\(state("win")) }
        win-gpu: { type: qemu, memory: 1 GiB\(state("win-gpu")) }

      """
  }

  private static func load(_ text: String) -> (stack: StackSpec?, rules: [String]) {
    let loaded = SpecLoader().load([SourceFile(path: "lab.yaml", text: text)])
    return (loaded.stack, loaded.diagnostics.filter { $0.severity == .error }.map(\.rule))
  }

  /// A host with both, one of which runs.
  private static func host(running: String) throws -> Inventory {
    var inventory = Inventory(host: .init(uri: "test"))
    let stack = try #require(load(lab()).stack)
    for action in try Plan(for: stack, on: inventory).actions {
      guard case .defineDomain(let definition) = action.operation else { continue }
      let (name, isActive) = (action.object.name, action.object.name == running)
      inventory.domains[name] = ObservedDomain(
        name: name, uuid: definition.xml.value(at: "uuid") ?? "", state: isActive ? .running : .stopped,
        isActive: isActive, inactive: definition.xml, running: isActive ? definition.xml : nil)
    }
    return inventory
  }

  @Test("what one says holds for both")
  func symmetric() throws {
    let stack = try #require(Self.load(Self.lab()).stack)
    #expect(stack.domains.map(\.exclusions) == [["win-gpu"], ["win"]])
  }

  @Test("a name that there is not, its own, and two that are to run are mistakes")
  func mistakes() {
    #expect(Self.load(Self.lab([:], "[win-gqu]")).rules == ["unknown-reference"])
    #expect(Self.load(Self.lab([:], "[win]")).rules == ["circular-dependency"])
    #expect(Self.load(Self.lab(["win": "running", "win-gpu": "running"])).rules == ["exclusive-domains"])
    #expect(Self.load(Self.lab(["win": "running", "win-gpu": "stopped"])).rules.isEmpty)
  }

  @Test("no guest is started beside one that it excludes")
  func refused() throws {
    let stack = try #require(Self.load(Self.lab(["win": "running"])).stack)
    let host = try Self.host(running: "win-gpu")
    do {
      let plan = try Plan(for: stack, on: host)
      #expect(plan.refused.map(\.object.name) == ["win"])
    } catch {
      #expect(error.diagnostics.contains { $0.rule == "exclusive-domains" })
    }
  }

  @Test("a guest that the same plan stops is stopped before the other one starts")
  func order() throws {
    let stack = try #require(Self.load(Self.lab(["win": "running", "win-gpu": "stopped"])).stack)
    let plan = try Plan(for: stack, on: Self.host(running: "win-gpu"))
    var stop: Int?
    var start: (index: Int, after: [Int])?
    for (index, action) in plan.actions.enumerated() {
      if case .stopDomain = action.operation { stop = index }
      if case .startDomain = action.operation { start = (index, action.after) }
    }
    #expect(try #require(start).after.contains(try #require(stop)))
  }

  @Test("a plan for another one than it runs beside is as before")
  func alone() throws {
    let stack = try #require(Self.load(Self.lab(["win": "running"])).stack)
    let plan = try Plan(for: stack, on: Self.host(running: ""))
    #expect(plan.actions.contains { if case .startDomain = $0.operation { true } else { false } })
  }
}
