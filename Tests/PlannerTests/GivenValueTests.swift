// The law of what is given: whatever a field of the language reads in a new definition is shown by its plan, though the spec
// does not say it.

import Diagnostics
import Inventory
import Spec
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("what a new domain is given is shown by its plan")
struct GivenValueTests {
  /// The values of a definition that no change shows.
  static func unshown(_ plan: Plan, _ spec: StackSpec) throws -> [String] {
    guard let object = plan.object("web"), let xml = plan.definition(of: "web")?.xml else { return ["no definition"] }
    let domain = spec.domains[0]
    let changes = Dictionary(grouping: object.changes, by: \.field)
    var missing: [String] = []
    func isInFragment(_ field: Field, _ value: Value, of object: ObjectSpec?) -> Bool {
      guard let fragment = object?[.xml] else { return false }
      return field.lens?.get(fragment.root) == value
    }
    /// Reads with all lenses, whatever places they say.
    func values(_ type: ObjectType, _ element: XMLElement) -> [(Field, Value)] {
      type.fields.compactMap { field in
        guard let lens = field.lens, let value = lens.get(element), value != lens.get(XMLElement(element.name)) else {
          return nil
        }
        return (field, value)
      }
    }
    for (field, value) in values(domain.type, xml) where !isInFragment(field, value, of: domain) {
      let name = domain.type.displayName(of: field)
      let shown = changes[name]?.last
      if shown == nil || domain.settings[field] == nil && shown?.new != value { missing.append("\(name): \(value)") }
    }
    // Root ports differ in nothing but their numbers.
    let devices = xml.first("devices").map { Array($0.elements) } ?? []
    let isPort = { (device: XMLElement) in device[attribute: "model"] == "pcie-root-port" }
    for element in devices.filter({ !isPort($0) }) + devices.filter(isPort).suffix(1) {
      guard let kind = domain.type.collections.first(where: { $0.type.device?.matches(element) ?? false }) else {
        continue
      }
      let entry = domain.members(kind.key).first { device in
        kind.type.device.map { DeviceIdentity(of: device, $0).find(in: xml) == element } ?? false
      }
      for (field, value) in values(kind.type, element) where !isInFragment(field, value, of: entry) {
        let name = kind.type.displayName(of: field)
        if let entry {
          // What the entry says is told in the words of the device.
          if entry.settings[field] != nil { continue }
          let shown = changes["\(kind.key).\(entry.name).\(name)"]?.last
          if shown?.new != value { missing.append("\(kind.key).\(entry.name).\(name): \(value)") }
        } else {
          let isShown = object.changes.contains { change in
            change.field.hasPrefix(kind.key + ".") && change.reason == .default && change.new?.table?[name] == value
          }
          if !isShown, domain[.xml] == nil { missing.append("\(kind.key): \(name) \(value)") }
        }
      }
    }
    return missing
  }

  @Test("for every field and value, with Vireo's defaults and libvirt's")
  func everyField() throws {
    var tried = 0
    for text in [ImaginedHost.lab, ImaginedHost.lab + "\n    defaults: libvirt\n"] {
      let base = try stack(text)
      var seen: Set<String> = []
      for sample in FieldSamples.cases(of: Vocabulary.domain) where sample.value != .string("absent") {
        // One value of each field.
        guard seen.insert("\(sample.collection?.key ?? "").\(sample.field.name)").inserted else { continue }
        let spec = base.having(sample).saying(sample)
        guard let plan = try? Plan(for: spec, on: ImaginedHost().inventory) else { continue }
        tried += 1
        let unshown = try Self.unshown(plan, spec)
        #expect(unshown.isEmpty, "\(sample)")
      }
    }
    #expect(tried > 700, "\(tried)")
  }

  @Test("identities, hardware and devices that the spec leaves out, and of numbered devices each one")
  func whole() throws {
    let plan = try ImaginedHost().plan(ImaginedHost.lab)
    let xml = try #require(plan.definition(of: "web")).xml
    for (name, path) in [
      ("uuid", "uuid"), ("machine", "os/type/@machine"), ("disks.root.serial", "devices/disk/serial"),
      ("interfaces.lan.mac", "devices/interface/mac/@address"), ("disks.root.target", "devices/disk/target/@dev"),
    ] {
      let change = try #require(plan.change("web", name), "\(name)")
      #expect(change.new?.description == xml.value(at: XMLPath(stringLiteral: path)))
      #expect(change.reason == .default)
    }
    let controllers = plan.object("web")?.changes.filter { $0.field.hasPrefix("controllers.") } ?? []
    #expect(controllers.count == xml.first("devices")?.all("controller").count)
  }

  @Test("a device that an existing domain gets is shown with what it is given, and with the controller that it needs")
  func newDevice() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(ImaginedHost.lab))
    let plan = try host.plan(
      ImaginedHost.lab.replacing(
        "size: 20 GiB } }", with: "size: 20 GiB }, more: { size: 1 GiB, bus: scsi } }"))
    #expect(plan.change("web", "disks.more.target")?.new == .string("sda"))
    #expect(plan.change("web", "disks.more.serial")?.reason == .default)
    #expect(plan.change("web", "controllers.scsi-0")?.new?.table?["model"] == .string("virtio-scsi"))
    host.apply(plan)
    #expect(host.inventory.domains["web"] != nil)
  }

  @Test("a disk on another bus shows the target that it is given")
  func retargeted() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(ImaginedHost.lab))
    let plan = try host.plan(ImaginedHost.lab.replacing("size: 20 GiB }", with: "size: 20 GiB, bus: sata }"))
    #expect(plan.change("web", "disks.root.target")?.old == .string("vda"))
    #expect(plan.change("web", "disks.root.target")?.new == .string("sda"))
  }

  @Test("networks and pools show theirs")
  func others() throws {
    var host = ImaginedHost()
    host.inventory.networks = [:]
    let text = "stack: lab\nnetworks: { lan: { mode: nat, address: 10.10.0.1/24 } }\n"
    let base = try stack(text)
    for sample in FieldSamples.cases(of: Vocabulary.network) {
      var spec = base
      spec.networks[0].settings[sample.field] = Setting(sample.value, at: base.networks[0].range)
      guard let plan = try? Plan(for: spec, on: host.inventory), let object = plan.objects.first else { continue }
      for case .defineNetwork(let definition) in plan.actions.map(\.operation) {
        for field in Vocabulary.network.fields {
          guard let lens = field.lens, let value = lens.get(definition.xml), lens.get(XMLElement("network")) != value
          else { continue }
          let name = Vocabulary.network.displayName(of: field)
          let isShown = object.changes.contains { $0.field == name || $0.field.hasPrefix("xml/") }
          #expect(isShown, "\(sample): \(name) \(value)")
        }
      }
    }
  }
}

@Suite("what stands under the name of a new disk, and what a saved guest resumes with")
struct FoundFileTests {
  @Test("a file with several names is refused for a new disk, whatever its size, and for a new volume")
  func linked() throws {
    var host = ImaginedHost()
    for size in [1, 2] as [UInt64] {
      var top = image("/vms/web.data.qcow2", size: size << 30)
      top.hasOtherNames = true
      host.inventory.files["/vms/web.data.qcow2"] = .image(ImaginedHost.chain([top]))
      let spec = try stack(
        "stack: lab\npools: { vms: { path: /vms } }\n"
          + "domains: { web: { memory: 1 GiB, disks: { data: { size: 2 GiB } } } }\n")
      let plan = try Plan(for: spec, on: host.inventory, refusingObjects: true)
      #expect(plan.object("web")?.verb == .refused)
      #expect(plan.object("web")?.problems.map(\.rule) == ["linked-file"])
      top.hasOtherNames = false
      host.inventory.files["/vms/web.data.qcow2"] = .image(ImaginedHost.chain([top]))
      #expect(try Plan(for: spec, on: host.inventory, refusingObjects: true).object("web")?.verb == .create)
    }
    var top = image("/vms/share.qcow2", size: 1 << 30)
    top.hasOtherNames = true
    host.inventory.files["/vms/share.qcow2"] = .image(ImaginedHost.chain([top]))
    let spec = try stack(
      "stack: lab\npools: { vms: { path: /vms } }\nvolumes: { share: { pool: vms, size: 1 GiB } }\n")
    let plan = try Plan(for: spec, on: host.inventory, refusingObjects: true)
    #expect(plan.refused.flatMap(\.problems).map(\.rule) == ["linked-file"])
  }

  @Test("fields and devices that a saved guest resumes without wait, by name, and no other")
  func saved() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(ImaginedHost.lab))
    host.inventory.domains["web"]?.hasManagedSave = true
    let stored = host.inventory.domains["web"]?.inactive
    host.inventory.domains["web"]?.saved = stored
    #expect(try host.plan(ImaginedHost.lab).object("web")?.pending == [])
    let changed = ImaginedHost.lab.replacing("memory: 1 GiB", with: "memory: 2 GiB")
      .replacing("lan: { type: user }", with: "lan: { type: user }, wan: { type: user }")
    host.apply(try host.plan(changed))
    host.inventory.domains["web"]?.hasManagedSave = true
    host.inventory.domains["web"]?.saved = try ImaginedHost().plan(ImaginedHost.lab).definition(of: "web")?.xml
    let plan = try host.plan(changed)
    #expect(plan.isEmpty)
    #expect(
      plan.object("web")?.pending == [
        PendingValue("memory", running: .bytes(1 << 30), stored: .bytes(2 << 30), isSaved: true),
        PendingValue("interfaces.wan", running: nil, stored: .string("interface"), isSaved: true),
      ])
  }

  @Test("what is to be gone needs no memory; an unknown key names the nearest few")
  func shortMessages() throws {
    #expect(try stack("stack: lab\ndomains: { web: { state: absent } }\n").domains.count == 1)
    #expect(SpecText.load("stack: lab\ndomains: { web: { state: stopped } }\n").rules == ["missing-key"])
    let result = SpecLoader().load([
      SourceFile(path: "/specs/lab.yaml", text: "stack: lab\ndomains: { web: { memory: 1 GiB, zqwxv: 1 } }\n")
    ])
    let suggestion = try #require(result.diagnostics.first { $0.rule == "unknown-key" }?.suggestion)
    #expect(suggestion.utf8.count < 140 && suggestion.contains("`vireo explain domains`"), "\(suggestion)")
  }
}
