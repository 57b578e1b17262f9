import Foundation
import Testing
import XMLTree

@testable import Vocabulary

/// The laws of lenses over devices of every kind, and over a folder of definitions where `VIREO_CORPUS` names one.
@Suite("lens laws of devices")
struct DeviceLensTests {
  static let samples = try! XMLElement.parse(
    """
    <devices>
      <disk type='dir' device='lun' rawio='yes' sgio='unfiltered' snapshot='external'>
        <driver name='qemu' type='raw' error_policy='stop' queues='4' iothread='1' packed='on'/>
        <source dir='/srv/b' startupPolicy='optional'/>
        <target dev='sda' bus='scsi' rotation_rate='1'/>
        <iotune><total_bytes_sec>1000</total_bytes_sec><group_name>slow</group_name></iotune>
        <shareable/><vendor>ACME</vendor><wwn>5000c50015ea71ac</wwn>
        <address type='drive' controller='0' bus='0' target='0' unit='1'/>
      </disk>
      <disk type='network' device='disk'>
        <driver name='qemu' type='raw'/>
        <source protocol='rbd' name='pool/image'>
          <host name='10.0.0.1' port='6789'/><host transport='unix' socket='/run/x'/>
          <auth username='me'><secret type='ceph' usage='mine'/></auth>
        </source>
        <target dev='vdb' bus='virtio'/>
      </disk>
      <disk type='block' device='disk'><driver name='qemu' type='qcow2'/>
        <source dev='/dev/vg/web'/>
        <backingStore type='file'><format type='raw'/><source file='/vms/base.raw'/><backingStore/></backingStore>
        <target dev='vdc' bus='virtio'/>
        <encryption format='luks'><secret type='passphrase' usage='x'/></encryption></disk>
      <disk type='volume' device='disk'><driver name='qemu'/>
        <source pool='vms' volume='a' mode='host'/><target dev='vdc' bus='virtio'/>
      </disk>
      <disk type='nvme' device='disk'><driver name='qemu'/>
        <source type='pci' managed='yes' namespace='1'>
          <address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
        </source>
        <target dev='vdd' bus='virtio'/>
      </disk>
      <disk type='vhostuser' device='disk'><driver name='qemu'/>
        <source type='unix' path='/run/blk'><reconnect enabled='yes' timeout='3'/></source>
        <target dev='vde' bus='virtio'/>
      </disk>
      <disk type='vhostvdpa' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vhost-vdpa-0'/>
        <target dev='vdf' bus='virtio'/>
      </disk>
      <disk type='network' device='disk'>
        <driver name='qemu' type='raw' queues='4' discard_no_unref='on'>
          <iothreads>
            <iothread id='2'><queue id='1'/><queue id='3'/></iothread><iothread id='3'><queue id='0'/><queue id='2'/></iothread>
          </iothreads>
          <statistics><statistic interval='10'/><latency-histogram type='read'><bin start='0'/><bin start='1000'/></latency-histogram>
          </statistics>
        </driver>
        <source protocol='ssh' name='image'><host name='storage'/><knownHosts path='/etc/known'/>
          <identity username='me' agentsock='/run/agent'/></source>
        <target dev='nvme0n1' bus='nvme' dpofua='on'/>
        <throttlefilters><throttlefilter group='slow'/><throttlefilter group='calm'/></throttlefilters>
        <blockio discard_granularity='4096'/>
      </disk>
      <controller type='nvme' index='0'><serial>abc</serial></controller>
      <controller type='scsi' index='0' model='virtio-scsi'>
        <driver queues='2'><iothreads><iothread id='1'/><iothread id='2'/></iothreads></driver>
      </controller>
      <interface type='user'>
        <mac address='52:54:00:00:00:03'/><source dev='eth0'/><ip address='172.17.2.4' family='ipv4' prefix='24'/>
        <portForward proto='tcp' address='2001:db8::1'>
          <range start='2022' to='22'/><range start='1000' end='1050'/><range start='1020' exclude='yes'/>
        </portForward>
        <portForward proto='udp' dev='eth0'/>
        <model type='virtio'/><backend type='passt' logFile='/var/log/passt' hostname='web' fqdn='web.example.org'/>
      </interface>
      <hostdev mode='subsystem' type='pci' managed='yes' display='on'><driver name='vfio' model='mlx5_vfio_pci' iommufd='yes'/>
        <source><address domain='0x0000' bus='0x06' slot='0x02' function='0x0'/></source><acpi index='3' nodeset='0-1'/>
      </hostdev>
      <filesystem type='mount'><driver type='virtiofs'/>
        <binary path='/usr/libexec/virtiofsd'><openfiles max='99'/></binary><source dir='/srv/share'/><target dir='share'/>
        <idmap><uid start='0' target='1000' count='1'/><gid start='0' target='1000' count='1'/></idmap>
      </filesystem>
      <memory model='virtio-mem'><driver iommu='on'/>
        <target dynamicMemslots='yes'><size unit='KiB'>131072</size><block unit='KiB'>2048</block>
          <address base='0x140000000'/></target>
      </memory>
      <sound model='virtio' streams='4'><driver packed='on'/></sound>
      <sound model='usb' multichannel='yes'/>
      <audio id='2' type='pipewire' runtimeDir='/run/user/1000'><output name='speakers' latency='20'/></audio>
      <crypto model='virtio' type='qemu'><backend model='builtin' queues='1'/><driver iommu='on'/></crypto>
      <pstore backend='acpi-erst'><path>/var/lib/store</path><size unit='KiB'>64</size></pstore>
      <controller type='pci' index='1' model='pcie-root-port'>
        <model name='pcie-root-port'/><target chassis='1' port='0x10' hotplug='off' memReserve='4096'/>
        <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0' multifunction='on'/>
      </controller>
      <controller type='pci' index='0' model='pcie-root'><pcihole64 unit='KiB'>1048576</pcihole64></controller>
      <interface type='hostdev' managed='yes'>
        <mac address='52:54:00:00:00:02'/>
        <source><address type='pci' domain='0x0000' bus='0x05' slot='0x10' function='0x1'/></source>
        <vlan trunk='yes'><tag id='42' nativeMode='untagged'/><tag id='43'/></vlan>
      </interface>
      <interface type='vhostuser'>
        <source type='unix' path='/run/net' mode='client'/>
        <driver name='vhost' queues='2'><host csum='off'/><guest tso4='on'/></driver>
        <rom bar='on' file='/rom'/>
        <address type='pci' domain='0x0000' bus='0x00' slot='0x04' function='0x0'/>
      </interface>
      <interface type='udp'><source address='10.0.0.1' port='5'><local address='10.0.0.2' port='6'/></source></interface>
      <interface type='bridge'>
        <source bridge='br0'/><virtualport type='openvswitch'>
          <parameters interfaceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'/></virtualport>
        <bandwidth><inbound average='1000' peak='5000' floor='200' burst='1024'/><outbound average='128'/></bandwidth>
        <port isolated='yes'/>
      </interface>
      <serial type='udp'>
        <source mode='bind' host='127.0.0.1' service='1'/><source mode='connect' host='10.0.0.1' service='2'/>
        <target type='isa-serial' port='1'><model name='isa-serial'/></target>
      </serial>
      <parallel type='tcp'><source mode='bind' host='127.0.0.1' service='9'/><protocol type='raw'/><target port='0'/></parallel>
      <console type='nmdm'><source master='/dev/nmdm0A' slave='/dev/nmdm0B'/><target type='virtio' port='1'/></console>
      <channel type='unix'>
        <source mode='bind' path='/run/agent'/><target type='virtio' name='org.qemu.guest_agent.0'/>
        <address type='virtio-serial' controller='0' bus='0' port='1'/>
      </channel>
      <channel type='qemu-vdagent'>
        <source><clipboard copypaste='yes'/><mouse mode='client'/></source><target type='virtio' name='com.redhat.spice.0'/>
      </channel>
      <smartcard mode='host-certificates'>
        <certificate>a</certificate><certificate>b</certificate><certificate>c</certificate>
        <database>/etc/pki</database><address type='ccid' controller='0' slot='0'/>
      </smartcard>
      <input type='tablet' bus='usb'><address type='usb' bus='0' port='1.2'/></input>
      <input type='passthrough' bus='virtio'><driver ats='on'/><source evdev='/dev/input/event1'/></input>
      <tpm model='tpm-crb'><backend type='emulator' version='2.0' persistent_state='yes'>
        <source type='dir' path='/srv/tpm'/><profile source='local:strict' removeDisabled='check' name='custom:strict'/>
      </backend></tpm>
      <graphics type='spice' autoport='yes' keymap='de'>
        <listen type='network' network='default'/><channel name='main' mode='secure'/>
        <image compression='auto_glz'/><clipboard copypaste='no'/><gl enable='yes' rendernode='/dev/dri/r'/>
      </graphics>
      <video><driver iommu='on'/>
        <model type='qxl' ram='65536' vram='65536' vgamem='16384' heads='1' primary='yes'>
          <acceleration accel3d='yes'/><resolution x='800' y='600'/></model></video>
      <hub type='usb'><address type='usb' bus='0' port='1'/></hub>
      <watchdog model='i6300esb' action='poweroff'/>
      <memballoon model='virtio' autodeflate='on'><stats period='10'/><driver packed='on'/></memballoon>
      <rng model='virtio'><rate bytes='1234' period='2000'/><backend model='random'>/dev/random</backend></rng>
      <rng model='virtio'><backend model='egd' type='tcp'>
        <source mode='connect' host='1.2.3.4' service='1'/><protocol type='raw'/></backend></rng>
      <panic model='isa'><address type='isa' iobase='0x505'/></panic>
      <vsock model='virtio'><cid auto='no' address='4'/></vsock>
      <shmem name='s' role='peer'><model type='ivshmem-doorbell'/><size unit='M'>4</size>
        <server path='/run/s'/><msi vectors='2' ioeventfd='on'/></shmem>
      <iommu model='intel'><driver intremap='on' caching_mode='on' dma_translation='off'/></iommu>
      <redirdev bus='usb' type='unix'><source mode='bind' path='/run/redir'/></redirdev>
      <iommu model='virtio'><driver><granule size='64' unit='KiB'/></driver></iommu>
    </devices>
    """)

  static let cases: [(ObjectType, XMLElement)] = pairs(in: samples)

  static func pairs(in devices: XMLElement) -> [(ObjectType, XMLElement)] {
    devices.elements.flatMap { element in
      Vocabulary.domain.collections.compactMap { collection in
        collection.type.device?.matches(element) ?? false ? (collection.type, element) : nil
      }
    }
  }

  /// The laws for what an element holds.
  static func check(_ type: ObjectType, _ element: XMLElement) {
    for field in type.fields {
      guard let lens = field.lens, let value = lens.get(element) else { continue }
      let name = "\(type.name).\(field.name) = \(value)"
      var again = element
      lens.put(value, into: &again)
      #expect(again == element, "\(name): get, put")
      var without = element
      lens.put(nil, into: &without)
      #expect([nil, .boolean(false)].contains(lens.get(without)) || field.name == "xml", "\(name): taken out")
      if field.name != "xml" {
        #expect(try! field.type.parse(value.description) == value, "\(name): as text")
      }
    }
  }

  @Test("every kind of device obeys the laws")
  func samplesObey() {
    for (type, element) in Self.cases { Self.check(type, element) }
  }

  @Test("what the fields say makes the same device again")
  func remade() {
    for (type, element) in Self.cases {
      guard let rule = type.device else { continue }
      let fields = type.fields.filter { $0.name != "xml" }
      var copy = rule.template
      for field in fields { if let value = field.lens?.get(element) { field.lens?.put(value, into: &copy) } }
      for field in fields { #expect(field.lens?.get(copy) == field.lens?.get(element), "\(type.name).\(field.name)") }
    }
  }

  @Test(
    "addresses are compared in one notation",
    arguments: [
      ("pci 0:0:3.0", "pci 0000:00:03.0"), ("PCI 0000:00:1f.7 multifunction=on", "pci 0000:00:1f.7 multifunction=on"),
      ("drive 0:0:00:1", "drive 0:0:0:1"), ("usb 0:1.2", "usb 0:1.2"), ("isa 0x505 irq 0x1", "isa 0x505 irq 0x1"),
      ("ccw fe.0.1", "ccw fe.0.0001"), ("dimm 0 0x100000000", "dimm 0 0x100000000"), ("unassigned", "unassigned"),
    ])
  func addresses(text: String, normal: String) throws {
    #expect(try DeviceAddress.rule.normalised(text) == normal)
  }

  @Test(
    "what is no address is refused",
    arguments: ["", "pci", "pci 0:0:3", "drive 0:0:0", "usb", "xyz 1", "pci 0:0:3.0 x"])
  func noAddress(text: String) {
    #expect(throws: ValueProblem.self) { try DeviceAddress.rule.normalised(text) }
  }

  @Test("every definition of a folder obeys the laws")
  func corpus() throws {
    guard let folder = ProcessInfo.processInfo.environment["VIREO_CORPUS"] else { return }
    let files = FileManager.default.enumerator(atPath: folder)
    while let name = files?.nextObject() as? String {
      guard name.hasSuffix(".xml"), let text = try? String(contentsOfFile: folder + "/" + name, encoding: .utf8),
        let devices = try? XMLElement.parse(text).first("devices")
      else { continue }
      for (type, element) in Self.pairs(in: devices) { Self.check(type, element) }
    }
  }
}
