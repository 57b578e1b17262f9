// The law of effects: nothing beyond `define` unless the running guest would differ afterwards; and every old value that is
// shown is what libvirt holds.

import Diagnostics
import Inventory
import Spec
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("a running guest pays only for what it does not have")
struct RunningLawTests {
  static let lab = ImaginedHost.lab.replacing(
    "memory: 1 GiB", with: "memory: 1 GiB\n    restart-policy: when-needed")

  private static func plan(_ spec: StackSpec, on host: ImaginedHost) -> Plan? {
    try? Plan(for: spec, on: host.inventory)
  }

  /// The element that has a sample's field: the domain's, or that of a device.
  private static func element(of sample: FieldSamples.Case, _ spec: StackSpec, in xml: XMLElement) -> XMLElement? {
    guard let collection = sample.collection, let rule = collection.type.device,
      let device = spec.domains[0].members(collection.key).first
    else { return xml }
    return DeviceIdentity(of: device, rule).find(in: xml)
  }

  private static func put(
    _ value: Value?, _ sample: FieldSamples.Case, _ spec: StackSpec, into xml: inout XMLElement
  ) {
    guard let collection = sample.collection, let rule = collection.type.device,
      let device = spec.domains[0].members(collection.key).first
    else {
      sample.field.lens?.put(value, into: &xml)
      return
    }
    let target = DeviceIdentity(of: device, rule).find(in: xml)
    xml.update("devices") { devices in
      devices.updateAll(rule.element) { if $0 == target { sample.field.lens?.put(value, into: &$0) } }
    }
  }

  /// Of the processor's fields libvirt shows a running guest what it has become.
  private static let cases = FieldSamples.cases(of: Vocabulary.domain).filter { sample in
    sample.field.lens != nil
      && !(sample.collection == nil && sample.field.name.hasPrefix("cpu.") && !sample.field.isComparableWhenRunning)
  }

  private func name(_ sample: FieldSamples.Case, _ spec: StackSpec) -> String {
    let own = (sample.collection?.type ?? Vocabulary.domain).displayName(of: sample.field)
    guard let collection = sample.collection, let device = spec.domains[0].members(collection.key).first else {
      return own
    }
    return "\(collection.key).\(device.name).\(own)"
  }

  @Test("a definition that was changed behind a guest that has it right is stored anew, and the guest is left alone")
  func drift() throws {
    let base = try stack(Self.lab)
    var (tried, costing) = (0, 0)
    for sample in Self.cases {
      let spec = base.having(sample).saying(sample)
      var host = ImaginedHost()
      guard let creation = Self.plan(spec, on: host) else { continue }
      host.apply(creation)
      host.start("web")
      guard let right = host.inventory.domains["web"]?.inactive, let settled = Self.plan(spec, on: host),
        settled.isEmpty
      else { continue }
      let others = FieldSamples.values(of: sample.field.type, in: "domain").filter { $0 != sample.value }
      for other in [nil] + others.prefix(1).map(Optional.some) {
        var drifted = right
        Self.put(other, sample, spec, into: &drifted)
        guard drifted != right else { continue }
        host.inventory.domains["web"]?.inactive = drifted
        host.inventory.domains["web"]?.running = right
        guard let plan = Self.plan(spec, on: host), let object = plan.object("web") else { continue }
        tried += 1
        #expect(
          object.effect ?? .define == .define && plan.actions.allSatisfy { $0.effect == .define },
          "\(sample), stored as \(other?.description ?? "nothing"): \(object.changes.map { "\($0.field) \($0.effect)" })"
        )
        #expect(object.pending.isEmpty, "\(sample)")
        let held = Self.element(of: sample, spec, in: drifted).flatMap { sample.field.lens?.get($0) }
        for change in object.changes where change.field == name(sample, spec) {
          #expect(change.old == held, "\(sample), stored as \(other?.description ?? "nothing")")
        }
        // The same guest, started with the wrong definition, does pay where the field costs anything.
        host.inventory.domains["web"]?.running = drifted
        guard sample.field.effect.running > .define, let costly = Self.plan(spec, on: host) else { continue }
        if costly.object("web")?.changes.contains(where: { $0.effect > .define }) ?? false { costing += 1 }
      }
    }
    #expect(tried > 500, "\(tried)")
    #expect(costing > 400, "\(costing) of \(tried)")
  }

  @Test("a field that leaves the spec costs nothing where the guest is as it would be without it")
  func dropped() throws {
    let base = try stack(Self.lab)
    var (tried, costing) = (0, 0)
    for sample in Self.cases {
      let (with, without) = (base.having(sample).saying(sample), base.having(sample))
      var host = ImaginedHost()
      guard let creation = Self.plan(with, on: host) else { continue }
      host.apply(creation)
      guard Self.plan(with, on: host)?.isEmpty ?? false else { continue }
      host.start("web")
      guard let first = Self.plan(without, on: host), let before = host.inventory.domains["web"]?.inactive else {
        continue
      }
      guard let after = first.definition(of: "web")?.xml else { continue }
      if first.object("web")?.changes.contains(where: { $0.effect > .define }) ?? false { costing += 1 }
      var later = host
      later.apply(first)
      guard Self.plan(without, on: later)?.isEmpty ?? false else { continue }
      host.inventory.domains["web"]?.running = after
      guard let plan = Self.plan(without, on: host), let object = plan.object("web") else { continue }
      tried += 1
      #expect(
        object.effect ?? .define == .define && plan.actions.allSatisfy { $0.effect == .define },
        "\(sample): \(object.changes.map { "\($0.field) \($0.effect)" })")
      let held = Self.element(of: sample, with, in: before).flatMap { sample.field.lens?.get($0) }
      for change in object.changes where change.field == name(sample, with) {
        #expect(change.old == held, "\(sample)")
      }
    }
    #expect(tried > 300, "\(tried)")
    #expect(costing > 150, "\(costing) of \(tried)")
  }

  @Test("memory that was changed in the definition alone is put back there, and the guest is not restarted")
  func memory() throws {
    let spec = Self.lab.replacing("memory: 1 GiB", with: "memory: 128 MiB")
    var host = ImaginedHost()
    host.apply(try host.plan(spec))
    host.edit("web") { $0.set("131072", at: "currentMemory") }
    host.start("web")
    host.edit("web") { $0.set("204800", at: "memory") }
    let plan = try host.plan(spec)
    #expect(plan.change("web", "memory")?.old == .bytes(200 << 20))
    #expect(plan.change("web", "memory")?.effect == .define)
    #expect(plan.change("web", "memory")?.reason == .drift)
    #expect(plan.actions.count == 1)
  }

  @Test("dropping a current memory that is all of the memory restarts nobody, and shows what is stored")
  func currentMemory() throws {
    let spec = Self.lab.replacing("memory: 1 GiB", with: "memory: 128 MiB\n    current-memory: 128 MiB")
    var host = ImaginedHost()
    host.apply(try host.plan(spec))
    host.start("web")
    let dropped = try host.plan(spec.replacing("    current-memory: 128 MiB\n", with: ""))
    #expect(dropped.change("web", "current-memory")?.old == .bytes(128 << 20))
    #expect(dropped.change("web", "current-memory")?.effect == .define)
    #expect(!dropped.actions.contains { if case .restartDomain = $0.operation { true } else { false } })
    // Beside memory that grows, the old value is the stored one, too.
    let grown = try host.plan(
      spec.replacing("    current-memory: 128 MiB\n", with: "").replacing("memory: 128 MiB", with: "memory: 144 MiB"))
    #expect(grown.change("web", "current-memory")?.old == .bytes(128 << 20))
    #expect(grown.change("web", "memory")?.effect == .restart)
  }

  @Test("a device that the guest no longer has leaves the definition without a word to the guest")
  func removedDevice() throws {
    var host = ImaginedHost()
    let spec = Self.lab + "\n    sounds: { card: { model: ich9 } }\n"
    host.apply(try host.plan(spec))
    host.start("web")
    host.inventory.domains["web"]?.running?.update("devices") { $0.removeAll("sound") }
    let plan = try host.plan(Self.lab)
    #expect(plan.change("web", "sounds.card")?.effect == .define)
    #expect(plan.actions.count == 1)
  }

  @Test("a device that comes back to the definition, with another value than the guest has, waits for a restart")
  func keptDevice() throws {
    var host = ImaginedHost()
    let spec =
      Self.lab.replacing("    restart-policy: when-needed\n", with: "") + "\n    sounds: { card: { model: ich9 } }\n"
    host.apply(try host.plan(spec))
    host.start("web")
    host.edit("web") { $0.update("devices") { $0.removeAll("sound") } }
    let plan = try host.plan(spec.replacing("ich9", with: "ich6"))
    #expect(plan.change("web", "sounds.card")?.effect == .define)
    #expect(plan.object("web")?.pending.map(\.field) == ["sounds.card.model"])
  }

  @Test("a fragment of libvirt's XML that the running guest has costs nothing")
  func fragment() throws {
    let spec = Self.lab + "\n    xml: \"<on_crash>preserve</on_crash>\"\n"
    var host = ImaginedHost()
    host.apply(try host.plan(spec))
    host.start("web")
    host.edit("web") { $0.set("destroy", at: "on_crash") }
    #expect(try host.plan(spec).change("web", "xml/on_crash")?.effect == .define)
    host.inventory.domains["web"]?.running?.set("destroy", at: "on_crash")
    #expect(try host.plan(spec).change("web", "xml/on_crash")?.effect == .restart)
  }

  @Test("a network that has a value already does not wait for its next start")
  func network() throws {
    let text = "stack: lab\nnetworks: { lan: { mode: nat, address: 10.10.0.1/24, mtu: 1400 } }\n"
    var inventory = ImaginedHost().inventory
    inventory.networks = [:]
    var network = ObservedNetwork(name: "lan", isActive: true)
    for action in try Plan(for: stack(text), on: inventory).actions {
      if case .defineNetwork(let definition) = action.operation { network.inactive = definition.xml }
    }
    network.running = network.inactive
    network.inactive?.set("9000", at: "mtu/@size")
    inventory.networks = ["lan": network]
    let drifted = try #require(try Plan(for: stack(text), on: inventory).objects.first)
    #expect(drifted.changes.map(\.field) == ["mtu"])
    #expect(drifted.changes.first?.old == .integer(9000))
    #expect(drifted.effect == .define)
    network.running = network.inactive
    inventory.networks = ["lan": network]
    #expect(try Plan(for: stack(text), on: inventory).objects.first?.effect == .nextBoot)
  }
}
