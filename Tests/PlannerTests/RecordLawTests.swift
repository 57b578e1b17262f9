// The law of the record: the difference between the ownership record before and after is always among the changes shown.

import Diagnostics
import Inventory
import Spec
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("what an apply records is among the changes of its plan")
struct RecordLawTests {
  /// What the host's record of the domain says.
  private func record(_ host: ImaginedHost) -> OwnershipRecord? {
    host.inventory.domains["web"].flatMap { OwnershipRecord(in: $0.inactive) }
  }

  /// Applies a spec, and returns what the record gained or lost without a change that says so; nil where the host
  /// cannot be made so.
  private func unshown(_ spec: StackSpec, on host: inout ImaginedHost) throws -> [String]? {
    let before = record(host)
    let plan: Plan
    do {
      plan = try Plan(for: spec, on: host.inventory)
    } catch {
      return nil
    }
    guard let object = plan.object("web"), object.verb != .delete else { return nil }
    let observed = host.inventory.domains["web"]
    host.apply(plan)
    guard let after = record(host) else { return ["no record"] }
    return Self.unshown(before, after, object, in: spec.domains[0], observed)
  }

  /// The differences of two records that no change shows.
  static func unshown(
    _ before: OwnershipRecord?, _ after: OwnershipRecord, _ plan: ObjectPlan, in spec: ObjectSpec,
    _ observed: ObservedDomain?
  ) -> [String] {
    var missing: [String] = []
    let owners = after.devices.union(before?.devices ?? []).union([OwnershipRecord.itself])
    for owner in owners {
      // A device that comes or goes is shown as a whole.
      if plan.changes.contains(where: { $0.field == owner && ($0.old == nil || $0.new == nil) }) { continue }
      if let before, before.hasDevice(owner) != after.hasDevice(owner), owner != OwnershipRecord.itself,
        !plan.changes.contains(where: { $0.field == owner || $0.field.hasPrefix(owner + ".") })
      {
        missing.append(owner)
      }
      let type =
        owner == OwnershipRecord.itself
        ? spec.type : spec.type.collection(String(owner.prefix { $0 != "." }))?.type ?? spec.type
      let (old, new) = (before?.fields(of: owner) ?? [:], after.fields(of: owner))
      for name in Set(old.keys).union(new.keys) where old[name] != new[name] {
        let field = type.field(name)
        let own = field.map { type.displayName(of: $0) } ?? name
        let shown = owner == OwnershipRecord.itself ? own : "\(owner).\(own)"
        let change = plan.changes.first {
          $0.field == shown || name == Field.xmlName && $0.field.hasPrefix(shown + "/")
            || name == "file" && $0.field == "\(owner).source"
        }
        // What an adopted object has as the spec says it needs no word but that it is adopted.
        let hasPlace = field?.lens != nil || ["file", "source", "state", "autostart", Field.xmlName].contains(name)
        if before == nil, observed != nil, hasPlace { continue }
        guard let change else {
          missing.append("\(shown): \(old[name] ?? "nothing") → \(new[name] ?? "nothing")")
          continue
        }
        if let value = new[name], change.field == shown, change.new?.description != SecretMask.shown(value) {
          missing.append("\(shown): \(value), and the plan shows \(change.new?.description ?? "nothing")")
        }
      }
    }
    return missing
  }

  private static let cases = FieldSamples.cases(of: Vocabulary.domain).filter {
    $0.field.isRecorded && !($0.field.name == "state" && $0.value == .string("absent"))
  }

  @Test(
    "for every field and value: at creation, set, changed and dropped, alone and beside another change, and adopted")
  func everyField() throws {
    let base = try stack(ImaginedHost.lab)
    let title: [(Field, Value)] = [(Vocabulary.domain[.title], .string("other"))]
    var tried: [String: Int] = [:]
    for sample in Self.cases {
      let (with, without) = (base.having(sample).saying(sample), base.having(sample))
      func expect(_ situation: String, _ spec: StackSpec, on host: inout ImaginedHost) throws -> Bool {
        guard let unshown = try unshown(spec, on: &host) else { return false }
        tried[situation, default: 0] += 1
        #expect(unshown.isEmpty, "\(sample), \(situation)")
        return true
      }
      var created = ImaginedHost()
      guard try expect("created", with, on: &created) else { continue }
      var plain = ImaginedHost()
      plain.apply(try Plan(for: without, on: plain.inventory))
      for (situation, spec) in [("set", with), ("set beside", with.saying(nil, and: title))] {
        var host = plain
        _ = try expect(situation, spec, on: &host)
      }
      for (situation, spec) in [("dropped", without), ("dropped beside", without.saying(nil, and: title))] {
        var host = created
        _ = try expect(situation, spec, on: &host)
      }
      var adopted = created
      adopted.edit("web") { OwnershipRecord.remove(from: &$0) }
      _ = try expect("adopted", with, on: &adopted)
      guard sample.collection == nil else { continue }
      var drifted = created
      drifted.edit("web") { sample.field.lens?.put(nil, into: &$0) }
      _ = try expect("dropped after drift", without.saying(nil, and: title), on: &drifted)
    }
    for situation in ["created", "set", "set beside", "dropped", "dropped beside", "adopted", "dropped after drift"] {
      #expect(tried[situation] ?? 0 > 300, "\(situation): \(tried[situation] ?? 0)")
    }
  }

  /// What decides how far an apply may go: none of it is in a definition.
  static let policies = [
    "protect: true", "max-effect: live", "restart-policy: never", "shutdown: { force-off: false }",
  ]

  @Test("policies that are set, flipped or dropped are shown beside other changes, with the values that they had")
  func policies() throws {
    func lab(_ lines: [String], memory: String = "1 GiB") -> String {
      ImaginedHost.lab.replacing(
        "    memory: 1 GiB\n", with: "    memory: \(memory)\n" + lines.map { "    \($0)\n" }.joined())
    }
    let names = ["max-effect", "protect", "restart-policy", "shutdown.force-off"]
    var host = ImaginedHost()
    let creation = try host.plan(lab(Self.policies))
    #expect(names.allSatisfy { creation.change("web", $0)?.new != nil })
    host.apply(creation)
    let flipped = try host.plan(
      lab(
        ["protect: false", "max-effect: data-loss", "restart-policy: when-needed", "shutdown: { force-off: true }"],
        memory: "2 GiB"))
    #expect(flipped.change("web", "memory")?.new == .bytes(2 << 30))
    #expect(flipped.change("web", "protect")?.old == .boolean(true))
    #expect(flipped.change("web", "protect")?.new == .boolean(false))
    #expect(flipped.change("web", "max-effect")?.old == .string("live"))
    #expect(flipped.change("web", "restart-policy")?.new == .string("when-needed"))
    #expect(flipped.change("web", "shutdown.force-off")?.new == .boolean(true))
    let dropped = try host.plan(lab([], memory: "2 GiB"))
    for name in names {
      #expect(dropped.change("web", name)?.old != nil && dropped.change("web", name)?.new == nil, "\(name)")
      #expect(dropped.change("web", name)?.reason == .dropped, "\(name)")
    }
  }

  @Test("a device that was gone before it left the spec is shown as no longer recorded")
  func goneDevice() throws {
    var host = ImaginedHost()
    let text = ImaginedHost.lab + "\n    rngs: { random: { backend: random } }\n"
    host.apply(try host.plan(text))
    host.edit("web") { $0.update("devices") { $0.removeAll("rng") } }
    let plan = try host.plan(ImaginedHost.lab)
    #expect(plan.change("web", "rngs.random")?.detail == FieldChange.goneAlready)
    host.apply(plan)
    #expect(try host.plan(ImaginedHost.lab).isEmpty)
  }
}

@Suite("what an apply records of a network is among the changes of its plan")
struct NetworkRecordLawTests {
  private let text = "stack: lab\nnetworks: { lan: { mode: nat, address: 10.10.0.1/24 } }\n"

  @Test("for every field and value: at creation, set and dropped, alone and beside another change, and adopted")
  func everyField() throws {
    let base = try stack(text)
    func saying(_ field: Field?, _ value: Value?, other: Bool = false) -> StackSpec {
      var spec = base
      if let field, let value { spec.networks[0].settings[field] = Setting(value, at: base.networks[0].range) }
      if other { spec.networks[0].set(.domainName, to: Setting(.string("example.org"), at: base.networks[0].range)) }
      return spec
    }
    func host(_ xml: XMLElement?) -> Inventory {
      var inventory = ImaginedHost().inventory
      inventory.networks = [:]
      if let xml {
        var network = ObservedNetwork(name: "lan", isActive: true)
        network.inactive = xml
        inventory.networks = ["lan": network]
      }
      return inventory
    }
    /// The definition that a plan leaves behind, once its changes have been held against the record.
    func apply(_ spec: StackSpec, to xml: XMLElement?, _ situation: String) throws -> XMLElement? {
      guard let plan = try? Plan(for: spec, on: host(xml)), let object = plan.objects.first else { return nil }
      var after = xml
      for action in plan.actions {
        if case .defineNetwork(let definition) = action.operation { after = definition.xml }
      }
      guard let after, let record = OwnershipRecord(in: after) else { return xml }
      let before = xml.flatMap { OwnershipRecord(in: $0) }
      for name in Set(record.fields(of: "").keys).union(before?.fields(of: "").keys.map { $0 } ?? []) {
        let (old, new) = (
          before?.fields(of: OwnershipRecord.itself)[name], record.fields(of: OwnershipRecord.itself)[name]
        )
        let field = Vocabulary.network.field(name)
        let shown = field.map { Vocabulary.network.displayName(of: $0) } ?? name
        if old == new
          || before == nil && xml != nil && (field?.lens != nil || ["state", "autostart", "xml"].contains(name))
        {
          continue
        }
        #expect(
          object.changes.contains { $0.field == shown || name == "xml" && $0.field.hasPrefix("xml/") },
          "\(situation): \(name) from \(old ?? "nothing") to \(new ?? "nothing")")
      }
      return after
    }
    var tried = 0
    for sample in FieldSamples.cases(of: Vocabulary.network) where sample.field.isRecorded {
      let with = saying(sample.field, sample.value)
      guard let created = try apply(with, to: nil, "\(sample), created"),
        let plain = try apply(base, to: nil, "created")
      else { continue }
      tried += 1
      _ = try apply(with, to: plain, "\(sample), set")
      _ = try apply(saying(sample.field, sample.value, other: true), to: plain, "\(sample), set beside")
      _ = try apply(base, to: created, "\(sample), dropped")
      _ = try apply(saying(nil, nil, other: true), to: created, "\(sample), dropped beside")
      var foreign = created
      OwnershipRecord.remove(from: &foreign)
      _ = try apply(with, to: foreign, "\(sample), adopted")
    }
    #expect(tried > 50)
  }
}
