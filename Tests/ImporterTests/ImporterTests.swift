import Diagnostics
import DiskImage
import Importer
import Inventory
import Planner
import Spec
import Testing
import Vocabulary
import XMLTree
import YAMLTree

private func domains(_ names: String...) -> [ObjectReference] { names.map { ObjectReference(.domain, $0) } }

/// Specs of what is there: complete, minimal, proved.
@Suite("importing domains")
struct ImporterTests {
  static let web = """
    <domain type='kvm'>
      <name>web</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>
      <memory unit='KiB'>1048576</memory>
      <currentMemory unit='KiB'>1048576</currentMemory>
      <vcpu placement='static'>2</vcpu>
      <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
      <memtune><hard_limit unit='KiB'>2097152</hard_limit></memtune>
      <devices>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2'/>
          <source file='/vms/$web.qcow2'/>
          <target dev='vda' bus='virtio'/>
          <alias name='ua-disk-root'/>
          <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
        </disk>
        <interface type='network'>
          <mac address='52:54:00:11:22:33'/><source network='default'/><model type='virtio'/>
        </interface>
        <serial type='pty'><target type='isa-serial' port='0'><model name='isa-serial'/></target></serial>
        <console type='pty'><target type='serial' port='0'/></console>
        <input type='mouse' bus='ps2'/><input type='keyboard' bus='ps2'/>
        <graphics type='vnc' port='-1' autoport='yes' passwd='secret'/>
        <audio id='1' type='none'/>
        <newdevice kind='$x'><inner value='1'/></newdevice>
      </devices>
    </domain>
    """

  static func inventory(_ documents: String..., autostart: Bool = false) throws -> Inventory {
    var inventory = Inventory(host: .init(uri: "test"))
    for document in documents {
      let xml = try XMLElement.parse(document)
      let name = try #require(xml.value(at: "name"))
      inventory.domains[name] = ObservedDomain(
        name: name, uuid: xml.value(at: "uuid") ?? "", state: .stopped, isActive: false, autostart: autostart,
        inactive: xml)
    }
    return inventory
  }

  static func spec(_ importer: Importer, _ result: Importer.Result) throws -> StackSpec {
    let text = importer.head.serialised() + Importer.merged(result.documents).serialised()
    let loaded = SpecLoader().load([SourceFile(path: "x", text: text)])
    return try #require(loaded.stack, "\(text)\n\(loaded.diagnostics)")
  }

  @Test("what is written plans to an adoption and nothing else, and is typed where it can be")
  func adoption() throws {
    let inventory = try Self.inventory(Self.web, autostart: true)
    let importer = Importer(stack: "lab")
    let result = importer.read(domains("web"), from: inventory)
    let spec = try Self.spec(importer, result)
    let plan = try Plan(for: spec, on: inventory)
    #expect(plan.objects.map(\.verb) == [.adopt])
    #expect(plan.actions.count == 1)
    let web = try #require(spec.domains.first)
    #expect(web[.memory] == 1 << 30 && web[.vcpuCount] == 2)
    #expect(web[.autostart] == true)
    let root = try #require(web.members("disks").first)
    #expect(root.name == "root", "the name that it has already")
    #expect(root[.source] == "/vms/$web.qcow2" && root[.format] == .qcow2)
    #expect(web.members("interfaces").first?[.mac] == "52:54:00:11:22:33")
    #expect(web.members("consoles").isEmpty, "the mirror of the serial port is libvirt's")
    #expect(web.text(.xml)?.contains("<newdevice kind='$x'>") == true)
    #expect(web[.currentMemory] == nil)
  }

  @Test("a password is left out, and told; with consent it is written, and never planned or recorded")
  func passwords() throws {
    let inventory = try Self.inventory(Self.web)
    let silent = Importer(stack: "lab").read(domains("web"), from: inventory)
    #expect(!Importer.merged(silent.documents).serialised().contains("secret"))
    #expect(silent.messages.contains { $0.rule == "password" })
    let importer = Importer(stack: "lab", includesSecrets: true)
    let open = importer.read(domains("web"), from: inventory)
    #expect(Importer.merged(open.documents).serialised().contains("secret"))
    #expect(open.messages.isEmpty)
    let plan = try Plan(for: Self.spec(importer, open), on: inventory)
    for case .defineDomain(let definition) in plan.actions.map(\.operation) {
      #expect(definition.xml.value(at: "devices/graphics/@passwd") == "secret")
      #expect(definition.xml.first("metadata")?.serialised().contains("secret") == false)
    }
  }

  @Test("a domain that libvirt makes anew from the spec has all that it had")
  func anew() throws {
    let inventory = try Self.inventory(Self.web)
    let importer = Importer(stack: "lab", includesSecrets: true)
    let spec = try Self.spec(importer, importer.read(domains("web"), from: inventory))
    let plan = try Plan(for: spec, on: .supposed(for: InventoryRequest(for: spec), with: ["/vms/$web.qcow2"]))
    guard case .defineDomain(let definition)? = plan.actions.first?.operation else {
      Issue.record("nothing is defined")
      return
    }
    var expected = try #require(inventory.domains["web"]).inactive
    // What libvirt adds to every definition.
    expected.update("devices") { devices in
      for name in ["input", "audio", "console"] { devices.removeAll(name) }
    }
    expected.removeAll("currentMemory")
    let merged = difference(
      expected.withoutOwnership, definition.xml.withoutOwnership,
      options: XMLDifferenceOptions(isUnordered: { _, _ in true }))
    // What libvirt fills in when a spec leaves it out.
    let filledIn = ["/domain/vcpu/@placement", "/domain/devices/disk/@device"]
    #expect(merged.allSatisfy { $0.kind == .added || filledIn.contains($0.path) }, "\(merged)")
  }

  @Test("the base images of disks are named, once each, unless somebody writes to them")
  func baseImages() throws {
    let base = ("/images/Debian 12.qcow2", ImageFormat.qcow2)
    var inventory = try Self.inventory(
      Self.web,
      Self.web.replacing("<name>web</name>", with: "<name>db</name>").replacing("9d42", with: "9d43")
        .replacing("/vms/$web", with: "/vms/db").replacing("33'", with: "34'"))
    inventory.files["/vms/$web.qcow2"] = .image(.supposed(path: "/vms/$web.qcow2", format: .qcow2, on: base))
    inventory.files["/vms/db.qcow2"] = .image(.supposed(path: "/vms/db.qcow2", format: .qcow2, on: base))
    let importer = Importer(stack: "lab", includesSecrets: true)
    let result = importer.read(domains("web", "db"), from: inventory)
    #expect(result.messages.isEmpty)
    let image = try #require(Self.spec(importer, result).image("Debian-12"))
    #expect(image[.source] == "/images/Debian 12.qcow2" && image[.format] == .qcow2)
    #expect(result.documents.count == 3)

    let writer = try Self.inventory(
      Self.web.replacing("<name>web</name>", with: "<name>template</name>").replacing("9d42", with: "9d44")
        .replacing("/vms/$web.qcow2", with: "/images/Debian 12.qcow2"))
    inventory.domains.merge(writer.domains) { first, _ in first }
    let again = importer.read(domains("web", "db", "template"), from: inventory)
    #expect(again.documents.map(\.object.kind) == [.domain, .domain, .domain])
    #expect(again.messages.isEmpty)
  }

  @Test("domains that are another stack's, transient or unknown are told and left out")
  func leftOut() throws {
    var inventory = try Self.inventory(Self.web, Self.web.replacing("<name>web</name>", with: "<name>other</name>"))
    let importer = Importer(stack: "lab")
    let plan = try Plan(for: Self.spec(importer, importer.read(domains("web"), from: inventory)), on: inventory)
    for case .defineDomain(let definition) in plan.actions.map(\.operation) {
      inventory.domains["web"]?.inactive = definition.xml
    }
    inventory.domains["other"]?.isPersistent = false
    let again = Importer(stack: "new").read(domains("web", "other", "wbe"), from: inventory)
    #expect(again.documents.isEmpty)
    #expect(again.messages.map(\.rule) == ["owned-domain", "transient-domain", "unknown-domain"])
    // Its own stack's can be written again.
    #expect(importer.read(domains("web"), from: inventory).documents.count == 1)
  }

  @Test("what rules of the spec refuse is said in libvirt's own XML, and why is told")
  func lessDetail() throws {
    // Two displays of one type cannot be entries of a spec.
    let document = Self.web.replacing("<audio", with: "<graphics type='vnc' port='-1' autoport='yes'/><audio")
    let inventory = try Self.inventory(document)
    let importer = Importer(stack: "lab", includesSecrets: true)
    let result = importer.read(domains("web"), from: inventory)
    #expect(result.messages.map(\.rule) == ["less-detail"])
    #expect(try Plan(for: Self.spec(importer, result), on: inventory).objects.map(\.verb) == [.adopt])
  }
}

extension String {
  func replacing(_ text: String, with other: String) -> String {
    split(separator: text, omittingEmptySubsequences: false).joined(separator: other)
  }
}
