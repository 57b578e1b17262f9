import Diagnostics
import Inventory
import Planner
import Testing
import Vocabulary
import XMLTree

/// A domain of Vireo's own, whose interface is called as the spec says.
private func lab(_ alias: String?, more: String = "") -> String {
  """
  stack: lab
  pools: { vms: { path: /vms } }
  domains:
    web:
      memory: 1 GiB
      disks: { root: { size: 1 GiB } }
      interfaces: { lan: { network: default\(alias.map { ", alias: \($0)" } ?? "") } }
      rngs: { entropy: {} }
      \(more)
  """
}

extension ImaginedHost {
  fileprivate func alias(of kind: String) -> String? {
    inventory.domains["web"]?.inactive.first("devices")?.first(kind)?.value(at: "alias/@name")
  }
}

@Suite("aliases that entries say")
struct AliasTests {
  @Test("every kind of device to which libvirt gives aliases has the field, and a new one is found by it")
  func everyKind() throws {
    for collection in Vocabulary.domain.collections {
      guard let rule = collection.type.device else { continue }
      #expect((collection.type.field("alias") != nil) == rule.hasAlias, "\(collection.key)")
      guard rule.identity == .alias else { continue }
      let lens = try #require(collection.type.field("alias")?.lens)
      var element = rule.template
      element.set("net0", at: "alias/@name")
      #expect(lens.get(element) == nil, "what libvirt makes up is nobody's to say")
      lens.put(.string("ua-mine"), into: &element)
      #expect(lens.get(element) == .string("ua-mine"))
    }
  }

  @Test("a new device is called as its entry says, found again, changed as it runs, and removed")
  func new() throws {
    var host = ImaginedHost()
    let spec = lab("ua-mynic")
    host.apply(try host.plan(spec))
    #expect(host.alias(of: "interface") == "ua-mynic" && host.alias(of: "disk") == "ua-disk-root")
    #expect(try host.plan(spec).isEmpty)
    host.start("web")
    #expect(try host.plan(spec).isEmpty)
    // Whatever else is known of the device changes behind the record's back.
    host.edit("web") { domain in
      domain.update("devices") { devices in
        devices.updateAll("interface") { $0.set("52:54:00:99:99:99", at: "mac/@address") }
      }
    }
    #expect(try host.plan(spec).object("web")?.changes.allSatisfy { $0.old == $0.new } == true)
    let down = spec.replacing("network: default", with: "network: default, link: down")
    #expect(try host.plan(down).change("web", "interfaces.lan.link")?.effect == .live)
    let without = spec.replacing(#/interfaces: .*/#, with: "")
    #expect(try host.plan(without).change("web", "interfaces.lan")?.effect == .live)
  }

  @Test("an alias that changes waits for a restart, and the device is the same one before and after")
  func changed() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab(nil)))
    host.start("web")
    var before = host.alias(of: "interface")
    #expect(before == "ua-interface-lan")
    for alias in ["ua-mynic", "ua-other", "ua-interface-lan"] {
      let plan = try host.plan(lab(alias))
      let change = try #require(plan.change("web", "interfaces.lan.alias"))
      #expect(change.old == before.map(Value.string) && change.new == .string(alias) && change.effect == .nextBoot)
      host.apply(plan)
      #expect(host.inventory.domains["web"]?.inactive.first("devices")?.all("interface").count == 1)
      let waiting = try host.plan(lab(alias))
      #expect(waiting.isEmpty && waiting.object("web")?.changes.isEmpty == true, "\(alias)")
      #expect(waiting.object("web")?.pending.map(\.field) == ["interfaces.lan.alias"], "\(alias)")
      // The device of the running guest is still found, by whatever name it has there.
      let down = lab(alias).replacing("network: default", with: "network: default, link: down")
      #expect(try host.plan(down).change("web", "interfaces.lan.link")?.effect == .live, "\(alias)")
      host.start("web")
      #expect(try host.plan(lab(alias)).object("web")?.pending.isEmpty == true, "\(alias)")
      before = alias
    }
  }

  @Test("an alias that the spec no longer says stays, and the device is still found")
  func dropped() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab("ua-mynic")))
    host.apply(try host.plan(lab(nil)))
    #expect(host.alias(of: "interface") == "ua-mynic")
    #expect(host.inventory.domains["web"]?.inactive.first("devices")?.all("interface").count == 1)
    #expect(try host.plan(lab(nil)).isEmpty)
  }

  @Test("an entry takes the device that has its alias, whatever it was called before")
  func renamedEntry() throws {
    var host = ImaginedHost()
    host.apply(try host.plan(lab("ua-mynic")))
    let renamed = lab("ua-mynic, mac: \"52:54:00:01:02:03\"").replacing("lan:", with: "wan:")
    host.apply(try host.plan(renamed))
    #expect(host.inventory.domains["web"]?.inactive.first("devices")?.all("interface").count == 1)
    #expect(host.alias(of: "interface") == "ua-mynic")
    #expect(try host.plan(renamed).isEmpty)
  }

  @Test("an override of QEMU's that names the alias needs no warning; one that names nobody's has the remedy")
  func overrides() throws {
    let override = "qemu: { override: { ua-mynic: { host_mtu: { type: unsigned, value: '1400' } } } }"
    let host = ImaginedHost()
    #expect(try host.plan(lab("ua-mynic", more: override)).notes.allSatisfy { $0.rule != "unknown-alias" })
    let note = try host.plan(lab(nil, more: override)).notes.first { $0.rule == "unknown-alias" }
    #expect(note?.suggestion?.contains("alias: ua-mynic") == true)
  }

  /// Every field that names a device by its alias, with a spec of it.
  private static let references: [(field: String, shown: String, spec: @Sendable (String) -> String)] = [
    (
      "qemu.override", "qemu.override",
      { "qemu: { override: { \($0): { host_mtu: { type: unsigned, value: '1400' } } } }" }
    ),
    (
      "interfaces.teaming.persistent", "interfaces.spare.teaming.persistent",
      { "interfaces: { spare: { type: user, teaming: { type: transient, persistent: \($0) } } }" }
    ),
    (
      "hostdevs.teaming.persistent", "hostdevs.spare.teaming.persistent",
      {
        "hostdevs: { spare: { type: pci, source: { pci: '0000:03:10.0' }, teaming: { type: transient, persistent: \($0) } } }"
      }
    ),
  ]

  @Test("an alias that a field names and no device has is told, at its place, whichever field it is")
  func unknownAliases() throws {
    let known = Vocabulary.domain.collections.filter { $0.type.device != nil }
      .flatMap { kind in kind.type.fields.filter(\.type.namesDevices).map { "\(kind.key).\($0.name)" } }
    let own = Vocabulary.domain.fields.filter(\.type.namesDevices).map(\.name)
    #expect(Set(known + own) == Set(Self.references.map(\.field)))
    // What says that it is an alias is one.
    let telling = Vocabulary.domain.collections.flatMap { kind in
      kind.type.fields.filter { $0.summary.hasPrefix("The alias of") }.map { "\(kind.key).\($0.name)" }
    }
    #expect(Set(telling).isSubset(of: known))
    for (field, shown, spec) in Self.references {
      func plan(_ alias: String) throws -> Plan {
        let text =
          "stack: lab\ndomains:\n  web:\n    type: qemu\n    memory: 1 GiB\n    rngs: { entropy: { alias: ua-mine } }\n"
        return try ImaginedHost().plan(text + "    \(spec(alias))\n")
      }
      // libvirt makes up the others when it defines the domain.
      for alias in ["ua-mine", "net0"] {
        #expect(try plan(alias).notes.allSatisfy { $0.rule != "unknown-alias" }, "\(field) \(alias)")
      }
      let notes = try plan("ua-yours").notes.filter { $0.rule == "unknown-alias" }
      #expect(notes.map(\.message) == ["`\(shown)` names the alias ua-yours, and no device of the domain has it"])
      #expect(notes.first?.range?.start.line == 7, "\(field)")
      #expect(notes.first?.suggestion?.contains("alias: ua-yours") == true)
    }
  }

  @Test(
    "two devices cannot have one alias",
    arguments: [
      ("rngs: { entropy: {} }", "rngs: { entropy: { alias: ua-mynic } }"),
      ("rngs: { entropy: {} }", "rngs: { a: { alias: ua-rng-b }, b: {} }"),
      ("rngs: { entropy: {} }", "memballoons: { main: { alias: ua-mynic } }"),
    ])
  func unique(old: String, new: String) throws {
    let spec = lab("ua-mynic").replacing(old, with: new)
    #expect(SpecText.load(spec).rules == ["conflict"])
  }

  @Test("only what libvirt keeps is an alias", arguments: ["net0", "mynic", "ua-", "ua-a.b", "ua-ä", "UA-x"])
  func notAnAlias(text: String) {
    #expect(SpecText.load(lab(text)).rules == ["bad-value"])
  }
}
