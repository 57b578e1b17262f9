// The law of what is marked as secret: no plan, record or status has it, of no field and no place in XML, and a changed one is
// noticed all the same.

import Diagnostics
import Foundation
import Inventory
import Report
import Spec
import Testing
import XMLTree

@testable import Planner
@testable import Vocabulary

@Suite("marked secrets")
struct SensitiveLawTests {
  private static let lab = """
    stack: lab
    pools: { vms: { path: /vms } }
    domains:
      web:
        memory: 1 GiB
        disks: { root: { size: 1 GiB, pool: vms } }

    """

  /// A value that has the canary in all its texts; nil for a kind of which no text can be one.
  static func value(of type: ValueType, _ canary: String) -> Value? {
    switch type {
    case .text:
      return [canary, "/" + canary, "http://" + canary, "0x" + canary].lazy.compactMap { try? type.parse($0) }.first
    case .list(let element): return value(of: element, canary).map { .list([$0]) }
    case .table(let key, let element):
      let keys = ["TOKEN", "opt/com.example/token", "1", "52:54:00:00:00:01", "10.0.0.1", "token"]
      guard let key = keys.lazy.compactMap({ try? key.normalised($0) }).first else { return nil }
      return value(of: element, canary).map { .table([key: $0]) }
    case .record(let members):
      var values: [String: Value] = [:]
      for member in members {
        values[member.name] =
          value(of: member.type, canary)
          ?? (member.isRequired ? FieldSamples.values(of: member.type, in: "domain").first : nil)
      }
      return values.values.contains { "\($0)".contains(canary) || $0.isConfidential } ? .table(values) : nil
    default: return nil
    }
  }

  /// Every field of a kind of object and of its devices that can hold the canary.
  private static func places(of type: ObjectType) -> [(collection: ObjectType.Collection?, field: Field)] {
    func fields(_ type: ObjectType, _ collection: ObjectType.Collection?) -> [(ObjectType.Collection?, Field)] {
      type.fields.filter { $0.holdsSecrets && value(of: $0.type, first) != nil }.map { (collection, $0) }
    }
    return fields(type, nil)
      + type.collections.filter { $0.type.device != nil }.flatMap { fields($0.type, $0) }
  }

  private static let first = "Canary7Tweets"
  private static let second = "Canary8Sings"

  private static func isHidden(_ text: String) -> Bool { !text.lowercased().contains("canary") }

  private static func outputs(of plan: Plan) -> String { plan.json() + plan.text(TextStyle(color: false, width: 100)) }

  @Test(
    "of every text field of a domain and of its devices: nowhere but in libvirt's definition, and changes are noticed")
  func everyField() throws {
    let base = try stack(Self.lab)
    var tried = 0
    for (collection, field) in Self.places(of: Vocabulary.domain) {
      func spec(_ canary: String?, isMarked: Bool = true) throws -> StackSpec {
        var spec = base
        let sample = try FieldSamples.Case(
          collection: collection, field: field, value: #require(Self.value(of: field.type, canary ?? Self.first)))
        spec = canary == nil ? base.having(sample) : base.saying(sample)
        let owner = collection.map { "\($0.key).\(spec.domains[0].members($0.key)[0].name)." } ?? ""
        if isMarked {
          spec = spec.saying(nil, and: [(Vocabulary.domain[.sensitive], .list([.string(owner + field.name)]))])
        }
        return spec
      }
      let name = "\(collection?.key ?? "").\(field.name)"
      var host = ImaginedHost()
      func apply(_ spec: StackSpec, _ situation: String) throws {
        let plan = try Plan(for: spec, on: host.inventory)
        #expect(!plan.isEmpty, "\(name), \(situation)")
        #expect(Self.isHidden(Self.outputs(of: plan)), "\(name), \(situation): \(Self.outputs(of: plan))")
        host.apply(plan)
      }
      func expectRecordHidden(_ situation: String) {
        let record = host.inventory.domains["web"]?.inactive.first("metadata")?.elements.first { $0.name == "stack" }
        #expect(
          record.map { Self.isHidden($0.serialised()) } ?? false, "\(name), \(situation): \(String(describing: record))"
        )
      }
      // Some samples contradict what else there is, or are of a place that a definition of its own has.
      guard let plan = try? Plan(for: spec(Self.first), on: host.inventory), plan.refused.isEmpty else { continue }
      try apply(spec(Self.first), "created")
      // Without others, such as a type, some fields have no place in a definition.
      let definition = host.inventory.domains["web"]?.inactive
      guard !Self.isHidden(definition?.serialised() ?? "") else { continue }
      tried += 1
      expectRecordHidden("created")
      #expect(try Plan(for: spec(Self.first), on: host.inventory).isEmpty, "\(name)")
      // Without the spec.
      let recorded = HostStatus(recordedOn: host.inventory)
      #expect(recorded.isSettled, "\(name): \(recorded.json())")
      #expect(Self.isHidden(recorded.json()), "\(name): \(recorded.json())")
      // No longer marked: shown as such, and still concealed in that plan.
      var unmarked = host
      let dropping = try Plan(for: spec(Self.first, isMarked: false), on: host.inventory)
      #expect(!dropping.isEmpty, "\(name)")
      #expect(dropping.objects.flatMap(\.changes).contains { $0.field == "sensitive" }, "\(name)")
      #expect(Self.isHidden(Self.outputs(of: dropping)), "\(name), no longer marked")
      unmarked.apply(dropping)
      #expect(try Plan(for: spec(Self.first, isMarked: false), on: unmarked.inventory).isEmpty, "\(name)")
      let marking = try Plan(for: spec(Self.first), on: unmarked.inventory)
      #expect(!marking.isEmpty && Self.isHidden(Self.outputs(of: marking)), "\(name), marked")
      // Another secret. What can never change is refused, with a message.
      let change = try Plan(for: spec(Self.second), on: host.inventory, refusingObjects: true)
      #expect(!change.isEmpty || !change.refused.isEmpty, "\(name), changed")
      #expect(Self.isHidden(Self.outputs(of: change)), "\(name), changed: \(Self.outputs(of: change))")
      guard change.refused.isEmpty else { continue }
      host.apply(change)
      expectRecordHidden("changed")
      #expect(try Plan(for: spec(Self.second), on: host.inventory).isEmpty, "\(name), changed")
      let gone = try Plan(for: spec(nil, isMarked: false), on: host.inventory, refusingObjects: true)
      #expect(Self.isHidden(Self.outputs(of: gone)), "\(name), dropped")
    }
    #expect(tried > 60, "\(tried)")
  }

  @Test("of every text field of a network and of a pool")
  func networksAndPools() throws {
    for (type, head) in [
      (Vocabulary.network, "networks: { net: { mode: isolated } }"),
      (Vocabulary.pool, "pools: { net: { path: /net, state: any } }"),
    ] {
      let base = try stack("stack: lab\n\(head)\n")
      var tried = 0
      for (_, field) in Self.places(of: type) {
        var spec = base
        func say(_ field: Field, _ value: Value?) {
          let range = base.networks.first?.range ?? base.pools[0].range
          let setting = value.map { Setting($0, at: range) }
          if spec.networks.isEmpty { spec.pools[0].settings[field] = setting }
          if spec.pools.isEmpty { spec.networks[0].settings[field] = setting }
        }
        say(type[.sensitive], .list([.string(field.name)]))
        say(field, Self.value(of: field.type, Self.first))
        var inventory = Inventory(host: .init(uri: "qemu:///system"), pools: [:], networks: [:])
        guard let plan = try? Plan(for: spec, on: inventory), !plan.isEmpty else { continue }
        tried += 1
        #expect(Self.isHidden(Self.outputs(of: plan)), "\(type.name).\(field.name): \(Self.outputs(of: plan))")
        for action in plan.actions {
          switch action.operation {
          case .defineNetwork(let definition):
            #expect(!Self.isHidden(definition.xml.serialised()), "\(field.name): libvirt has it")
            #expect(Self.isHidden(definition.xml.first("metadata")?.serialised() ?? ""), "\(field.name)")
            inventory.networks?["net"] = ObservedNetwork(
              name: "net", uuid: definition.xml.value(at: "uuid") ?? "", isActive: false, inactive: definition.xml)
          default: break
          }
        }
        guard type.name == "network" else { continue }
        say(field, Self.value(of: field.type, Self.second))
        let change = try Plan(for: spec, on: inventory, refusingObjects: true)
        #expect(!change.isEmpty || !change.refused.isEmpty)
        #expect(Self.isHidden(Self.outputs(of: change)), "network.\(field.name): \(Self.outputs(of: change))")
      }
      #expect(tried > 3, "\(type.name): \(tried)")
    }
  }

  @Test(
    "of places in libvirt's XML",
    arguments: [
      ("xml/description", "<description>CANARY</description>"),
      ("xml/os/loader", "<os><loader readonly='yes'>/CANARY</loader></os>"),
      ("xml/os/initenv[@name='a']", "<os><initenv name='a'>CANARY</initenv></os>"),
      ("xml/devices/hostdev/source/@name", "<devices><hostdev mode='x'><source name='CANARY'/></hostdev></devices>"),
      (
        "xml/sysinfo/oemStrings/entry",
        "<sysinfo type='smbios'><oemStrings><entry>CANARY</entry></oemStrings></sysinfo>"
      ),
      ("xml", "<description>CANARY</description><title>CANARY</title>"),
    ])
  func places(path: String, fragment: String) throws {
    func text(_ canary: String, isMarked: Bool = true) -> String {
      Self.lab + "    xml: \"\(fragment.replacing("CANARY", with: canary))\"\n"
        + (isMarked ? "    sensitive: [\"\(path)\"]\n" : "")
    }
    var host = ImaginedHost()
    for (situation, spec) in [
      ("created", text(Self.first)), ("changed", text(Self.second)),
      ("no longer marked", text(Self.second, isMarked: false)),
      ("marked", text(Self.second)), ("dropped", Self.lab),
    ] {
      let plan = try host.plan(spec)
      #expect(!plan.isEmpty, "\(situation)")
      let outputs = Self.outputs(of: plan)
      #expect(Self.isHidden(outputs), "\(situation): \(outputs)")
      if situation == "changed" {
        #expect(plan.objects.flatMap(\.changes).contains { $0.field.hasPrefix("xml/") }, "\(outputs)")
      }
      host.apply(plan)
      let record = host.inventory.domains["web"]?.inactive.first("metadata")?.serialised() ?? ""
      #expect(Self.isHidden(record) == (situation != "no longer marked"), "\(situation): \(record)")
      #expect(try host.plan(spec).isEmpty, "\(situation)")
      guard situation != "dropped" else { continue }
      #expect(HostStatus(recordedOn: host.inventory).isSettled, "\(situation)")
    }
    #expect(Self.isHidden(host.inventory.domains["web"]?.inactive.serialised() ?? ""), "taken out")
  }

  @Test("digests of another salt are another record's, and a record keeps its own")
  func salts() throws {
    let spec = Self.lab + "    qemu: { env: { TOKEN: \(Self.first) } }\n"
    var records: [String] = []
    for salt in ["1111111111111111", "2222222222222222"] {
      var host = ImaginedHost()
      host.inventory.salt = salt
      host.apply(try host.plan(spec))
      let record = host.inventory.domains["web"]?.inactive.first("metadata")?.serialised() ?? ""
      #expect(record.contains("(secret \(salt)."), "\(record)")
      records.append(record)
      // Another look at the host draws another salt.
      host.inventory.salt = "3333333333333333"
      #expect(try host.plan(spec).isEmpty)
      let other = spec.replacing(Self.first, with: Self.second)
      host.apply(try host.plan(other))
      let now = host.inventory.domains["web"]?.inactive.first("metadata")?.serialised() ?? ""
      #expect(now.contains("(secret \(salt)."), "\(now)")
      #expect(try host.plan(other).isEmpty)
    }
    #expect(records[0] != records[1])
  }

  @Test(
    "a record of an earlier version is read, changes nothing by itself, and gets salted digests with the next change")
  func earlierRecords() throws {
    let places = """
          qemu: { env: { TOKEN: hunter2 }, args: ['-fw_cfg', 'name=opt/x,string=hunter2'] }
          xml: "<sysinfo type='fwcfg'><entry name='opt/com.example/token'>hunter2</entry></sysinfo>"

      """.replacing("    ", with: "  ").split(separator: "\n").map { "    " + $0.trimmingCharacters(in: .whitespaces) }
      .joined(separator: "\n") + "\n"
    let spec = Self.lab + places
    var host = ImaginedHost()
    host.apply(try host.plan(spec))
    host.start("web")
    let new = host.inventory.domains["web"]?.inactive
    let old = "(secret \(SecretMask.mask("hunter2", .unsalted).dropFirst(8))"
    host.edit("web") { xml in
      xml.update("metadata") { metadata in
        metadata.replaceAllValues { $0.replacing(/\(secret [0-9a-f]{16}\.[0-9a-f]{32}\)/, with: old) }
      }
    }
    let stored = host.inventory.domains["web"]?.inactive
    #expect(stored != new)
    #expect(stored?.serialised().contains(old) == true)
    #expect(try host.plan(spec).isEmpty)
    #expect(HostStatus(recordedOn: host.inventory).isSettled)
    let plan = try host.plan(spec + "    title: other\n")
    #expect(plan.objects.flatMap(\.changes).map(\.field) == ["title"])
    host.apply(plan)
    let record = host.inventory.domains["web"]?.inactive.first("metadata")?.serialised() ?? ""
    #expect(!record.contains(old) && record.contains("(secret 0000000000000000."), "\(record)")
    #expect(try host.plan(spec + "    title: other\n").isEmpty)
  }
}
