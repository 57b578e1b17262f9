// Messages of libvirt's and QEMU's, as libvirt 9.0 to 12.8 and QEMU 7.2 to 11.1 write them, and the fields of the spec that they are about.

import Testing
import XMLTree

@testable import Applier

@Suite("The field that a message is about")
struct FaultyFieldTests {
  static let definition = """
    <domain type='qemu'>
    <metadata><vireo:stack xmlns:vireo='urn:vireo:stack:1' name='lab'>
      <vireo:owned object='graphics.vnc'/><vireo:owned object='graphics.viewer' type='spice'/></vireo:stack></metadata>
    <memory>65536</memory><vcpu>1</vcpu>
    <cputune><vcpupin vcpu='0' cpuset='99'/></cputune>
    <os><type machine='pc-q35-7.2'>hvm</type><kernel>/nowhere/vmlinuz</kernel></os>
    <cpu mode='custom'><model>Skylake-Server</model></cpu>
    <devices>
    <disk type='file'><source file='/srv/vms/web.root.qcow2'/><target dev='vda'/><alias name='ua-disk-root'/></disk>
    <disk type='block'><source dev='/dev/nosuch'/><target dev='vdb'/><alias name='ua-disk-root2'/></disk>
    <interface type='network'><source network='lab'/><alias name='ua-interface-lan'/></interface>
    <interface type='bridge'><source bridge='nobr9'/><alias name='ua-interface-out'/></interface>
    <interface type='user'><model type='nosuchcard'/><alias name='ua-interface-odd'/></interface>
    <serial type='file'><source path='/nowhere/log'/><alias name='ua-serial-log'/></serial>
    <serial type='tcp'><source mode='bind' host='127.0.0.1' service='5977'/><alias name='ua-serial-net'/></serial>
    <channel type='unix'><target type='virtio' name='a'/><alias name='ua-channel-a'/></channel>
    <rng model='virtio'><backend model='random'>/dev/nosuchrng</backend><alias name='ua-rng-r'/></rng>
    <filesystem type='mount'><source dir='/nowhere/dir'/><target dir='t'/><alias name='ua-filesystem-f'/></filesystem>
    <graphics type='vnc' port='5977'/><graphics type='spice' port='5978'/>
    <hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x00' slot='0x1f' function='0x7'/></source>
      <alias name='ua-hostdev-card'/></hostdev>
    <watchdog model='i6300esb' action='none'><alias name='ua-watchdog-dog'/></watchdog>
    <vsock model='virtio'><cid auto='no' address='5'/><alias name='ua-vsock-talk'/></vsock>
    </devices></domain>
    """

  static let messages: [(message: String, field: String?)] = [
    (
      #"""
      internal error: qemu unexpectedly closed the monitor: 2026-11-28T17:53:24.367894Z qemu-system-x86_64: -blockdev \#
      {"node-name":"libvirt-1-format","read-only":false,"driver":"qcow2","file":"libvirt-1-storage","backing":null}: \#
      Failed to get "write" lock
      Is another process using the image [/srv/vms/web.root.qcow2]?
      """#, "disks.root.source"
    ),
    (
      "Cannot access storage file '/srv/vms/web.root.qcow2' (as uid:0, gid:0): No such file or directory",
      "disks.root.source"
    ),
    ("Cannot access storage file '/dev/nosuch': No such file or directory", "disks.root2.source"),
    (
      #"""
      internal error: process exited while connecting to monitor: qemu-system-x86_64: -device \#
      {"driver":"virtio-blk-pci","bus":"pci.1","drive":"libvirt-1-format","id":"ua-disk-root2"}: no such drive
      """#, "disks.root2"
    ),
    (
      #"""
      internal error: process exited while connecting to monitor: qemu-system-x86_64: -blockdev \#
      {"driver":"file","filename":"/srv/vms/web.root.qcow2","node-name":"libvirt-1-storage"}: 'file' driver requires \#
      '/srv/vms/web.root.qcow2' to be a regular file
      """#, "disks.root.source"
    ),
    ("Requested operation is not valid: network 'lab' is not active", "interfaces.lan.network"),
    ("Network not found: no network with matching name 'lab'", "interfaces.lan.network"),
    ("Cannot get interface MTU on 'nobr9': No such device", "interfaces.out.bridge"),
    (
      #"""
      internal error: qemu unexpectedly closed the monitor: 2026-11-28T17:53:41.571781Z qemu-system-x86_64: -device \#
      {"driver":"nosuchcard","netdev":"hostua-interface-odd","id":"ua-interface-odd","bus":"pci.1","addr":"0x0"}: \#
      'nosuchcard' is not a valid device model name
      """#, "interfaces.odd.model"
    ),
    ("Failed to create file '/nowhere/log': No such file or directory", "serials.log.path"),
    (
      """
      internal error: qemu unexpectedly closed the monitor: 2026-11-28T17:53:43.379217Z qemu-system-x86_64: -chardev \
      socket,id=charua-serial-net,host=127.0.0.1,port=5977,server=on,wait=off: Failed to find an available port: \
      Address already in use
      """, "serials.net"
    ),
    ("Path '/dev/nosuchrng' is not accessible: No such file or directory", "rngs.r.device"),
    (
      #"""
      internal error: process exited while connecting to monitor: qemu-system-x86_64: -device \#
      {"driver":"virtio-9p-pci","id":"ua-filesystem-f","fsdev":"fsdev-ua-filesystem-f","mount_tag":"tag"}: cannot \#
      initialize fsdev 'fsdev-ua-filesystem-f': failed to open '/nowhere/dir': No such file or directory
      """#, "filesystems.f.dir"
    ),
    ("unable to stat: /nowhere/vmlinuz: No such file or directory", "kernel"),
    (
      """
      internal error: qemu unexpectedly closed the monitor: 2026-11-28T17:53:20.345235Z qemu-system-x86_64: -vnc \
      127.0.0.1:77,audiodev=audio1: Failed to find an available port: Address already in use
      """, "graphics.vnc.port"
    ),
    (
      """
      internal error: qemu unexpectedly closed the monitor: qemu-system-x86_64: warning: Spice: \
      ../server/reds.cpp:2585:reds_init_socket: binding socket to 127.0.0.1:5978 failed
      2026-11-28T17:53:22.364925Z qemu-system-x86_64: failed to initialize spice server
      """, "graphics.viewer.port"
    ),
    ("internal error: Failed to reserve port 5977", "graphics.vnc.port"),
    ("unsupported configuration: host doesn't support passthrough of host PCI devices", "hostdevs.card"),
    (
      "Device 0000:00:1f.7 not found: could not access /sys/bus/pci/devices/0000:00:1f.7/config: No such file",
      "hostdevs.card.source.pci"
    ),
    ("unsupported configuration: unable to open vhost-vsock device", "vsocks.talk"),
    ("internal error: Unknown CPU model NoSuchCPU", "cpu.model"),
    (
      "operation failed: guest CPU doesn't match specification: extra features: hypervisor, missing features: vme",
      "cpu.model"
    ),
    ("unsupported configuration: unknown CPU feature: nosuchfeature", "cpu.features"),
    (
      "unsupported configuration: CPU mode 'host-passthrough' for x86_64 qemu domain on x86_64 host is not supported",
      "cpu"
    ),
    (
      "unsupported configuration: Emulator '/usr/bin/qemu-system-x86_64' does not support machine type 'pc-q35-99.9'",
      "machine"
    ),
    ("internal error: Machine type 'pc-q35-99.9' supports PCI but no PCI controller added", "machine"),
    ("unsupported configuration: Maximum CPUs greater than specified machine type limit 288", "vcpus"),
    (
      """
      internal error: process exited while connecting to monitor: 2026-11-28T17:53:16.284217Z qemu-system-x86_64: \
      cannot set up guest memory 'pc.ram': Cannot allocate memory
      """, "memory"
    ),
    (
      "internal error: hugetlbfs filesystem is not mounted or disabled by administrator config",
      "memory-backing.hugepages"
    ),
    ("unsupported configuration: NUMA node 7 is unavailable", "numatune"),
    (
      "Unable to write to '/sys/fs/cgroup/cpuset/machine/qemu-1-web/vcpu0/cpuset.cpus': Numerical result out of range",
      "cputune.vcpupin"
    ),
    (
      """
      internal error: process exited while connecting to monitor: Could not access KVM kernel module: Permission denied
      2026-11-23T22:00:00.0Z qemu-system-x86_64: -accel kvm: failed to initialize kvm: Permission denied
      """, "type"
    ),
    (
      "internal error: qemu unexpectedly closed the monitor: qemu-system-x86_64: -nosuchoption: invalid option",
      "qemu.args"
    ),
    // QEMU is built in parts since Debian 13, and SPICE is one of them.
    ("unsupported configuration: spice graphics are not supported with this QEMU", "graphics.viewer"),
    ("unsupported configuration: vnc graphics are not supported with this QEMU", "graphics.vnc"),
    (
      "unsupported configuration: watchdogs with different actions are not supported with this QEMU binary",
      "watchdogs.dog"
    ),
    (
      "unsupported configuration: more than 255 vCPUs require extended interrupt mode enabled on the iommu device",
      "vcpus"
    ),
    (
      "unsupported configuration: Emulator '/usr/bin/qemu-system-x86_64' does not support virt type 'kvm'", "type"
    ),
    ("Unable to set ACLs on /dev/kvm: Operation not supported", nil),
    ("internal error: client socket is closed", nil),
    ("", nil),
  ]

  @Test("is found by what the message names", arguments: messages)
  func field(message: String, field: String?) throws {
    let domain = try XMLElement.parse(Self.definition)
    #expect(faultyField(message, in: domain) == field)
  }

  @Test("is none where a definition has nothing of it")
  func nothing() throws {
    let domain = try XMLElement.parse("<domain type='kvm'><devices/></domain>")
    #expect(faultyField("Cannot access storage file '/srv/a.qcow2': No such file or directory", in: domain) == nil)
    #expect(faultyField("qemu-system-x86_64: -vnc :77: Address already in use", in: domain) == nil)
  }
}
