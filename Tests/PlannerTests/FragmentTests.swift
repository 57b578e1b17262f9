import Diagnostics
import Planner
import Spec
import Testing
import Vocabulary
import XMLTree

private let fragment = "<memtune><swap_hard_limit unit='GiB'>2</swap_hard_limit></memtune>"

private func lab(domain: String = "", interface: String = "") -> String {
  """
  stack: lab
  domains:
    web:
      memory: 1 GiB
      \(domain)
      interfaces: { lan: { network: default, model: virtio\(interface) } }
  """
}

private let plain = lab()
private let withFragment = lab(domain: "xml: \"\(fragment)\"")

/// What a spec says in libvirt's own XML is planned as a field is.
@Suite("planning libvirt's own XML")
struct FragmentTests {
  private func host(_ spec: String) throws -> ImaginedHost {
    var host = ImaginedHost()
    host.apply(try host.plan(spec))
    return host
  }

  @Test("is merged and shown place by place, recorded, and then as it should be")
  func merged() throws {
    var host = try host(plain)
    let plan = try host.plan(withFragment)
    let change = try #require(plan.object("web")?.changes.first)
    #expect(plan.object("web")?.changes.count == 1)
    #expect(change.field == "xml/memtune" && change.old == nil && change.reason == .spec)
    #expect(change.new?.description.contains("swap_hard_limit") == true)
    #expect(change.range?.start.line == 5)
    let xml = try #require(plan.definition(of: "web")).xml
    #expect(xml.value(at: "memtune/swap_hard_limit") == "2" && xml.value(at: "memtune/swap_hard_limit/@unit") == "GiB")
    host.apply(plan)
    // libvirt writes the same amount down in another unit.
    host.edit("web") { xml in
      xml.set("2097152", at: "memtune/swap_hard_limit")
      xml.set("KiB", at: "memtune/swap_hard_limit/@unit")
    }
    #expect(try host.plan(withFragment).isEmpty)
  }

  @Test("what was edited by hand is drift, and is put right")
  func drift() throws {
    var host = try host(withFragment)
    host.edit("web") { $0.set("1", at: "memtune/swap_hard_limit") }
    let plan = try host.plan(withFragment)
    let change = try #require(plan.change("web", "xml/memtune/swap_hard_limit"))
    #expect(change.reason == .drift && change.old == .string("1") && change.new == .string("2"))
    host.apply(plan)
    #expect(try host.plan(withFragment).isEmpty)
  }

  @Test("is taken back when the spec says it no more, and nothing else with it")
  func dropped() throws {
    var host = try host(withFragment)
    host.edit("web") { $0.set("4096", at: "memtune/hard_limit") }
    let plan = try host.plan(plain)
    #expect(plan.object("web")?.changes.map(\.reason) == [.dropped])
    let xml = try #require(plan.definition(of: "web")).xml
    #expect(!xml.exists(at: "memtune/swap_hard_limit") && xml.value(at: "memtune/hard_limit") == "4096")
    host.apply(plan)
    #expect(try host.plan(plain).isEmpty)
  }

  @Test("what somebody else wrote is not taken back")
  func notOurs() throws {
    var host = try host(plain)
    host.edit("web") { $0.set("2", at: "memtune/swap_hard_limit") }
    #expect(try host.plan(plain).isEmpty)
  }

  @Test("a value that is so already is recorded, and taken back later")
  func recorded() throws {
    var host = try host(plain)
    host.edit("web") { xml in
      xml.set("2", at: "memtune/swap_hard_limit")
      xml.set("GiB", at: "memtune/swap_hard_limit/@unit")
    }
    let plan = try host.plan(withFragment)
    #expect(plan.change("web", "xml")?.detail == "unchanged; now recorded")
    host.apply(plan)
    #expect(try host.plan(withFragment).isEmpty)
    #expect(try host.plan(plain).object("web")?.changes.map(\.reason) == [.dropped])
  }

  @Test("on a device it stays with the device, whatever its place")
  func device() throws {
    var host = try host(plain)
    let spec = lab(interface: ", xml: \"<tune><sndbuf>1600</sndbuf></tune>\"")
    let plan = try host.plan(spec)
    #expect(plan.object("web")?.changes.map(\.field) == ["interfaces.lan.xml/tune"])
    host.apply(plan)
    #expect(host.inventory.domains["web"]?.inactive.value(at: "devices/interface/tune/sndbuf") == "1600")
    #expect(try host.plan(spec).isEmpty)
    host.apply(try host.plan(plain))
    #expect(host.inventory.domains["web"]?.inactive.exists(at: "devices/interface/tune") == false)
  }

  @Test("a fragment that contradicts a field is refused at its line, with both values")
  func conflict() throws {
    let text = lab(domain: "xml: \"<memory unit='GiB'>3</memory>\"")
    let diagnostics = SpecLoader().load([SourceFile(path: "/specs/lab.yaml", text: text)]).diagnostics
    let problem = try #require(diagnostics.first)
    #expect(diagnostics.count == 1 && problem.rule == "conflict" && problem.range?.start.line == 5)
    #expect(problem.message == "`xml` makes memory 3 GiB, but the field is 1 GiB")
  }

  @Test("a password is neither shown nor recorded")
  func password() throws {
    var host = try host(plain)
    let spec = lab(domain: "xml: \"<devices><graphics type='vnc' port='-1' passwd='secret'/></devices>\"")
    let plan = try host.plan(spec)
    for change in plan.object("web")?.changes ?? [] {
      #expect(change.new?.description.contains("secret") != true)
    }
    host.apply(plan)
    let xml = try #require(host.inventory.domains["web"]?.inactive)
    #expect(xml.value(at: "devices/graphics/@passwd") == "secret")
    #expect(xml.first("metadata")?.serialised().contains("secret") == false)
    #expect(try host.plan(spec).isEmpty)
  }

  /// Places in libvirt's own XML where secrets are.
  private static let secretPlaces =
    xmlPlaces.map { "xml: \"\($0)\"" } + [
      "qemu: { env: { TOKEN: hunter2 } }",
      "qemu: { args: ['-fw_cfg', 'name=opt/x,string=hunter2'] }",
      "qemu: { args: ['-object', '{\"qom-type\":\"secret\",\"id\":\"s\",\"data\":\"hunter2\"}'] }",
      "qemu: { args: ['-smbios', 'type=11,value=io.systemd.credential:token=hunter2'] }",
      "fwcfg: { opt/com.example/token: { value: hunter2 } }",
      "smbios: { oem-strings: ['io.systemd.credential.binary:token=hunter2'] }",
    ]

  private static let xmlPlaces = [
    "<qemu:commandline><qemu:env name='TOKEN' value='hunter2'/></qemu:commandline>",
    "<sysinfo type='fwcfg'><entry name='opt/com.example/token'>hunter2</entry></sysinfo>",
    "<qemu:commandline><qemu:arg value='-fw_cfg'/><qemu:arg value='name=opt/x,string=hunter2'/></qemu:commandline>",
    "<qemu:commandline><qemu:arg value='-object'/><qemu:arg value='secret,id=s,data=hunter2'/></qemu:commandline>",
    "<sysinfo type='smbios'><oemStrings><entry>io.systemd.credential:token=hunter2</entry></oemStrings></sysinfo>",
  ]

  @Test(
    "a secret in a known place is stored, neither shown nor recorded, noticed when it changes, and taken back",
    arguments: secretPlaces)
  func secrets(place: String) throws {
    var host = try host(plain)
    let before = try #require(host.inventory.domains["web"]?.inactive)
    func spec(_ secret: String) -> String {
      lab(domain: place.replacing("hunter2", with: secret))
    }
    func apply(_ text: String, hiding secrets: String...) throws {
      let plan = try host.plan(text)
      let changes = plan.object("web")?.changes ?? []
      #expect(!changes.isEmpty)
      for change in changes {
        for secret in secrets { #expect(!"\(change)".contains(secret), "\(change)") }
      }
      host.apply(plan)
      for secret in secrets {
        let record = host.inventory.domains["web"]?.inactive.first("metadata")?.serialised() ?? ""
        #expect(!record.contains(secret), "\(record)")
      }
      #expect(try host.plan(text).isEmpty)
      // A record without its spec tells the same.
      for stack in RecordedStack.all(on: host.inventory) {
        #expect(try Plan(for: stack, on: host.inventory).object("web")?.changes == [])
      }
    }
    try apply(spec("hunter2"), hiding: "hunter2")
    #expect(host.inventory.domains["web"]?.inactive.serialised().contains("hunter2") == true)
    try apply(spec("correct horse"), hiding: "hunter2", "correct horse")
    // Changed by hand, it is drift.
    let text = try #require(host.inventory.domains["web"]?.inactive.serialised())
    host.edit("web") { $0 = $0.replacing("correct horse", with: "battery") }
    let drift = try host.plan(spec("correct horse"))
    #expect(drift.object("web")?.changes.map(\.reason) == [.drift], "\(text)")
    #expect(drift.object("web")?.changes.contains { "\($0)".contains("battery") } == false)
    host.edit("web") { $0 = $0.replacing("battery", with: "correct horse") }
    try apply(plain, hiding: "hunter2", "correct horse")
    var after = try #require(host.inventory.domains["web"]?.inactive)
    #expect(!after.serialised().contains("correct horse"))
    // The record alone tells that there was something.
    after.namespaceDeclarations = before.namespaceDeclarations
    OwnershipRecord.remove(from: &after)
    var plainly = before
    OwnershipRecord.remove(from: &plainly)
    #expect(after == plainly)
  }
}

/// What libvirt's own schema has against a spec is told at the line that says it.
@Suite("libvirt's schema, without a host")
struct SchemaCheckTests {
  private func problems(_ text: String) throws -> [Diagnostic] {
    try SchemaCheck(DefinitionSchemas()).problems(of: stack(text))
  }

  @Test("a spec that libvirt takes has no problems")
  func fine() throws {
    #expect(try problems(plain).isEmpty)
    #expect(try problems(withFragment).isEmpty)
  }

  @Test(
    "the field is named, and its line",
    arguments: [
      ("xml: \"<memtune><soft>2</soft></memtune>\"", "", "xml", 5),
      ("", ", xml: \"<tune><sendbuf>16</sendbuf></tune>\"", "interfaces.lan.xml", 6),
    ])
  func culprit(domain: String, interface: String, field: String, line: Int) throws {
    let problems = try problems(lab(domain: domain, interface: interface))
    #expect(problems.map(\.rule) == ["libvirt-schema"])
    #expect(problems.first?.message.contains("does not allow this `\(field)`") == true, "\(problems)")
    #expect(problems.first?.range?.start.line == line)
  }

  @Test("several at once are all told")
  func several() throws {
    let text = lab(
      domain: "xml: \"<memtune><soft>2</soft></memtune>\"", interface: ", xml: \"<tune><sendbuf>16</sendbuf></tune>\"")
    #expect(try problems(text).count == 2)
  }
}

extension XMLElement {
  /// The element with another text wherever one stands in its attributes and texts.
  fileprivate func replacing(_ old: String, with new: String) -> XMLElement {
    var result = self
    for attribute in attributes { result[attribute: attribute.name] = attribute.value.replacing(old, with: new) }
    if text.contains(old) { result.text = text.replacing(old, with: new) }
    result.children = result.children.map { node in
      if case .element(let child) = node { .element(child.replacing(old, with: new)) } else { node }
    }
    return result
  }
}
