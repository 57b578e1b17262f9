// Plans and results as JSON: valid for any text, complete, in a stable order.

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
}
