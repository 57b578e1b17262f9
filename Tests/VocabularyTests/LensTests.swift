import Testing
import XMLTree

@testable import Vocabulary

/// The laws of lenses, for every field of every table over documents as libvirt writes them.
@Suite("lens laws")
struct LensTests {
  static let domain = try! XMLElement.parse(
    """
    <domain type='kvm'>
      <name>guest</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>
      <title>a guest</title>
      <memory unit='KiB'>1048576</memory>
      <currentMemory unit='KiB'>524288</currentMemory>
      <vcpu placement='static' current='2'>4</vcpu>
      <iothreadids><iothread id='2' thread_pool_max='4'><poll max='9000' grow='2'/></iothread></iothreadids>
      <throttlegroups>
        <throttlegroup><total_bytes_sec>4000</total_bytes_sec><group_name>slow</group_name></throttlegroup>
        <throttlegroup>
          <read_iops_sec>50</read_iops_sec><read_iops_sec_max>90</read_iops_sec_max><group_name>calm</group_name>
        </throttlegroup>
      </throttlegroups>
      <os firmware='efi'>
        <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
        <firmware><feature enabled='no' name='secure-boot'/></firmware>
        <boot dev='hd'/>
        <boot dev='network'/>
      </os>
      <cpu mode='custom' match='exact' check='none'>
        <model fallback='forbid'>qemu64</model>
        <topology sockets='1' dies='1' clusters='1' cores='2' threads='2'/>
        <feature policy='require' name='ssse3'/>
      </cpu>
      <devices>
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2' cache='none' io='native' discard='unmap'/>
          <source file='/srv/vms/guest.root.qcow2'/>
          <target dev='vda' bus='virtio'/>
          <serial>abc</serial>
          <boot order='1'/>
          <alias name='ua-disk-root'/>
          <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
        </disk>
        <interface type='network'>
          <mac address='52:54:00:6B:3C:58'/>
          <source network='default'/>
          <model type='virtio'/>
          <mtu size='1500'/>
          <link state='up'/>
        </interface>
        <interface type='direct'>
          <mac address='52:54:00:6b:3c:59'/>
          <source dev='eth0' mode='bridge'/>
          <model type='e1000e'/>
        </interface>
        <serial type='file'>
          <source path='/var/log/guest.log'/>
          <log file='/var/log/guest-2.log' append='on'/>
          <target type='isa-serial' port='0'><model name='isa-serial'/></target>
        </serial>
        <console type='pty'><target type='virtio' port='1'/></console>
        <graphics type='vnc' port='5901' autoport='no' listen='127.0.0.1'>
          <listen type='address' address='127.0.0.1'/>
        </graphics>
        <video><model type='virtio' heads='1' primary='yes'/></video>
      </devices>
    </domain>
    """)

  /// Every lens with every element that it applies to.
  static let cases: [(String, Lens, XMLElement)] = {
    var cases: [(String, Lens, XMLElement)] = []
    func add(_ type: ObjectType, _ element: XMLElement) {
      for field in type.fields {
        if let lens = field.lens { cases.append(("\(type.name).\(field.name)", lens, element)) }
      }
    }
    add(Vocabulary.domain, domain)
    for collection in Vocabulary.domain.collections {
      guard let rule = collection.type.device else { continue }
      for element in domain.first("devices")!.elements where rule.matches(element) { add(collection.type, element) }
      add(collection.type, rule.template)
    }
    return cases
  }()

  @Test("putting back what was got changes nothing", arguments: cases)
  func getPut(name: String, lens: Lens, element: XMLElement) {
    guard let value = lens.get(element) else { return }
    var copy = element
    lens.put(value, into: &copy)
    #expect(copy == element)
  }

  static let writes: [(String, Lens, XMLElement, Value)] = {
    var writes: [(String, Lens, XMLElement, Value)] = []
    func add(_ type: ObjectType, _ element: XMLElement) {
      for field in type.fields {
        guard let lens = field.lens else { continue }
        for value in Samples.values(of: field.type) {
          writes.append(("\(type.name).\(field.name)", lens, element, value))
        }
      }
    }
    add(Vocabulary.domain, domain)
    for collection in Vocabulary.domain.collections {
      guard let rule = collection.type.device else { continue }
      for element in domain.first("devices")!.elements where rule.matches(element) { add(collection.type, element) }
    }
    return writes
  }()

  @Test("what was put is what is got")
  func putGet() {
    for (name, lens, element, value) in Self.writes {
      var copy = element
      lens.put(value, into: &copy)
      // What only interfaces of one type, or files, have is put where the type says so.
      if lens.get(copy) == nil, copy == element || Self.dependsOnType(name, element) { continue }
      // A custom processor's model is put after its mode; the mode alone has none.
      #expect(lens.get(copy) == value, "\(name) = \(value)")
    }
  }

  @Test("putting twice is putting once")
  func putPut() {
    for (name, lens, element, value) in Self.writes {
      var once = element
      lens.put(value, into: &once)
      var twice = once
      lens.put(value, into: &twice)
      #expect(once == twice, "\(name) = \(value)")
    }
  }

  @Test("a field that is taken out is not there, and the rest stays", arguments: cases)
  func takesOut(name: String, lens: Lens, element: XMLElement) {
    var copy = element
    lens.put(nil, into: &copy)
    let rest = lens.get(copy)
    // Where nothing is said, all vcpus are plugged in.
    let all = name == "domain.vcpus.current" ? Value.integer(4) : nil
    #expect(rest == nil || rest == .boolean(false) || rest == .string("bios") || rest == all)
    #expect(copy.name == element.name)
  }

  private static func dependsOnType(_ name: String, _ element: XMLElement) -> Bool {
    let type = element[attribute: "type"]
    switch name {
    case "interface.network": return type != "network"
    case "interface.bridge": return type != "bridge"
    case "interface.direct", "interface.mode": return type != "direct"
    case "console.path", "serial.path": return type != "file"
    default: return false
    }
  }

  @Test("memory takes the current memory along when the two were equal")
  func currentMemoryFollows() throws {
    let memory = try #require(Vocabulary.domain.field("memory")?.lens)
    let current = try #require(Vocabulary.domain.field("current-memory")?.lens)
    var equal = XMLElement(
      "domain",
      children: [
        XMLElement("memory", ["unit": "KiB"], text: "1024"), XMLElement("currentMemory", ["unit": "KiB"], text: "1024"),
      ])
    memory.put(.bytes(4 << 20), into: &equal)
    #expect(current.get(equal) == .bytes(4 << 20))
    var ballooned = Self.domain
    memory.put(.bytes(4 << 30), into: &ballooned)
    #expect(current.get(ballooned) == .bytes(512 << 20))
    memory.put(.bytes(256 << 20), into: &ballooned)
    #expect(current.get(ballooned) == .bytes(256 << 20))
  }

  @Test("all vcpus are plugged in where nothing is said, and never more than there are")
  func currentVCPUs() throws {
    let count = try #require(Vocabulary.domain.field("vcpus.count")?.lens)
    let current = try #require(Vocabulary.domain.field("vcpus.current")?.lens)
    var domain = Self.domain
    current.put(.integer(4), into: &domain)
    #expect(domain.value(at: "vcpu/@current") == nil && current.get(domain) == .integer(4))
    current.put(.integer(3), into: &domain)
    count.put(.integer(8), into: &domain)
    #expect(current.get(domain) == .integer(3))
    count.put(.integer(2), into: &domain)
    #expect(domain.value(at: "vcpu/@current") == nil && current.get(domain) == .integer(2))
  }

  @Test("leaving a custom processor drops what only that has")
  func leavesCustom() throws {
    let mode = try #require(Vocabulary.domain.field("cpu.mode")?.lens)
    var domain = Self.domain
    mode.put(.string("host-passthrough"), into: &domain)
    let cpu = try #require(domain.first("cpu"))
    #expect(cpu[attribute: "match"] == nil && cpu.first("model") == nil && cpu.first("feature") == nil)
    #expect(cpu.first("topology") != nil)
  }

  @Test("a disk that changes its bus gives up its address")
  func busDropsAddress() throws {
    let bus = try #require(Vocabulary.disk.field("bus")?.lens)
    var disk = try #require(Self.domain.element(at: "devices/disk"))
    bus.put(.string("scsi"), into: &disk)
    #expect(disk.first("address") == nil)
  }

  @Test(
    "a machine alias equals any version of its family, and no other",
    arguments: [
      ("q35", "pc-q35-7.2", true), ("pc", "pc-i440fx-7.2", true), ("pc", "pc-q35-7.2", false), ("q35", "q35", true),
      ("q35", "pc-i440fx-7.2", false), ("pc-q35-7.2", "pc-q35-8.0", false), ("virt", "virt-8.0", true),
    ])
  func machineAliases(desired: String, stored: String, equal: Bool) throws {
    let machine = try #require(Vocabulary.domain.field("machine"))
    #expect(machine.matches(desired: .string(desired), stored: .string(stored)) == equal)
  }
}
