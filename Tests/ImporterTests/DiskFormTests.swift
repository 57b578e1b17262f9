import Importer
import Inventory
import Planner
import Spec
import Testing
import Vocabulary
import XMLTree

/// Disks in the forms that definitions of all ages have: each is an entry in its place, and is re-created as it was.
@Suite("importing disks of every form")
struct DiskFormTests {
  struct Form: Sendable, CustomTestStringConvertible {
    var name: String
    /// The disk's type, and what it has besides its target.
    var type: String
    var content: String
    /// What of it no field says.
    var isRaw = false

    var testDescription: String { name }
  }

  static let forms = [
    Form(
      name: "a file below /dev", type: "file", content: "<driver name='qemu' type='raw'/><source file='/dev/null'/>"),
    Form(
      name: "a block device elsewhere", type: "block",
      content: "<driver name='qemu' type='qcow2'/><source dev='/vms/rdo.qcow2'/>"),
    Form(
      name: "a relative path", type: "file", content: "<driver name='qemu' type='raw'/><source file='media/x.iso'/>",
      isRaw: true),
    Form(
      name: "a path with a step that leads nowhere", type: "file",
      content: "<driver name='qemu' type='raw'/><source file='/home/./x.iso'/>", isRaw: true),
    Form(
      name: "a format that no entry has", type: "file",
      content: "<driver name='qemu' type='vmdk'/><source file='/vms/x.vmdk'/>", isRaw: true),
    Form(
      name: "the end of a chain", type: "file",
      content: "<driver name='qemu' type='qcow2'/><source file='/vms/x.qcow2'/><backingStore/>"),
    Form(
      name: "a chain", type: "file",
      content: """
        <driver name='qemu' type='qcow2'/><source file='/vms/x.qcow2'/>\
        <backingStore type='file'><format type='qcow2'/><source file='/vms/y.qcow2'/>\
        <backingStore type='block'><format type='raw'/><source dev='/dev/vg/base'/><backingStore/></backingStore>\
        </backingStore>
        """),
    Form(
      name: "a chain without an end", type: "file",
      content: """
        <driver name='qemu' type='qcow2'/><source file='/vms/x.qcow2'/>\
        <backingStore type='file'><format type='raw'/><source file='/vms/y.raw'/></backingStore>
        """),
    Form(
      name: "a login beside the source", type: "network",
      content: """
        <driver name='qemu' type='raw'/><auth username='admin'><secret type='ceph' usage='pool'/></auth>\
        <source protocol='rbd' name='pool/web'><host name='mon' port='6789'/></source>
        """),
    Form(
      name: "a login in the source", type: "network",
      content: """
        <driver name='qemu' type='raw'/><source protocol='rbd' name='pool/web'><host name='mon' port='6789'/>\
        <auth username='admin'><secret type='ceph' usage='pool'/></auth></source>
        """),
    Form(
      name: "an encryption beside the source", type: "file",
      content: """
        <driver name='qemu' type='qcow2'/><source file='/vms/x.qcow2'/>\
        <encryption format='luks'><secret type='passphrase' usage='x'/></encryption>
        """),
    Form(
      name: "labels", type: "volume",
      content: """
        <driver name='qemu' type='raw'/><source pool='vms' volume='x'><seclabel model='selinux' relabel='yes'>\
        <label>system_u:object_r:svirt_image_t:s0</label></seclabel></source>
        """),
  ]

  /// A domain whose first disk, from which it boots, has the form, with one on another bus behind it.
  static func domain(_ form: Form) -> String {
    """
    <domain type='qemu'><name>web</name><uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>\
    <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>1048576</currentMemory><vcpu>1</vcpu>\
    <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os><devices>\
    <disk type='\(form.type)' device='disk'>\(form.content)<target dev='vda' bus='virtio'/></disk>\
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/vms/data.raw'/>\
    <target dev='hda' bus='ide'/></disk></devices></domain>
    """
  }

  /// The disks of a definition without the names that they carry, as libvirt completes them.
  static func disks(of domain: XMLElement) -> [XMLElement] {
    domain.devices(Vocabulary.disk).map { disk in
      var disk = disk
      disk.removeAll("alias")
      // What libvirt means where a new definition does not say it.
      if disk[attribute: "device"] == nil { disk[attribute: "device"] = "disk" }
      return disk
    }
  }

  @Test("each is an entry, is adopted as it is, and is re-created in its place", arguments: forms)
  func holds(form: Form) throws {
    var inventory = try ImporterTests.inventory(Self.domain(form))
    let importer = Importer(stack: "lab")
    let request = InventoryRequest(importing: [ObjectReference(.domain, "web")])
    inventory.supposeFiles(for: request)
    let result = importer.read([ObjectReference(.domain, "web")], from: inventory)
    #expect(result.messages.isEmpty)
    let stack = try ImporterTests.spec(importer, result)
    let entries = try #require(stack.domains.first).members("disks")
    #expect(entries.map(\.name) == ["vda", "hda"])
    #expect(entries.map { $0[.xml] != nil } == [form.isRaw, false])
    let plan = try Plan(for: stack, on: inventory)
    #expect(plan.objects.map(\.verb) == [.adopt])

    let observed = try #require(inventory.domains.removeValue(forKey: "web")?.inactive)
    let again = try Plan(for: stack, on: inventory)
    let made = again.actions.compactMap { action in
      if case .defineDomain(let definition) = action.operation { definition.xml } else { nil }
    }
    let differences = zip(Self.disks(of: observed), Self.disks(of: try #require(made.first))).flatMap {
      difference($0, $1, options: .siblings)
    }
    #expect(differences.isEmpty)
    #expect(try #require(made.first).devices(Vocabulary.disk).count == 2)
  }

  // MARK: Two domains and one disk

  static func definition(_ name: String, id: Int, shared: String = "", own: String = "") -> String {
    """
    <domain type='qemu'><name>\(name)</name><uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d4\(id)</uuid>\
    <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>1048576</currentMemory><vcpu>1</vcpu>\
    <os><type arch='x86_64' machine='pc'>hvm</type></os><devices>\
    <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/vms/win10.raw'/>\
    <target dev='vda' bus='virtio'/>\(shared)</disk>\
    <interface type='network'><mac address='52:54:00:11:22:3\(id)'/><source network='default'/></interface>\
    \(own)</devices></domain>
    """
  }

  private func imported(_ names: [String], _ inventory: Inventory) throws -> (Importer.Result, StackSpec) {
    let importer = Importer(stack: "lab")
    var inventory = inventory
    inventory.networks = ["default": ObservedNetwork(name: "default", uuid: "", isActive: true)]
    let result = importer.read(names.map { ObjectReference(.domain, $0) }, from: inventory)
    let stack = try ImporterTests.spec(importer, result)
    #expect(try Plan(for: stack, on: inventory).objects.allSatisfy { $0.verb == .adopt })
    return (result, stack)
  }

  @Test("two definitions of one guest exclude each other, and keep all their fields")
  func exclusive() throws {
    let inventory = try ImporterTests.inventory(
      Self.definition("win10", id: 1), Self.definition("win10-gpu", id: 2), Self.definition("other", id: 3, own: ""))
    let (result, stack) = try imported(["win10", "win10-gpu", "other"], inventory)
    #expect(result.messages.isEmpty)
    for domain in stack.domains {
      #expect(domain.exclusions == ["other", "win10", "win10-gpu"].filter { $0 != domain.name })
      #expect(domain.members("disks").map(\.name) == ["vda"])
      #expect(domain.members("disks").first?[.xml] == nil)
    }
  }

  @Test("a disk that both guests share by their definitions excludes nobody")
  func shared() throws {
    let inventory = try ImporterTests.inventory(
      Self.definition("a", id: 1, shared: "<shareable/>"), Self.definition("b", id: 2, shared: "<shareable/>"))
    let (result, stack) = try imported(["a", "b"], inventory)
    #expect(result.messages.isEmpty)
    #expect(stack.domains.allSatisfy { $0.exclusions.isEmpty })
  }

  @Test("a conflict with a domain that is not imported costs its own disk alone")
  func oneDisk() throws {
    let inventory = try ImporterTests.inventory(Self.definition("win10", id: 1), Self.definition("win10-gpu", id: 2))
    let (result, stack) = try imported(["win10"], inventory)
    #expect(result.messages.map(\.rule) == ["less-detail"])
    #expect(result.messages.first?.message.contains("disks.vda") ?? false)
    let domain = try #require(stack.domains.first)
    #expect(domain.members("disks").map(\.name) == ["vda"])
    #expect(domain.members("disks").first?[.xml] != nil)
    #expect(domain.members("interfaces").first?[.network] == "default")
    #expect(domain[.xml] == nil)
  }
}
