// Plans as text for people.

import Planner
import TestSupport
import Testing
import Vocabulary

@testable import Report

@Suite("plan text")
struct PlanTextTests {
  @Test("text is what the golden file shows", arguments: [false, true])
  func golden(color: Bool) throws {
    let style = TextStyle(color: color, width: 80)
    let ending = color ? "-color.txt" : ".txt"
    try expectGolden(SamplePlans.creation(count: 100).text(style), "plan-create" + ending)
    try expectGolden(SamplePlans.change.text(style), "plan-change" + ending)
    try expectGolden(SamplePlans.volumes.text(style), "plan-volumes" + ending)
    try expectGolden(SamplePlans.empty.text(style), "plan-empty" + ending)
  }

  @Test("no line is wider than asked for", arguments: [40, 60, 80, 132])
  func width(width: Int) {
    for plan in [
      SamplePlans.creation(count: 3), SamplePlans.change, SamplePlans.hostile(String(repeating: "wide", count: 60)),
    ] {
      for line in plan.text(TextStyle(width: width)).split(separator: "\n") where !line.hasPrefix("stack") {
        #expect(SafeText.width(String(line)) <= width, "\(line)")
      }
    }
  }

  @Test("colour changes nothing but the colour")
  func color() {
    for plan in [SamplePlans.creation(count: 3), SamplePlans.change, SamplePlans.empty] {
      let painted = plan.text(TextStyle(color: true))
      #expect(painted.contains("\u{1B}["))
      #expect(painted.replacing(#/\u{1B}\[[0-9;]*m/#, with: "") == plan.text(TextStyle(color: false)))
    }
  }

  @Test("drift has a colour that no effect has")
  func driftColor() {
    let effects = Set(Effect.allCases.compactMap(\.ink))
    #expect(FieldChange.Reason.drift.ink.map { !effects.contains($0) } ?? false)
    #expect(Effect.restart.ink != Effect.nextBoot.ink && Effect.restart.ink != Effect.dataLoss.ink)
  }

  @Test("nothing foreign reaches the terminal")
  func injection() {
    let text = SamplePlans.hostile(SamplePlans.control).text()
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && !(0x7F...0x9F ~= $0.value)) })
    #expect(!text.contains("\u{202E}") && !text.contains("\u{2066}"))
  }

  @Test("a domain that differs in one value is shown by itself")
  func different() throws {
    var plan = SamplePlans.creation(count: 5)
    let index = try #require(plan.objects.firstIndex { $0.object.name == "web-3" })
    plan.objects[index].changes[0].new = .bytes(4 << 30)
    let text = plan.text()
    #expect(text.contains("+ domain web-2: the same"))
    #expect(text.contains("+ domain web-3: create"))
    #expect(text.contains("memory 4 GiB"))
    #expect(text.contains("+ domain web-4: create"))
    #expect(text.contains("+ domains web-5, db: the same"))
  }

  @Test("texts may differ in the number that the name ends in, and in nothing else")
  func numbers() {
    func text(_ title: (Int) -> String, kind: (String) -> Value = Value.string) -> String {
      var plan = Plan(stack: "lab", uri: "qemu:///system")
      plan.objects = (1...3).map { number in
        ObjectPlan(
          ObjectReference(.domain, "web-\(number)"), .create,
          changes: [FieldChange("title", new: kind(title(number)), effect: .define, reason: .spec)])
      }
      return plan.text()
    }
    #expect(text { "web server \($0)" }.contains("+ domains web-2, web-3: the same, with their own numbers"))
    #expect(text { "the host web-\($0)" }.contains("+ domains web-2, web-3: the same\n"))
    #expect(
      text { _ in "rack 2" }.contains("+ domains web-2, web-3: the same\n"), "a number that all have is no one's own")
    #expect(text { "rack \(min($0, 2))" }.contains("+ domain web-3: create"))
    #expect(text { "web server \($0 * 2)" }.contains("+ domain web-2: create"))
    #expect(text({ "\($0)" }, kind: { .integer(Int($0)!) }).contains("+ domain web-2: create"))
  }

  @Test("a device that was taken away on the host is told so")
  func removedDevice() {
    var plan = Plan(stack: "lab", uri: "qemu:///system")
    plan.objects = [
      ObjectPlan(
        ObjectReference(.domain, "web"), .update,
        changes: [
          FieldChange("interfaces.lan", new: .string("network default"), effect: .define, reason: .drift),
          FieldChange("title", new: .string("web"), effect: .define, reason: .drift),
        ])
    ]
    let text = plan.text()
    #expect(text.contains("not set → network default  drift: removed on the host"))
    #expect(text.contains("not set → web  drift: last applied web"))
  }

  @Test("a domain with another step is shown by itself")
  func differentStep() throws {
    var plan = SamplePlans.creation(count: 3)
    plan.actions.removeAll { $0.object.name == "web-2" && $0.operation.name == "start-domain" }
    #expect(plan.text().contains("+ domain web-2: create"))
  }

  @Test(
    "a name is taken out only where it stands by itself",
    arguments: [
      ("web-1", "/srv/web-1-root.qcow2", "/srv/\u{0}-root.qcow2"), ("web-1", "web-10 web-1", "web-10 \u{0}"),
      ("a", "data a", "data \u{0}"), ("web", "", ""), ("é", "é", "\u{0}"),
    ])
  func neutral(name: String, text: String, expected: String) {
    #expect(AlikeObjects.replacing(name, in: text) == expected)
  }

  @Test(
    "numbered names become ranges",
    arguments: [
      (["a-1", "a-2", "a-3"], ["a-1 … a-3"]), (["a-1", "a-2"], ["a-1", "a-2"]),
      (["a-1", "b-2", "b-3", "b-4", "b-6"], ["a-1", "b-2 … b-4", "b-6"]), (["db", "mail"], ["db", "mail"]),
      (["x99999999999999999999", "x1"], ["x99999999999999999999", "x1"]), (["a-1", "a-1"], ["a-1", "a-1"]),
    ])
  func ranges(names: [String], expected: [String]) {
    #expect(NameList.ranges(names) == expected)
  }

  @Test(
    "shortening keeps both ends and the width",
    arguments: [("/srv/images/disk.qcow2", 14), ("日本語のとても長い名前", 9), ("abcdef", 1), ("abcdef", 3)])
  func shorten(text: String, columns: Int) {
    let short = SafeText.shorten(text, to: columns)
    #expect(SafeText.width(short) <= columns)
    #expect(short.contains("…"))
    if columns > 2 { #expect(short.last == text.last) }
  }
}
