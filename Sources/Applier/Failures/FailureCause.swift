// What a host lacks when libvirt and QEMU say one thing or another, and what helps.

import Libvirt

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
    guard let cause = Self.allCases.first(where: { $0.phrase.occurs(in: message) }) else { return nil }
    self = cause
  }

  /// Whether it is that guests of type `kvm` cannot run here.
  var concernsKVM: Bool { [.kvmForbidden, .kvmBusy, .kvmMissing].contains(self) }

  /// The phrases of the cause. Causes above others are the closer ones.
  private var phrase: Phrase {
    switch self {
    case .kvmForbidden: .kvmForbidden
    case .kvmBusy: .kvmBusy
    case .kvmMissing: .kvmMissing
    case .firewall: .firewall
    case .dnsServerAddress: .dnsServerAddress
    case .dnsServerMissing: .dnsServerMissing
    case .addressesTaken: .addressesTaken
    case .bridgeTaken: .bridgeTaken
    case .forwarding: .forwarding
    case .networkInactive: .networkInactive
    case .networkMissing: .networkMissing
    case .imageLocked: .imageLocked
    case .hugePages: .hugePagesMissing
    case .memory: .memoryExhausted
    case .vsock: .vsockMissing
    case .portTaken: .portTaken
    case .permission: .permissionDenied
    case .deviceMissing: .deviceMissing
    }
  }

  /// What helps.
  var remedy: String {
    switch self {
    case .kvmForbidden: "let QEMU's user open /dev/kvm (chgrp kvm /dev/kvm; chmod 660 /dev/kvm), or write `type: qemu`"
    case .kvmBusy: "stop the other hypervisor that uses the processor's virtualization, or write `type: qemu`"
    case .kvmMissing: "load the host's module (modprobe kvm_intel or kvm_amd), or write `type: qemu`"
    case .firewall:
      "make sure that `nft` or `iptables` and its kernel modules work on the host; if firewalld runs, restart libvirt after it"
    case .dnsServerAddress:
      "stop the other DNS or DHCP server on the network's address, or give the network another address"
    case .dnsServerMissing: "install dnsmasq (on Debian the package dnsmasq-base)"
    case .addressesTaken: "give the network other addresses: a network or device of the host already has these"
    case .bridgeTaken: "give the network another `bridge`: the host has a device of this name"
    case .forwarding: "let the host forward packets (sysctl net.ipv4.ip_forward=1), or use `mode: isolated`"
    case .networkInactive: "start the network (virsh net-start) and mark it for autostart"
    case .networkMissing: "define the network, or name another one"
    case .imageLocked: "stop what uses the image, then apply again"
    case .hugePages:
      "mount hugetlbfs on the host (/dev/hugepages) with enough pages, or remove `memory-backing.hugepages` from the spec"
    case .memory: "give the guest less memory, or free memory on the host"
    case .vsock: "load the host's module (modprobe vhost_vsock)"
    case .portTaken: "choose another port, or leave it out: libvirt finds a free one"
    case .permission: "make sure that QEMU's user may read the file and pass its folders"
    case .deviceMissing: "make sure that the bridge or host device exists"
    }
  }
}
