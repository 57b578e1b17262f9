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
    /// How many samples it takes at the least.
    let least: Int
    /// Whether a new object gets more than the spec says and libvirt adds.
    var givesMore = false
  }

  private static let domain = ImaginedHost.lab + "\n"

  static let beds = [
    Bed(
      description: "domain", type: Vocabulary.domain, text: domain, fixed: ["state", "defaults"], least: 300,
      givesMore: true),
    Bed(
      description: "domain that libvirt completes", type: Vocabulary.domain,
      text: domain + "    defaults: libvirt\n", fixed: ["state", "defaults"],
      least: 500),
    Bed(
      description: "network", type: Vocabulary.network,
      text: "stack: lab\nnetworks: { lan: { mode: nat, address: 10.10.0.1/24 } }\n", fixed: ["state", "autostart"],
      least: 70),
    Bed(
      description: "pool", type: Vocabulary.pool, text: "stack: lab\npools: { vms: { path: /vms } }\n",
      fixed: ["state", "autostart"], least: 50),
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
      guard let collection = sample.collection else { return object.settings[sample.field] = setting }
      var devices = object.members(collection.key)
      if devices.isEmpty { devices.append(ObjectSpec(collection.type, "extra", at: object.range)) }
      devices[0].settings[sample.field] = setting
      object.members[collection.key] = devices
    }
  }

  private static func says(_ sample: FieldSamples.Case, _ spec: StackSpec, _ type: ObjectType) -> Bool {
    let object =
      type === Vocabulary.domain ? spec.domains[0] : type === Vocabulary.network ? spec.networks[0] : spec.pools[0]
    guard let collection = sample.collection else { return object.settings[sample.field] != nil }
    return object.members(collection.key).first?.settings[sample.field] != nil
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
      if $0.collection == nil { return !bed.fixed.contains($0.field.name) }
      // Vireo gives devices of a new domain little more than what libvirt completes.
      return !bed.givesMore || $0.field.initial != nil || $0.field.libvirtDefault != nil
    }
  }

  /// What a plan would still change of the object.
  private static func remaining(_ spec: StackSpec, on host: ImaginedHost, _ bed: Bed) -> [String] {
    guard let plan = try? Plan(for: spec, on: host.inventory) else { return ["refused"] }
    guard plan.actions.contains(where: { $0.object.kind.rawValue == bed.type.name }) else { return [] }
    let fields = plan.objects.flatMap(\.changes).map(\.field)
    return fields.isEmpty ? ["a step without a change"] : fields
  }

  /// The name that changes have of a sample's field.
  private static func name(_ sample: FieldSamples.Case, _ spec: StackSpec, _ type: ObjectType) -> String {
    guard let collection = sample.collection else { return type.displayName(of: sample.field) }
    return "\(collection.key).\(spec.domains[0].members(collection.key)[0].name)."
      + collection.type.displayName(of: sample.field)
  }

  @Test(
    "set and applied, a plan is empty; dropped and applied, the definition is as before or the plan says what stays",
    arguments: beds)
  func everyField(_ bed: Bed) throws {
    let base = try stack(bed.text)
    var (tried, restored, kept, unfit) = (0, 0, 0, 0)
    // What stands before anything is said is the same for all fields of an object.
    var beginnings: [String: ImaginedHost?] = [:]
    for sample in Self.cases(bed) {
      let (with, without) = (
        Self.saying(sample, sample.value, base, bed.type), Self.saying(sample, nil, base, bed.type)
      )
      let key = Self.says(sample, base, bed.type) ? sample.description : sample.collection?.key ?? ""
      let beginning = beginnings[key] ?? Self.beginning(without, bed)
      beginnings[key] = beginning
      guard var host = beginning, let before = Self.definition(bed, host), Self.apply(with, to: &host, bed) != nil
      else {
        continue
      }
      // A value that the object's type has no place for, which the checks of specs refuse, is nothing that was set.
      guard Self.holds(sample, with, Self.definition(bed, host)) else {
        unfit += 1
        continue
      }
      tried += 1
      #expect(Self.remaining(with, on: host, bed) == [], "\(sample), set")
      guard let set = Self.definition(bed, host), let dropping = Self.apply(without, to: &host, bed),
        let after = Self.definition(bed, host)
      else {
        Issue.record("\(sample) cannot be dropped")
        continue
      }
      let (name, isPool) = (Self.name(sample, without, bed.type), bed.type === Vocabulary.pool)
      if Self.isSame(after, before) {
        restored += 1
      } else {
        kept += 1
        let shown = dropping.changes.first { $0.field == name || $0.field.hasPrefix(name + "/") }
        let mayStay =
          // No record tells whose a pool's fields are.
          isPool && after == set
          // What an object is stays, and what is meant anyway.
          || shown?.detail == FieldChange.released
            && (sample.field.staysWhenDropped || Self.isMeant(sample, without, after))
          // What Vireo chose for something new it does not choose for what exists: libvirt's default it is.
          || (bed.givesMore || sample.collection != nil) && shown?.reason == .dropped && shown?.new == nil
            && shown?.detail == nil
        let places = difference(Self.bare(before), Self.bare(after)).map(\.path)
        #expect(mayStay, "\(sample), dropped: \(Self.texts(dropping)), \(places)")
      }
      // Whoever says what libvirt would do anyway has nothing to take back, unless that was not what was there.
      if sample.value == sample.field.libvirtDefault, sample.field.initial == nil, !Self.isSame(after, before) {
        #expect(
          dropping.changes.allSatisfy { $0.isRecordOnly },
          "\(sample), which is libvirt's default, dropped: \(Self.texts(dropping))")
        #expect(Self.bare(set) == Self.bare(after), "\(sample)")
      }
      #expect(Self.remaining(without, on: host, bed) == [], "\(sample), dropped and planned again")
    }
    #expect(tried > bed.least && unfit < tried / 4, "\(tried), \(unfit)")
    #expect(restored > (bed.type === Vocabulary.pool ? 0 : kept * 3), "\(restored), \(kept)")
  }

  @Test("what is released stays as it is, and is nobody's when it is dropped later", arguments: beds.prefix(3))
  func releasing(_ bed: Bed) throws {
    let base = try stack(bed.text)
    var tried = 0
    for sample in Self.cases(bed) where sample.field.name != "unmanage" {
      let (with, without) = (
        Self.saying(sample, sample.value, base, bed.type), Self.saying(sample, nil, base, bed.type)
      )
      guard var host = Self.beginning(without, bed), Self.apply(with, to: &host, bed) != nil,
        let set = Self.definition(bed, host), Self.holds(sample, with, set)
      else { continue }
      tried += 1
      let device = sample.collection.map { "\($0.key).\(without.domains[0].members($0.key)[0].name)." } ?? ""
      let leaving = Self.edit(without, bed.type) { object in
        object.set(.unmanage, to: Setting(.list([.string(device + sample.field.name)]), at: object.range))
      }
      guard let release = Self.apply(leaving, to: &host, bed), let after = Self.definition(bed, host) else {
        Issue.record("\(sample) cannot be released")
        continue
      }
      // A disk that the spec still has and that names no source is a file that Vireo makes; the plan shows that.
      if release.changes.contains(where: { $0.field == device + FieldKey.source.name }) { continue }
      #expect(release.changes.allSatisfy { $0.isRecordOnly }, "\(sample): \(Self.texts(release))")
      let places = difference(Self.bare(set), Self.bare(after)).map(\.path)
      #expect(places.isEmpty, "\(sample), released: \(places)")
      #expect(Self.remaining(leaving, on: host, bed) == [], "\(sample), released")
      #expect(Self.remaining(without, on: host, bed) == [], "\(sample), dropped after that")
    }
    #expect(tried > bed.least / 2, "\(tried)")
  }

  @Test("fields that stand in a group leave together and leave nothing behind")
  func groups() throws {
    let bed = Self.beds[1]
    let base = try stack(bed.text)
    var tried = 0
    let collections: [ObjectType.Collection?] = [nil] + bed.type.collections.filter { $0.type.device != nil }
    for collection in collections {
      let type = collection?.type ?? bed.type
      for group in type.groups {
        let samples = type.fields.filter { $0.group == group.name && !$0.staysWhenDropped }.compactMap { field in
          FieldSamples.values(of: field.type, in: type.device?.element ?? type.name).first
            .map { FieldSamples.Case(collection: collection, field: field, value: $0) }
        }
        guard let first = samples.first else { continue }
        let without = Self.saying(first, nil, base, bed.type)
        let with = samples.reduce(without) { Self.saying($1, $1.value, $0, bed.type) }
        guard var host = Self.beginning(without, bed), let before = Self.definition(bed, host),
          Self.apply(with, to: &host, bed) != nil, let set = Self.definition(bed, host),
          samples.allSatisfy({ Self.holds($0, with, set) }), let dropping = Self.apply(without, to: &host, bed),
          let after = Self.definition(bed, host)
        else { continue }
        tried += 1
        let rest = difference(Self.bare(before), Self.bare(after)).map(\.path)
        let staying = dropping.changes.filter { $0.detail == FieldChange.released }
        #expect(
          rest.isEmpty || !staying.isEmpty, "\(type.name).\(group.name): \(Self.texts(dropping)), \(rest)")
      }
    }
    #expect(tried > 15, "\(tried)")
  }

  /// The changes of a plan, for a message.
  private static func texts(_ plan: ObjectPlan) -> [String] {
    plan.changes.map { change in
      let values = [change.old, change.new].map { $0?.description ?? "not set" }
      return "\(change.field): \(values.joined(separator: " → ")) \(change.detail ?? "")"
    }
  }

  /// A definition without the record, and as libvirt would have completed it: with the console that mirrors the first serial
  /// port, with the boot order where no device has one, with a port that is picked where a display names none, and with a
  /// clock and a processor where there are none.
  private static func bare(_ xml: XMLElement) -> XMLElement {
    var xml = xml
    OwnershipRecord.remove(from: &xml)
    xml.update("os", create: false) { $0.removeAll("boot") }
    xml.removeAll("clock") { $0 == XMLElement("clock", ["offset": "utc"]) }
    xml.removeAll("vcpu") { $0 == XMLElement("vcpu", text: "1") }
    xml.update("devices", create: false) { devices in
      devices.removeAll("console") { $0.value(at: "target/@type") ?? "serial" == "serial" }
      devices.updateAll("graphics") { if $0[attribute: "port"] == nil { $0[attribute: "autoport"] = nil } }
    }
    return xml
  }

  private static func beginning(_ spec: StackSpec, _ bed: Bed) -> ImaginedHost? {
    var host = host(bed)
    return apply(spec, to: &host, bed) == nil ? nil : host
  }

  /// The element that has a sample's field: the object's own, or that of a device.
  private static func element(of sample: FieldSamples.Case, _ spec: StackSpec, in xml: XMLElement) -> XMLElement? {
    guard let collection = sample.collection, let rule = collection.type.device else { return xml }
    return DeviceIdentity(of: spec.domains[0].members(collection.key)[0], rule).find(in: xml)
  }

  private static func holds(_ sample: FieldSamples.Case, _ spec: StackSpec, _ xml: XMLElement?) -> Bool {
    guard sample.field.lens != nil, let xml else { return true }
    return element(of: sample, spec, in: xml).map { sample.field.isMet(sample.value, in: $0) } ?? false
  }

  private static func isSame(_ a: XMLElement, _ b: XMLElement) -> Bool { difference(bare(a), bare(b)).isEmpty }

  /// Whether the element of a sample's field means its value without saying it.
  private static func isMeant(_ sample: FieldSamples.Case, _ spec: StackSpec, _ xml: XMLElement) -> Bool {
    if sample.value == sample.field.libvirtDefault { return true }
    guard var element = element(of: sample, spec, in: xml) else { return false }
    sample.field.lens?.put(sample.field.initial, into: &element)
    return sample.field.isMet(sample.value, in: element) || sample.field.value(leftOutOf: element) == sample.value
  }
}
