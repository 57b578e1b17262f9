// The status of domains as text and as JSON.

import Diagnostics
import Foundation
import Inventory
import Planner
import TestSupport
import Testing

@testable import Report

@Suite("status text")
struct StatusTextTests {
  private static func domain(
    _ name: String, _ condition: DomainStatus.Condition, _ state: ObservedDomain.State? = .running,
    stack: String = "lab",
    _ change: (inout DomainStatus) -> Void = { _ in }
  ) -> DomainStatus {
    var status = DomainStatus(name: name, stack: stack, state: state, condition: condition)
    change(&status)
    return status
  }

  /// A stack in which every condition occurs.
  static let stack: HostStatus = {
    var status = HostStatus(
      uri: "qemu:///system", stack: "lab",
      domains: [
        domain("web-1", .inSync), domain("web-2", .waiting) { $0.waiting = ["memory", "vcpus"] },
        domain("db", .drifted, .stopped) {
          $0.drifted = ["title", "state"]
          $0.toChange = ["disks.data.size"]
          $0.waiting = ["memory"]
          $0.isSaved = true
        },
        domain("build", .toChange, .paused) { $0.toChange = (1...12).map { "disks.scratch-\($0).size" } },
        domain("mail", .missing, nil), domain("legacy", .toAdopt, .other),
        domain("old", .refused, .stopped) {
          $0.problems = [
            Diagnostic(
              "missing-file", "the file /srv/vms/old.root.qcow2 of disks.root is gone", subject: "domain old",
              suggestion: "restore it; Vireo does not replace it, because a new disk would be empty")
          ]
        },
        domain("left", .undeclared),
      ])
    status.others = [ObjectReference(.network, "lan"), ObjectReference(.pool, "vms")]
    return status
  }()

  /// A host with two stacks and guests of nobody's.
  static let host: HostStatus = {
    var status = HostStatus(
      uri: "qemu:///system",
      domains: [
        domain("web", .inSync),
        domain(String(repeating: "long-", count: 20), .waiting, stack: "farm") { $0.waiting = ["cpu"] },
      ])
    status.unowned = ["a", "b"]
    return status
  }()

  @Test("text is what the golden file shows", arguments: [false, true])
  func golden(color: Bool) throws {
    let style = TextStyle(color: color, width: 80)
    let ending = color ? "-color.txt" : ".txt"
    try expectGolden(Self.stack.text(style), "status-stack" + ending)
    try expectGolden(Self.host.text(style), "status-host" + ending)
  }

  @Test("colour changes nothing but the colour, and no line is wider than asked for", arguments: [40, 80, 120])
  func width(width: Int) {
    for status in [Self.stack, Self.host, HostStatus(uri: "qemu:///system", domains: [])] {
      let plain = status.text(TextStyle(width: width))
      for line in plain.split(separator: "\n") { #expect(SafeText.width(String(line)) <= width, "\(line)") }
      #expect(status.text(TextStyle(color: true, width: width)).replacing(#/\u{1B}\[[0-9;]*m/#, with: "") == plain)
    }
  }

  @Test("a host without stacks says so")
  func empty() {
    var status = HostStatus(uri: "qemu:///session", domains: [])
    #expect(status.text() == "qemu:///session\n\nThe host has no domains.\n")
    status.unowned = ["a", "b"]
    #expect(status.text().hasSuffix("\nThe host has 2 domains, none of which belongs to a stack.\n"))
  }

  @Test("JSON is what the golden file shows, and a JSON document")
  func json() throws {
    let text = Self.stack.json()
    try expectGolden(text, "status.json")
    let document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(document["format"] as? String == "vireo-status")
    #expect(document["version"] as? Int == 1)
    #expect((document["domains"] as? [Any])?.count == Self.stack.domains.count)
    #expect(document["settled"] as? Bool == false)
  }

  @Test("nothing foreign reaches the terminal")
  func injection() {
    var status = HostStatus(
      uri: SamplePlans.control, domains: [Self.domain(SamplePlans.control, .drifted, stack: SamplePlans.control)])
    status.domains[0].drifted = [SamplePlans.control]
    let text = status.text()
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && !(0x7F...0x9F ~= $0.value)) })
  }

  @Test("settled is what has nothing to do", arguments: DomainStatus.Condition.allCases)
  func settled(condition: DomainStatus.Condition) {
    let status = HostStatus(uri: "qemu:///system", domains: [Self.domain("web", condition)])
    #expect(status.isSettled == [.inSync, .undeclared].contains(condition))
  }
}
