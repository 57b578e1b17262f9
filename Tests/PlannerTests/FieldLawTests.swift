// The laws of a planned field, for every field of domains, their devices, networks and pools: what is set is settled, what is
// dropped goes back to what it was or is shown to stay, and libvirt's own default is nothing to go back from.

import Diagnostics
import Inventory
import Spec
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("a field is set, dropped and left alone in one way, whatever it belongs to")
struct FieldLawTests {
  /// A stack of one object that is described by a text, and what stands in the host of it.
  struct Bed: Sendable, CustomStringConvertible {
    let description: String
    let type: ObjectType
    let text: String
    /// Fields that only a new object can have, or that say whether there is one.
    let fixed: Set<String>
  }

  private static let domain = """
    stack: lab
    pools: { vms: { path: /vms } }
    images: { base: { source: /images/base.qcow2 } }
    domains:
      web:
        type: qemu
        memory: 1 GiB
        disks: { root: { image: base, size: 20 GiB } }
        interfaces: { lan: { type: user } }

    """

  static let beds = [
    Bed(description: "domain", type: Vocabulary.domain, text: domain, fixed: ["state", "defaults"]),
    Bed(
      description: "domain that libvirt completes", type: Vocabulary.domain,
      text: domain + "    defaults: libvirt\n", fixed: ["state", "defaults"]),
    Bed(
      description: "network", type: Vocabulary.network,
      text: "stack: lab\nnetworks: { lan: { mode: nat, address: 10.10.0.1/24 } }\n", fixed: ["state", "autostart"]),
    Bed(
      description: "pool", type: Vocabulary.pool, text: "stack: lab\npools: { vms: { path: /vms } }\n",
      fixed: ["state", "autostart"]),
  ]

  private static func edit(_ spec: StackSpec, _ type: ObjectType, _ change: (inout ObjectSpec) -> Void) -> StackSpec {
    var result = spec
    switch type.name {
    case "domain": change(&result.domains[0])
    case "network": change(&result.networks[0])
    default: change(&result.pools[0])
    }
    return result
  }

  /// The spec with a sample's field, or without it; with its device in either case.
  private static func saying(_ sample: FieldSamples.Case, _ value: Value?, _ spec: StackSpec, _ type: ObjectType)
    -> StackSpec
  {
    edit(spec, type) { object in
      let setting = value.map { Setting($0, at: object.range) }
      guard let collection = sample.collection else { return object.settings[sample.field.name] = setting }
      var devices = object.members(collection.key)
      if devices.isEmpty { devices.append(ObjectSpec(collection.type, "extra", at: object.range)) }
      devices[0].settings[sample.field.name] = setting
      object.members[collection.key] = devices
    }
  }

  private static func host(_ bed: Bed) -> ImaginedHost {
    var host = ImaginedHost()
    host.inventory.networks = [:]
    host.inventory.pools = bed.type === Vocabulary.pool ? [:] : nil
    return host
  }

  private static func definition(_ bed: Bed, _ host: ImaginedHost) -> XMLElement? {
    switch bed.type.name {
    case "domain": host.inventory.domains["web"]?.inactive
    case "network": host.inventory.networks?["lan"]?.inactive
    default: host.inventory.pools?["vms"]?.inactive
    }
  }

  private static func apply(_ spec: StackSpec, to host: inout ImaginedHost, _ bed: Bed) -> ObjectPlan? {
    guard let plan = try? Plan(for: spec, on: host.inventory), plan.refused.isEmpty else { return nil }
    host.apply(plan)
    return plan.objects.last { $0.object.kind.rawValue == bed.type.name }
  }

  /// The samples of a field, and libvirt's own default.
  private static func cases(_ bed: Bed) -> [FieldSamples.Case] {
    let defaults = ([(nil, bed.type)] + bed.type.collections.map { (.some($0), $0.type) })
      .filter { $0.0 == nil || $0.1.device != nil }
      .flatMap { collection, type in
        type.fields.compactMap { field in
          field.libvirtDefault.map { FieldSamples.Case(collection: collection, field: field, value: $0) }
        }
      }
    return (FieldSamples.cases(of: bed.type) + defaults).filter {
      !($0.collection == nil && bed.fixed.contains($0.field.name))
    }
  }

  /// The name that changes have of a sample's field.
  private static func name(_ sample: FieldSamples.Case, _ spec: StackSpec, _ type: ObjectType) -> String {
    guard let collection = sample.collection else { return type.displayName(of: sample.field) }
    return "\(collection.key).\(spec.domains[0].members(collection.key)[0].name)."
      + collection.type.displayName(of: sample.field)
  }

  @Test("set and applied, a plan is empty; dropped and applied, the definition is as before or the plan says what stays", arguments: beds)
  func everyField(_ bed: Bed) throws {
    let base = try stack(bed.text)
    var (tried, restored, kept) = (0, 0, 0)
    for sample in Self.cases(bed) {
      let (with, without) = (
        Self.saying(sample, sample.value, base, bed.type), Self.saying(sample, nil, base, bed.type)
      )
      var host = Self.host(bed)
      guard Self.apply(without, to: &host, bed) != nil, let before = Self.definition(bed, host),
        Self.apply(with, to: &host, bed) != nil
      else { continue }
      tried += 1
      let settled = try? Plan(for: with, on: host.inventory)
      let settledChanges = settled?.objects.flatMap(\.changes).map(\.field) ?? ["refused"]
      #expect(settled?.actions.filter { $0.object.kind.rawValue == bed.type.name }.isEmpty ?? false, "\(sample), set: \(settledChanges)")
      guard let set = Self.definition(bed, host), let dropping = Self.apply(without, to: &host, bed),
        let after = Self.definition(bed, host)
      else {
        Issue.record("\(sample) cannot be dropped")
        continue
      }
      let name = Self.name(sample, without, bed.type)
      if Self.bare(after) == Self.bare(before) {
        restored += 1
      } else {
        kept += 1
        let shown = dropping.changes.first { $0.field == name || $0.field.hasPrefix(name + "/") }
        #expect(
          shown != nil && (shown?.isRecordOnly ?? false || bed.type === Vocabulary.pool),
          "\(sample), dropped: \(Self.texts(dropping)), \(difference(Self.bare(before), Self.bare(after)).map(\.path))")
      }
      // Whoever says what libvirt would do anyway has nothing to take back.
      if sample.value == sample.field.libvirtDefault, sample.field.initial == nil {
        #expect(
          dropping.changes.allSatisfy { $0.isRecordOnly },
          "\(sample), which is libvirt's default, dropped: \(Self.texts(dropping))")
        #expect(Self.bare(set) == Self.bare(after), "\(sample)")
      }
      let last = try? Plan(for: without, on: host.inventory)
      #expect(last?.actions.filter { $0.object.kind.rawValue == bed.type.name }.isEmpty ?? false, "\(sample), dropped and planned again")
    }
    print("\(bed): tried \(tried), restored \(restored), kept \(kept)")
    #expect(tried > (bed.type === Vocabulary.domain ? 600 : 10), "\(tried)")
  }

  /// The changes of a plan, for a message.
  private static func texts(_ plan: ObjectPlan) -> [String] {
    plan.changes.map { change in
      let values = [change.old, change.new].map { $0?.description ?? "not set" }
      return "\(change.field): \(values.joined(separator: " → ")) \(change.detail ?? "")"
    }
  }

  /// A definition without the record.
  private static func bare(_ xml: XMLElement) -> XMLElement {
    var xml = xml
    OwnershipRecord.remove(from: &xml)
    return xml
  }
}
