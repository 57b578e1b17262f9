// The tables of character devices: serial ports, consoles, channels.

import XMLTree

extension Vocabulary {
  /// A serial port.
  public static let serial = ObjectType(
    "serial",
    """
    A serial port; the first is the guest's console as well. A new domain gets one of type `pty` unless the spec names \
    its own or says `serials: {}`.
    """,
    fields: CharacterSource.fields(initial: .string("pty")) + [
      Field(
        "target.type",
        .enumeration([
          "isa-serial", "usb-serial", "pci-serial", "spapr-vio-serial", "system-serial", "sclp-serial", "isa-debug",
        ]),
        "The bus of the port, such as `isa-serial` or `pci-serial`; libvirt picks the machine's own.",
        at: "target/@type", staysWhenDropped: true, reference: characterReference),
      Field(
        "target.model",
        .enumeration([
          "isa-serial", "usb-serial", "pci-serial", "spapr-vty", "pl011", "sclpconsole", "sclplmconsole", "16550a",
          "isa-debugcon",
        ]), "The model of the port.",
        at: "target/model/@name", staysWhenDropped: true, reference: characterReference),
      targetPort, DeviceFields.address,
    ],
    groups: [CharacterSource.group, targetGroup],
    device: DeviceRule(
      "serial", identity: .alias, aliases: ["serial"], marks: [.all(.port, "target/@type", "target/@port")],
      adoption: .order, summary: .type, key: .kind,
      hotplug: [
        .live("of the type `usb-serial`", needs: [.bus("usb"), .viewer]) {
          $0.value(at: "target/@type") == "usb-serial"
        },
        .live("of the type `pci-serial`", needs: [.conventionalPCI, .viewer]) {
          $0.value(at: "target/@type") == "pci-serial"
        },
        .restart(),
      ],
      addition: .possible,
      mirrors: { $0.name == "console" && $0.value(at: "target/@type") ?? "serial" == "serial" }),
    keyRule: .deviceKey)

  /// A parallel port.
  public static let parallel = ObjectType(
    "parallel", "A parallel port.",
    fields: CharacterSource.fields(initial: .string("pty")) + [targetPort, DeviceFields.address],
    groups: [CharacterSource.group, targetGroup],
    device: DeviceRule(
      "parallel", identity: .alias, aliases: ["parallel"], marks: [.all(.port, "target/@type", "target/@port")],
      adoption: .equal, summary: .type, key: .kind, hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey)

  /// A paravirtual console.
  public static let console = ObjectType(
    "console", "A virtio console, besides the one on the first serial port.",
    fields: CharacterSource.fields(initial: .string("pty")) + [targetPort, DeviceFields.address],
    groups: [CharacterSource.group, targetGroup],
    device: DeviceRule(
      "console", identity: .alias, aliases: ["console"], marks: [], adoption: .order, summary: .type, key: .kind,
      hotplug: serialPort,
      addition: .implied { console, devices in
        devices.first("serial").map { isMirror(console, of: $0) } ?? false
      },
      template: XMLElement("console", children: [XMLElement("target", ["type": "virtio"])]),
      renumbered: "target/@port",
      where: { $0.first("target")?[attribute: "type"] == "virtio" }),
    keyRule: .deviceKey)

  /// A channel between host and guest.
  public static let channel = ObjectType(
    "channel", "A channel between the host and a program in the guest, such as the guest agent.",
    fields: CharacterSource.fields(initial: .string("unix")) + [
      Field(
        "target.type", .enumeration(["virtio", "guestfwd", "xen"]), "How the guest sees it.", at: "target/@type",
        initial: .string("virtio"), staysWhenDropped: true, reference: characterReference),
      Field(
        "target.name", .text(.line), "The name by which the guest finds it, such as `org.qemu.guest_agent.0`.",
        at: "target/@name", staysWhenDropped: true, reference: characterReference
      ).only(with: "target.type", ["virtio", "xen"], at: "target/@type"),
      Field(
        "target.address", .text(.line), "The network address in the guest whose connections are taken.",
        at: "target/@address", reference: characterReference
      ).only(with: "target.type", ["guestfwd"], at: "target/@type").required(with: "target.type", "guestfwd"),
      Field(
        "target.port", .integer(0...65535), "The TCP port in the guest whose connections are taken.",
        at: "target/@port", reference: characterReference
      ).only(with: "target.type", ["guestfwd"], at: "target/@type").required(with: "target.type", "guestfwd"),
      DeviceFields.address,
    ],
    groups: [CharacterSource.group, targetGroup],
    device: DeviceRule(
      "channel", identity: .alias, aliases: ["channel"],
      marks: [.all(.name, "target/@name"), .all(.port, "target/@address", "target/@port")], adoption: .equal,
      summary: .type,
      key: DeviceText { channel in
        channel.value(at: "target/@name") == "org.qemu.guest_agent.0" ? "agent" : channel[attribute: "type"]
      },
      hotplug: serialPort, addition: .never),
    keyRule: .deviceKey)

  /// A card in the guest's reader, from the host or from the viewer (`smartcard`, which libvirt gives no alias).
  public static let smartcard = ObjectType(
    "smartcard", "A smartcard in the guest's reader.",
    fields: [
      Field(
        "mode", .enumeration(["host", "host-certificates", "passthrough"]),
        "Where the card is: in the host's reader, in its certificates, or with the viewer.", at: "@mode",
        staysWhenDropped: true, reference: "formatdomain.html#smartcard-devices"
      ).required,
      Field(
        "certificates", "The names of three certificates of the host.", list: "", "certificate", .text(.text(.line)),
        reference: "formatdomain.html#smartcard-devices"
      ).only(with: "mode", ["host-certificates"]).required(with: "mode", "host-certificates").exactly(3),
      Field(
        "database", .path, "The folder of the host's certificates.", at: "database",
        reference: "formatdomain.html#smartcard-devices"
      ).only(with: "mode", ["host-certificates"]),
    ]
      + CharacterSource.fields(initial: .string("spicevmc")).map {
        $0.only(with: "mode", ["passthrough"], at: "@mode")
      } + [DeviceFields.address],
    groups: [CharacterSource.group],
    device: DeviceRule(
      "smartcard", identity: .attribute("mode"), aliases: ["smartcard"], marks: [], adoption: .equal, summary: .type,
      key: .kind, hotplug: [.restart()], addition: .never),
    keyRule: .deviceKey)

  /// Devices on a virtio-serial controller.
  private static let serialPort: [Hotplug] = [
    .live("of the type `virtio`", needs: [.serialPort, .viewer]) { $0.value(at: "target/@type") == "virtio" },
    .restart(),
  ]

  /// Whether libvirt has written the first serial port down as a console too.
  private static func isMirror(_ console: XMLElement, of serial: XMLElement) -> Bool {
    // Those on PCI and USB are not.
    guard !["pci-serial", "usb-serial", "isa-debug"].contains(serial.value(at: "target/@type")),
      console.value(at: "target/@type") == "serial",
      console.value(at: "target/@port") == serial.value(at: "target/@port")
    else { return false }
    func rest(_ element: XMLElement) -> XMLElement {
      var result = element
      result.name = "serial"
      for name in ["target", "alias", "address"] { result.removeAll(name) }
      return result
    }
    return rest(console) == rest(serial)
  }

  private static let characterReference = "formatdomain.html#consoles-serial-parallel-channel-devices"
  private static let targetGroup = FieldGroup("target", "How the guest sees the device.")
  private static let targetPort = Field(
    "target.port", .integer(0...65535), "The number of the port in the guest; the next free one if not set.",
    at: "target/@port", staysWhenDropped: true, reference: characterReference)
}

extension FieldKey<String> {
  /// The name by which the guest finds a channel.
  public static var targetName: Self { Self("target.name") }
}

extension FieldKey<String> {
  /// The kind of a serial port, or how the guest sees a channel.
  public static var targetType: Self { Self("target.type") }
}

extension FieldKey<Int> {
  /// The number of a port in the guest.
  public static var targetPort: Self { Self("target.port") }
}
