import Diagnostics
import Inventory
import Planner
import Testing
import Versions
import Vocabulary
import XMLTree

private func lab(_ firmware: String, more: String = "") -> String {
  """
  stack: lab
  pools: { vms: { path: /vms } }
  domains:
    web: { type: qemu, memory: 1 GiB, \(firmware), disks: { root: { size: 2 GiB } }\(more) }
  """
}

private let withoutSecureBoot =
  "<firmware><feature enabled='no' name='enrolled-keys'/><feature enabled='no' name='secure-boot'/></firmware>"
private let type = "<type arch='x86_64' machine='pc-q35-10.0'>hvm</type>"
private let template = "template='/usr/share/OVMF/OVMF_VARS_4M.fd' templateFormat='raw' format='raw'"

/// What libvirt 11.3 and 12.8 make of UEFI firmware without Secure Boot.
private let chosen = """
  <os firmware='efi'>\(type)\(withoutSecureBoot)
  <loader readonly='yes' type='pflash' format='raw'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
  <nvram \(template)>/var/lib/libvirt/qemu/nvram/web_VARS.fd</nvram><boot dev='hd'/></os>
  """

/// What 12.8 makes of it where Debian's firmware for confidential guests is installed, and no variables were asked for.
private let confidential = """
  <os firmware='efi'>\(type)\(withoutSecureBoot)
  <loader type='rom' format='raw'>/usr/share/ovmf/OVMF.amdsev.fd</loader><boot dev='hd'/></os>
  """

/// What 9.0 stores, and what an earlier Vireo asked for.
private let open = """
  <os firmware='efi'>\(type)<firmware><feature enabled='no' name='secure-boot'/></firmware><boot dev='hd'/></os>
  """

@Suite("firmware")
struct FirmwareTests {
  private func host(_ spec: String, stored os: String?, libvirt: LibvirtVersion) throws -> ImaginedHost {
    var host = ImaginedHost()
    host.inventory.host.libvirtVersion = libvirt
    host.apply(try host.plan(spec))
    guard let os else { return host }
    let element = try XMLElement.parse(os)
    host.edit("web") { domain in domain.update("os") { $0 = element } }
    return host
  }

  @Test(
    "what libvirt wrote down of its choice is no change of what was asked for",
    arguments: [
      "firmware: uefi", "firmware: any-uefi", "firmware: uefi, secure-boot: false",
      "loader: { path: /usr/share/OVMF/OVMF_CODE_4M.fd, type: pflash, readonly: true }",
      "loader: { path: /usr/share/OVMF/OVMF_CODE_4M.fd, type: pflash }, nvram: { template: /usr/share/OVMF/OVMF_VARS_4M.fd }",
    ])
  func isNoDrift(_ firmware: String) throws {
    let host = try host(lab(firmware), stored: chosen, libvirt: LibvirtVersion(11, 3))
    #expect(try host.plan(lab(firmware)).isEmpty)
    // An apply of something else hands the choice back as it is.
    let titled = try host.plan(lab(firmware + ", title: hello"))
    #expect(titled.object("web")?.changes.map(\.field) == ["title"])
    let os = try #require(titled.definition(of: "web")?.xml.first("os"))
    #expect(os == host.inventory.domains["web"]?.inactive.first("os"))
  }

  @Test("a definition of an older libvirt or an older Vireo is no change either", arguments: ["uefi", "any-uefi"])
  func isNoDriftOfOld(_ firmware: String) throws {
    let old = try host(lab("firmware: \(firmware)"), stored: open, libvirt: LibvirtVersion(9, 0))
    #expect(try old.plan(lab("firmware: \(firmware)")).isEmpty)
  }

  @Test("new UEFI firmware keeps its variables, and that is shown")
  func keepsVariables() throws {
    for version in [LibvirtVersion(9, 0), LibvirtVersion(12, 8)] {
      var host = ImaginedHost()
      host.inventory.host.libvirtVersion = version
      let plan = try host.plan(lab("firmware: uefi"))
      let definition = try #require(plan.definition(of: "web"))
      #expect(definition.xml.value(at: "os/loader/@stateless") == "no")
      #expect(plan.change("web", "loader.stateless")?.reason == .default)
      #expect(
        definition.expectations.contains {
          $0.entry.field == Vocabulary.domain[.loaderStateless] && $0.value == .boolean(false)
        })
      host.apply(plan)
      #expect(try host.plan(lab("firmware: uefi")).isEmpty)
    }
    let stateless = try ImaginedHost().plan(lab("firmware: uefi, loader: { stateless: true }"))
    #expect(stateless.definition(of: "web")?.xml.value(at: "os/loader/@stateless") == "yes")
    let bios = try ImaginedHost().plan(lab("title: hello"))
    #expect(bios.definition(of: "web")?.xml.exists(at: "os/loader") == false)
  }

  @Test("firmware that libvirt chose and that keeps nothing is chosen again, and the plan says so")
  func choosesAgain() throws {
    let host = try host(lab("firmware: uefi"), stored: confidential, libvirt: LibvirtVersion(12, 8))
    let plan = try host.plan(lab("firmware: uefi, title: hello"))
    let change = try #require(plan.change("web", "loader.stateless"))
    #expect(change.detail?.contains("/usr/share/ovmf/OVMF.amdsev.fd") == true)
    let xml = try #require(plan.definition(of: "web")).xml
    #expect(xml.value(at: "os/loader/@stateless") == "no")
    #expect(xml.value(at: "os/loader") == "")
    #expect(!xml.exists(at: "os/loader/@type"))
    // Whoever wants it says so.
    let wanted = lab("firmware: uefi, loader: { stateless: true }")
    #expect(try host.plan(wanted).object("web")?.changes.map(\.field).contains("loader.stateless") == true)
    #expect(
      try host.plan(wanted).definition(of: "web")?.xml.first("os")
        == host.inventory.domains["web"]?.inactive.first("os"))
  }

  @Test("where the spec says nothing of firmware, a choice without variables is told and stays")
  func isTold() throws {
    let host = try host(lab("title: hello"), stored: confidential, libvirt: LibvirtVersion(12, 8))
    let plan = try host.plan(lab("title: hello"))
    #expect(plan.isEmpty)
    #expect(plan.notes.map(\.rule) == ["stateless-firmware"])
  }

  @Test("a definition that a newer libvirt has not read yet keeps its variables when it does")
  func isAskedForBefore() throws {
    let host = try host(lab("firmware: uefi"), stored: open, libvirt: LibvirtVersion(12, 8))
    #expect(try host.plan(lab("firmware: uefi")).isEmpty)
    let plan = try host.plan(lab("firmware: uefi, title: hello"))
    #expect(plan.object("web")?.changes.map(\.field).sorted() == ["loader.stateless", "title"])
  }

  @Test("Secure Boot that is asked for later is libvirt's to choose for, with the variables where they are")
  func changesChoice() throws {
    let host = try host(lab("firmware: uefi"), stored: chosen, libvirt: LibvirtVersion(11, 3))
    let xml = try #require(try host.plan(lab("firmware: uefi, secure-boot: true")).definition(of: "web")).xml
    #expect(xml.value(at: "os/firmware/feature[@name='secure-boot']/@enabled") == "yes")
    #expect(xml.value(at: "os/loader") == "")
    #expect(xml.value(at: "os/loader/@stateless") == "no")
    #expect(xml.value(at: "os/nvram") == "/var/lib/libvirt/qemu/nvram/web_VARS.fd")
    #expect(!xml.exists(at: "os/nvram/@template"))
  }

  // MARK: Variables in qcow2

  private static let loader = "loader: { path: /usr/share/OVMF/OVMF_CODE_4M.fd, type: pflash, readonly: true }"

  @Test(
    "variables in qcow2 are refused where libvirt cannot make them, with what to write",
    arguments: [
      ("firmware: uefi, nvram: { format: qcow2 }", LibvirtVersion(12, 8), "in raw"),
      ("\(loader), nvram: { format: qcow2 }", LibvirtVersion(11, 3), "what to make them from"),
      ("\(loader), nvram: { format: qcow2, template: /v/VARS.fd }", LibvirtVersion(11, 3), "converts no template"),
      (
        "\(loader), nvram: { format: qcow2, template: /v/VARS.qcow2, template-format: qcow2 }", LibvirtVersion(10, 0),
        "libvirt 10.0"
      ),
    ] as [(String, LibvirtVersion, String)])
  func refusesFormat(firmware: String, version: LibvirtVersion, reason: String) throws {
    var host = ImaginedHost()
    host.inventory.host.libvirtVersion = version
    let error = #expect(throws: DiagnosticsError.self) { try host.plan(lab(firmware)) }
    let messages = error?.diagnostics ?? []
    #expect(messages.contains { $0.message.contains(reason) && $0.suggestion != nil }, "\(messages)")
  }

  @Test("they are defined from a template in qcow2, or where the firmware is qcow2")
  func definesFormat() throws {
    var host = ImaginedHost()
    host.inventory.host.libvirtVersion = LibvirtVersion(11, 3)
    let own = try host.plan(
      lab("\(Self.loader), nvram: { format: qcow2, template: /v/VARS.qcow2, template-format: qcow2 }"))
    let nvram = try #require(own.definition(of: "web")?.xml.element(at: "os/nvram"))
    #expect(nvram[attribute: "format"] == "qcow2" && nvram[attribute: "templateFormat"] == "qcow2")
    let chosen = try host.plan(lab("firmware: uefi, loader: { format: qcow2 }, nvram: { format: qcow2 }"))
    #expect(chosen.definition(of: "web")?.xml.value(at: "os/loader/@format") == "qcow2")
  }

  // MARK: Snapshots

  @Test("internal snapshots of UEFI guests are taken where the variables are qcow2 and libvirt goes back to them")
  func snapshots() throws {
    let spec = lab(
      "\(Self.loader), nvram: { format: qcow2, template: /v/VARS.qcow2, template-format: qcow2 }")
    var host = ImaginedHost()
    host.inventory.host.libvirtVersion = LibvirtVersion(11, 3)
    host.apply(try host.plan(spec))
    let definition = try #require(host.inventory.domains["web"]?.inactive)
    func kind(_ definition: XMLElement, _ version: LibvirtVersion?, _ kind: SnapshotKind? = nil) throws -> SnapshotKind
    {
      try SnapshotChoice(
        SnapshotCreation(name: "s", kind: kind), of: definition, isActive: false, with: [], on: version
      ).kind
    }
    #expect(try kind(definition, LibvirtVersion(11, 3)) == .internal)
    #expect(try kind(definition, LibvirtVersion(10, 9)) == .external)
    #expect(try kind(definition, nil) == .external)
    let old = #expect(throws: SnapshotRefusal.self) { try kind(definition, LibvirtVersion(10, 9), .internal) }
    #expect(old?.message.contains("10.10") == true)
    var raw = definition
    raw.set("raw", at: "os/nvram/@format")
    let error = #expect(throws: SnapshotRefusal.self) { try kind(raw, LibvirtVersion(12, 8), .internal) }
    #expect(error?.message.contains("nvram.format") == true)
    // Firmware that keeps nothing has no variables to keep.
    var stateless = definition
    let os = try XMLElement.parse(confidential)
    stateless.update("os") { $0 = os }
    #expect(try kind(stateless, LibvirtVersion(12, 8)) == .internal)
  }
}
