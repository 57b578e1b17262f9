// Plans and results as JSON: valid for any text, complete, in a stable order.

import Applier
import Diagnostics
import FoundationEssentials
import Planner
import TestSupport
import Testing

@testable import Report

@Suite("JSON")
struct JSONTests {
  @Test("documents are what the golden files show")
  func golden() throws {
    try expectGolden(SamplePlans.creation(count: 2).json(), "plan-create.json")
    try expectGolden(SamplePlans.change.json(), "plan-change.json")
    try expectGolden(SamplePlans.volumes.json(), "plan-volumes.json")
    try expectGolden(SamplePlans.failed.result.json(of: SamplePlans.failed.plan), "apply.json")
  }

  @Test("a plan is valid JSON whatever its texts hold, and keeps them")
  func hostile() throws {
    let text = SamplePlans.control + "\u{2028}\"\\ é 日本 \u{10FFFF}"
    let json = SamplePlans.hostile(text).json()
    #expect(json.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && !(0x7F...0x9F ~= $0.value)) })
    let document = try Parsed(json)
    #expect(document["stack"] == .string(text))
    #expect(document["objects"]?[0]?["name"] == .string(text))
    #expect(document["objects"]?[0]?["changes"]?[0]?["old"] == .string(text))
  }

  @Test("values are typed and say their unit")
  func values() throws {
    let document = try Parsed(SamplePlans.change.json())
    #expect(document["format"] == .string("vireo-plan"))
    #expect(document["version"] == .number(1))
    let changes = try #require(document["objects"]?[1]?["changes"])
    #expect(changes[0]?["old"] == .number(1 << 30))
    #expect(changes[0]?["unit"] == .string("bytes"))
    #expect(changes[0]?["reason"] == .string("drift"))
    #expect(changes[2]?["new"] == .null)
    #expect(changes[5]?["new"] == .array([.string("hd"), .string("network")]))
    let summary = try #require(document["summary"])
    #expect(summary["update"] == .number(1))
    #expect(summary["adopt"] == .number(1))
    #expect(summary["unchanged"] == .number(2))
    #expect(summary["effect"] == .string("restart"))
  }

  @Test("a result has one outcome an action")
  func result() throws {
    let (plan, result) = SamplePlans.failed
    let document = try Parsed(result.json(of: plan))
    let actions = try #require(document["actions"])
    #expect(actions.count == plan.actions.count)
    #expect(actions[4]?["blocked-by"] == .number(3))
    #expect(actions[3]?["remedy"] != nil)
    #expect(document["complete"] == .boolean(false))
  }

  @Test("documents have the members that docs/json.md lists, and only those")
  func documented() throws {
    let place = SamplePlans.line(3)
    let message = Diagnostic(
      "rule", "message", at: place, subject: "domain web", suggestion: "do", notes: [.init("note", at: place)])
    try DocumentedMembers("Messages").expect(
      [jsonDocument(DiagnosticFormat.render([message], as: .json))], isWhole: true)

    let samples = OperationTextTests.samples
    var every = Plan(
      stack: "lab", uri: "qemu:///system",
      objects: [ObjectPlan(ObjectReference(.domain, "web"), .refused, problems: [message], range: place)],
      actions: samples.map { Action($0.object, $0.operation, after: [0], effect: .define) })
    every.notes = [message]
    let plans = [SamplePlans.creation(count: 2), SamplePlans.change, SamplePlans.volumes, every]
    try DocumentedMembers("Plan").expect(plans.map { try jsonDocument($0.json()) }, isWhole: true)

    try DocumentedMembers("Apply and destroy").expect(
      [
        jsonDocument(SamplePlans.failed.result.json(of: SamplePlans.failed.plan)),
        jsonDocument(
          ApplyResult(outcomes: samples.map { _ in .notStarted }, wasInterrupted: true).json(of: every)),
      ], isWhole: true)
    try DocumentedMembers("Status").expect(
      [jsonDocument(StatusTextTests.stack.json()), jsonDocument(StatusTextTests.host.json())], isWhole: true)
    let garbage = GarbageTextTests.sample()
    let plan = GarbageTextTests.plan(garbage)
    try DocumentedMembers("Garbage").expect(
      [jsonDocument(garbage.json()), jsonDocument(garbage.json((GarbageTextTests.failed(plan), plan)))], isWhole: true)
  }
}
