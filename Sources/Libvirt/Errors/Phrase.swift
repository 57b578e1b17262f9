// The messages of libvirt and QEMU that Vireo reads, because no error code tells the cases apart: all of them, in one table.
// Code that finds none of its phrases is on the safe side: it does not try again, it does not wait for a restart, and it shows
// the message as it is. The table was compared with libvirt 9.0 to 12.8 and QEMU 7.2 to 11.1; rows that only some versions
// have name them.
//
// A row is a whole phrase, not a word: `lock` is in "blockdev", and `kvm` is in the path of some QEMU programs.

import Versions

/// What a message may say, by the phrases that say it.
package enum Phrase: CaseIterable {
  /// What the host lacks.
  case kvmForbidden, kvmBusy, kvmMissing, firewall, dnsServerAddress, dnsServerMissing, addressesTaken, bridgeTaken,
    forwarding, networkInactive, networkMissing, imageLocked, hugePagesMissing, memoryExhausted, vsockMissing,
    portTaken,
    permissionDenied, deviceMissing
  /// A running guest has no place for a device, and may have one at its next start.
  case noFreePlace
  /// The host cannot give a guest a device, at its next start either.
  case hostCannot
  /// QEMU has something of the name already.
  case nameTaken
  /// QEMU ended before libvirt was connected to it, and libvirt did not read what it said.
  case monitorRefused
  /// What a start that failed is about.
  case reservedPort, spiceUnsupported, vncUnsupported, watchdogActions, vncOption, spiceOption, hostDevice, vsockDevice,
    processorMode, processorFeature, processorModel, processorCount, machineType, hugePages, node, processorSet,
    guestMemory, option
  /// What a connection lacks.
  case socketPath, socketDead, connectionRefused, driverMissing, rootPath, stateFolder, socketDenied, bus,
    embeddedAccount, embeddedRootInUse
  /// A schema of libvirt: what a document has against it follows, or it could not be read.
  case schemaFile, schemaRace

  /// Whether a message has one of the phrases. The parts of a phrase stand on one line, one behind the other.
  package func occurs(in message: some StringProtocol) -> Bool { range(in: Substring(message)) != nil }

  /// Where the first phrase that a message has begins and ends.
  package func range(in message: Substring) -> Range<Substring.Index>? {
    let lines = message.split(whereSeparator: \.isNewline)
    return wordings.lazy.compactMap { wording in lines.lazy.compactMap(wording.range).first }.first
  }

  /// The phrases, the closest first.
  package var wordings: [Wording] {
    switch self {
    case .kvmForbidden:
      [
        .qemu("Could not access KVM kernel module: …Permission denied"),
        .qemu("failed to initialize …kvm: …Permission denied"),
      ]
    case .kvmBusy:
      [.qemu("ioctl(KVM_CREATE_VM) failed: …busy"), .qemu("failed to initialize …kvm: …Device or resource busy")]
    case .kvmMissing:
      [
        .qemu("Could not access KVM kernel module"), .qemu("failed to initialize …kvm"),
        .libvirt("Domain requires KVM, but it is not available"), .libvirt("does not support virt type '…kvm'"),
        .qemu("invalid accelerator …kvm"),
      ]
    case .firewall:
      [
        .libvirt("Failed to apply firewall "),
        .libvirt("Failed to run firewall command ", since: LibvirtVersion(10, 4)),
        .libvirt("No firewall backend is available", since: LibvirtVersion(10, 4)),
        .libvirt(
          "could not find a usable firewall backend", since: LibvirtVersion(10, 4), until: LibvirtVersion(10, 4)),
        .libvirt("Unable to create firewall command", until: LibvirtVersion(8, 10)), .libvirt("firewalld …zone"),
        .libvirt("Failed to initialize a valid firewall backend", until: LibvirtVersion(8, 10)),
      ]
    case .dnsServerAddress:
      [.dnsmasq("dnsmasq: …failed to create listening socket …"), .dnsmasq("dnsmasq: …failed to bind …")]
    case .dnsServerMissing:
      [
        .libvirt("Unable to find '…dnsmasq' binary"),
        .libvirt("Cannot check dnsmasq binary", until: LibvirtVersion(8, 10)),
      ]
    case .addressesTaken: [.libvirt("Network is already in use by interface ")]
    case .bridgeTaken: [.libvirt("bridge name '…' already in use"), .libvirt("Unable to create bridge …File exists")]
    case .forwarding: [.libvirt("failed to enable IP forwarding")]
    case .networkInactive: [.libvirt("network '…' is not active")]
    case .networkMissing: [.libvirt("Network not found"), .libvirt("no network with matching ")]
    case .imageLocked:
      [
        .qemu("Failed to get \"…\" lock"), .qemu("Failed to get shared \"…\" lock"),
        .qemu("Is another process using the image"), .qemu("Failed to lock byte"),
        .libvirt("Lockspace resource …is locked"),
      ]
    case .hugePagesMissing:
      [
        .libvirt("hugetlbfs filesystem is not mounted"), .libvirt("hugetlbfs …"), .libvirt("hugepages are not …"),
        .libvirt("Unable to find any usable hugetlbfs"),
        .qemu("unable to map backing store for guest RAM…: Cannot allocate memory"),
      ]
    case .memoryExhausted: [.qemu("cannot set up guest memory"), .system("Cannot allocate memory")]
    case .vsockMissing: [.libvirt("vhost-vsock device"), .libvirt("/dev/vhost-vsock"), .qemu("vhost-vsock: ")]
    case .portTaken:
      [
        .libvirt("Failed to reserve port "), .libvirt("Unable to find an unused port"),
        .qemu("Failed to find an available port…: Address already in use"),
        .qemu("Failed to bind socket…: Address already in use"),
        .spice("reds_init_socket…: …binding socket to …failed"),
        .qemu("failed to initialize spice server"),
        .system("Address already in use"),
      ]
    case .permissionDenied: [.system("Permission denied")]
    case .deviceMissing: [.system("No such device")]

    case .noFreePlace:
      [
        .libvirt("No more available PCI slots"), .libvirt("a PCI slot is needed"), .libvirt("No free USB ports"),
        .libvirt("Unable to find a free"), .libvirt("There is no more free"), .libvirt("no free memory device slot"),
        .libvirt("empty memory slot"), .libvirt("memory device count"), .libvirt("memory device total size"),
        .libvirt("maxMemory"), .libvirt("hotplug"), .libvirt("hot plug"), .qemu("Hot-plug"), .qemu("hot-plug"),
        .qemu("Bus '…' "), .libvirt("Device alias was not set for …"),
      ]
    case .hostCannot:
      [
        .libvirt("host doesn't support"), .libvirt("requires VFIO"), .libvirt("unable to open"),
        .system("No such file"),
      ]

    case .nameTaken:
      [
        .libvirt("unable to execute QEMU command …uplicate "),
        .libvirt("unable to execute QEMU command …already exists"),
      ]

    case .monitorRefused: [.libvirt("failed to connect to monitor socket")]

    case .reservedPort: [.libvirt("Failed to reserve port ")]
    case .spiceUnsupported: [.libvirt("spice… graphics are not supported")]
    case .vncUnsupported: [.libvirt("vnc… graphics are not supported")]
    case .watchdogActions: [.libvirt("watchdogs with different actions", since: LibvirtVersion(9, 1))]
    case .vncOption: [.qemu("-vnc ")]
    case .spiceOption: [.qemu("-spice "), .qemu("spice server"), .spice("SPICE sockets")]
    case .hostDevice:
      [
        .libvirt("host PCI devices"), .libvirt("Mediated host device"), .libvirt("USB device"),
        .libvirt("/sys/bus/usb"), .libvirt("/sys/bus/pci"), .libvirt("VFIO"),
      ]
    case .vsockDevice: [.qemu("vhost-vsock")]
    case .processorMode:
      [
        .libvirt("CPU mode '…host-passthrough…'"), .libvirt("CPU mode '…host-model…'"),
        .libvirt("CPU mode '…maximum…'"),
      ]
    case .processorFeature: [.libvirt("unknown CPU feature"), .qemu("requested feature")]
    case .processorModel:
      [
        .libvirt("CPU model"), .libvirt("guest CPU"), .libvirt("CPU definition"),
        .libvirt("incompatible with host CPU"),
      ]
    case .processorCount:
      [
        .libvirt("machine type limit"), .libvirt("Maximum CPUs"), .qemu("Invalid SMP CPUs"), .libvirt("maximum vcpus"),
        .qemu("max CPUs"), .libvirt("more than 255 vCPUs", until: LibvirtVersion(8, 10)),
      ]
    case .machineType: [.libvirt("machine type"), .qemu("Machine type '")]
    case .hugePages: [.libvirt("hugetlbfs"), .libvirt("hugepage"), .qemu("huge page")]
    case .node: [.libvirt("NUMA node")]
    case .processorSet: [.libvirt("…cpuset.cpus")]
    case .guestMemory:
      [
        .qemu("cannot set up guest memory"), .system("Cannot allocate memory"), .qemu("guest memory"),
        .qemu("ram size"),
      ]
    case .option: [.qemu("invalid option")]

    case .socketPath: [.libvirt("connect socket to '")]
    case .socketDead: [.system("No such file"), .system("Connection refused")]
    case .connectionRefused: [.libvirt("Failed to connect socket"), .system("Connection refused")]
    case .driverMissing: [.libvirt("no connection driver available")]
    case .rootPath: [.libvirt("root path"), .libvirt("URI parameter '…root'")]
    case .stateFolder: [.libvirt("state dir")]
    case .socketDenied: [.libvirt("socket…Permission denied")]
    case .bus: [.libvirt("system bus"), .libvirt("polkit")]
    case .embeddedAccount: [.libvirt("Failed to parse user"), .libvirt("Failed to parse group")]
    case .embeddedRootInUse: [.libvirt(EmbeddedRoot.pidFileName)]

    case .schemaFile: [.libvirt("validate …against …; ")]
    case .schemaRace: [.libxml2("is not exported by type library")]
    }
  }
}
