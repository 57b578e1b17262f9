// The table of controllers: what buses devices are attached to.

import XMLTree

extension Vocabulary {
  /// A bus that other devices sit on: PCI, USB, SCSI, SATA and others (`controller`).
  public static let controller = ObjectType(
    "controller", "A controller, which gives the guest a bus. libvirt adds those that other devices need.",
    fields: [
      Field(
        "type",
        .enumeration(["pci", "usb", "scsi", "sata", "ide", "fdc", "virtio-serial", "ccid", "xenbus", "isa", "nvme"]),
        "The bus that it gives.", at: "@type", staysWhenDropped: true, reference: controllerReference
      ).values("nvme", since: 11, 5).required,
      Field(
        "index", .integer(0...Int(Int32.max)), "The number by which addresses name the bus.", at: "@index",
        staysWhenDropped: true, reference: controllerReference),
      Field(
        "model", .text(controllerModel), "The model, such as `pcie-root-port`.",
        at: "@model", staysWhenDropped: true, reference: controllerReference
      ).models().required(with: "type", "pci"),
      Field(
        "hardware", .enumeration(hardware),
        "The QEMU device that implements a PCI controller; libvirt picks one if not set.",
        at: "model/@name", staysWhenDropped: true, reference: controllerReference
      ).only(with: "type", ["pci"]),
      Field("ports", .integer(0...255), "The number of ports.", at: "@ports", reference: controllerReference).only(
        with: "type", ["usb", "virtio-serial"]),
      Field(
        "vectors", .integer(0...Int(Int32.max)), "The number of interrupt vectors.", at: "@vectors",
        reference: controllerReference
      ).only(with: "type", ["virtio-serial"]),
      Field(
        "max-grant-frames", .integer(0...Int(Int32.max)), "Grant frames of a Xen bus.", at: "@maxGrantFrames",
        reference: controllerReference
      ).only(with: "type", ["xenbus"]),
      Field(
        "max-event-channels", .integer(0...Int(Int32.max)), "Event channels of a Xen bus.", at: "@maxEventChannels",
        reference: controllerReference
      ).only(with: "type", ["xenbus"]),
      Field(
        "pcihole64", .size(granularity: 1024, least: 0), "The size of the 64-bit PCI hole of a root bus.",
        lens: .size("pcihole64", unit: "pcihole64/@unit"), reference: controllerReference
      ).only(with: "model", ["pci-root", "pcie-root"]),
      Field(
        "chassis", .integer(0...255), "The chassis number of a PCI Express port.", at: "target/@chassis",
        staysWhenDropped: true, reference: controllerReference
      ).only(with: "type", ["pci"]),
      Field(
        "chassis-nr", .integer(0...255), "The chassis number of a PCI bridge.", at: "target/@chassisNr",
        staysWhenDropped: true, reference: controllerReference
      ).only(with: "type", ["pci"]),
      Field(
        "port", .text(.hexadecimal("a port number such as 0x10", digits: 1, most: 2)),
        "The port number of a PCI Express port.", at: "target/@port", staysWhenDropped: true,
        reference: controllerReference
      ).only(with: "type", ["pci"]),
      Field(
        "bus-number", .integer(0...254), "The number of an expander's bus.", at: "target/@busNr",
        staysWhenDropped: true, reference: controllerReference
      ).only(with: "type", ["pci"]),
      Field(
        "target-index", .integer(0...30), "The index of a POWER host bridge.", at: "target/@index",
        staysWhenDropped: true, reference: controllerReference
      ).only(with: "type", ["pci"]),
      .onOff(
        "hotplug", "Whether devices can be plugged into the port while the guest runs.", at: "target/@hotplug",
        reference: controllerReference
      ).only(with: "type", ["pci"]),
      Field(
        "node", .integer(0...Int(Int32.max)), "The NUMA node of the guest that an expander's bus belongs to.",
        at: "target/node", reference: controllerReference
      ).only(with: "type", ["pci"]),
      Field(
        "memory-reserve", .size(granularity: 1024),
        "The memory that firmware keeps free for devices that are plugged into the port later.",
        lens: .at("target/@memReserve", .size(granularity: 1024), .multiples(of: 1024)), reference: controllerReference
      ).only(with: "type", ["pci"]).since(10, 3),
      Field(
        "serial", .text(.diskSerial), "The serial number of an NVMe controller.", at: "serial", staysWhenDropped: true,
        reference: controllerReference
      ).only(with: "type", ["nvme"]).since(11, 5),
      Field(
        "master-startport", .integer(0...255), "The first port of a USB companion controller.", at: "master/@startport",
        staysWhenDropped: true, reference: controllerReference
      ).only(with: "type", ["usb"]),
      Field(
        "driver.queues", .integer(1...1024), "The number of request queues.", at: "driver/@queues",
        reference: controllerReference),
      Field(
        "driver.cmd-per-lun", .integer(0...Int(Int32.max)), "The number of commands that a unit may have waiting.",
        at: "driver/@cmd_per_lun", reference: controllerReference),
      Field(
        "driver.max-sectors", .integer(0...Int(Int32.max)), "The largest transfer in sectors.",
        at: "driver/@max_sectors", reference: controllerReference),
      .onOff(
        "driver.ioeventfd", "Whether requests are handled apart from the guest's processors.", at: "driver/@ioeventfd",
        reference: controllerReference),
      Field(
        "driver.iothread", .integer(1...Int(Int32.max)), "The IO thread that serves the controller.",
        at: "driver/@iothread", reference: controllerReference),
      DeviceFields.ioThreads(
        "driver.iothreads",
        "IO threads that serve a virtio-scsi controller together, by number, and the queues of each.",
        reference: controllerReference
      ).since(11, 2),
    ] + DeviceFields.virtio + [DeviceFields.acpiIndex, DeviceFields.address],
    groups: [DeviceFields.driverGroup],
    device: DeviceRule(
      "controller", identity: .alias,
      aliases: LibvirtAliases { controller in
        switch controller[attribute: "type"] {
        case "pci": ["pci.", "pcie."]
        // QEMU's q35 boards come with one, which it calls so.
        case "sata": ["sata", "ide"]
        case let type?: [type]
        case nil: []
        }
      },
      marks: [
        .init(.index) { device in device[attribute: "index"].map { "\(device[attribute: "type"] ?? "") \($0)" } }
      ],
      adoption: .equal, summary: .type,
      key: DeviceText { [$0[attribute: "type"], $0[attribute: "index"]].compactMap(\.self).joined(separator: "-") },
      hotplug: [
        .live("of the type `scsi`", needs: [.rootPort, .ownNumber]) { $0[attribute: "type"] == "scsi" },
        .restart("of the types `usb` and `virtio-serial`", needs: [.rootPort]) {
          ["usb", "virtio-serial"].contains($0[attribute: "type"])
        },
        .restart(),
      ],
      addition: .possible, where: { $0[attribute: "model"] != "none" }),
    keyRule: .deviceKey)

  /// `none` is not a controller but the wish for none; libvirt keeps no alias by which it could be found again.
  private static let controllerModel = TextRule(
    "the name of a controller's model", pattern: #"^(?!none$)[A-Za-z0-9_.+-]+$"#,
    remedy: "for a guest without USB write `usb: none` at the domain",
    normalise: { $0 == "none" ? nil : try? TextRule.word("a word").normalised($0) })

  /// Devices of QEMU that are PCI controllers.
  private static let hardware = [
    "spapr-pci-host-bridge", "pci-bridge", "i82801b11-bridge", "pcie-pci-bridge", "ioh3420", "pcie-root-port",
    "x3130-upstream", "xio3130-downstream", "pxb", "pxb-pcie",
  ]

  private static let controllerReference = "formatdomain.html#controllers"
}

extension Field {
  /// The same field, with the models that controllers of each type can be.
  fileprivate func models() -> Field {
    values(
      [
        "auto", "buslogic", "lsilogic", "lsisas1068", "vmpvscsi", "ibmvscsi", "virtio-scsi", "lsisas1078",
        "virtio-transitional", "virtio-non-transitional", "ncr53c90", "dc390", "am53c974",
      ], with: "type", "scsi"
    ).values(
      [
        "piix3-uhci", "piix4-uhci", "ehci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2", "ich9-uhci3", "vt82c686b-uhci",
        "pci-ohci", "nec-xhci", "qusb1", "qusb2", "qemu-xhci",
      ], with: "type", "usb"
    ).values(["piix3", "piix4", "ich6"], with: "type", "ide")
      .values(
        [
          "pci-root", "pcie-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge", "pcie-root-port",
          "pcie-switch-upstream-port", "pcie-switch-downstream-port", "pci-expander-bus", "pcie-expander-bus",
        ], with: "type", "pci"
      ).values(["virtio", "virtio-transitional", "virtio-non-transitional"], with: "type", "virtio-serial")
      .only(with: "type", ["scsi", "usb", "ide", "pci", "virtio-serial"])
  }
}

extension FieldKey<Int> {
  /// The number by which addresses name the bus of a controller.
  public static var index: Self { Self("index") }
}
