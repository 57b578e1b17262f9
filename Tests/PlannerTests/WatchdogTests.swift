// Watchdogs on a host whose libvirt adds the board's own by itself, and on one whose libvirt does not.

import Planner
import Testing
import Vocabulary
import XMLTree

@Suite("watchdogs have one action between them")
struct WatchdogTests {
  private static func spec(_ watchdogs: String = "") -> String {
    "stack: lab\ndomains: { web: { memory: 1 GiB, watchdogs: { \(watchdogs) } } }\n"
  }

  /// Does what libvirt from 9.1 on does to each definition of a q35 board, and refuses what it refuses.
  private static func store(_ plan: Plan, on host: inout ImaginedHost) {
    host.apply(plan)
    host.edit("web") { xml in
      let watchdogs = xml.first("devices")?.all("watchdog") ?? []
      let actions = Set(watchdogs.map { $0[attribute: "action"] ?? "reset" })
      #expect(actions.count <= 1, "libvirt: watchdogs with different actions are not supported")
      let models = watchdogs.compactMap { $0[attribute: "model"] }.filter { $0 != "i6300esb" }
      #expect(Set(models).count == models.count, "libvirt: can only have one watchdog with model")
      guard !models.contains("itco") else { return }
      xml.update("devices") {
        $0.append(XMLElement("watchdog", ["model": "itco", "action": actions.first ?? "reset"]))
      }
    }
  }

  private static func actions(_ host: ImaginedHost) -> [String] {
    (host.inventory.domains["web"]?.inactive.first("devices")?.all("watchdog") ?? []).map {
      "\($0[attribute: "model"] ?? "?") \($0[attribute: "action"] ?? "reset")"
    }.sorted()
  }

  private static let wishes = [
    "", "dog: { model: i6300esb }", "dog: { model: i6300esb, action: reset }",
    "dog: { model: i6300esb, action: poweroff }", "dog: { model: i6300esb, action: none }",
    "board: { model: itco, action: pause }", "board: { model: itco, action: reset }",
    "board: { model: itco }, dog: { model: i6300esb, action: dump }",
  ]

  @Test("from any wish to any other, libvirt accepts the definition and one apply is enough", arguments: wishes, wishes)
  func changes(first: String, second: String) throws {
    var host = ImaginedHost()
    let initial = try host.plan(Self.spec())
    Self.store(initial, on: &host)
    let untouched = Self.actions(host)
    for wish in [first, second] {
      let plan = try host.plan(Self.spec(wish))
      let before = Self.actions(host)
      Self.store(plan, on: &host)
      #expect(Self.actions(host) == before || !(plan.object("web")?.changes.isEmpty ?? true), "a change nobody sees")
      let again = try host.plan(Self.spec(wish))
      #expect(again.isEmpty, "\(wish): \(again.object("web")?.changes.map(\.field) ?? [])")
    }
    Self.store(try host.plan(Self.spec()), on: &host)
    #expect(Self.actions(host) == untouched)
  }

  @Test("what the board's watchdog gets because another one asks for it is shown")
  func shown() throws {
    var host = ImaginedHost()
    Self.store(try host.plan(Self.spec()), on: &host)
    let plan = try host.plan(Self.spec("dog: { model: i6300esb, action: poweroff }"))
    let change = try #require(plan.change("web", "watchdogs.itco.action"))
    #expect(change.old == .string("reset") && change.new == .string("poweroff"))
  }

  @Test("an action that somebody gave the board's watchdog is kept, and a new one follows it")
  func foreign() throws {
    var host = ImaginedHost()
    Self.store(try host.plan(Self.spec()), on: &host)
    host.edit("web") { $0.set("none", at: "devices/watchdog/@action") }
    #expect(try host.plan(Self.spec()).isEmpty)
    Self.store(try host.plan(Self.spec("dog: { model: i6300esb }")), on: &host)
    #expect(Self.actions(host) == ["i6300esb none", "itco none"])
  }

  @Test("a libvirt that writes down what is declared only gets that and no more")
  func older() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(Self.spec()))
    #expect(Self.actions(host) == [])
    for action in ["poweroff", "pause"] {
      host.apply(try host.plan(Self.spec("dog: { model: i6300esb, action: \(action) }")))
      #expect(Self.actions(host) == ["i6300esb \(action)"])
    }
    host.apply(try host.plan(Self.spec()))
    #expect(Self.actions(host) == [])
  }

  @Test("into a running guest one is plugged only with the action that QEMU has", arguments: ["reset", "poweroff"])
  func running(action: String) throws {
    var host = ImaginedHost()
    Self.store(try host.plan(Self.spec()), on: &host)
    host.edit("web") { xml in
      xml.update("devices") { $0.append(XMLElement("controller", ["type": "pci", "model": "pcie-to-pci-bridge"])) }
    }
    host.start("web")
    let plan = try host.plan(Self.spec("dog: { model: i6300esb, action: \(action) }"))
    #expect(plan.change("web", "watchdogs.dog")?.effect == (action == "reset" ? .live : .nextBoot))
  }
}
