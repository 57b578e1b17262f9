// What libvirt and QEMU say when a host lacks something, and what it means: one table for all who read their messages.
//
// A row is a whole phrase of theirs, not a word: `lock` is in "blockdev", and `kvm` in the path of every other QEMU.

/// A cause that libvirt's or QEMU's words tell, and that somebody can do something about.
enum FailureCause: CaseIterable {
  case kvmForbidden
  case kvmBusy
  case kvmMissing
  case firewall
  case dnsServerAddress
  case dnsServerMissing
  case addressesTaken
  case bridgeTaken
  case forwarding
  case networkInactive
  case networkMissing
  case imageLocked
  case hugePages
  case memory
  case vsock
  case portTaken
  case permission
  case deviceMissing

  /// The cause that a message tells; nil for all others.
  init?(_ message: String) {
    guard let cause = Self.allCases.first(where: { $0.phrases.contains { message.contains(phrase: $0) } }) else {
      return nil
    }
    self = cause
  }

  /// Whether it is that guests of type `kvm` cannot run here.
  var concernsKVM: Bool { [.kvmForbidden, .kvmBusy, .kvmMissing].contains(self) }

  /// Phrases of libvirt 9.0 to 12.8 and QEMU 7.2 to 11.1, `…` for what differs. Causes above others are the closer ones.
  private var phrases: [String] {
    switch self {
    case .kvmForbidden:
      ["Could not access KVM kernel module: Permission denied", "failed to initialize kvm: Permission denied"]
    case .kvmBusy: ["ioctl(KVM_CREATE_VM) failed: …busy", "failed to initialize kvm: Device or resource busy"]
    case .kvmMissing:
      [
        "Could not access KVM kernel module", "failed to initialize kvm",
        "Domain requires KVM, but it is not available",
        "does not support virt type 'kvm'", "invalid accelerator kvm",
      ]
    case .firewall:
      [
        "Failed to apply firewall ", "Failed to run firewall command ", "No firewall backend is available",
        "could not find a usable firewall backend", "Unable to create firewall command", "firewalld …zone",
        "Failed to initialize a valid firewall backend",
      ]
    case .dnsServerAddress:
      ["dnsmasq: failed to create listening socket …", "dnsmasq: failed to bind …"]
    case .dnsServerMissing: ["Unable to find 'dnsmasq' binary", "Cannot check dnsmasq binary"]
    case .addressesTaken: ["Network is already in use by interface "]
    case .bridgeTaken: ["bridge name '…' already in use", "Unable to create bridge …File exists"]
    case .forwarding: ["failed to enable IP forwarding"]
    case .networkInactive: ["network '…' is not active"]
    case .networkMissing: ["Network not found", "no network with matching "]
    case .imageLocked:
      [
        "Failed to get \"…\" lock", "Failed to get shared \"…\" lock", "Is another process using the image",
        "Failed to lock byte", "Lockspace resource …is locked",
      ]
    case .hugePages:
      [
        "hugetlbfs filesystem is not mounted", "hugetlbfs …", "hugepages are not …",
        "Unable to find any usable hugetlbfs",
        "unable to map backing store for guest RAM: Cannot allocate memory",
      ]
    case .memory: ["cannot set up guest memory", "Cannot allocate memory"]
    case .vsock: ["vhost-vsock device", "/dev/vhost-vsock", "vhost-vsock: "]
    case .portTaken:
      [
        "Failed to reserve port ", "Unable to find an unused port",
        "Failed to find an available port: Address already in use",
        "Failed to bind socket: Address already in use", "reds_init_socket: …binding socket to …failed",
        "failed to initialize spice server", "Failed to start VNC server: …Address already in use",
        "Address already in use",
      ]
    case .permission: ["Permission denied"]
    case .deviceMissing: ["No such device"]
    }
  }

  /// What helps.
  var remedy: String {
    switch self {
    case .kvmForbidden: "let QEMU's user open /dev/kvm (chgrp kvm /dev/kvm; chmod 660 /dev/kvm), or write `type: qemu`"
    case .kvmBusy: "stop the other hypervisor that has the processor's virtualization, or write `type: qemu`"
    case .kvmMissing: "load the host's module (modprobe kvm_intel or kvm_amd), or write `type: qemu`"
    case .firewall:
      "see that `nft` or `iptables` works on the host, with its kernel modules; where firewalld runs, restart libvirt after it"
    case .dnsServerAddress:
      "stop the other DNS or DHCP server that has the network's address, or give the network another"
    case .dnsServerMissing: "install dnsmasq (on Debian the package dnsmasq-base)"
    case .addressesTaken: "give the network other addresses: a network or device of the host has these"
    case .bridgeTaken: "give the network another `bridge`: the host has a device of this name"
    case .forwarding: "let the host forward packets (sysctl net.ipv4.ip_forward=1), or use `mode: isolated`"
    case .networkInactive: "start the network (virsh net-start) and mark it for autostart"
    case .networkMissing: "define the network, or name another one"
    case .imageLocked: "stop what uses the image, then apply again"
    case .hugePages:
      "mount hugetlbfs on the host (/dev/hugepages) with pages enough, or take `memory-backing.hugepages` out of the spec"
    case .memory: "give the guest less memory, or free some of the host's"
    case .vsock: "load the host's module (modprobe vhost_vsock)"
    case .portTaken: "choose another port, or none: libvirt finds a free one"
    case .permission: "see that QEMU's user may read the file and pass its folders"
    case .deviceMissing: "see that the bridge or host device exists"
    }
  }
}

extension String {
  /// Whether the text has the parts of a phrase, one behind the other on one line; `…` stands between them.
  fileprivate func contains(phrase: String) -> Bool {
    let parts = phrase.split(separator: "…").map(String.init)
    return split(whereSeparator: \.isNewline).contains { line in
      var rest = line[...]
      return parts.allSatisfy { part in
        guard let start = rest.firstIndex(ofText: part) else { return false }
        rest = rest[start...].dropFirst(part.count)
        return true
      }
    }
  }
}
