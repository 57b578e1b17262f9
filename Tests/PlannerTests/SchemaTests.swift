// What libvirt's schemas have against definitions is found while planning, and nobody innocent is blamed for it.

import Diagnostics
import Inventory
import Spec
import TestSupport
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("libvirt's schemas, while planning", .enabled(if: InstalledSchema.isInstalled, "needs libvirt's schemas"))
struct SchemaTests {
  private static let schemas = DefinitionSchemas()

  private static func lab(domain: String = "", disk: String = "", interface: String = "", more: String = "") -> String {
    """
    stack: lab
    pools: { vms: { path: /vms } }
    domains:
      other: { type: qemu, memory: 1 GiB }
      web:
        type: qemu
        memory: 1 GiB
        disks: { root: { size: 20 GiB\(disk) } }
        interfaces: { lan: { type: user\(interface) } }
        \(domain)
    \(more)
    """
  }

  private static func plan(_ text: String, on host: ImaginedHost = ImaginedHost()) throws -> Plan {
    try Plan(for: stack(text), on: host.inventory, schemas: schemas, refusingObjects: true)
  }

  private static func problems(_ plan: Plan) -> [Diagnostic] { plan.refused.flatMap(\.problems) }

  /// A host with a domain that somebody has edited.
  private static func host(_ text: String, _ change: (inout XMLElement) -> Void) throws -> ImaginedHost {
    var host = ImaginedHost()
    host.apply(try host.plan(text))
    host.edit("web", change)
    return host
  }

  // MARK: What is refused

  @Test(
    "an object is refused by itself, with the field, its line and a remedy",
    arguments: [
      (lab(domain: "xml: <memtune><soft>2</soft></memtune>"), "`xml`: `memtune/soft`", 10),
      (lab(interface: ", xml: <tune><sendbuf>16</sendbuf></tune>"), "`interfaces.lan.xml`: `tune/sendbuf`", 9),
      (lab(disk: ", xml: \"<driver colour='red'/>\""), "`disks.root.xml`: `driver/@colour`", 8),
      (lab(domain: "xml: <devices><toaster/></devices>"), "`xml`: `devices/toaster`", 10),
    ])
  func refused(text: String, part: String, line: Int) throws {
    let plan = try Self.plan(text)
    #expect(plan.refused.map(\.object.name) == ["web"])
    let problem = try #require(Self.problems(plan).first)
    #expect(Self.problems(plan).count == 1)
    #expect(problem.message == "libvirt's schema does not allow this \(part)")
    #expect(problem.range?.start.line == line && problem.suggestion != nil)
    #expect(plan.actions.contains { $0.object.name == "other" })
  }

  @Test("what a spec says is accepted, adopted and changed")
  func accepted() throws {
    var host = ImaginedHost()
    for text in [Self.lab(), Self.lab(domain: "vcpus: 2"), Self.lab(domain: "xml: <memtune/>")] {
      let plan = try Self.plan(text, on: host)
      #expect(plan.refused.isEmpty, "\(Self.problems(plan))")
      host.apply(plan)
    }
  }

  @Test("two faults are both told")
  func several() throws {
    let plan = try Self.plan(
      Self.lab(
        domain: "xml: <memtune><soft>2</soft></memtune>", interface: ", xml: <tune><sendbuf>16</sendbuf></tune>"))
    #expect(Self.problems(plan).count == 2)
  }

  @Test("one mistake of many different domains is told at each of them, and another one is told apart")
  func many() throws {
    let domains = (1...40).map { number in
      let mistake = number % 4 == 0 ? "<blkiotune><bogus/></blkiotune>" : "<memtune><soft>2</soft></memtune>"
      return "  d\(number): { type: qemu, memory: \(100 + number) MiB, xml: \(mistake) }\n"
    }
    let plan = try Self.plan("stack: lab\ndomains:\n" + domains.joined())
    for (number, object) in zip(1..., plan.refused) {
      let part = number % 4 == 0 ? "blkiotune/bogus" : "memtune/soft"
      #expect(object.problems.map(\.message) == ["libvirt's schema does not allow this `xml`: `\(part)`"])
    }
    #expect(plan.refused.count == 40)
  }

  // MARK: Who it was

  /// The faults that are found in the domain's own part of a definition.
  private static func faults(_ text: String, _ change: (inout XMLElement) -> Void) throws -> [SchemaFault] {
    let spec = try stack(text)
    let plan = try Plan(for: spec, on: ImaginedHost().inventory)
    var definition = try #require(
      plan.actions.lazy.compactMap { action -> XMLElement? in
        if case .defineDomain(let definition) = action.operation, definition.identity.name == "web" {
          definition.xml
        } else {
          nil
        }
      }.first)
    change(&definition)
    let devices = Vocabulary.domain.collections.flatMap { collection in
      spec.domains.first { $0.name == "web" }?.members(collection.key).compactMap { device in
        collection.type.device.flatMap { DeviceIdentity(of: device, $0).find(in: definition) }
          .map { (key: "\(collection.key).\(device.name)", object: device, element: $0) }
      } ?? []
    }
    return SchemaSearch(accepts: schemas.accepts).faults(
      in: try #require(spec.domains.first { $0.name == "web" }), devices, of: definition)
  }

  @Test("timers of a clock without an offset are not to blame: the offset is missing")
  func missing() throws {
    let found = try Self.faults(Self.lab(domain: "clock: { timers: { hpet: { present: false } } }")) { domain in
      domain.update("clock") { $0[attribute: "offset"] = nil }
    }
    #expect(found == [SchemaFault(owner: "", field: "clock.timers", reason: .missing("clock.offset"))])
  }

  @Test("a relative loader is not the fault of devices")
  func loader() throws {
    let found = try Self.faults(Self.lab()) { domain in
      domain.update("os") { $0.append(XMLElement("loader", text: "hvmloader")) }
    }
    #expect(found == [SchemaFault(owner: "", field: nil, reason: .value(place: nil))])
  }

  @Test("two parts of which the schema allows each are told as such")
  func company() throws {
    let found = try Self.faults(Self.lab(domain: "vsocks: { a: {} }")) { domain in
      domain.update("devices") { devices in devices.append(XMLElement("vsock", ["model": "virtio"])) }
    }
    #expect(found == [SchemaFault(owner: "vsocks.a", field: nil, reason: .company)])
  }

  // MARK: What was so before

  @Test("what the host has already is nothing that a change is refused for")
  func before() throws {
    let text = Self.lab(domain: "title: one")
    let host = try Self.host(text) { domain in
      domain.update("os") { $0.append(XMLElement("loader", text: "hvmloader")) }
      domain.update("devices") { devices in
        devices.updateAll("disk") { $0.append(XMLElement("colour", text: "red")) }
        devices.append(XMLElement("toaster"))
      }
    }
    #expect(try Self.plan(Self.lab(domain: "title: two"), on: host).refused.isEmpty)
    // What makes it worse is.
    let worse = try Self.plan(
      Self.lab(interface: ", xml: <tune><sendbuf>16</sendbuf></tune>"), on: host)
    #expect(
      Self.problems(worse).map(\.message) == [
        "libvirt's schema does not allow this `interfaces.lan.xml`: `tune/sendbuf`"
      ])
  }

  @Test("what was read off another host may be what libvirt holds and its schema refuses: a warning")
  func imported() throws {
    let plan = try Self.plan(Self.lab(domain: "defaults: libvirt\n    xml: <memtune><soft>2</soft></memtune>"))
    #expect(plan.refused.isEmpty)
    let warning = plan.notes.first { $0.rule == SchemaCheck.rule }
    #expect(warning?.severity == .warning && warning?.message.contains("`memtune/soft`") ?? false, "\(plan.notes)")
  }

  // MARK: Networks and pools

  @Test("a fragment of a network is warned of, for libvirt keeps values that its schema refuses")
  func networks() throws {
    var host = ImaginedHost()
    host.inventory.networks = [:]
    let text = "stack: lab\nnetworks: { lan: { xml: <bogus/> }, odd: { domain: NAT_NETWORK } }\n"
    let plan = try Self.plan(text, on: host)
    #expect(plan.refused.isEmpty)
    #expect(
      plan.notes.filter { $0.rule == SchemaCheck.rule }.map(\.message) == [
        "libvirt's schema does not allow this `xml`: `bogus`"
      ])
  }

  @Test("a pool is refused")
  func pools() throws {
    var host = ImaginedHost()
    host.inventory.pools = [:]
    let plan = try Self.plan("stack: lab\npools: { vms: { path: /vms, xml: <bogus/> } }\n", on: host)
    #expect(Self.problems(plan).map(\.message) == ["libvirt's schema does not allow this `xml`: `bogus`"])
  }

  @Test("without schemas nothing is checked")
  func none() throws {
    let text = Self.lab(domain: "xml: <memtune><soft>2</soft></memtune>")
    let schemas = DefinitionSchemas(folder: "/nonexistent")
    let plan = try Plan(for: stack(text), on: ImaginedHost().inventory, schemas: schemas, refusingObjects: true)
    #expect(plan.refused.isEmpty)
  }
}
