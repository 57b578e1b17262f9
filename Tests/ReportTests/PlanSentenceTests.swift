// What a plan says in sentences: who is refused and why, what waits where nothing is to be done, what is recorded.

import Diagnostics
import Planner
import TestSupport
import Testing
import Vocabulary

@testable import Report

@Suite("what a plan says")
struct PlanSentenceTests {
  /// A plan with objects that the host forbids, beside one that can be updated.
  private static var refused: Plan {
    var plan = Plan(stack: "lab", uri: "qemu:///system")
    let reason = Diagnostic(
      "shrink", "disks.root is 3 GiB and would lose data at its end", at: SamplePlans.line(11), subject: "domain db",
      suggestion: "a disk only grows: write 3 GiB, or a new disk and copy the data")
    plan.objects = [
      ObjectPlan(ObjectReference(.domain, "db"), .refused, problems: [reason], range: SamplePlans.line(9)),
      ObjectPlan(
        ObjectReference(.domain, "user"), .refused,
        problems: [
          Diagnostic(
            "depends-on-refused", "needs domain db, which is refused", at: SamplePlans.line(17), subject: "domain user")
        ], range: SamplePlans.line(16)),
      ObjectPlan(
        ObjectReference(.domain, "web"), .update,
        changes: [
          FieldChange(
            "title", old: .string("one"), new: .string("two"), effect: .define, reason: .spec,
            range: SamplePlans.line(15))
        ], range: SamplePlans.line(14)),
    ]
    plan.actions = [
      Action(
        ObjectReference(.domain, "web"), .setAutostart(domain: .init(name: "web", uuid: ""), true), after: [],
        effect: .define)
    ]
    return plan
  }

  @Test("refused objects stand in the plan with their reasons, in text and JSON")
  func refusals() throws {
    try expectGolden(Self.refused.text(TextStyle(width: 80)), "plan-refused.txt")
    try expectGolden(Self.refused.json(), "plan-refused.json")
    for width in [40, 60, 132] {
      for line in Self.refused.text(TextStyle(width: width)).split(separator: "\n") where !line.hasPrefix("stack") {
        #expect(SafeText.width(String(line)) <= width, "\(line)")
      }
    }
    let document = try Parsed(Self.refused.json())
    #expect(document["objects"]?[0]?["verb"] == .string("refused"))
    #expect(document["objects"]?[0]?["problems"]?[0]?["rule"] == .string("shrink"))
    #expect(document["summary"]?["refused"] == .number(2))
  }

  @Test("a plan without steps says what waits, and of a stack that is to go, that nothing is there")
  func empty() {
    var plan = Plan(stack: "lab", uri: "qemu:///system")
    #expect(plan.text().hasSuffix("No changes: the spec of the stack lab declares nothing.\n"))
    plan.objects = [ObjectPlan(ObjectReference(.domain, "web"), .none)]
    #expect(plan.text().hasSuffix("No changes: the host matches the spec.\n"))
    plan.objects = ["web", "db"].map { name in
      ObjectPlan(
        ObjectReference(.domain, name), .none,
        pending: [PendingValue("memory", running: .bytes(1 << 30), stored: .bytes(2 << 30))])
    }
    #expect(
      plan.text().hasSuffix(
        "No changes: the stored definitions match the spec; waiting for a restart: domain\nweb, domain db.\n"))
    #expect(!plan.text().contains("the host matches the spec"))
    plan.objects = []
    plan.purpose = .destruction
    #expect(plan.text().hasSuffix("No changes: the host has no domain and no network of the stack lab.\n"))
  }

  /// Fields that the record alone keeps.
  private static let policies: [(String, Value?, Value?)] = [
    ("protect", .boolean(true), .boolean(false)), ("max-effect", .string("live"), .string("data-loss")),
    ("restart-policy", .string("never"), .string("when-needed")), ("shutdown.force-off", nil, .boolean(true)),
  ]

  @Test("what is only recorded is shown in text and JSON", arguments: [ObjectPlan.Verb.create, .update, .adopt])
  func recorded(verb: ObjectPlan.Verb) throws {
    var plan = Plan(stack: "lab", uri: "qemu:///system")
    plan.objects = [
      ObjectPlan(
        ObjectReference(.domain, "web"), verb,
        changes: Self.policies.map { name, old, new in
          FieldChange(
            name, old: verb == .update ? old : nil, new: new, effect: .define, reason: .spec, detail: "recorded")
        })
    ]
    let text = plan.text(TextStyle(width: 100))
    let changes = try Parsed(plan.json())["objects"]?[0]?["changes"]
    for (index, (name, old, new)) in Self.policies.enumerated() {
      #expect(text.contains(name), "\(text)")
      if let new { #expect(text.contains(new.description), "\(text)") }
      if verb == .update, let old { #expect(text.contains("\(old) → "), "\(text)") }
      #expect(changes?[index]?["field"] == .string(name))
    }
    if verb == .adopt { #expect(text.contains("ownership is recorded; nothing else changes"), "\(text)") }
  }

  @Test("what leaves the host is deleted, and not replaced")
  func deletion() {
    #expect(Effect.delete.explanation == "the object is removed from the host")
    #expect(Effect.replace < .delete && Effect.delete < .dataLoss)
    #expect(Effect.allCases.allSatisfy { !$0.explanation.contains("anew") })
  }
}
