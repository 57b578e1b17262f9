// What libvirt's and QEMU's own messages mean, in the words of each version.

import Testing
import XMLTree

@testable import Applier

@Suite("The cause that a message tells")
struct FailureCauseTests {
  struct Row: Sendable, CustomTestStringConvertible {
    /// Whose words: measured with this version, or read in its source (S).
    var version: String
    var message: String
    var cause: FailureCause?

    init(_ version: String, _ message: String, _ cause: FailureCause?) {
      (self.version, self.message, self.cause) = (version, message, cause)
    }

    var testDescription: String { "\(version): \(message.prefix(60))" }
  }

  static let networks = [
    Row("9.0, 11.3, 12.8", "internal error: Network is already in use by interface vbr1", .addressesTaken),
    Row("9.0, 11.3, 12.8", "internal error: bridge name 'vbr1' already in use.", .bridgeTaken),
    Row("9.0 S", "Unable to create bridge virbr0: File exists", .bridgeTaken),
    Row("9.0 S", "Unable to create bridge virbr0: Operation not permitted", nil),
    Row(
      "9.0",
      """
      internal error: Failed to apply firewall rules /usr/sbin/iptables -w --table filter --insert LIBVIRT_INP \
      --in-interface vbr6 --protocol tcp --destination-port 67 --jump ACCEPT: Error: Could not process rule: Operation \
      not supported
      """, .firewall),
    Row(
      "11.3, 12.8",
      """
      internal error: Failed to run firewall command iptables -w --table filter --insert LIBVIRT_INP --in-interface \
      vbr6 --protocol tcp --destination-port 67 --jump ACCEPT: Error: Could not process rule: Operation not supported
      """, .firewall),
    Row(
      "11.3 S",
      "internal error: Failed to apply firewall command 'nft -ae insert rule ip libvirt_network guest_nat': No such device",
      .firewall),
    Row("11.3 S", "unsupported configuration: No firewall backend is available", .firewall),
    Row("10.4 S", "internal error: could not find a usable firewall backend", .firewall),
    Row(
      "11.3 S",
      "internal error: firewalld can't find the 'libvirt' zone that should have been installed with libvirt", .firewall),
    Row(
      "9.0, 11.3, 12.8",
      """
      internal error: Child process (VIR_BRIDGE_NAME=vbr5 /usr/sbin/dnsmasq \
      --conf-file=/var/lib/libvirt/dnsmasq/dns.conf --leasefile-ro \
      --dhcp-script=/usr/lib/libvirt/libvirt_leaseshelper) unexpected exit status 2:
      dnsmasq: failed to create listening socket for 10.77.5.1: Address already in use
      """, .dnsServerAddress),
    Row("9.0 S", "Unable to find 'dnsmasq' binary in $PATH: No such file or directory", .dnsServerMissing),
    Row("9.0 S", "failed to enable IP forwarding: Read-only file system", .forwarding),
  ]

  static let guests = [
    Row(
      "QEMU 7.2, 10.0, 11.1",
      """
      internal error: process exited while connecting to monitor: Could not access KVM kernel module: No such file or \
      directory
      2026-11-23T22:00:00.0Z qemu-system-x86_64: -accel kvm: failed to initialize kvm: No such file or directory
      """, .kvmMissing),
    Row(
      "QEMU 7.2, 10.0, 11.1",
      """
      internal error: process exited while connecting to monitor: Could not access KVM kernel module: Permission denied
      2026-11-23T22:00:00.0Z qemu-system-x86_64: -accel kvm: failed to initialize kvm: Permission denied
      """, .kvmForbidden),
    Row(
      "QEMU 10.0 S",
      """
      internal error: QEMU unexpectedly closed the monitor (vm='web'): ioctl(KVM_CREATE_VM) failed: 16 Device or \
      resource busy
      2026-11-23T22:00:00.0Z qemu-system-x86_64: -accel kvm: failed to initialize kvm: Device or resource busy
      """, .kvmBusy),
    Row(
      "9.0 S",
      """
      unsupported configuration: Domain requires KVM, but it is not available. Check that virtualization is enabled in \
      the host BIOS, and host configuration is setup to load the kvm modules.
      """, .kvmMissing),
    Row(
      "11.3, 12.8",
      "unsupported configuration: Emulator '/usr/bin/qemu-system-x86_64' does not support virt type 'kvm'", .kvmMissing),
    // Others that name KVM or its device and are no want of KVM.
    Row("9.0 S", "Unable to set ACLs on /dev/kvm: Operation not supported", nil),
    Row("9.0 S", "Unable to make device /var/run/libvirt/qemu/web.dev/kvm: Operation not permitted", nil),
    Row("11.3 S", "unable to set user and group to '64055:994' on '/dev/kvm': Read-only file system", nil),
    Row(
      "QEMU of RHEL", "internal error: /usr/libexec/qemu-kvm: -device foo: 'foo' is not a valid device model name", nil),
    Row("9.0 S", "cachetune is only supported for KVM domains", nil),
    Row("9.0", "Requested operation is not valid: network 'lab' is not active", .networkInactive),
    Row("9.0 S", "Requested operation is not valid: storage pool 'network' is not active", nil),
    Row("9.0", "Network not found: no network with matching name 'lab'", .networkMissing),
    Row("QEMU 7.2, 10.0, 11.1", "Failed to get \"write\" lock", .imageLocked),
    Row("QEMU 7.2 S", "Failed to get shared \"consistent read\" lock", .imageLocked),
    Row("9.0 S", "resource busy: Lockspace resource '4f2c…' is locked", .imageLocked),
    // Words with `lock` in them.
    Row("QEMU 7.2", "'file' driver requires '/dev/block' to be a regular file", nil),
    Row("9.0 S", "unsupported configuration: unsupported clock offset 'foo'", nil),
    Row("9.0 S", "operation failed: disk 'vda' already in active block job", nil),
    Row("9.0 S", "cannot limit locked memory of process 4711 to 1024: Operation not permitted", nil),
    Row("QEMU 7.2, 10.0", "cannot set up guest memory 'pc.ram': Cannot allocate memory", .memory),
    Row(
      "9.0", "internal error: hugetlbfs filesystem is not mounted or disabled by administrator config", .hugePages),
    Row("QEMU 7.2, 10.0", "unable to map backing store for guest RAM: Cannot allocate memory", .hugePages),
    Row("9.0", "unsupported configuration: unable to open vhost-vsock device", .vsock),
    Row("9.0", "internal error: Failed to reserve port 5977", .portTaken),
    Row("QEMU 7.2, 10.0", "Failed to find an available port: Address already in use", .portTaken),
    Row("QEMU 7.2", "failed to initialize spice server", .portTaken),
    Row(
      "9.0", "Cannot access storage file '/srv/a.qcow2' (as uid:64055, gid:64055): Permission denied", .permission),
    Row("9.0, 11.3", "Cannot get interface MTU on 'nobr9': No such device", .deviceMissing),
    Row("", "", nil),
  ]

  @Test("is what its words say, in each version's words", arguments: networks + guests)
  func cause(row: Row) {
    #expect(FailureCause(row.message) == row.cause)
  }

  @Test("of a guest that does not start is found in the line that is shown, too", arguments: guests)
  func line(row: Row) {
    let text = startMessage(row.message, whole: plainMessage(row.message)).text
    #expect(FailureCause(text) == row.cause)
  }

  @Test("every cause has a message of a real version")
  func complete() {
    let told = Set((Self.networks + Self.guests).compactMap(\.cause))
    #expect(Set(FailureCause.allCases) == told)
  }

  @Test(
    "a guest is told to do without KVM only where KVM is what is missing", arguments: guests)
  func type(row: Row) throws {
    let domain = try XMLElement.parse("<domain type='kvm'><devices/></domain>")
    let concernsKVM = row.cause?.concernsKVM ?? false
    #expect((faultyField(row.message, in: domain) == "type") == concernsKVM)
    #expect((row.cause?.remedy.contains("type: qemu") ?? false) == concernsKVM)
  }
}
