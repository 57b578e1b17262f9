// The tables of small devices: input, randomness, watchdog, balloon, panic, sockets, shared memory, IOMMU, crypto, TPM.

import XMLTree

extension Vocabulary {
  /// A keyboard, a mouse, a tablet.
  public static let input = ObjectType(
    "input", "A keyboard, a mouse, a tablet, or an input device of the host. libvirt adds a keyboard and a mouse.",
    fields: [
      Field(
        "type", .enumeration(["mouse", "tablet", "keyboard", "passthrough", "evdev"]), "What it is.", at: "@type",
        staysWhenDropped: true, reference: inputReference),
      Field(
        "bus", .enumeration(["ps2", "usb", "virtio", "xen", "parallels", "none"]), "How it is attached.", at: "@bus",
        staysWhenDropped: true, reference: inputReference),
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional"]),
        "The model of a virtio device.", at: "@model", reference: inputReference),
      Field(
        "event-device", .path, "The event device of the host that is passed through.", at: "source/@evdev",
        reference: inputReference),
      Field(
        "device", .path, "The event device of the host whose events are shared.", at: "source/@dev",
        reference: inputReference),
      Field(
        "grab", .enumeration(["all"]), "Whether all input devices are grabbed together.", at: "source/@grab",
        reference: inputReference),
      .onOff("repeat", "Whether keys repeat.", at: "source/@repeat", reference: inputReference),
      Field(
        "grab-toggle",
        .enumeration(["ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"]),
        "The keys that switch between host and guest.", at: "source/@grabToggle", reference: inputReference),
    ] + DeviceFields.virtio + [DeviceFields.address],
    groups: [DeviceFields.driverGroup],
    device: DeviceRule(
      "input", identity: .alias, aliases: ["input"], marks: [.first(.source, "source/@dev", "source/@evdev")],
      adoption: .equal, summary: .type, key: .first("@type", "@model"),
      hotplug: [
        .live("on virtio", needs: [.rootPort]) { $0[attribute: "bus"] == "virtio" },
        // libvirt gives a tablet the bus USB.
        .live("on USB", needs: [.bus("usb")]) {
          $0[attribute: "bus"] ?? ($0[attribute: "type"] == "tablet" ? "usb" : nil) == "usb"
        },
        .restart(),
      ],
      addition: .implied { input, devices in
        // One of each where there is none.
        input[attribute: "bus"] == "ps2" && input.attributes.count == 2
          && ["mouse", "keyboard"].contains(input[attribute: "type"])
          && input.elements.allSatisfy { $0.name == "alias" }
          && devices.all("input").count {
            $0[attribute: "bus"] == "ps2" && $0[attribute: "type"] == input[attribute: "type"]
          } == 1
      }),
    keyRule: .deviceKey)

  /// A source of random numbers.
  public static let rng = ObjectType(
    "rng", "A source of random numbers for the guest.",
    fields: [
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional"]), "The model.", at: "@model",
        staysWhenDropped: true, reference: rngReference),
      Field(
        "backend", .enumeration(["random", "egd", "builtin"]),
        "Where the numbers come from: a device of the host, a daemon, or QEMU itself.", at: "backend/@model",
        staysWhenDropped: true, reference: rngReference),
      Field(
        "device", .path, "The device of the host, such as `/dev/urandom`.",
        lens: .at("backend", .path).only(types: ["random"], at: "backend/@model"), reference: rngReference),
      Field(
        "rate.bytes", .integer(1...Int(Int32.max)), "How many bytes the guest gets in a period.", at: "rate/@bytes",
        reference: rngReference),
      Field(
        "rate.period", .integer(1...Int(Int32.max)), "The period in milliseconds; the default is 1000.",
        at: "rate/@period", reference: rngReference),
    ] + CharacterSource.fields(base: "backend/") + DeviceFields.virtio + [
      DeviceFields.acpiIndex, DeviceFields.address,
    ],
    groups: [DeviceFields.driverGroup, CharacterSource.group, FieldGroup("rate", "How much the guest may take.")],
    device: DeviceRule(
      "rng", identity: .alias, aliases: ["rng"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.live(needs: [.rootPort])], addition: .never),
    keyRule: .deviceKey)

  /// A timer that acts when the guest hangs (`watchdog`).
  public static let watchdog = ObjectType(
    "watchdog", "A timer that acts when the guest hangs.",
    fields: [
      Field(
        "model", .enumeration(["itco", "i6300esb", "ib700", "diag288"]), "The model.", at: "@model",
        staysWhenDropped: true, reference: "formatdomain.html#watchdog-devices"
      ).values("itco", since: 9, 1),
      Field(
        "action", .enumeration(["reset", "shutdown", "poweroff", "pause", "dump", "none", "inject-nmi"]),
        "What happens to a guest that hangs.", at: "@action", libvirtDefault: .string("reset"),
        reference: "formatdomain.html#watchdog-devices"),
      DeviceFields.acpiIndex, DeviceFields.address,
    ],
    // The board has one of the other models, whatever it does; libvirt from 9.1 on writes it down by itself.
    device: DeviceRule(
      "watchdog", identity: .alias, aliases: ["watchdog"], marks: [],
      adoption: [.equal, .field("model", except: "i6300esb")], summary: .kind, key: .kind,
      hotplug: [
        .live("of the model `i6300esb`", needs: [.conventionalPCI, .commonAction]) {
          $0[attribute: "model"] == "i6300esb"
        },
        .restart(),
      ],
      addition: .possible),
    keyRule: .deviceKey)

  /// The memory balloon.
  public static let memballoon = ObjectType(
    "memballoon", "The device through which the host takes memory back. libvirt adds one; `model: none` leaves it out.",
    fields: [
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional", "xen", "none"]),
        "The model.", at: "@model", staysWhenDropped: true, reference: balloonReference),
      .onOff(
        "auto-deflate", "Whether the guest gets memory back before it runs out.", at: "@autodeflate",
        reference: balloonReference),
      .onOff(
        "free-page-reporting", "Whether pages that the guest frees go back to the host at once.",
        at: "@freePageReporting", reference: balloonReference),
      Field(
        "stats-period", .integer(0...Int(Int32.max)), "Seconds between the guest's reports of its memory.",
        at: "stats/@period", effect: .live(.statisticsPeriod), reference: balloonReference),
    ] + DeviceFields.virtio + [DeviceFields.acpiIndex, DeviceFields.address],
    groups: [DeviceFields.driverGroup],
    // libvirt knows one at most, and refuses an alias on the one of model `none`.
    device: DeviceRule(
      "memballoon", identity: .only, aliases: ["balloon"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart(needs: [.rootPort])], addition: .possible),
    keyRule: .deviceKey)

  /// A device that reports panics.
  public static let panic = ObjectType(
    "panic", "A device through which the guest reports that its kernel crashed.",
    fields: [
      Field(
        "model", .enumeration(["isa", "pseries", "hyperv", "s390", "pvpanic"]), "The model.", at: "@model",
        staysWhenDropped: true, reference: "formatdomain.html#panic-device"
      ).values("pvpanic", since: 9, 1),
      DeviceFields.address,
    ],
    device: DeviceRule(
      "panic", identity: .alias, aliases: ["panic"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart()], addition: .possible),
    keyRule: .deviceKey)

  /// A socket between host and guest.
  public static let vsock = ObjectType(
    "vsock", "A socket between host and guest that needs no network.",
    fields: [
      Field(
        "model", .enumeration(["virtio", "virtio-transitional", "virtio-non-transitional"]), "The model.", at: "@model",
        staysWhenDropped: true, reference: "formatdomain.html#vsock"),
      .yesNo(
        "cid.auto", "Whether libvirt picks a free address at each start.", at: "cid/@auto",
        reference: "formatdomain.html#vsock"),
      Field(
        "cid.address", .integer(3...Int(UInt32.max)), "The guest's address.", at: "cid/@address",
        reference: "formatdomain.html#vsock"),
    ] + DeviceFields.virtio + [DeviceFields.acpiIndex, DeviceFields.address],
    groups: [DeviceFields.driverGroup, FieldGroup("cid", "The guest's address on the socket.", shorthand: "address")],
    device: DeviceRule(
      "vsock", identity: .alias, aliases: ["vsock"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.live(needs: [.rootPort])], addition: .never),
    keyRule: .deviceKey)

  /// Memory that guests share.
  public static let shmem = ObjectType(
    "shmem", "Memory that guests or programs of the host share.",
    fields: [
      Field(
        "name", .text(.line), "The name of the memory on the host.", at: "@name", staysWhenDropped: true,
        reference: shmemReference),
      Field(
        "role", .enumeration(["master", "peer"]), "Whether the memory goes along when the guest is migrated.",
        at: "@role", reference: shmemReference),
      Field(
        "model", .enumeration(["ivshmem", "ivshmem-plain", "ivshmem-doorbell"]), "The model.", at: "model/@type",
        staysWhenDropped: true, reference: shmemReference),
      Field(
        "size", .size(granularity: 1 << 20), "The size, a power of two.",
        lens: .size("size", unit: "size/@unit", written: "MiB").shortUnit, reference: shmemReference),
      Field("server", .path, "The socket of a server of the memory.", at: "server/@path", reference: shmemReference),
      .onOff("msi.enabled", "Whether interrupts are sent as messages.", at: "msi/@enabled", reference: shmemReference),
      Field(
        "msi.vectors", .integer(1...Int(Int32.max)), "The number of vectors.", at: "msi/@vectors",
        reference: shmemReference),
      .onOff(
        "msi.ioeventfd", "Whether notifications are handled apart from the guest's processors.", at: "msi/@ioeventfd",
        reference: shmemReference),
      DeviceFields.acpiIndex, DeviceFields.address,
    ],
    groups: [FieldGroup("msi", "Interrupts between the sharers.")],
    device: DeviceRule(
      "shmem", identity: .alias, aliases: ["shmem"], marks: [.all(.name, "@name")], adoption: .equal, summary: .kind,
      key: .kind,
      hotplug: [.live(needs: [.conventionalPCI])], addition: .never),
    keyRule: .deviceKey)

  /// What translates and guards the memory accesses of the guest's devices (`iommu`).
  public static let iommu = ObjectType(
    "iommu", "The guest's IOMMU.",
    fields: [
      Field(
        "model", .enumeration(["intel", "amd", "smmuv3", "virtio"]), "The model.", at: "@model",
        staysWhenDropped: true, reference: iommuReference
      ).values("amd", since: 11, 5),
      .onOff("driver.intremap", "Whether interrupts are remapped.", at: "driver/@intremap", reference: iommuReference),
      .onOff(
        "driver.caching-mode", "Whether devices of the host can be assigned.", at: "driver/@caching_mode",
        reference: iommuReference),
      .onOff(
        "driver.eim", "Whether more than 255 processors can get interrupts.", at: "driver/@eim",
        reference: iommuReference),
      .onOff("driver.iotlb", "Whether devices may cache translations.", at: "driver/@iotlb", reference: iommuReference),
      Field(
        "driver.aw-bits", .integer(32...64), "The width of addresses in bits.", at: "driver/@aw_bits",
        reference: iommuReference),
      .onOff(
        "driver.dma-translation", "Whether addresses of DMA are translated, and not interrupts alone.",
        at: "driver/@dma_translation", reference: iommuReference
      ).since(10, 7),
      .onOff(
        "driver.passthrough", "Whether an AMD IOMMU leaves addresses of DMA as they are.", at: "driver/@passthrough",
        reference: iommuReference
      ).since(11, 5),
      .onOff(
        "driver.xtsup", "Whether an AMD IOMMU has the x2APIC mode, which many vcpus need.", at: "driver/@xtsup",
        reference: iommuReference
      ).since(11, 5),
      Field(
        "driver.pci-bus", .integer(0...Int(Int32.max)), "The index of the PCI controller that it is attached to.",
        at: "driver/@pciBus", staysWhenDropped: true, reference: iommuReference
      ).since(11, 10),
      .onOff("driver.accel", "Whether an SMMU is helped by the host's.", at: "driver/@accel", reference: iommuReference)
        .since(12, 7),
      .onOff(
        "driver.ats", "Whether an SMMU offers address translation services.", at: "driver/@ats",
        reference: iommuReference
      )
      .since(12, 7),
      .onOff("driver.ril", "Whether an SMMU invalidates ranges.", at: "driver/@ril", reference: iommuReference)
        .since(12, 7),
      .onOff(
        "driver.cmdqv", "Whether the guest gets command queues of the host's SMMU.", at: "driver/@cmdqv",
        reference: iommuReference
      )
      .since(12, 7),
      Field(
        "driver.ssid-size", .integer(0...20), "The width of substream numbers in bits.", at: "driver/@ssidsize",
        reference: iommuReference
      ).since(12, 7),
      Field(
        "driver.oas", .integer(32...64), "The width of an SMMU's output addresses in bits.", at: "driver/@oas",
        reference: iommuReference
      ).since(12, 7),
      Field(
        "granule.mode", .enumeration(["host"]), "The granule of a `virtio` IOMMU is the host's page.",
        at: "driver/granule/@mode", reference: iommuReference
      ).since(12, 1),
      Field(
        "granule.size", .size(granularity: 1024), "The granule of a `virtio` IOMMU, the size of the guest's pages.",
        lens: .size("driver/granule/@size", unit: "driver/granule/@unit"), reference: iommuReference
      ).since(12, 1),
      DeviceFields.address,
    ],
    groups: [
      DeviceFields.driverGroup, FieldGroup("granule", "The least that a `virtio` IOMMU maps.", shorthand: "size"),
    ],
    device: DeviceRule(
      "iommu", identity: .alias, aliases: ["iommu"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey)

  /// A trusted platform module, emulated or the host's own (`tpm`).
  public static let tpm = ObjectType(
    "tpm", "A trusted platform module.",
    fields: [
      Field(
        "model", .enumeration(["tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy"]), "How the guest sees it.",
        at: "@model", staysWhenDropped: true, reference: tpmReference),
      Field(
        "backend", .enumeration(["emulator", "passthrough", "external"]), "What it is on the host.",
        at: "backend/@type", staysWhenDropped: true, reference: tpmReference),
      Field(
        "version", .enumeration(["1.2", "2.0"]), "The version of the standard.", at: "backend/@version",
        staysWhenDropped: true, reference: tpmReference),
      Field(
        "device", .path, "The device of the host that is passed through.", at: "backend/device/@path",
        reference: tpmReference),
      Field(
        "encryption-secret", .text(.uuid), "The UUID of libvirt's secret that encrypts the state.",
        at: "backend/encryption/@secret", reference: tpmReference),
      .yesNo(
        "persistent-state", "Whether the state is kept for a guest that is not.", at: "backend/@persistent_state",
        reference: tpmReference),
      Field(
        "source.type", .enumeration(["unix", "file", "dir"]),
        "How an external module is reached, or whether an emulator's state is in a file or in a folder.",
        at: "backend/source/@type", staysWhenDropped: true, reference: tpmReference
      ).values("file", "dir", since: 10, 10),
      Field(
        "source.mode", .enumeration(["connect"]), "QEMU connects to an external module.", at: "backend/source/@mode",
        reference: tpmReference),
      Field(
        "source.path", .path, "The socket of an external module, or where an emulator keeps its state.",
        at: "backend/source/@path", staysWhenDropped: true, reference: tpmReference),
      Field(
        "profile.source", .text(.tpmProfile),
        """
        The profile of a new TPM 2.0: which algorithms and commands it has. A built-in one such as `default-v1`, one of the \
        distribution's as `distro:NAME`, or one of the host's as `local:NAME`.
        """, at: "backend/profile/@source", staysWhenDropped: true, reference: tpmReference
      ).since(10, 10),
      Field(
        "profile.remove-disabled", .enumeration(["check", "fips-host"]),
        "Which algorithms a `custom` profile loses: those that are disabled now, or all that can be.",
        at: "backend/profile/@removeDisabled", staysWhenDropped: true, reference: tpmReference
      ).since(10, 10),
      Field(
        "profile.name", .text(.tpmProfile), "The profile that the TPM has got; libvirt writes it down.",
        at: "backend/profile/@name", staysWhenDropped: true, reference: tpmReference
      ).since(10, 10),
      DeviceFields.address,
    ],
    groups: [
      FieldGroup("source", "Where an external module is, or an emulator's state."),
      FieldGroup("profile", "What a TPM 2.0 can do.", shorthand: "source"),
    ],
    device: DeviceRule(
      "tpm", identity: .alias, aliases: ["tpm"], marks: [], adoption: .equal, summary: .kind, key: .kind,
      hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey)

  /// More USB ports than a controller has (`hub`).
  public static let hub = ObjectType(
    "hub", "A USB hub.",
    fields: [
      Field(
        "type", .enumeration(["usb"]), "The bus.", at: "@type", staysWhenDropped: true,
        reference: "formatdomain.html#hub-devices"),
      DeviceFields.address,
    ],
    device: DeviceRule(
      "hub", identity: .alias, aliases: ["hub"], marks: [], adoption: .equal, summary: .type, key: .kind,
      hotplug: [.restart()], addition: .possible),
    keyRule: .deviceKey)

  private static let inputReference = "formatdomain.html#input-devices"
  private static let rngReference = "formatdomain.html#random-number-generator-device"
  private static let balloonReference = "formatdomain.html#memory-balloon-device"
  private static let shmemReference = "formatdomain.html#shared-memory-device"
  private static let iommuReference = "formatdomain.html#iommu-devices"
  private static let tpmReference = "formatdomain.html#tpm-device"
}

extension TextRule {
  fileprivate static let tpmProfile = TextRule.word("the name of a TPM profile such as default-v1", besides: ":")
}

extension Lens {
  /// libvirt writes `M` where it means MiB.
  fileprivate var shortUnit: Lens {
    afterwards { element, value, _ in
      if value != nil { element.set("M", at: "size/@unit") }
    }
  }
}

extension FieldKey<String> {
  /// What happens to a guest that hangs.
  public static var action: Self { Self("action") }
}
