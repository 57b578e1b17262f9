// The law of the definition: every difference between an existing domain's definition before and after is among the changes
// shown, or follows from one of them.

import Inventory
import Spec
import Testing
import Vocabulary
import XMLTree

@testable import Planner

@Suite("what an edit changes in an existing definition is among the changes of its plan")
struct DefinitionLawTests {
  /// What fields read in two definitions that no change shows.
  static func unshown(_ before: XMLElement, _ after: XMLElement, _ object: ObjectPlan, _ spec: ObjectSpec) -> [String] {
    var missing: [String] = []
    let changes = object.changes
    func isShown(_ name: String) -> Bool {
      changes.contains { $0.field == name || $0.field.hasPrefix(name + "/") || $0.field.hasPrefix("xml/") }
    }
    for field in Vocabulary.domain.fields {
      guard let lens = field.lens, lens.get(before) != lens.get(after) else { continue }
      let name = Vocabulary.domain.displayName(of: field)
      if !isShown(name) {
        missing.append(
          "\(name): \(lens.get(before)?.description ?? "nothing") → \(lens.get(after)?.description ?? "nothing")")
      }
    }
    var old = before.first("devices").map { Array($0.elements) } ?? []
    var new: [XMLElement] = []
    for device in after.first("devices").map({ Array($0.elements) }) ?? [] {
      if let place = old.firstIndex(of: device) { old.remove(at: place) } else { new.append(device) }
    }
    for device in new {
      // Of these the domain's own fields tell.
      if isOfDomain(device, changes) { continue }
      guard let kind = Vocabulary.domain.collections.first(where: { $0.type.device?.matches(device) ?? false }) else {
        if device.name != "console" || !changes.contains(where: { $0.field == "consoles.serial" }) {
          missing.append("a \(device.name)")
        }
        continue
      }
      let alias = device.value(at: "alias/@name")
      let entry = spec.members(kind.key).first { member in
        kind.type.device.map { DeviceIdentity(of: member, $0).find(in: after) == device } ?? false
      }
      let owner = entry.map { "\(kind.key).\($0.name)" }
      let isRenamed = owner.map { isShown($0 + ".alias") } ?? false
      let place = old.firstIndex {
        $0.name == device.name && (alias == nil || isRenamed || $0.value(at: "alias/@name") == alias)
      }
      guard let place else {
        let isGiven = changes.contains {
          $0.field == owner
            || owner == nil && $0.field.hasPrefix(kind.key + ".") && $0.reason == .default && $0.old == nil
        }
        if !isGiven, !isShown("xml") { missing.append("a new \(owner ?? kind.key)") }
        continue
      }
      let former = old.remove(at: place)
      for field in kind.type.fields {
        guard let lens = field.lens, lens.get(former) != lens.get(device) else { continue }
        let name = kind.type.displayName(of: field)
        let isShown = changes.contains { change in
          owner.map { change.field == $0 || change.field == "\($0).\(name)" || change.field.hasPrefix("\($0).xml") }
            ?? (change.field.hasPrefix(kind.key + ".") && change.field.hasSuffix("." + name))
        }
        if !isShown, !hasFragment(changes) {
          missing.append(
            "\(owner ?? kind.key).\(name): \(lens.get(former)?.description ?? "nothing") → \(lens.get(device)?.description ?? "nothing")"
          )
        }
      }
    }
    for device in old where !isOfDomain(device, changes) {
      guard let kind = Vocabulary.domain.collections.first(where: { $0.type.device?.matches(device) ?? false }) else {
        if device.name != "console" || !changes.contains(where: { $0.field.hasPrefix("serials.") }) {
          missing.append("no more \(device.name)")
        }
        continue
      }
      let isShown = changes.contains { $0.old != nil && $0.field.hasPrefix(kind.key + ".") && $0.new == nil }
      if !isShown, !hasFragment(changes) { missing.append("no more of \(kind.key)") }
    }
    return missing
  }

  /// Whether one of the domain's own fields says a device: of USB controllers it says that there are none.
  private static func isOfDomain(_ device: XMLElement, _ changes: [FieldChange]) -> Bool {
    ["emulator", "redirfilter"].contains(device.name)
      || device.name == "controller" && device[attribute: "type"] == "usb" && changes.contains { $0.field == "usb" }
  }

  private static func hasFragment(_ changes: [FieldChange]) -> Bool {
    changes.contains { $0.field.hasPrefix("xml/") }
  }

  private static let cases = FieldSamples.cases(of: Vocabulary.domain).filter {
    !($0.field.name == "state" && $0.value == .string("absent")) && $0.field.lens != nil
  }

  @Test(
    "for every field and value set and dropped, and every kind of device that comes and goes",
    arguments: [false, true])
  func everyField(isRunning: Bool) throws {
    let base = try stack(ImaginedHost.lab)
    var (tried, seen): (Int, Set<String>) = (0, [])
    // What stands before anything is said is the same for all fields of a kind.
    var beginnings: [String: ImaginedHost?] = [:]
    for sample in Self.cases {
      let (with, without) = (base.having(sample).saying(sample), base.having(sample))
      let kind = sample.collection?.key ?? ""
      if !kind.isEmpty, seen.insert(kind).inserted {
        tried += try Self.check([without, base], from: Self.host(base, isRunning), "\(kind) that comes and goes")
      }
      // How a guest runs makes no difference to what is stored of its devices.
      if isRunning, !kind.isEmpty { continue }
      let beginning = try beginnings[kind] ?? Self.host(without, isRunning)
      beginnings[kind] = .some(beginning)
      tried += try Self.check([with, without], from: beginning, "\(sample)")
    }
    #expect(tried > (isRunning ? 300 : 900), "\(tried)")
  }

  /// A host with a domain; nil where there can be none.
  private static func host(_ spec: StackSpec, _ isRunning: Bool) throws -> ImaginedHost? {
    var host = ImaginedHost()
    guard let plan = try? Plan(for: spec, on: host.inventory) else { return nil }
    host.apply(plan)
    if isRunning { host.start("web") }
    return host
  }

  /// Applies specs one after the other, and returns how many changed the definition.
  private static func check(_ specs: [StackSpec], from host: ImaginedHost?, _ name: String) throws -> Int {
    guard var host else { return 0 }
    var tried = 0
    for spec in specs {
      guard let before = host.inventory.domains["web"]?.inactive,
        let plan = try? Plan(for: spec, on: host.inventory), let object = plan.object("web")
      else { break }
      host.apply(plan)
      guard let after = plan.definition(of: "web")?.xml else { continue }
      tried += 1
      let unshown = unshown(before, after, object, spec.domains[0])
      #expect(unshown.isEmpty, "\(name)")
    }
    return tried
  }

  @Test("a boot order of devices, the sound of a SPICE display, and the console of a serial port beside another")
  func settled() throws {
    var host = ImaginedHost()
    let spice = ImaginedHost.lab + "\n    graphics: { spice: { type: spice } }\n"
    host.apply(try host.plan(spice))
    host.edit("web") { domain in
      domain.update("devices") { $0.append(XMLElement("audio", ["id": "1", "type": "spice"])) }
    }
    let silent = try host.plan(ImaginedHost.lab)
    #expect(silent.change("web", "audios.audio")?.old?.table?["type"] == .string("spice"))
    #expect(silent.change("web", "audios.audio")?.new == nil)
    let ordered = try host.plan(spice.replacing("size: 20 GiB }", with: "size: 20 GiB, boot-order: 1 }"))
    #expect(ordered.change("web", "boot")?.old == .list([.string("hd")]))
    #expect(ordered.change("web", "boot")?.reason == .default)
    let more = try host.plan(spice + "    consoles: { more: { type: pty } }\n")
    #expect(more.change("web", "consoles.serial")?.new?.table?["target.type"] == .string("serial"))
  }
}
